"""Cuts time into windows that impact.com answers completely (impact.md section 4).

All bounds are aware UTC in whole seconds and inclusive on both ends, so that neighbours share their edge: a row on it
comes twice, which is harmless, and never not at all.
"""

import datetime as dt
from itertools import pairwise
from typing import NamedTuple

LONGEST = dt.timedelta(days=44)
"""One day inside the limit of 45 (impact.md section 4: whether exactly 45 passes is only inferred)."""
SHORTEST = dt.timedelta(minutes=1)
"""A part of it would be too fine to help: what is refused down to here is refused for another reason."""
HISTORY = dt.timedelta(days=3 * 365 - 1)
"""One day inside the limit of three years."""
SECOND = dt.timedelta(seconds=1)
"""Added to a window's end that is the present moment: what is dated within this second belongs to it."""
DEFAULT_FILTER = dt.timedelta(days=7)
"""What impact.com reads where it ignores a date filter (impact.md section 4)."""
MARGIN = dt.timedelta(hours=1)
"""Between our clock and theirs, where a window is cut at the default filter."""
SPARE = 4
"""One part in so many is added where a window is cut by its number of pages: rows are never spread evenly."""


class Window(NamedTuple):
    """A stretch of one of a list's dates."""

    start: dt.datetime
    end: dt.datetime

    @property
    def can_be_cut(self) -> bool:
        return self.end - self.start > SHORTEST

    def parts(self, number: int) -> "list[Window]":
        """So many parts of one length, the earliest first; fewer where they would be shorter than a minute."""
        number = min(number, max(2, (self.end - self.start) // SHORTEST))
        step = (self.end - self.start) / number
        edges = [self.start, *(whole_second(self.start + step * each) for each in range(1, number)), self.end]
        return [Window(*pair) for pair in pairwise(edges)]

    def __str__(self) -> str:
        if self.start.date() == self.end.date():
            return f"{self.start:%Y-%m-%d %H:%M} … {self.end:%H:%M}"
        return f"{self.start:%Y-%m-%d} … {self.end:%Y-%m-%d}"


class Windows:
    """The windows of a stretch of time, one after the other; one that gets no complete answer can be cut.

    Those after it are as short as its parts and grow again: a busy season is rarely busy for a day only.
    """

    def __init__(self, start: dt.datetime, end: dt.datetime, seam: dt.datetime | None = None) -> None:
        """`seam` is a moment at which one window ends and the next begins."""
        self._start, self._end, self._seam = start, end, seam
        self._step = LONGEST
        self._room: int | None = None
        self._waiting: list[Window] = []

    def following(self) -> Window | None:
        """The next one; None after the last."""
        if self._waiting:
            return self._waiting.pop()
        if self._start >= self._end:
            return None
        end = min(self._end, self._start + self._step)
        if self._seam is not None and self._start < self._seam < end:
            end = self._seam
        window = Window(self._start, end)
        self._start = end
        return window

    def took(self, rows: int) -> None:
        """So many rows were in the last window: the next ones may be longer where they were few."""
        if self._room is None or rows * 2 < self._room:
            self._step = min(LONGEST, self._step * 2)

    def again(self, window: Window) -> None:
        """The last window comes once more."""
        self._waiting.append(window)

    def cut(self, window: Window, number: int = 2, room: int | None = None) -> None:
        """Go on with this many parts of a window instead. `room`: how many rows fit on a page."""
        parts = window.parts(number)
        self._step = max(SHORTEST, whole_seconds(parts[0].end - parts[0].start))
        self._room = room or self._room
        self._waiting.extend(reversed(parts))


def week_ago(now: dt.datetime) -> dt.datetime:
    """Where a window of "last updated" has to end.

    One that reached from more than a week ago up to now would hide an ignored filter: the answer's default, the last
    week, would look right. So it ends a week ago, where rows created since then betray it.
    """
    return whole_second(now - DEFAULT_FILTER + MARGIN)


def whole_second(moment: dt.datetime) -> dt.datetime:
    """The second in which the moment lies: filters have no fractions."""
    return moment.replace(microsecond=0)


def whole_seconds(length: dt.timedelta) -> dt.timedelta:
    return dt.timedelta(seconds=length // dt.timedelta(seconds=1))


def wire(moment: dt.datetime) -> str:
    """A moment as filters want it (impact.md section 2); another spelling may be ignored instead of refused."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
