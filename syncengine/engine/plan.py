"""Step two: what a page of records means. Everything here is decided before the one transaction that stores it.

Each record ends in exactly one place: repeated, retracted, filtered, waiting, rejected, suppressed or drafted.
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mappings.durations import describe_duration
from mappings.fold import Draft
from mappings.mapping import FieldError
from syncengine.binding import BoundMapping
from syncengine.contracts import Record
from syncengine.engine.conserved import check_records
from syncengine.engine.lookup import Answered, ask
from syncengine.errors import Rejected
from syncengine.state.models import RecordState, iso
from syncengine.state.records import ADDRESS_CHANGED, Kept, Known, PageCommit, Refusal

DIGEST_BYTES = 12
"""96 bits: two versions of one record that look alike by accident are out of reach."""


@dataclass(slots=True)
class Planned:
    """A planned page: what to commit, and how many records ended where."""

    commit: PageCommit
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is the same for every page of a run.

    `start`: records dated before it are filtered, unless one came in by a resync before. `force`: plan also what was
    read before and hasn't changed.
    """

    now: dt.datetime
    start: dt.datetime
    force: bool = False


class PagePlanner:
    """Plans one page of one mapping."""

    def __init__(self, mapping: BoundMapping, partition: str, seq: int, around: Circumstances) -> None:
        self._mapping = mapping
        self._rule = mapping.rule
        self._around = around
        self._partition = partition
        self._seq = seq
        self._now = iso(around.now)
        self._reads = sorted(mapping.rule.reads)
        self._once = msgspec.json.encode(sorted(mapping.rule.set_once)).decode() if mapping.rule.set_once else None
        self.planned = Planned(PageCommit(mapping.name, mapping.destination_name, partition=partition, seq=seq))

    async def plan(self, records: Sequence[Record], known: Mapping[str, Known]) -> Planned:
        """Plan records as a stream handed them over."""
        counts = self.planned.counts
        counts["read"] += len(records)
        latest = {record.id: record for record in records}
        counts["repeated"] += len(records) - len(latest)
        self._follow(latest.values(), known)
        fresh = [record for record in latest.values() if not self._repeated(record, known.get(record.id))]
        return await self._plan(fresh, known)

    async def release(self, records: Sequence[Record], known: Mapping[str, Known]) -> Planned:
        """Plan waiting records once more: with the values of their last reading, the lookups are asked again."""
        self.planned.counts["released"] += len(records)
        return await self._plan(records, known)

    async def _plan(self, records: Sequence[Record], known: Mapping[str, Known]) -> Planned:
        asked: list[tuple[Record, tuple[str | None, ...]]] = []
        for record in records:
            keys = self._keys(record, known.get(record.id))
            if keys is not None:
                asked.append((record, keys))
        answers = await ask(self._mapping, [keys for _, keys in asked])
        for (record, _), answer in zip(asked, answers, strict=True):
            self._settle(record, known.get(record.id), answer)
        check_records(self.planned.counts)
        return self.planned

    def _follow(self, records: Iterable[Record], known: Mapping[str, Known]) -> None:
        """What the stream has to look at again, whatever becomes of it here: a mapping may come to want it."""
        commit = self.planned.commit
        for record in records:
            before = known.get(record.id)
            if before is not None and before.seq > self._seq:
                continue
            if record.watch is not None and (before is not None or record.moment >= self._around.start):
                commit.watched.append((record.id, record.watch, iso(record.moment)))
            else:
                commit.finished.append(record.id)

    def _repeated(self, record: Record, before: Known | None) -> bool:
        """Whether nothing about it is new; an older reading never replaces a newer one."""
        if before is None:
            return False
        if before.seq > self._seq or (not self._around.force and before.digest == self._digest(record)):
            self._count("repeated")
            return True
        return False

    def _keys(self, record: Record, before: Known | None) -> tuple[str | None, ...] | None:
        """What to ask the lookups for; None where the record's way ends here (it is counted then)."""
        rule, values = self._rule, record.values
        try:
            if rule.retracts(values):
                self._retract(record, before)
            elif before is None and record.moment < self._around.start:
                self._filter(record, before)
            elif rule.wants(values) or (not _asks(before) and rule.may_renew(values)):
                return rule.keys(values)
            else:
                self._filter(record, before)
        except FieldError as error:
            self._reject(record, before, "mapping", error.field, error.reason)
        return None

    def _settle(self, record: Record, before: Known | None, answer: Answered) -> None:
        """With the lookups' answer: wait, reject, filter, suppress or draft."""
        if answer.code:
            self._unanswered(record, before, answer)
            return
        rule, found, refused = self._rule, answer.found, False
        try:
            purpose = rule.purpose(record.values, found)
            if not purpose or (purpose == "renewal" and _asks(before)):
                self._filter(record, before)
                return
            refused = rule.suppressed(record.values, found)
            fields, left_out = rule.fields(record.values, found)
            draft = self._mapping.destination.draft(fields)
            if purpose == "renewal":
                draft, left_out = _renewal(draft), 0
        except (FieldError, Rejected) as error:
            if refused and before is not None and before.key:  # nothing that is wrong with it hinders a "no"
                self._suppress(record, before, before.key, answer.person)
                return
            fault = error if isinstance(error, Rejected) else Rejected(error.reason, field=error.field, code="mapping")
            self._reject(record, before, fault.code, fault.field, fault.message, answer.person)
        else:
            self.planned.counts["list_items_left_out"] += left_out
            if refused and not draft.stop:  # a stop says no as well, and reaches the provider
                self._suppress(record, before, draft.key, answer.person)
            else:
                self._draft(record, before, draft, answer.person)

    def _unanswered(self, record: Record, before: Known | None, answer: Answered) -> None:
        first = before.first_at if before else self._around.now
        waits = before is None or before.state != "live"  # a standing draft isn't given up for a gap in the directory
        if waits and answer.wait and first + answer.wait > self._around.now:
            self._keep(record, before, "waiting", body=record.values, due=self._around.now, code=answer.code)
            self._count("waiting")
            return
        if answer.code in {"unknown", "no_key"} and not self._rule.wants(record.values):
            self._filter(record, before)  # it could only renew: whom the directory doesn't know was never made by us
            return
        message = answer.message
        if waits and answer.wait:
            message += f" It waited for {describe_duration(answer.wait)}."
        self._reject(record, before, answer.code, answer.field or None, message)

    def _retract(self, record: Record, before: Known | None) -> None:
        """Its draft dies; the key under which it was stored is used, never a new lookup."""
        if before is None:
            self._count("filtered")  # never ours: nothing to take back
            return
        self._keep(record, before, "retracted")
        self._count("retracted")

    def _filter(self, record: Record, before: Known | None) -> None:
        """What was delivered for it earlier stays; a record that still waited or was rejected is over."""
        if before is not None and before.state in {"waiting", "rejected"}:
            self._keep(record, before, "dropped")
        elif before is not None:
            self.planned.commit.seen.append((self._seq, self._digest(record), record.id))
        self._count("filtered")

    def _suppress(self, record: Record, before: Known | None, address: str, person: str | None) -> None:
        """The shop says no: its address is not written to again, and what this record gave is taken back."""
        key = before.key if before and before.anchored and before.key else address
        self.planned.commit.refused_by_shop |= {key, address}
        self._keep(record, before, "suppressed", key=key, person=person, code="refused")
        self._count("suppressed")

    def _draft(self, record: Record, before: Known | None, draft: Draft, person: str | None) -> None:
        note, address = None, draft.key
        if before is not None and before.key and before.key != draft.key:
            if before.anchored:  # it stays with the address under which it was first delivered, or which said no
                note = f"{ADDRESS_CHANGED}{draft.key}"
                draft = msgspec.structs.replace(draft, key=before.key)
                self.planned.counts["address_changed"] += 1
            elif before.person:
                self.planned.commit.former.append((before.person, before.key))
        if draft.stop:  # nothing is added to any of their addresses from here on, by whatever mapping
            self.planned.commit.refused_by_shop |= {draft.key, address}
            self.planned.commit.stopped.add(draft.key)
        self._keep(record, before, "live", key=draft.key, person=person, body=draft, note=note)
        commit = self.planned.commit
        if draft.renews and draft.consent and (before is None or before.state != "live"):
            commit.renewed.setdefault(draft.key, []).append(draft.consent)
        else:
            commit.touched.add(draft.key)
        if draft.renews:
            self._count("renewals")
        self._count("drafted")

    def _reject(
        self,
        record: Record,
        before: Known | None,
        code: str,
        field: str | None,
        message: str,
        person: str | None = None,
    ) -> None:
        """Kept with its reason; what was delivered for an earlier version of it stays."""
        if before is not None and before.state == "live":
            # the earlier version was good and stands; the reject says that the newer one could not be taken over
            self.planned.commit.seen.append((self._seq, self._digest(record), record.id))
        else:
            self._keep(record, before, "rejected", body=record.values, person=person, code=code)
        self.planned.commit.refusals.append(Refusal(record.id, before.key if before else None, code, field, message))
        self._count("rejected")

    def _keep(
        self,
        record: Record,
        before: Known | None,
        state: RecordState,
        *,
        body: Any = None,
        key: str | None = None,
        person: str | None = None,
        due: dt.datetime | None = None,
        code: str | None = None,
        note: str | None = None,
    ) -> None:
        """Store it. Whose it was stays known while it waits or is rejected: a "no" counts for all their addresses."""
        if before is not None:
            key, person = key or before.key, person or before.person
        text = None if body is None else msgspec.json.encode(body).decode()
        commit = self.planned.commit
        commit.kept.append(
            Kept(
                self._mapping.name,
                record.id,
                self._mapping.destination_name,
                self._partition,
                self._seq,
                iso(record.moment),
                self._digest(record),
                state,
                person,
                key,
                text,
                self._once if state == "live" else None,
                iso(before.first_at) if before else self._now,
                iso(due) if due else None,
                code,
                note,
            )
        )
        if before is not None and before.state == "live" and before.key:
            commit.touched.add(before.key)

    def _count(self, end: str) -> None:
        self.planned.counts[end] += 1

    def _digest(self, record: Record) -> str:
        """What the mapping reads of a record, in few bytes: equal digests mean that nothing new is to be planned."""
        values = record.values
        seen = msgspec.json.encode([values.get(name) for name in self._reads])
        return hashlib.blake2b(seen, digest_size=DIGEST_BYTES).hexdigest()


def _asks(before: Known | None) -> bool:
    """Whether an earlier version of the record asks for something: that stays, and renews as much."""
    return before is not None and before.asks


def _renewal(draft: Draft) -> Draft:
    """What is left of a draft that only renews: whose consent, and which; or a "no". Raises Rejected without either."""
    if draft.stop:
        return draft
    if draft.consent is None:
        raise Rejected("It makes no consent, and there is nothing else to renew.", field="renew", code="no_consent")
    return Draft(draft.key, consent=draft.consent, renews=True)
