"""The real clock. Everything that needs time gets a `Clock`, so that tests can move it; the program gets this one."""

import asyncio
import datetime as dt
import time


class SystemClock:
    """`syncengine.contracts.Clock` by the system's clocks."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
