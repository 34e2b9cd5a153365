"""The rows of one campaign, kept so that a range of dates is found without looking at every row."""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from connectors.impact.sandbox.model import Action, ActionUpdate

Row = TypeVar("Row", Action, ActionUpdate)

FILTERED = {
    Action: {"updated": "changed", "event": "event_date", "locking": "locking_date"},
    ActionUpdate: {"updated": "update_date", "event": "action_date", "locking": "locking_date"},
}
"""Which attribute each range of a query looks at (impact.md section 4)."""
ORDERED = {Action: "creation_date", ActionUpdate: "update_date"}
REMEMBERED = 64
"""Queries whose answer is kept: the pages of one query follow each other."""
FOREVER = dt.datetime.max.replace(tzinfo=dt.UTC)


class Range(NamedTuple):
    """From `start` to `end`; without an end it is open. `exclusive` leaves the end itself out."""

    start: dt.datetime
    end: dt.datetime | None = None
    exclusive: bool = False

    def holds(self, moment: dt.datetime | None) -> bool:
        """Whether the moment lies in it; a missing date lies in no range."""
        if moment is None or moment < self.start:
            return False
        if self.end is None:
            return True
        return moment < self.end if self.exclusive else moment <= self.end


class Shelf(Generic[Row]):
    """Rows of one kind. Call `touch` after changing a row in place."""

    def __init__(self, kind: type[Row]) -> None:
        self._attributes = FILTERED[kind]
        self._ordered = ORDERED[kind]
        self.rows: list[Row] = []
        self._indexes: dict[str, tuple[list[dt.datetime], list[Row]]] = {}
        self._found: dict[tuple[object, ...], list[Row]] = {}

    def add(self, *rows: Row) -> None:
        self.rows.extend(rows)
        self.touch()

    def drop(self, action: Action) -> None:
        """Take out an action, or its updates."""
        self.rows = [row for row in self.rows if (row if isinstance(row, Action) else row.action) is not action]
        self.touch()

    def touch(self) -> None:
        """Forget what was sorted and found."""
        self._indexes.clear()
        self._found.clear()

    def find(
        self, ranges: Mapping[str, Range], state: str | None, state_of: Callable[[Row], str], seen_by: dt.datetime
    ) -> list[Row]:
        """The rows in all these ranges, newest first. `seen_by`: rows dated later can't be read yet."""
        if seen_by != FOREVER:
            late = [row for row in self._pick(ranges, state, state_of) if getattr(row, self._ordered) <= seen_by]
            return self._newest_first(late)
        question = (tuple(sorted(ranges.items())), state)
        if question not in self._found:
            if len(self._found) == REMEMBERED:
                self._found.clear()
            self._found[question] = self._newest_first(self._pick(ranges, state, state_of))
        return self._found[question]

    def _newest_first(self, rows: list[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: (getattr(row, self._ordered), row.seq), reverse=True)

    def _pick(self, ranges: Mapping[str, Range], state: str | None, state_of: Callable[[Row], str]) -> list[Row]:
        rows = self._candidates(ranges)
        for name, wanted in ranges.items():
            attribute = self._attributes[name]
            rows = [row for row in rows if wanted.holds(getattr(row, attribute))]
        return rows if state is None else [row for row in rows if state_of(row) == state]

    def _candidates(self, ranges: Mapping[str, Range]) -> list[Row]:
        """The rows of the narrowest range; the others are tried on these."""
        best = self.rows
        for name, wanted in ranges.items():
            dates, rows = self._index(name)
            low = bisect_left(dates, wanted.start)
            high = len(dates) if wanted.end is None else bisect_right(dates, wanted.end)
            if high - low < len(best):
                best = rows[low:high]
        return best

    def _index(self, name: str) -> tuple[list[dt.datetime], list[Row]]:
        if name not in self._indexes:
            attribute = self._attributes[name]
            dated = [row for row in self.rows if getattr(row, attribute) is not None]
            dated.sort(key=lambda row: getattr(row, attribute))
            self._indexes[name] = [getattr(row, attribute) for row in dated], dated
        return self._indexes[name]
