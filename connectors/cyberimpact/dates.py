"""Dates as Cyberimpact writes them (section 2 of cyberimpact.md): several forms, Eastern where no offset stands."""

import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/Toronto")


def parse_moment(text: str | None) -> dt.datetime | None:
    """A date and time in any of the documented forms, as aware UTC; None where it is none.

    With an offset (with or without a colon, or Z) or without one, and then Eastern; with a fraction or without.
    """
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=EASTERN)
    return moment.astimezone(dt.UTC)


def parse_day(text: str | None) -> dt.date | None:
    """The calendar day that Cyberimpact means by a date and time: it keeps days as midnight in Eastern time."""
    moment = parse_moment(text)
    return None if moment is None else moment.astimezone(EASTERN).date()


def day_in(text: str, zone: ZoneInfo) -> dt.date:
    """The calendar day of an instant, in that zone; a plain day stays what it is (databases write it with midnight).

    Raises ValueError where the text is neither, or a time of day without an offset: nobody can say which day that is.
    """
    if len(text) == len("2026-01-31"):
        return dt.date.fromisoformat(text)
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return moment.astimezone(zone).date()
    if moment.time() != dt.time.min:
        raise ValueError("no offset")
    return moment.date()


@lru_cache(maxsize=4_096)  # the days of some years: purchases share them
def add_months(day: dt.date, months: int) -> dt.date:
    """The same day so many months later, or the last day of that month where it has no such day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    first_of_next = dt.date(year + month // 12, month % 12 + 1, 1)
    return dt.date(year, month, min(day.day, (first_of_next - dt.timedelta(days=1)).day))
