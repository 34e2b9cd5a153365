"""A clock that a test moves, so that hours of waiting take no time and every wait is seen."""

import asyncio
import datetime as dt

NOON = dt.datetime(2026, 7, 14, 12, 0, tzinfo=dt.UTC)
"""When every rule begins, so that each run is like the one before."""


class MovableClock:
    """`syncengine.contracts.Clock` that stands still until somebody sleeps or moves it."""

    def __init__(self, now: dt.datetime = NOON) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> dt.datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        self.move(seconds)
        await asyncio.sleep(0)  # others run meanwhile, as they would

    def move(self, seconds: float) -> None:
        """Let time pass, or set the clock back (negative seconds): measured time never goes back."""
        self._now += dt.timedelta(seconds=seconds)
        self._monotonic += max(0.0, seconds)
