"""Everything that is known about a key, for the merchant: the whole story, in the order in which one asks for it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import typer

from mappings.fold import group_title
from syncengine.cli.phrases import MEMBERSHIPS, describe_consent, describe_moment, describe_reason

if TYPE_CHECKING:
    from mappings.fold import Consent
    from syncengine.contracts import Dossier
    from syncengine.state.rejects import Reject
    from syncengine.state.reports import Explanation, RecordNote, TargetNote

__all__ = ["There", "tell_story"]

TARGET_STATES = {
    "pending": "there is something to deliver; the next sync sends it",
    "delivered": "delivered",
    "there": "it is there as it should be; nothing had to be sent",
    "suppressed": "not written to",
    "rejected": "refused",
    "held": "held back",
}
IN_DOUBT = "in doubt: no answer says whether the last request took effect; the next sync asks before it goes on"
LEFT_IN_DOUBT = "in doubt: nobody knows whether the last request took effect, and it is not sent again by itself"
RECORD_STATES = {
    "live": "in effect",
    "waiting": "waits for a lookup to know it",
    "rejected": "rejected",
    "retracted": "taken back",
    "suppressed": "the shop says no",
    "dropped": "the mapping no longer wants it",
}
PART_STATES = {
    "open": "no answer yet: in doubt",
    "confirmed": "took effect",
    "refuted": "had no effect",
    "lost": "never heard of again; sent anew",
    "dropped": "left out at the last moment",
}
RENEWS = "{key} another consent, and nothing else: it counts beside a record that makes a contact"
SHOWN_MAILS = 10
"""So many of the last mails are listed on a screen; JSON has all."""


class There(NamedTuple):
    """What a provider told of one address just now."""

    destination: str
    address: str
    dossier: "Dossier"


def tell_story(
    found: "Explanation", rejects: "Sequence[Reject]", there: "Sequence[There]", zone: ZoneInfo
) -> Iterator[str]:
    """Line by line, for a screen."""
    left = {(reject.destination, reject.key) for reject in rejects if reject.code == "in_doubt"}
    for target in found.targets:
        yield from _target_lines(target, zone, LEFT_IN_DOUBT if (target.destination, target.key) in left else IN_DOUBT)
    for each in there:
        yield from _there_lines(each, zone)
    for destination, address in found.moved:
        yield f"{destination}: another address of the same person, whose records stand under {address}"
    for destination, reason in found.suppressed_only:
        yield f"{destination}: never written to by us, and must not be: {describe_reason(reason)}"
    if found.records:
        yield typer.style("Records", bold=True)
    for record in found.records:
        yield from _record_lines(record, zone)
    for reject in rejects:
        aside = ", put aside" if reject.dismissed_at else ""
        place = f"{reject.field}: " if reject.field else ""
        yield f"Reject {reject.id} of {describe_moment(reject.at, zone)}{aside}: {place}{reject.message}"


def _target_lines(target: "TargetNote", zone: ZoneInfo, doubt: str) -> Iterator[str]:
    yield typer.style(f"{target.key} in {target.destination}", bold=True)
    why = f": {describe_reason(target.code)}" if target.code and target.state != "pending" else ""
    doubtful = target.state == "pending" and any(attempt.state == "open" for attempt in target.attempts)
    yield f"  now         {doubt if doubtful else TARGET_STATES.get(target.state, target.state)}{why}"
    if target.suppression:
        yield (
            f"  suppressed  {describe_reason(target.suppression)}, known since"
            f" {describe_moment(target.suppressed_since, zone)}"
        )
    wanted = ", ".join(f"{name} {value}" for name, value in target.desired.fields.items())
    should = [wanted] if wanted else []
    should += [f"in {', '.join(map(group_title, target.desired.groups))}"] if target.desired.groups else []
    should += [f"consent {_consent(target.desired.consent)}"] if target.desired.consent else []
    first, *others = should or ["nothing: none of its records is in effect"]
    yield f"  should be   {first}"
    yield from (f"              {other}" for other in others)
    yield f"  delivered   {_delivered(target)}"
    if target.delivered.consent:
        yield f"              consent {_consent(target.delivered.consent)}"
    if target.delivered.express:
        yield "              its consent there is express: nothing that we have is better"
    for member in target.memberships:
        yield f"  group       {group_title(member.title)}: {MEMBERSHIPS.get(member.state, member.state)}"
    for attempt in target.attempts:
        receipt = f", receipt {attempt.receipt}" if attempt.receipt else ""
        state = PART_STATES.get(attempt.state, attempt.state)
        yield f"  sent        {describe_moment(attempt.sent_at, zone)}, request {attempt.attempt}{receipt}: {state}"


def _delivered(target: "TargetNote") -> str:
    fields = ", ".join(f"{name} {value}" for name, value in target.delivered.fields.items())
    if fields:
        return fields
    return "known to be there, nothing set by us" if target.delivered.present else "nothing"


def _consent(consent: "Consent") -> str:
    return f"{describe_consent(consent.basis, consent.date, consent.expires)} ({consent.proof or 'no proof'})"


def _record_lines(record: "RecordNote", zone: ZoneInfo) -> Iterator[str]:
    state = RECORD_STATES.get(record.state, record.state)
    note = f", {record.note}" if record.note else ""
    yield f"  {describe_moment(record.moment, zone)}  {record.mapping}, {record.id}: {state}{note}"
    if record.retracted_at:
        back = f", back since {describe_moment(record.since, zone)}" if record.state == "live" else ""
        yield f"    retracted {describe_moment(record.retracted_at, zone)}{back}"
    if record.person:
        yield f"    person    {record.person}"
    if record.state == "live" and isinstance(record.body, dict):
        groups = ", ".join(map(group_title, record.body.get("groups", ())))
        gives = f"{record.key}{f', groups {groups}' if groups else ''}"
        yield f"    gives     {RENEWS.format(key=record.key) if record.body.get('renews') else gives}"
    place = f"in {record.partition}" if record.partition else "asked for by its id"
    yield f"    read      first {describe_moment(record.first_at, zone)}, {place}"


def _there_lines(there: There, zone: ZoneInfo) -> Iterator[str]:
    dossier = there.dossier
    yield typer.style(f"{there.address} in {there.destination}, asked just now", bold=True)
    since = f" since {describe_moment(dossier.since, zone)}" if dossier.since else ""
    yield f"  stands      {dossier.state}{since}"
    if dossier.state != "absent":
        yield f"  consent     {_consent(dossier.consent) if dossier.consent else 'none is shown'}"
    for title, joined in dossier.groups.items():
        yield f"  group       {group_title(title)}{f', since {describe_moment(joined, zone)}' if joined else ''}"
    shown = dossier.mails[-SHOWN_MAILS:]
    if len(shown) < len(dossier.mails):
        yield f"  mail        {len(dossier.mails) - len(shown)} older ones: --json lists them"
    for mail in shown:
        yield f"  mail        {describe_moment(mail.sent_at, zone)}  {mail.id}, {mail.subject}"
