"""When a mapping is due, as people write it: "every 15 minutes", or a cron line such as "*/15 * * * *".

Pure and without APScheduler, so that `check` and `status` can tell the next run without starting anything. A cron line
is read as cron reads it: weekdays 0 and 7 are both Sunday.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from mappings.durations import DurationError, parse_duration

__all__ = ["Cron", "Every", "Schedule", "ScheduleError", "parse_schedule"]

SHORTEST: Final = dt.timedelta(seconds=1)
SEARCHED: Final = dt.timedelta(days=8 * 366)
"""How far ahead a cron line is searched: 29 February can be eight years away (1896 to 1904, 2096 to 2104)."""

HINT: Final = 'Write "every 15 minutes", or a cron line: minute, hour, day, month, weekday, such as "*/15 * * * *".'
WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_EVERY = re.compile(r"every\s+(.+)", re.IGNORECASE)
_ITEM = re.compile(r"(?:(?P<all>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d{1,4}))?")


class ScheduleError(ValueError):
    """The text is no schedule. `message` says what is wrong with it, `hint` how one is written."""

    def __init__(self, message: str, hint: str = HINT) -> None:
        super().__init__(f"{message} {hint}")
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Every:
    """Due again a fixed time after the last run."""

    text: str
    seconds: float

    def next_after(self, moment: dt.datetime, timezone: ZoneInfo) -> dt.datetime:
        """The next time after `moment` (aware), in UTC."""
        return moment.astimezone(dt.UTC) + dt.timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Cron:
    """Due whenever the clock on the wall shows one of these. Each field holds its numbers in order; Sunday is 0."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def next_after(self, moment: dt.datetime, timezone: ZoneInfo) -> dt.datetime:
        """The next time after `moment` (aware), in UTC.

        A time that the clocks skip in spring is due as many minutes after the change; one that they show twice in
        autumn is due twice. Raises ScheduleError where there is none ("30 February").
        """
        first = moment.astimezone(timezone).date()
        for offset in range(SEARCHED.days):
            day = first + dt.timedelta(days=offset)
            if self._includes(day):
                later = [instant for instant in self._instants(day, timezone) if instant > moment]
                if later:
                    return min(later)
        raise ScheduleError(f'"{self.text}" is never due.', "Check the day and the month.")

    def _includes(self, day: dt.date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _instants(self, day: dt.date, timezone: ZoneInfo) -> Iterator[dt.datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                wall = dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=timezone)
                instant, second = wall.astimezone(dt.UTC), wall.replace(fold=1).astimezone(dt.UTC)
                yield instant
                if second > instant:  # shown twice; for a skipped time it would be before the change
                    yield second


Schedule = Every | Cron


def parse_schedule(text: str) -> Schedule:
    """Read a schedule. Raises ScheduleError."""
    plain = " ".join(text.split())
    if every := _EVERY.fullmatch(plain):
        return _parse_every(plain, every[1])
    parts = plain.lower().split(" ")
    if len(parts) != len(_FIELDS):
        raise ScheduleError(f'"{text}" is no schedule.')
    numbers = [_parse_field(part, field) for part, field in zip(parts, _FIELDS, strict=True)]
    if "*" not in (parts[2][0], parts[4][0]):
        raise ScheduleError(
            f'"{plain}" names days of the month and weekdays.',
            "Programs disagree on whether either or both must fit; name one of them and write * for the other.",
        )
    cron = Cron(plain, *numbers)
    cron.next_after(dt.datetime(2000, 1, 1, tzinfo=dt.UTC), ZoneInfo("UTC"))  # raises where there is no such day
    return cron


def _parse_every(plain: str, span: str) -> Every:
    try:
        duration = parse_duration(span if span[0].isdigit() else f"1 {span}")
    except DurationError as error:
        raise ScheduleError(f'"{plain}" is no schedule: {error.message}') from None
    if duration < SHORTEST:
        raise ScheduleError(f'"{plain}" is too often; the shortest is every second.')
    return Every(plain, duration.total_seconds())


@dataclass(frozen=True, slots=True)
class _Field:
    """One place of a cron line: the numbers that may stand there, and the names that some of them have."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    def number(self, word: str) -> int:
        if word in self.names:
            return self.names.index(word) + self.lowest
        number = int(word) if word.isascii() and word.isdigit() else -1
        if not self.lowest <= number <= self.highest:
            raise ScheduleError(f'"{word}" is no {self.name} ({self.lowest} to {self.highest}).')
        return number


_WEEKDAY = _Field("weekday", 0, 7, WEEKDAYS)
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, MONTHS),
    _WEEKDAY,
)


def _parse_field(text: str, field: _Field) -> tuple[int, ...]:
    numbers: set[int] = set()
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ScheduleError(f'"{item}" can\'t be read as {field.name}.')
        numbers.update(_expand(match, field))
    return tuple(sorted({number % 7 for number in numbers} if field is _WEEKDAY else numbers))


def _expand(match: re.Match[str], field: _Field) -> range:
    """The numbers of one item of a list: "*", "3", "1-5", each with a step or without."""
    highest = 6 if field is _WEEKDAY else field.highest
    step = int(match["step"] or 1)
    if step == 0:
        raise ScheduleError(f'"{match[0]}" has a step of 0.')
    if match["all"]:
        return range(field.lowest, highest + 1, step)
    first = field.number(match["first"])
    if match["last"] is None:
        return range(first, (highest if match["step"] else first) + 1, step)
    last = field.number(match["last"])
    if last < first and field is _WEEKDAY:
        last += 7  # "fri-mon" and "fri-sun" go over the end of the week
    if last < first:
        raise ScheduleError(f'"{match[0]}" runs backwards.')
    return range(first, last + 1, step)
