"""What answers say of quotas and waits, in whichever of the known families of headers."""

import math
from collections.abc import Mapping

__all__ = ["LIMITS", "REMAINDERS", "RESETS", "first_number", "http_date", "number"]

LIMITS = ("x-ratelimit-limit", "x-ratelimit-limit-hour", "ratelimit-limit")
REMAINDERS = ("x-ratelimit-remaining", "x-ratelimit-remaining-hour", "ratelimit-remaining")
RESETS = ("x-ratelimit-reset", "ratelimit-reset")
"""Both families of headers (impact.md section 7), and the one that is becoming a standard."""


def http_date(text: str) -> float | None:
    """A date as headers write it, as an epoch; None where it is none."""
    from email.utils import parsedate_to_datetime  # half a millisecond of imports, for those who talk to a provider

    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def first_number(headers: Mapping[str, str], *names: str) -> float | None:
    """That of the first of these headers that has one."""
    return next((value for name in names if (value := number(headers.get(name))) is not None), None)


def number(text: str | None) -> float | None:
    """A finite number; None where it is none."""
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) else None
