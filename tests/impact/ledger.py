"""What the engine remembers of a stream, in memory: the latest version of each record, what is watched, checkpoints.

As the engine does, it asks for a page while the one before is not stored yet, and orders readings by when they were
asked for. A kill forgets the page that was not stored.
"""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from connectors.impact import ImpactConnection
from syncengine.contracts import Checkpoint, Page, Range, Record, Row


class Killed(BaseException):
    """The process dies here."""


class Ledger:
    """The memory of one mapping over one stream."""

    def __init__(self, start: dt.datetime, stream: str = "actions", **options: Any) -> None:
        self.start = start
        self.stream = stream
        self.options = options
        self.seen: dict[str, Row] = {}
        self.versions: list[tuple[str, Row]] = []
        self.checkpoints: dict[str, Checkpoint] = {}
        self._seqs: dict[str, int] = {}
        self._watched: dict[str, tuple[str, dt.datetime]] = {}
        self._seq = 0

    def watched(self, partition: str) -> dict[str, dt.datetime]:
        return {id: moment for id, (watcher, moment) in self._watched.items() if watcher == partition}

    async def sync(self, connection: ImpactConnection, *, pages: int | None = None) -> None:
        """Read every partition on. Dies (Killed) after so many pages were asked for."""
        stream = connection.streams[self.stream]
        left = pages
        for partition in await stream.partitions(stream.Options.model_validate(self.options)):
            position = self.checkpoints.get(partition) or Range(self.start)
            reading = stream.read(partition, position, fields=None, open=_Open(self, partition))
            left = await self._read(partition, reading, left)

    async def _read(self, partition: str, reading: AsyncIterator[Page], left: int | None) -> int | None:
        before: tuple[int, Page] | None = None
        async with aclosing(reading) as pages:  # type: ignore[type-var]  # every stream here is a generator
            while True:
                if left is not None:
                    if left == 0:
                        raise Killed
                    left -= 1
                self._seq += 1
                seq = self._seq
                page = await anext(pages, None)
                if before is not None:
                    self._store(partition, *before)
                if page is None:
                    return left
                before = seq, page

    def _store(self, partition: str, seq: int, page: Page) -> None:
        for record in page.records:
            self._note(seq, record)
        if page.checkpoint is not None:
            self.checkpoints[partition] = page.checkpoint

    def _note(self, seq: int, record: Record) -> None:
        if seq < self._seqs.get(record.id, 0):
            return
        self._seqs[record.id] = seq
        if self.seen.get(record.id) != record.values:
            self.versions.append((record.id, record.values))
        self.seen[record.id] = record.values
        if record.watch is None:
            self._watched.pop(record.id, None)
        else:
            self._watched[record.id] = record.watch, record.moment


class _Open:
    def __init__(self, ledger: Ledger, partition: str) -> None:
        self._ledger = ledger
        self._partition = partition

    async def oldest(self) -> dt.datetime | None:
        return min(self._ledger.watched(self._partition).values(), default=None)

    async def within(self, since: dt.datetime, until: dt.datetime) -> frozenset[str]:
        found = self._ledger.watched(self._partition).items()
        return frozenset(id for id, moment in found if since <= moment < until)


Between = Callable[[], Awaitable[None] | None]
