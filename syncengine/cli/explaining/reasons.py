"""Why an address was written to on some day: through which groups, since when, by which records, on what consent.

Pure: it joins what the state has (`Explanation`) with what a provider told (`Heard`), and knows no language.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from mappings.fold import Consent, better, group_identity, group_title
from syncengine.contracts import Dossier, Mail
from syncengine.state.consents import OWN
from syncengine.state.reports import Explanation, RecordNote, TargetNote

__all__ = ["Ground", "GroupReason", "Heard", "Reasons", "Source", "find_reasons"]

CONFIRMED: Final = "confirmed"
UNSUBSCRIBED: Final = "unsubscribed"
STOPPED: Final = "stopped"
"""The address is unsubscribed, and a record of ours asks or asked for that: not, or not only, the person."""
How = Literal["ours", "maybe", "before", "gone", "other"]


class Heard(NamedTuple):
    """What a provider told of one address. `mails` are those asked about, with their groups."""

    dossier: Dossier
    mails: Sequence[Mail] = ()


class Source(msgspec.Struct, frozen=True):
    """A record that gives something to an address, or gave it until it was taken back."""

    mapping: str
    record: str
    moment: dt.datetime
    proof: str | None
    taken_back: dt.datetime | None


class GroupReason(msgspec.Struct, frozen=True):
    """How an address came into a group. `other`: not by us. `since`: when it was added, where anybody knows.

    `there`: whether it is in it now; None where the provider wasn't asked.
    """

    title: str
    how: How
    since: dt.datetime | None
    sources: tuple[Source, ...]
    there: bool | None


class Ground(msgspec.Struct, frozen=True):
    """A consent, and the record that it comes from; None where it was found at the provider."""

    consent: Consent
    source: Source | None


class Reasons(msgspec.Struct, frozen=True):
    """Why one address of one destination was written to on `day`.

    `tie`: something of ours was delivered to it, it is known from our records only, or it was never ours. `moved`: our
    records of this person stand under another address. `state` and `since` are what the provider says of it now, None
    where it wasn't asked. `groups`: those through which `mails` went; all, where no mail says through which. `ground`
    stood on that day; where none did, `ended` is the last that had stood before. `refused`: the code of a suppression,
    or "stopped" where the address is unsubscribed and a record of ours asks or asked for that.
    """

    destination: str
    address: str
    day: dt.date
    tie: Literal["written", "known", "never"]
    moved: bool
    state: Literal["subscribed", "unsubscribed", "bounced", "absent"] | None
    since: dt.datetime | None
    mails: tuple[Mail, ...]
    groups: tuple[GroupReason, ...]
    ground: Ground | None
    ended: Ground | None
    refused: str | None
    refused_since: dt.datetime | None


def find_reasons(
    found: Explanation, destination: str, address: str, day: dt.date, zone: ZoneInfo, heard: Heard | None = None
) -> Reasons:
    """Put together why this address was written to on that day of that zone."""
    target = next((each for each in found.targets if (each.destination, each.key) == (destination, address)), None)
    records = [each for each in found.records if (each.destination, each.key) == (destination, address)]
    midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone)
    grounds = list(_grounds(records, target, heard, day, midnight))
    written = target is not None and any(attempt.state == CONFIRMED for attempt in target.attempts)
    refused, refused_since = _refusal(found, destination, address, target, heard)
    if refused == UNSUBSCRIBED and _stopped(records, target):
        refused = STOPPED
    return Reasons(
        destination=destination,
        address=address,
        day=day,
        tie="written" if written else "known" if target or records else "never",
        moved=any(where == destination and key != address for where, key in found.moved),
        state=heard.dossier.state if heard else None,
        since=heard.dossier.since if heard else None,
        mails=tuple(heard.mails) if heard else (),
        groups=tuple(_groups(records, target, heard)),
        ground=_best([ground for ground in grounds if not ground.consent.expired(day)]),
        ended=_best([ground for ground in grounds if ground.consent.expired(day)]),
        refused=refused,
        refused_since=refused_since,
    )


# --- consent ---


def _grounds(
    records: Sequence[RecordNote], target: TargetNote | None, heard: Heard | None, day: dt.date, midnight: dt.datetime
) -> Iterator[Ground]:
    """Every consent given up to that day and not taken back by its end.

    One that is known at the provider and comes from a record of ours is that record's, and ends with it.
    """
    ours: set[tuple[str, dt.date, str | None]] = set()
    unknown = False
    for record in records:
        if record.partition.startswith(OWN):  # what comes from our own streams only repeats a consent
            continue
        consent = record.draft.consent if record.draft else None
        taken_back = _taken_back(record, midnight)
        if consent is None:
            unknown |= taken_back
            continue
        ours.add(_identity(consent))
        if consent.date <= day and not taken_back:
            yield Ground(consent, _source(record))
    known = [target.delivered.consent if target else None, heard.dossier.consent if heard else None]
    for there in known:
        if there is None or there.date > day or _identity(there) in ours:
            continue
        if there.express or not unknown:  # else it may be the one that was taken back
            yield Ground(there, None)


def _taken_back(record: RecordNote, midnight: dt.datetime) -> bool:
    """Whether it was taken back at that moment, and not back yet."""
    if record.retracted_at is None or record.retracted_at >= midnight:
        return False
    return record.state != "live" or record.since >= midnight


def _identity(consent: Consent) -> tuple[str, dt.date, str | None]:
    return (consent.basis, consent.date, consent.proof)


def _best(grounds: Sequence[Ground]) -> Ground | None:
    best: Ground | None = None
    for ground in grounds:
        if best is None or better(best.consent, ground.consent) is not best.consent:
            best = ground
    return best


# --- groups ---


def _groups(records: Sequence[RecordNote], target: TargetNote | None, heard: Heard | None) -> Iterator[GroupReason]:
    members = {group_identity(note.title): note for note in target.memberships} if target else {}
    told_of = heard.dossier.groups.items() if heard else ()
    there = {_place(reference, members): (reference, since) for reference, since in told_of}
    titles = {identity: note.title for identity, note in members.items()}
    titles |= {identity: reference for identity, (reference, _) in there.items()}
    through = {_place(each, members) for mail in heard.mails for each in mail.groups} if heard else set()
    for identity in sorted(titles.keys() & through if through else titles):
        giving = [record for record in records if _gives(record, identity, titles[identity])]
        sources = tuple(_source(record) for record in giving)
        how: How = _how(members[identity].state) if identity in members else "other"
        told = there[identity][1] if identity in there else None
        ours = how in {"ours", "gone"}
        yield GroupReason(
            title=group_title(titles[identity]),
            how=how,
            since=told or (_joined(target, giving) if ours else None),
            sources=sources if how in {"ours", "maybe", "gone"} else (),
            there=identity in there if heard and heard.dossier.state == "subscribed" else None,
        )


def _how(state: str) -> How:
    return state if state in {"ours", "maybe", "before", "gone"} else "other"  # type: ignore[return-value]  # just seen


def _place(reference: str, members: Collection[str]) -> str:
    """Under what it is known here: a group that has a key by now may be known by its title."""
    names = (group_identity(reference), group_identity(group_title(reference)))
    return next((name for name in names if name in members), names[0])


def _gives(record: RecordNote, identity: str, reference: str) -> bool:
    """Whether the record gives that group, by the name under which it is known or by its title."""
    names = {identity, group_identity(group_title(reference))}
    return record.draft is not None and any(group_identity(title) in names for title in record.draft.groups)


def _joined(target: TargetNote | None, giving: Sequence[RecordNote]) -> dt.datetime | None:
    """When it was added: by the first request that took effect after a record that gives the group was read."""
    read = [record.first_at for record in giving]
    if target is None or not read:
        return None
    sent = (attempt.sent_at for attempt in target.attempts if attempt.state == CONFIRMED)
    return min((moment for moment in sent if moment >= min(read)), default=None)


def _source(record: RecordNote) -> Source:
    consent = record.draft.consent if record.draft else None
    taken_back = record.retracted_at if record.state == "retracted" else None
    return Source(record.mapping, record.id, record.moment, consent.proof if consent else None, taken_back)


# --- who must not be written to ---


def _refusal(
    found: Explanation, destination: str, address: str, target: TargetNote | None, heard: Heard | None
) -> tuple[str | None, dt.datetime | None]:
    """Why it is written to no more, and since when: the provider knows the day, the state when it was heard of."""
    if heard is not None and heard.dossier.state in {"unsubscribed", "bounced"}:
        return heard.dossier.state, heard.dossier.since
    if target is not None:
        return target.suppression, target.suppressed_since
    asked = found.asked.strip().lower()
    reasons = (reason for where, reason in found.suppressed_only if where == destination and asked == address)
    return next(reasons, None), None


def _stopped(records: Sequence[RecordNote], target: TargetNote | None) -> bool:
    """Whether we unsubscribed the address, or a record asks for that."""
    done = target is not None and bool(target.delivered.stopped)
    return done or any(record.state == "live" and record.draft is not None and record.draft.stop for record in records)
