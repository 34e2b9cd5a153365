"""How Cyberimpact writes moments: Eastern time by default, with an offset on request (cyberimpact.md section 2)."""

import datetime as dt
from typing import Literal, get_args
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/Toronto")
MICROSECONDS_PER_MILLISECOND = 1000

DateForm = Literal["", "ISO8601", "ATOM"]
DATE_FORMS = get_args(DateForm)


def write_moment(moment: dt.datetime, form: str, *, colon: bool) -> str:
    """`2026-02-03 10:15:00.000` without an offset, or with one where `form` asks for it; ATOM always has its colon."""
    local = moment.astimezone(EASTERN)
    if not form:
        return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // MICROSECONDS_PER_MILLISECOND:03d}"
    if colon or form == "ATOM":
        return local.isoformat(timespec="seconds")
    return f"{local:%Y-%m-%dT%H:%M:%S%z}"


def start_of(day: dt.date) -> dt.datetime:
    """The first moment of that Eastern day."""
    return dt.datetime.combine(day, dt.time(), EASTERN)


def day_of(moment: dt.datetime) -> dt.date:
    """The Eastern day on which it falls."""
    return moment.astimezone(EASTERN).date()
