"""A mapping's text becomes the value that a column holds, or is refused with a reason that doesn't quote it.

A day is the day in `engine.timezone` of an instant; a moment in a column without a time zone is stored as UTC.
"""

import datetime as dt
import decimal
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import types
from sqlalchemy.types import NullType, TypeEngine

from connectors.sql.databases import NUMBER, UUID, WHOLE
from syncengine.errors import Rejected

YES, NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
LARGEST = 2**63
"""One more than the largest whole number of any database; drivers fail in ways of their own beyond it."""


class Fit(NamedTuple):
    """How one kind of column takes a text. `read` raises ValueError; `holds` says in words what the column holds."""

    holds: str
    read: Callable[[str, ZoneInfo], Any]


def fit_of(kind: TypeEngine[Any]) -> Fit | None:
    """How a column of this type takes a text. None: it is a text, or of a type that the database reads from one."""
    match kind:
        case types.Enum():
            return Fit("one of certain words", _one_of(frozenset(kind.enums)))
        case types.String():
            return _short(kind.length) if kind.length else None
        case types.Boolean():
            return Fit("true or false", _truth)
        case types.Integer():
            flag = getattr(kind, "display_width", None) == 1  # MySQL's BOOLEAN is a TINYINT(1)
            return Fit("true or false", _flag) if flag else Fit("a whole number", _whole)
        case types.Numeric() | types.Float():
            return Fit("a number", _number)
        case types.DateTime():
            return Fit("a moment: an instant with an offset", _aware if getattr(kind, "timezone", False) else _utc)
        case types.Date():
            return Fit("a day, or an instant with an offset", _day)
        case types.Time():
            return Fit("a time of day", lambda text, _: dt.time.fromisoformat(text))
        case types.Uuid():
            return Fit("a UUID", _uuid)
        case types.LargeBinary():
            return Fit("bytes", lambda text, _: text.encode())
        case _:
            return None


def bound_as(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type under which a value is sent. A text for a type that isn't known here goes without any."""
    return kind if isinstance(kind, types.String) or fit_of(kind) else NullType()


def fit(name: str, text: str, kind: TypeEngine[Any], zone: ZoneInfo) -> Any:
    """The value of a column for this text. Raises Rejected with the column's name."""
    found = fit_of(kind)
    if found is None:
        return text
    try:
        return found.read(text, zone)
    except (ValueError, OverflowError, decimal.InvalidOperation):
        raise Rejected(f"The column holds {found.holds}.", field=name, code="wrong_type") from None


def _short(length: int) -> Fit:
    def read(text: str, _: ZoneInfo) -> str:
        if len(text) > length:
            raise ValueError
        return text

    return Fit(f"at most {length} characters", read)


def _one_of(words: frozenset[str]) -> Callable[[str, ZoneInfo], str]:
    def read(text: str, _: ZoneInfo) -> str:
        if text not in words:
            raise ValueError
        return text

    return read


def _truth(text: str, _: ZoneInfo) -> bool:
    word = text.lower()
    if word not in YES | NO:
        raise ValueError
    return word in YES


def _flag(text: str, zone: ZoneInfo) -> int:
    """A yes, a no, or any other number that somebody keeps in such a small column."""
    return int(_truth(text, zone)) if text.lower() in YES | NO else _whole(text, zone)


def _whole(text: str, _: ZoneInfo) -> int:
    """A yes or a no counts too: many databases keep them as 1 and 0."""
    if text in {"true", "false"}:
        return int(text == "true")
    if len(text) > len(str(-LARGEST)) or not WHOLE.fullmatch(text):
        raise ValueError
    number = int(text)
    if not -LARGEST <= number < LARGEST:
        raise ValueError
    return number


def _number(text: str, _: ZoneInfo) -> decimal.Decimal:
    if not NUMBER.fullmatch(text):
        raise ValueError
    return decimal.Decimal(text)


def _instant(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment


def _aware(text: str, _: ZoneInfo) -> dt.datetime:
    return _instant(text).astimezone(dt.UTC)


def _utc(text: str, _: ZoneInfo) -> dt.datetime:
    return _instant(text).astimezone(dt.UTC).replace(tzinfo=None)  # the column has no place for it


def _day(text: str, zone: ZoneInfo) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return _instant(text).astimezone(zone).date()


def _uuid(text: str, _: ZoneInfo) -> uuid.UUID:
    if not UUID.fullmatch(text):
        raise ValueError
    return uuid.UUID(text)
