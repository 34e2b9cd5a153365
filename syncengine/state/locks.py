"""One reader per mapping, one deliverer per destination: locks that the system gives back by itself.

`flock` on a file beside the state: free at once after kill -9, with no clock and no expiry. The file's text names the
holder, for the message to whoever comes second.
"""

import contextlib
import datetime as dt
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from syncengine.contracts import Clock
from syncengine.errors import Busy
from syncengine.state.private import explained_place, make_folder

OWNER_ONLY = 0o600
HOLDER_BYTES = 200
"""More than the text that names a holder has."""
WAIT_STEP = 0.2
"""Seconds between two tries to get a lock that is waited for."""
LOOK_STEP, LOOKS_OUTLIVED = 0.01, 50
"""Seconds between two tries while somebody only looks whether a lock is held, and how many: half a second for what
takes microseconds, unless a machine is very busy."""


def range_lock(mapping: str) -> str:
    """The lock of whoever reads ranges of a mapping again; the mapping's own is taken beside it, page by page."""
    return f"range {mapping}"


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
        make_folder(self._folder)
        path = self._path(self._folder, name)
        with explained_place(path):
            handle = os.open(path, os.O_CREAT | os.O_RDWR, OWNER_ONLY)
        try:
            with explained_place(path):
                self._take(handle, name)
            yield
        finally:
            os.close(handle)

    @contextlib.asynccontextmanager
    async def wait_for(
        self, name: str, patience: float, stopping: Callable[[], bool] = lambda: False
    ) -> AsyncIterator[None]:
        """Hold the lock, waiting up to `patience` seconds for it. Raises Busy after that, or when asked to stop."""
        until = self._clock.monotonic() + patience
        with contextlib.ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(self.hold(name))
                    break
                except Busy:
                    if stopping() or self._clock.monotonic() >= until:
                        raise
                await self._clock.sleep(WAIT_STEP)
            yield

    def held(self, name: str) -> bool:
        """Whether anybody holds the lock now. Makes nothing, and doesn't wait."""
        if self._folder is None:
            return False
        path = self._path(self._folder, name)
        with explained_place(path):
            try:
                handle = os.open(path, os.O_RDONLY)
            except (FileNotFoundError, NotADirectoryError):  # nobody could make it yet; who tries to is told why
                return False
        try:
            return not _try(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)

    def _take(self, handle: int, name: str) -> None:
        if not _lock(handle):
            raise Busy(
                f"{name} is being worked on by {os.pread(handle, HOLDER_BYTES, 0).decode() or 'another process'}.",
                hint="Wait for it to end, or stop that process; nothing was done here.",
            )
        os.truncate(handle, 0)
        os.pwrite(handle, self._holder().encode(), 0)

    @staticmethod
    def _path(folder: Path, name: str) -> Path:
        return folder / name.replace(" ", "-").replace("/", "_")

    def _holder(self) -> str:
        since = self._clock.now().astimezone(dt.UTC)
        return f"process {os.getpid()} since {since:%Y-%m-%d %H:%M:%S} UTC"


def _lock(handle: int) -> bool:
    """Whether the file is ours now. Those who only look (`Locks.held`) share it for a moment: they are outlived."""
    for _ in range(LOOKS_OUTLIVED):
        if _try(handle, fcntl.LOCK_EX):
            return True
        if not _try(handle, fcntl.LOCK_SH):
            return False  # it can't even be shared: somebody has it
        fcntl.flock(handle, fcntl.LOCK_UN)
        time.sleep(LOOK_STEP)  # real time, whatever the injected clock says: another process has to get its turn
    return False


def _try(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
