"""The state as the engine sees it: units of work, each one transaction, on a thread of their own.

The work itself stands in the rooms beside this one (`records`, `targets`, `attempts`, `suppressions`, `runs`), as
functions of a connection, so that several of them can share a transaction.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection

from syncengine.contracts import Clock
from syncengine.failpoints import reach
from syncengine.state.database import Database
from syncengine.state.locks import Locks
from syncengine.state.private import make_folder

P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[Concatenate[Connection, P], T]


class Store:
    """The open state. Close it, or use it as a context manager."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._scratch: TemporaryDirectory[str] | None = None
        self.locks = Locks(database.path, clock)
        self.clock = clock

    @classmethod
    def open(cls, url: str, clock: Clock) -> Self:
        """Open or create the state, bringing it to the newest schema. Raises StateError."""
        return cls(Database.open(url), clock)

    @classmethod
    def open_copy(cls, url: str, clock: Clock) -> Self:
        """A copy to plan on: nothing done to it is written anywhere. Raises StateError."""
        return cls(Database.copy(url), clock)

    async def read(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` on one consistent view."""
        return await self._run(lambda: self.read_now(work, *args, **kwargs))

    async def write(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in one transaction: committed whole when it returns, undone when it raises."""
        return await self._run(lambda: self.write_now(work, *args, **kwargs))

    def read_now(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `read`, for callers without an event loop (the commands that only report)."""
        with self._database.read() as connection:
            return work(connection, *args, **kwargs)

    def write_now(self, work: Work[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `write`, for callers without an event loop."""
        with self._database.write() as connection:
            result = work(connection, *args, **kwargs)
            reach("before", work)
        reach("after", work)
        return result

    async def next_seq(self) -> int:
        """The next number in the order of readings; taken before the request is sent."""
        return await self.write(_next_seq)

    def memory(self, connection: str) -> "StoredMemory":
        """What one connection remembers. A snapshot's caches live in a folder that goes away with it."""
        if self._database.path is not None:
            folder = self._database.path.with_name(self._database.path.name + ".cache") / connection
        else:
            self._scratch = self._scratch or TemporaryDirectory(prefix="syncengine-plan-")
            folder = Path(self._scratch.name) / connection
        return StoredMemory(self, connection, folder)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._database.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _run(self, work: Callable[[], T]) -> T:
        """On the state's thread. A cancelled caller leaves the transaction to end by itself, never half done."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class StoredMemory:
    """`contracts.Memory` on the state."""

    def __init__(self, store: Store, connection: str, folder: Path) -> None:
        self._store = store
        self._connection = connection
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Made on first use, readable by its owner only. Raises StateError where that is not allowed."""
        make_folder(self._folder.parent)
        make_folder(self._folder)
        return self._folder

    async def get(self, key: str) -> str | None:
        return await self._store.read(_remembered, self._connection, key)

    async def put(self, key: str, value: str) -> None:
        await self._store.write(_remember, self._connection, key, value)


def _next_seq(connection: Connection) -> int:
    row = connection.exec_driver_sql(
        "INSERT INTO counter(name, value) VALUES('seq', 1)"
        " ON CONFLICT(name) DO UPDATE SET value = value + 1 RETURNING value"
    ).one()
    return int(row[0])


def _remembered(connection: Connection, owner: str, key: str) -> str | None:
    row = connection.exec_driver_sql("SELECT value FROM memory WHERE connection=? AND name=?", (owner, key)).fetchone()
    return None if row is None else str(row[0])


def _remember(connection: Connection, owner: str, key: str, value: str) -> None:
    connection.exec_driver_sql(
        "INSERT INTO memory(connection, name, value) VALUES(?,?,?)"
        " ON CONFLICT(connection, name) DO UPDATE SET value = excluded.value",
        (owner, key, value),
    )
