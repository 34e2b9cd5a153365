"""Cuts time into windows that impact.com answers completely (impact.md section 4).

All bounds are aware UTC in whole seconds and inclusive on both ends, so that neighbours share their edge: a row on it
comes twice, which is harmless, and never not at all.
"""

import datetime as dt
from typing import NamedTuple

LONGEST = dt.timedelta(days=44)
"""One day inside the limit of 45 (impact.md section 4: whether exactly 45 passes is only inferred)."""
SHORTEST = dt.timedelta(minutes=1)
"""Half of it would be too fine to help: what is refused down to here is refused for another reason."""
HISTORY = dt.timedelta(days=3 * 365 - 1)
"""One day inside the limit of three years."""
DEFAULT_FILTER = dt.timedelta(days=7)
"""What impact.com reads where it ignores a date filter (impact.md section 4)."""
MARGIN = dt.timedelta(hours=1)
"""Between our clock and theirs, where a window is cut at the default filter."""


class Window(NamedTuple):
    """A stretch of "last updated"."""

    start: dt.datetime
    end: dt.datetime

    def halves(self) -> "tuple[Window, Window] | None":
        """Both halves, the earlier first; None where the window is too short to be cut."""
        if self.end - self.start <= SHORTEST:
            return None
        middle = whole_second(self.start + (self.end - self.start) / 2)
        return Window(self.start, middle), Window(middle, self.end)

    def __str__(self) -> str:
        if self.start.date() == self.end.date():
            return f"{self.start:%Y-%m-%d %H:%M} … {self.end:%H:%M}"
        return f"{self.start:%Y-%m-%d} … {self.end:%Y-%m-%d}"


def first_window(start: dt.datetime, end: dt.datetime, now: dt.datetime) -> Window:
    """The first window of what is left to read.

    One that reached from more than a week ago up to now would hide an ignored filter: the answer's default, the last
    week, would look right. So it ends a week ago, where rows created since then betray it.
    """
    week_ago = whole_second(now - DEFAULT_FILTER + MARGIN)
    if start < week_ago < end:
        end = week_ago
    return Window(start, min(end, start + LONGEST))


def whole_second(moment: dt.datetime) -> dt.datetime:
    """The second in which the moment lies: filters have no fractions."""
    return moment.replace(microsecond=0)


def wire(moment: dt.datetime) -> str:
    """A moment as filters want it (impact.md section 2); another spelling may be ignored instead of refused."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
