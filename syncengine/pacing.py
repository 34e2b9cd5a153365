"""Spends an account's quota well: one limiter per account, shared by everything in the process that talks to it.

The documented limit is kept even where no rate headers come back; where they do, they also tell what other programs
used. Near the end of the quota the calls are spread over the time that is left, so a run slows down before it stops.
"""

import datetime as dt
import math
from collections import deque
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

from syncengine.contracts import Clock
from syncengine.errors import RateLimited

EPOCH_FROM = 1e8
"""A reset value above this is an epoch, below it seconds (impact.md section 7: the examples disagree)."""
SHORTEST_BLOCK, LONGEST_BLOCK = 1.0, 3600.0
"""A stated wait is believed between one second and one hour (impact.md section 7)."""
RESERVE = 0.1
"""The last tenth of a quota is spread over the time left."""
LONGEST_SPREAD = 5.0
"""Seconds between two calls of that tenth, at most: with nothing left a run is deferred, it doesn't sleep."""
WAIT_STATUS = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
PATIENCE = 120.0
"""Seconds that a run waits for quota inside a call; longer waits defer the run."""


class Pace(NamedTuple):
    """A documented limit: so many requests in so many seconds."""

    requests: int
    seconds: float


class Limiter:
    """Keeps one account's pace. Times are seconds of the injected monotonic clock."""

    def __init__(self, account: str, pace: Pace | None, clock: Clock) -> None:
        self.account = account
        self._pace = pace
        self._clock = clock
        self._sent: deque[float] = deque()
        self._told: int | None = None
        self._reset: float = 0.0
        self._blocked: float = 0.0
        self.waited = 0.0

    def remaining(self) -> int | None:
        """Requests left in the present window; None where no limit is known."""
        now = self._clock.monotonic()
        known: list[int] = []
        if self._pace is not None:
            while self._sent and self._sent[0] + self._pace.seconds <= now:  # as `_window_end`, to the last bit
                self._sent.popleft()
            known.append(self._pace.requests - len(self._sent))
        if self._told is not None and now < self._reset:
            known.append(self._told)
        return max(0, min(known)) if known else None

    def blocked_until(self) -> dt.datetime | None:
        """When the next call may leave, if that is not now."""
        delay = self._delay()
        return self._clock.now() + dt.timedelta(seconds=delay) if delay > 0 else None

    async def wait(self) -> None:
        """Wait for a place. Raises RateLimited where the wait is longer than a run's patience."""
        while (delay := self._delay()) > 0:
            if delay > PATIENCE:
                until = self._clock.now() + dt.timedelta(seconds=delay)
                raise RateLimited(
                    f"{self.account}: the provider's quota is used up until {until:%Y-%m-%d %H:%M:%S} UTC.",
                    until=until,
                    hint="Nothing is lost; the next run goes on from here.",
                )
            self.waited += delay
            await self._clock.sleep(delay)

    async def take(self) -> None:
        """Wait for a place, then use it. Raises as `wait`."""
        await self.wait()
        if self._pace is None:
            self._sent.clear()  # nothing is counted, so only the last one matters
        self._sent.append(self._clock.monotonic())
        if self._told is not None:
            self._told = max(0, self._told - 1)

    def block(self, seconds: float) -> None:
        """Nothing may leave for so long: what `Retry-After` says. It outranks the count that came with it."""
        self._blocked = max(self._blocked, self._clock.monotonic() + seconds)
        self._told = None

    def learn(self, headers: Mapping[str, str]) -> None:
        """Correct the count by whatever rate headers came back (both families of impact.md section 7)."""
        left = _first_number(headers, "x-ratelimit-remaining", "x-ratelimit-remaining-hour", "ratelimit-remaining")
        reset = _first_number(headers, "x-ratelimit-reset", "ratelimit-reset")
        if left is None:
            return
        self._told = int(left)
        seconds = LONGEST_BLOCK if reset is None else self.seconds_until(reset)
        self._reset = self._clock.monotonic() + seconds

    def seconds_until(self, value: float) -> float:
        """A reset or wait as headers state it (seconds, or an epoch) in bounded seconds from now."""
        seconds = value - self._clock.now().timestamp() if value > EPOCH_FROM else value
        return min(max(seconds, SHORTEST_BLOCK), LONGEST_BLOCK)

    def _delay(self) -> float:
        now = self._clock.monotonic()
        delay = self._blocked - now
        left = self.remaining()
        if left is None:
            return max(0.0, delay)
        ends = self._window_end(now)
        if left == 0:
            return max(delay, ends - now)
        limit = self._pace.requests if self._pace else None
        if limit is not None and left < limit * RESERVE and self._sent:
            apart = (ends - now) / left
            delay = max(delay, self._sent[-1] + min(apart, LONGEST_SPREAD) - now)
        return max(0.0, delay)

    def _window_end(self, now: float) -> float:
        """When places come free again: the stated reset, or when the oldest call leaves the window."""
        if self._told is not None and now < self._reset:
            return self._reset
        if self._pace is not None and self._sent:
            return self._sent[0] + self._pace.seconds
        return now


def stated_wait(status: int, headers: Mapping[str, str], limiter: Limiter) -> float | None:
    """Seconds that the provider asks to wait: `Retry-After` (seconds or an HTTP date), else when the quota is reset.

    The reset counts for 429 only: some providers send it with every answer, and trouble is no used-up quota.
    """
    if status not in WAIT_STATUS:
        return None
    text = headers.get("retry-after")
    wait = _number(text)
    if wait is None and text:
        wait = _http_date(text)
    if wait is None and status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = _first_number(headers, "x-ratelimit-reset", "ratelimit-reset")
    return None if wait is None else limiter.seconds_until(wait)


def _http_date(text: str) -> float | None:
    from email.utils import parsedate_to_datetime  # only met on the rare answer that carries one

    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _first_number(headers: Mapping[str, str], *names: str) -> float | None:
    return next((value for name in names if (value := _number(headers.get(name))) is not None), None)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and math.isfinite(value) else None
