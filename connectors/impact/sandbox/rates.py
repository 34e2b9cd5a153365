"""The hourly budget of requests and the headers that tell of it (impact.md section 7)."""

import datetime as dt
import math
from collections.abc import Callable

from connectors.impact.sandbox.switches import ImpactSwitches

HOUR = dt.timedelta(hours=1)


class RateLimit:
    """Counts requests by the hour, from the first one on."""

    def __init__(self, switches: ImpactSwitches, now: Callable[[], dt.datetime]) -> None:
        self._switches = switches
        self._now = now
        self._began: dt.datetime | None = None
        self._used = 0

    def clear(self) -> None:
        """A fresh hour."""
        self._began = None
        self._used = 0

    def take(self) -> tuple[bool, dict[str, str]]:
        """Count one request: may it pass, and which headers does its answer carry?"""
        now = self._now()
        if self._began is None or now >= self._began + HOUR:
            self._began, self._used = now, 0
        self._used += 1
        passes = not self._switches.rate_enforced or self._used <= self._switches.rate_limit
        return passes, self._headers(self._began + HOUR, now, passes=passes)

    def _headers(self, ends: dt.datetime, now: dt.datetime, *, passes: bool) -> dict[str, str]:
        limit = str(self._switches.rate_limit)
        remaining = str(max(0, self._switches.rate_limit - self._used))
        seconds = max(1, math.ceil((ends - now).total_seconds()))
        reset = str(seconds if self._switches.rate_reset == "seconds" else math.ceil(ends.timestamp()))
        headers: dict[str, str] = {}
        if self._switches.rate_headers in {"brand", "both"}:
            headers |= {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset}
        if self._switches.rate_headers in {"partner", "both"}:
            headers |= {
                "X-RateLimit-Limit-hour": limit,
                "X-RateLimit-Remaining-hour": remaining,
                "RateLimit-Reset": reset,
            }
        if not passes and self._switches.retry_after:
            headers["Retry-After"] = str(seconds)
        return headers
