"""One row of a plan: what would be done to one target, and why in a few words."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syncengine.cli.phrases import describe_consent, describe_reason

if TYPE_CHECKING:
    from syncengine.contracts import Change
    from syncengine.engine.deliver import Prepared
    from syncengine.state.targets import Target

__all__ = ["COLUMNS", "KINDS", "Row", "cells", "target_row"]

KINDS = {
    "create": "created",
    "change": "changed",
    "ask": "asked by mail",
    "unsubscribe": "unsubscribed",
    "delete": "deleted",
    "left out": "left out",
    "reject": "rejected",
    "wait": "waiting",
    "leave alone": "left alone",
}
"""What is to be done → how the total says it; in the order of the table."""
COLUMNS = ("who", "what", "why", "fields", "groups", "consent")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the plan: a target of a destination, or a record that gives none."""

    who: str
    what: str
    where: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    join: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    consent: str = ""
    why: str = ""


def target_row(destination: str, item: "Prepared") -> Row:
    from syncengine.engine.difference import UNCONFIRMED, to_leave

    target, (change, withheld) = item
    if change is None and not withheld:
        return Row(target.key, "leave alone", destination, why="it is as it should be")
    if change is None:
        leave = _titles(to_leave(target)) if withheld == UNCONFIRMED else ()
        stop = f"to be {KINDS[target.desired.stop]}; " if withheld == UNCONFIRMED and target.desired.stop else ""
        return Row(target.key, "left out", destination, leave=leave, why=f"{stop}{describe_reason(withheld)}")
    consent = change.consent if change.renew else None
    return Row(
        who=target.key,
        what=change.stop or ("ask" if change.ask else "create" if change.create else "change"),
        where=destination,
        fields=dict(change.fields),
        join=_titles(change.join),
        leave=_titles(change.leave),
        only=None if change.exact is None else _titles(change.exact),
        consent=describe_consent(consent.basis, consent.date, consent.expires) if consent else "",
        why=f"nothing is added: {describe_reason(withheld)}" if withheld else _why(target, change),
    )


def _titles(references: Collection[str]) -> tuple[str, ...]:
    from mappings.fold import group_title

    return tuple(sorted(map(group_title, references)))


def _why(target: "Target", change: "Change") -> str:
    from mappings.fold import group_identity

    if change.stop:
        return "a record says so"
    if change.create:
        return "new"
    if not (change.join or change.fields or change.renew or change.exact is not None):
        named = {group_identity(title) for title in target.desired.leave}
        return "taken back" if any(group_identity(title) not in named for title in change.leave) else "a record says so"
    if change.renew and not (change.join or change.fields or change.leave):
        return "its consent is renewed"
    return "its records say something new" if _written_before(target) else "there already, not by us"


def _written_before(target: "Target") -> bool:
    """Whether something there is from us. Its revision alone doesn't say so: a first run may fold a target twice.

    A consent that is known may be ours or read there, so with one the revision decides.
    """
    delivered = target.delivered
    ours = delivered.fields or delivered.left or delivered.exact is not None
    joined = any(member.state != "before" for member in target.members.values())
    return target.revision > 1 and bool(ours or joined or delivered.consent)


def cells(row: Row) -> tuple[str, ...]:
    """What stands in the columns of a table."""
    groups = [*(f"+ {title}" for title in row.join), *(f"− {title}" for title in row.leave)]  # noqa: RUF001 - a minus
    if row.only is not None:
        groups.append(f"only {', '.join(row.only)}" if row.only else "out of all")
    return (row.who, row.what, row.why, ", ".join(row.fields), "; ".join(groups), row.consent)
