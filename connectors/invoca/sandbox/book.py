"""The transaction log of a made-up network, and what may happen to a call."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable
from typing import Any

from connectors.invoca.sandbox.model import CALL, EVENT, SALE, SHIFT, SIGNAL, Entry, Row
from connectors.invoca.sandbox.switches import InvocaSwitches

PREFIX = 8
"""Hexadecimal digits before the number in an id: it looks random, so that sorting ids means nothing."""
PLAIN_CALL: dict[str, Any] = {
    "calling_phone_number": "866-555-0134",
    "destination_phone_number": "866-555-0199",
    "duration": 312,
    "connect_duration": 280,
    "ivr_duration": 20,
    "hangup_cause": "Caller: Hang-up",
    "advertiser_campaign_country": "CA",
    "mobile": "Mobile",
    "opt_in_SMS": 0,
    "transfer_from_type": "Advertiser Direct",
}


class Book:
    """Rows in the order in which they were committed; nothing ever changes a row but being superseded."""

    def __init__(self, switches: InvocaSwitches, now: Callable[[], dt.datetime]) -> None:
        self._switches = switches
        self._now = now
        self._made = 0
        self.rows: list[Row] = []

    def clear(self) -> None:
        self.rows.clear()
        self._made = 0

    def call(self, *, at: dt.datetime | None = None, custom: Iterable[Entry] = (), **values: Any) -> Row:
        """A new call that ended just now, or started at `at`."""
        number = self._made + 1
        shown = {**PLAIN_CALL, **values}
        start = (at or self._now() - dt.timedelta(seconds=int(shown["duration"]))).replace(microsecond=0)
        return self._add(CALL, f"Z6E5-C7{number:012X}", start, shown, custom)

    def leg(self, call: str, **values: Any) -> Row:
        """One more leg of a call: another row of type Call."""
        first = self.of_call(call)[0]
        return self._add(CALL, call, first.start, {**first.values, **values}, ())

    def signal(self, call: str, *, custom: Iterable[Entry] = (), **values: Any) -> Row:
        return self._add(SIGNAL, call, self.of_call(call)[0].start, values, custom)

    def sale(self, call: str, **values: Any) -> Row:
        return self._add(SALE, call, self.of_call(call)[0].start, values, ())

    def event(self, call: str, **values: Any) -> Row:
        return self._add(EVENT, call, self.of_call(call)[0].start, values, ())

    def correct(self, id: str, *, custom: Iterable[Entry] | None = None, **values: Any) -> Row:
        """Replace a row by a new one with other values: the last version in a chain, the original in a star."""
        latest = self._latest(id)
        target = latest if self._switches.corrections == "chain" else self._original(id)
        latest.superseded = True
        start = latest.start + (SHIFT if self._switches.correction_start == "shift" else dt.timedelta())
        entries = latest.custom if custom is None else tuple(custom)
        return self._add(latest.kind, latest.call, start, {**latest.values, **values}, entries, target.id)

    def annotate(self, call: str, *entries: Entry) -> Row:
        """Custom data through the Signal API: the call's row comes again under a new id (section 4.3)."""
        row = next(row for row in self.of_call(call) if row.kind == CALL)
        names = {entry.name for entry in entries}
        kept = [entry for entry in self._latest(row.id).custom if entry.name not in names]
        return self.correct(row.id, custom=(*kept, *entries))

    def purge(self, id: str) -> None:
        """The row is gone, and nothing can be asked to start after it."""
        self.rows = [row for row in self.rows if row.id != id]

    def find(self, id: str) -> Row | None:
        return next((row for row in self.rows if row.id == id), None)

    def of_call(self, call: str) -> list[Row]:
        return [row for row in self.rows if row.call == call]

    def versions(self, id: str) -> list[Row]:
        """All versions of the row with this id, in the order of the log."""
        original = self._original(id)
        ids = {original.id}
        found = [original]
        for row in self.rows:
            if row.corrects in ids:
                ids.add(row.id)
                found.append(row)
        return found

    def _original(self, id: str) -> Row:
        row = self._known(id)
        while row.corrects is not None and (before := self.find(row.corrects)) is not None:
            row = before
        return row

    def _latest(self, id: str) -> Row:
        return self.versions(id)[-1]

    def _known(self, id: str) -> Row:
        row = self.find(id)
        if row is None:
            problem = "no such transaction"
            raise KeyError(problem)
        return row

    def _add(
        self,
        kind: str,
        call: str,
        start: dt.datetime,
        values: dict[str, Any],
        custom: Iterable[Entry],
        corrects: str | None = None,
    ) -> Row:
        self._made += 1
        looks = hashlib.sha256(str(self._made).encode()).hexdigest()[:PREFIX].upper()
        row = Row(f"{looks}-{self._made:08X}", self._made, kind, call, start, corrects, dict(values), tuple(custom))
        self.rows.append(row)
        return row
