"""Spans of time as people write them in a configuration: "15 minutes", "3 days", "90s", "1 hour 30 minutes"."""

import datetime as dt
import re
from typing import Annotated

from pydantic import BeforeValidator

SECONDS_OF_UNIT = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("w", "week", "weeks"), 604800),
}
HINT = 'Write a number and a unit, such as "90 seconds", "15 minutes", "1 hour 30 minutes" or "3 days".'

_PART = r"(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]+)"
_DURATION = re.compile(rf"{_PART}(?:(?:\s*,\s*|\s+and\s+|\s*){_PART})*")


class DurationError(ValueError):
    """The text is no duration. `message` says what is wrong with it, `hint` how one is written."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message} {HINT}")
        self.message = message
        self.hint = HINT


def parse_duration(text: str) -> dt.timedelta:
    """Read a span of time; months and years have no fixed length and are refused.

    Raises DurationError.
    """
    plain = text.strip().lower()
    if not _DURATION.fullmatch(plain):
        raise DurationError(f'"{text}" is not a duration.')
    span = dt.timedelta()
    for amount, unit in re.findall(_PART, plain):
        if unit not in SECONDS_OF_UNIT:
            raise DurationError(f'"{unit}" is not a unit of time here.')
        try:
            span += dt.timedelta(seconds=float(amount) * SECONDS_OF_UNIT[unit])
        except OverflowError:
            raise DurationError(f'"{text}" is too long.') from None
    return span


def describe_duration(span: dt.timedelta) -> str:
    """A span in the largest unit that makes it a whole number, as a configuration takes it: "3 days", "0.5 seconds"."""
    seconds = span.total_seconds()
    for unit in ("day", "hour", "minute", "second"):
        size = SECONDS_OF_UNIT[unit]
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size):,} {unit}{'' if seconds == size else 's'}"
    return f"{seconds:g} seconds"


def _read(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, dt.timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return dt.timedelta(seconds=value)
    raise ValueError('It is a duration such as "3 days".')


Duration = Annotated[dt.timedelta, BeforeValidator(_read)]
"""A span of time in a settings model; a bare number is seconds."""
