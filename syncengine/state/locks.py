"""One reader per mapping, one deliverer per destination: locks that the system gives back by itself.

`flock` on a file beside the state: free at once after kill -9, with no clock and no expiry. The file's text names the
holder, for the message to whoever comes second.
"""

import contextlib
import datetime as dt
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from syncengine.contracts import Clock
from syncengine.errors import Busy

WAIT_STEP = 0.2
"""Seconds between two tries to get a lock that is waited for."""


class Locks:
    """The locks of one state file. Without a file (a plan's snapshot) there is nobody to lock out."""

    def __init__(self, state: Path | None, clock: Clock) -> None:
        self._folder = state.with_name(state.name + ".locks") if state else None
        self._clock = clock

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold the lock called `name` ("mapping new-customers"). Raises Busy, which says who holds it."""
        if self._folder is None:
            yield
            return
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / name.replace(" ", "-").replace("/", "_")
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(
                    f"{name} is being worked on by {path.read_text() or 'another process'}.",
                    hint="Wait for it to end, or stop that process; nothing was done here.",
                ) from None
            os.truncate(handle, 0)
            os.pwrite(handle, self._holder().encode(), 0)
            yield
        finally:
            os.close(handle)

    @contextlib.asynccontextmanager
    async def wait_for(self, name: str, patience: float) -> AsyncIterator[None]:
        """Hold the lock, waiting up to `patience` seconds for it. Raises Busy after that."""
        until = self._clock.monotonic() + patience
        with contextlib.ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(self.hold(name))
                    break
                except Busy:
                    if self._clock.monotonic() >= until:
                        raise
                await self._clock.sleep(WAIT_STEP)
            yield

    def _holder(self) -> str:
        since = self._clock.now().astimezone(dt.UTC)
        return f"process {os.getpid()} since {since:%Y-%m-%d %H:%M:%S} UTC"
