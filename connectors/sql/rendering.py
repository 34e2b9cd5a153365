"""Every scalar reaches a mapping as text or None, whatever type the database gave it."""

import datetime as dt
import decimal
from typing import Any


def render(value: Any) -> Any:
    """A column's value as text or None; "" stays "". A nested list or object keeps its shape.

    Whole numbers have no point, whatever their type (an id in a REAL column); a boolean is "true" or "false";
    dates and times are ISO 8601; bytes are their UTF-8 text, hexadecimal where they are none.
    """
    if value is None or type(value) is str:
        return value
    match value:
        case bool():
            return "true" if value else "false"
        case float() | decimal.Decimal():
            return _number(value)
        case dt.date() | dt.time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return _bytes(bytes(value))
        case dict():
            return {str(name): render(item) for name, item in value.items()}
        case list() | tuple():
            return [render(item) for item in value]
        case _:
            return str(value)


def _number(value: float | decimal.Decimal) -> str:
    exact = decimal.Decimal(repr(value)) if isinstance(value, float) else value
    if not exact.is_finite():
        return str(value)
    return format(exact.to_integral_value() if exact == exact.to_integral_value() else exact, "f")


def _bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()
