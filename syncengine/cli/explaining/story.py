"""Everything that is known about a key, for the merchant: the whole story, in the order in which one asks for it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import typer

from mappings.fold import group_title
from syncengine.cli.phrases import MEMBERSHIPS, describe_consent, describe_moment, describe_reason

if TYPE_CHECKING:
    from mappings.fold import Consent, Desired, Draft
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
    "suppressed": describe_reason("refused"),
    "dropped": "the mapping no longer wants it",
}
PART_STATES = {
    "open": "no answer yet: in doubt",
    "confirmed": "took effect",
    "refuted": "had no effect",
    "lost": "never heard of again; sent anew",
    "dropped": "left out at the last moment",
}
RENEWS = "renews only: {key} another consent, which counts beside a record that makes a contact"
STOPPING = {"unsubscribe": "to be unsubscribed", "delete": "to be deleted"}
STOPPED = {"unsubscribe": "unsubscribed by us", "delete": "deleted by us"}
NONE_LIVE = "nothing: none of its records is in effect"
NOTHING_LIVE = "nothing: its records in effect ask for nothing by themselves"
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
        name = (target.destination, target.key)
        live = any((each.destination, each.key, each.state) == (*name, "live") for each in found.records)
        yield from _target_lines(target, live, zone, LEFT_IN_DOUBT if name in left else IN_DOUBT)
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


def _target_lines(target: "TargetNote", live: bool, zone: ZoneInfo, doubt: str) -> Iterator[str]:
    """`live`: whether a record of it is in effect. `doubt`: what to say where a request has no answer."""
    yield typer.style(f"{target.key} in {target.destination}", bold=True)
    yield f"  now         {_now(target, zone, doubt)}"
    if target.suppression:
        yield (
            f"  suppressed  {describe_reason(target.suppression)}, known since"
            f" {describe_moment(target.suppressed_since, zone)}"
        )
    wanted = ", ".join(f"{name} {value}" for name, value in target.desired.fields.items())
    should = [wanted] if wanted else []
    should += _asked_for(target.desired, "in")
    should += [f"consent {_consent(target.desired.consent)}"] if target.desired.consent else []
    first, *others = should or [NOTHING_LIVE if live else NONE_LIVE]
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
        receipt = f", receipt {attempt.receipt.rstrip(':')}" if attempt.receipt else ""  # a kind may have no number
        state = PART_STATES.get(attempt.state, attempt.state)
        yield f"  sent        {describe_moment(attempt.sent_at, zone)}, request {attempt.attempt}{receipt}: {state}"


def _now(target: "TargetNote", zone: ZoneInfo, doubt: str) -> str:
    if target.state != "pending":
        why = f": {describe_reason(target.code)}" if target.code else ""
        return f"{TARGET_STATES.get(target.state, target.state)}{why}"
    if any(attempt.state == "open" for attempt in target.attempts):
        return doubt
    if target.code == "unanswered" and target.delivered.asked:
        return f"asked by mail{_day_asked(target, zone)}, and has not answered"
    return TARGET_STATES["pending"]


def _day_asked(target: "TargetNote", zone: ZoneInfo) -> str:
    """When the question left: since then nothing but leaving groups can have been asked for, which has no receipt."""
    confirmed = [attempt for attempt in target.attempts if attempt.state == "confirmed"]
    asking = [attempt for attempt in confirmed if attempt.receipt] or confirmed
    return f" on {asking[-1].sent_at.astimezone(zone):%Y-%m-%d}" if asking else ""


def _asked_for(asked: "Desired | Draft", joined: str) -> list[str]:
    """What is asked for beside fields and consent. `joined`: the word before the groups to be in."""
    if asked.stop:
        return [STOPPING[asked.stop]]
    groups, leave = (", ".join(map(group_title, references)) for references in (asked.groups, asked.leave))
    said = []
    if asked.exact:
        said.append(f"only in {groups}" if groups else "in no group")
    elif groups:
        said.append(f"{joined} {groups}")
    if leave:
        said.append(f"out of {leave}")
    if asked.ask:
        said.append("asked by mail")
    return said


def _delivered(target: "TargetNote") -> str:
    said = [STOPPED[target.delivered.stopped]] if target.delivered.stopped else []
    said += [f"{name} {value}" for name, value in target.delivered.fields.items()]
    if said:
        return ", ".join(said)
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
    if record.state == "live" and (draft := record.draft) is not None:
        gives = ", ".join((draft.key, *_asked_for(draft, "groups")))
        yield f"    gives     {RENEWS.format(key=draft.key) if draft.renews else gives}"
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
