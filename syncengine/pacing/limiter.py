"""One account's quota: what is documented, what the provider says of it, and what may leave when.

The documented limit is kept even where no rate headers come back; where they do, they also tell what other programs
used. Near the end of the quota the calls are spread over the time that is left, so a run slows down before it stops.
"""

import datetime as dt
from collections import deque
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from syncengine.contracts import Clock
from syncengine.errors import RateLimited
from syncengine.pacing.caller import BACKGROUND, STOPPING, while_waiting
from syncengine.pacing.headers import LIMITS, REMAINDERS, RESETS, first_number, http_date, number

__all__ = ["LIVE_SHARE", "LONGEST_SPREAD", "PATIENCE", "Limiter", "Pace", "Quota", "stated_wait"]

EPOCH_FROM = 1e8
"""A reset value above this is an epoch, below it seconds (impact.md section 7: the examples disagree)."""
SHORTEST_BLOCK, LONGEST_BLOCK = 1.0, 3600.0
"""A stated wait is believed between one second and one hour (impact.md section 7)."""
RESERVE = 0.1
"""The last tenth of a quota is spread over the time left."""
LIVE_SHARE = 0.25
"""The last quarter of a quota is not for background work: of impact.com's thousand an hour, 250 stay for live work."""
LONGEST_SPREAD = 5.0
"""Seconds between two calls of that tenth, at most: with nothing left a run is deferred, it doesn't sleep."""
WAIT_STATUS = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
PATIENCE = 120.0
"""Seconds that a run waits for quota inside a call; longer waits defer the run."""
STOP_PATIENCE = LONGEST_SPREAD
"""The same once the program was asked to stop: enough to finish the batch in hand at the slowest pace."""
LOOK_EVERY = 0.5
"""Seconds between two looks at whether the program was asked to stop."""


class Pace(NamedTuple):
    """A documented limit: so many requests in so many seconds."""

    requests: int
    seconds: float


class Quota(msgspec.Struct, frozen=True):
    """What is known of an account's quota, for people and for the next process. Times are aware UTC."""

    at: dt.datetime
    """When the account was last asked, or answered."""
    limit: int | None = None
    remaining: int | None = None
    resets_at: dt.datetime | None = None
    blocked_until: dt.datetime | None = None

    def next_call(self, now: dt.datetime) -> dt.datetime:
        """When the next request may leave: `now`, or later."""
        moments = [now, self.blocked_until or now]
        if self.remaining == 0:
            moments.append(self.resets_at or now)
        return max(moments)


class _Window(NamedTuple):
    """Requests that may leave before `ends` (monotonic); `limit` is how many one window holds, where that is known."""

    limit: int | None
    left: int
    ends: float

    def delay(self, now: float, last: float | None) -> float:
        """Seconds until the next one may leave; the last one left at `last`."""
        if self.left <= 0 or (BACKGROUND.get() and self.kept()):
            return self.ends - now
        if self.limit is not None and self.left < self.limit * RESERVE and last is not None:
            apart = (self.ends - now) / self.left
            return last + min(apart, LONGEST_SPREAD) - now
        return 0.0

    def kept(self) -> bool:
        """Whether what is left is for live work only."""
        return self.limit is not None and self.left <= self.limit * LIVE_SHARE


class Limiter:
    """Keeps one account's pace. Times are seconds of the injected monotonic clock."""

    def __init__(self, account: str, pace: Pace | None, clock: Clock) -> None:
        self.account = account
        self._pace = pace
        self._clock = clock
        self._sent: deque[float] = deque()
        self._told: dict[int | None, _Window] = {}
        self._blocked: float = 0.0
        self._asked: float | None = None
        self.taken = 0
        self.waited = 0.0

    def remaining(self) -> int | None:
        """Requests left in the present window; None where no limit is known."""
        return min((max(0, window.left) for window in self._windows()), default=None)

    def blocked_until(self) -> dt.datetime | None:
        """When the next call may leave, if that is not now."""
        delay = self._delay()
        return self._moment(delay) if delay > 0 else None

    def quota(self) -> Quota:
        """What is known now."""
        now, monotonic = self._clock.now(), self._clock.monotonic()

        def moment(then: float) -> dt.datetime:
            return now + dt.timedelta(seconds=then - monotonic)

        at = now if self._asked is None else moment(self._asked)
        blocked = moment(self._blocked) if self._blocked > monotonic else None
        tightest = min(self._windows(), key=lambda window: window.left, default=None)
        if tightest is None:
            return Quota(at, blocked_until=blocked)
        resets = moment(tightest.ends) if tightest.ends > monotonic else None
        return Quota(at, tightest.limit, max(0, tightest.left), resets, blocked)

    def restore(self, quota: Quota) -> None:
        """Go on from what another process, or an earlier one, knew; what has passed since counts for nothing.

        Two connections of one account remember it each: what is older doesn't replace what is newer, whichever comes
        second. Of two counts of the same moment the smaller is right.
        """
        now, monotonic = self._clock.now(), self._clock.monotonic()

        def ends(moment: dt.datetime | None) -> float:
            return monotonic + min((moment - now).total_seconds(), LONGEST_BLOCK) if moment else monotonic

        self._blocked = max(self._blocked, ends(quota.blocked_until))
        asked = monotonic - max(0.0, (now - quota.at).total_seconds())
        if quota.remaining is not None and ends(quota.resets_at) > monotonic:
            known = self._told.get(quota.limit)
            if known is None or self._asked is None or (asked, -quota.remaining) > (self._asked, -known.left):
                self._told[quota.limit] = _Window(quota.limit, quota.remaining, ends(quota.resets_at))
        self._asked = asked if self._asked is None else max(self._asked, asked)

    async def wait(self) -> None:
        """Wait for a place. Raises RateLimited where the wait is longer than a run's patience, or a stop is asked for.

        The code is `reserved` where only background work has to wait.
        """
        while (delay := self._delay()) > 0:
            async with while_waiting(delay):
                await self._wait_out()

    async def take(self) -> None:
        """Wait for a place, then use it. Raises as `wait`."""
        await self.wait()
        self.taken += 1
        if self._pace is None:
            self._sent.clear()  # nothing is counted, so only the last one matters
        self._asked = self._clock.monotonic()
        self._sent.append(self._asked)
        for limit, window in self._told.items():
            self._told[limit] = window._replace(left=window.left - 1)

    def block(self, seconds: float) -> None:
        """Nothing may leave for so long: what `Retry-After` says. It outranks the count that came with it."""
        self._blocked = max(self._blocked, self._clock.monotonic() + seconds)
        self._asked = self._clock.monotonic()
        self._told.clear()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Correct the count by whatever rate headers came back, until their reset.

        A provider may have other limits for some of what it offers: the counts of each stated limit are kept apart, so
        that a full one doesn't hide an empty one.
        """
        left = first_number(headers, *REMAINDERS)
        if left is None:
            return
        stated, reset = first_number(headers, *LIMITS), first_number(headers, *RESETS)
        limit = int(stated) if stated is not None else None
        seconds = LONGEST_BLOCK if reset is None else self.seconds_until(reset)
        self._told[limit] = _Window(limit, int(left), self._clock.monotonic() + seconds)
        self._asked = self._clock.monotonic()
        if limit is not None and self._pace is not None and limit > self._pace.requests:
            self._pace = self._pace._replace(requests=limit)  # this account may do more than is documented for all

    def seconds_until(self, value: float) -> float:
        """A reset or wait as headers state it (seconds, or an epoch) in bounded seconds from now."""
        seconds = value - self._clock.now().timestamp() if value > EPOCH_FROM else value
        return min(max(seconds, SHORTEST_BLOCK), LONGEST_BLOCK)

    async def _wait_out(self) -> None:
        stopping = STOPPING.get()
        while (delay := self._delay()) > 0:
            if delay > (STOP_PATIENCE if stopping is not None and stopping() else PATIENCE):
                raise self._too_long(delay)
            sleep = delay if stopping is None else min(delay, LOOK_EVERY)
            self.waited += sleep
            await self._clock.sleep(sleep)

    def _windows(self) -> list[_Window]:
        """Those that are open now: by what is documented, and by what the provider said."""
        now = self._clock.monotonic()
        self._told = {limit: window for limit, window in self._told.items() if now < window.ends}
        documented = self._pace.requests if self._pace else None
        windows = [window._replace(limit=window.limit or documented) for window in self._told.values()]
        if self._pace is not None:
            while self._sent and self._sent[0] + self._pace.seconds <= now:  # as `ends`, to the last bit
                self._sent.popleft()
            ends = self._sent[0] + self._pace.seconds if self._sent else now
            windows.append(_Window(documented, self._pace.requests - len(self._sent), ends))
        return windows

    def _delay(self) -> float:
        now = self._clock.monotonic()
        last = self._sent[-1] if self._sent else None
        return max(0.0, self._blocked - now, *(window.delay(now, last) for window in self._windows()))

    def _too_long(self, delay: float) -> RateLimited:
        until = self._moment(delay)
        blocked = self._blocked > self._clock.monotonic()
        if BACKGROUND.get() and not blocked and all(window.left > 0 for window in self._windows()):
            return RateLimited(
                f"{self.account}: the rest of the quota is kept for live work until {until:%Y-%m-%d %H:%M:%S} UTC.",
                until=until,
                hint="Nothing is lost; a later run goes on from here.",
                code="reserved",
            )
        return RateLimited(
            f"{self.account}: the provider's quota is used up until {until:%Y-%m-%d %H:%M:%S} UTC.",
            until=until,
            hint="Nothing is lost; the next run goes on from here.",
        )

    def _moment(self, seconds: float) -> dt.datetime:
        return self._clock.now() + dt.timedelta(seconds=seconds)


def stated_wait(status: int, headers: Mapping[str, str], limiter: Limiter) -> float | None:
    """Seconds that the provider asks to wait: `Retry-After` (seconds or an HTTP date), else when the quota is reset.

    The reset counts for 429 only: some providers send it with every answer, and trouble is no used-up quota.
    """
    if status not in WAIT_STATUS:
        return None
    text = headers.get("retry-after")
    wait = number(text)
    if wait is None and text:
        wait = http_date(text)
    if wait is None and status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = first_number(headers, *RESETS)
    return None if wait is None else limiter.seconds_until(wait)
