"""A clock that tests move: sleeping takes no time, and is seen."""

import asyncio
import datetime as dt

NOON = dt.datetime(2026, 7, 14, 12, 0, tzinfo=dt.UTC)


class FakeClock:
    """`syncengine.contracts.Clock` that stands still until somebody sleeps or moves it. `slept` lists the sleeps."""

    def __init__(self, now: dt.datetime = NOON) -> None:
        self._now = now
        self._monotonic = 1000.0
        self.slept: list[float] = []

    def now(self) -> dt.datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.move(seconds)
        await asyncio.sleep(0)  # others run meanwhile, as they would

    def move(self, seconds: float) -> None:
        """Let time pass (seconds), or set the clock back: measured time never goes back."""
        self._now += dt.timedelta(seconds=seconds)
        self._monotonic += max(0.0, seconds)
