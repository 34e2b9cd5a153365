"""The hourly budget of requests and the headers that tell of it (impact.md section 7)."""

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass

from connectors.impact.sandbox.switches import ImpactSwitches

HOUR = dt.timedelta(hours=1)


class RateLimit:
    """Counts requests by the hour, from the first one on; an endpoint with a limit of its own is counted apart."""

    def __init__(self, switches: ImpactSwitches, now: Callable[[], dt.datetime]) -> None:
        self._switches = switches
        self._now = now
        self._hours: dict[str, _Hour] = {}

    def clear(self) -> None:
        """A fresh hour."""
        self._hours.clear()

    def take(self, endpoint: str = "", count: int = 1) -> tuple[bool, dict[str, str]]:
        """Count a request, or several of another process: may it pass, and which headers does its answer carry?"""
        group = endpoint if endpoint in self._switches.rate_groups else ""
        limit = self._switches.rate_groups.get(group, self._switches.rate_limit)
        now = self._now()
        hour = self._hours.get(group)
        if hour is None or now >= hour.ends:
            hour = self._hours[group] = _Hour(now + HOUR)
        hour.used += count
        passes = not self._switches.rate_enforced or hour.used <= limit
        return passes, self._headers(hour, limit, now, passes=passes)

    def _headers(self, hour: "_Hour", limit: int, now: dt.datetime, *, passes: bool) -> dict[str, str]:
        most = str(limit)
        remaining = str(max(0, limit - hour.used))
        seconds = max(1, math.ceil((hour.ends - now).total_seconds()))
        reset = str(seconds if self._switches.rate_reset == "seconds" else math.ceil(hour.ends.timestamp()))
        headers: dict[str, str] = {}
        if self._switches.rate_headers in {"brand", "both"}:
            headers |= {"X-RateLimit-Limit": most, "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset}
        if self._switches.rate_headers in {"partner", "both"}:
            headers |= {
                "X-RateLimit-Limit-hour": most,
                "X-RateLimit-Remaining-hour": remaining,
                "RateLimit-Reset": reset,
            }
        if not passes and self._switches.retry_after:
            headers["Retry-After"] = str(seconds)
        return headers


@dataclass
class _Hour:
    """A running hour and what has been used of it."""

    ends: dt.datetime
    used: int = 0
