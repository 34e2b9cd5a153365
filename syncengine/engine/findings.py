"""What a destination has against what is believed of it: one target compared with what was met there."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from mappings.fold import Scalar, group_identity
from syncengine.contracts import RemoteKey, Suppression
from syncengine.state.reconciling import Believed

__all__ = ["Drift", "Findings", "look_at"]


class Drift(NamedTuple):
    """A field that has not the value that we delivered."""

    key: str
    field: str
    ours: Scalar
    theirs: Scalar | None


@dataclass(slots=True)
class Findings:
    """What one destination has against what is believed of it. Keys and values are for the screen, never for a log.

    `left`: (key, identity, title) of memberships that we gave and that are there no more. `missing_groups`: titles of
    groups that aren't there at all: nobody left those. `back`: deleted by hand earlier, and there again.
    """

    verified: int = 0
    memberships: int = 0
    subscribed: int = 0
    said_no: list[Suppression] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    left: list[tuple[str, str, str]] = field(default_factory=list)
    drifted: list[Drift] = field(default_factory=list)
    back: list[str] = field(default_factory=list)
    missing_groups: list[str] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """What the run's row keeps."""
        return Counter(
            verified=self.verified,
            unsubscribed=sum(row.reason == "unsubscribed" for row in self.said_no),
            bounced=sum(row.reason == "bounced" for row in self.said_no),
            deleted=len(self.deleted),
            left=len(self.left),
            drifted=len({drift.key for drift in self.drifted}),
            back=len(self.back),
        )


def look_at(findings: Findings, believed: Believed, remote: RemoteKey, there: set[str]) -> None:
    """One target against what was met. Whoever said no is only noted: nothing else of theirs is ours to judge."""
    if remote.state != "subscribed":
        findings.said_no.append(Suppression(believed.key, remote.state))
        return
    inside = {group_identity(title) for title in remote.groups}
    ours = {
        identity: member.title
        for identity, member in believed.members.items()
        if member.state == "ours" and identity in there
    }
    findings.memberships += len(ours)
    findings.left += [(believed.key, identity, ours[identity]) for identity in sorted(ours.keys() - inside)]
    desired, delivered = believed.desired, believed.delivered.fields
    for name, value in desired.fields.items():
        kept = name not in desired.once and delivered.get(name) == value  # else the next run sets it, or its owner does
        if kept and name in remote.fields and not _same(value, remote.fields[name]):
            findings.drifted.append(Drift(believed.key, name, value, remote.fields[name]))


def _same(ours: Scalar, theirs: Scalar | None) -> bool:
    """Whether two values are one; a provider may tidy up capitals, spaces, and zeros of a number."""
    one, other = ("" if value is None else "".join(str(value).casefold().split()) for value in (ours, theirs))
    if one == other:
        return True
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return False
