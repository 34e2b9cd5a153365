"""The book of attempts of one delivery, and the freshness of the lists that it goes by.

`begin` is the only door to the outside: nothing that adds passes it without suppression lists read completely at most
60 s ago, and without being written down.
"""

import asyncio
from collections.abc import Callable, Sequence

from syncengine.contracts import Attempt, Destination, Part, Settled, Suppressing, Suppression
from syncengine.state import attempts, suppressions
from syncengine.state.store import Store

FRESH_SECONDS = 60.0
"""Promise 4: suppressions are at most this old when a request that adds leaves."""
MARGIN_SECONDS = 5.0
"""For writing the attempt down and sending it."""
CHUNK = 10_000
"""Addresses per statement while the lists are read."""
CONFIRM_AT_ONCE = 500
"""Formerly suppressed targets asked about in one delivery; the others follow in the next one."""


class SuppressionLists:
    """The provider's lists, read when they are needed and not fresh."""

    def __init__(self, store: Store, name: str, destination: Destination) -> None:
        self._store = store
        self._name = name
        self._destination = destination
        self._read_at: float | None = None
        self._lock = asyncio.Lock()
        self.readings = 0

    async def refresh(self) -> None:
        """Make sure that the lists are fresh. Raises what reading them raises: without them nothing is added."""
        if not isinstance(self._destination, Suppressing):
            return
        async with self._lock:
            now = self._store.clock.monotonic()
            if self._read_at is not None and now - self._read_at < FRESH_SECONDS - MARGIN_SECONDS:
                return
            await self._store.write(suppressions.start_lists, self._name)
            chunk: list[Suppression] = []
            async for suppression in self._destination.suppressions():
                chunk.append(suppression)
                if len(chunk) >= CHUNK:
                    await self._store.write(suppressions.add_listed, self._name, chunk)
                    chunk = []
            await self._store.write(suppressions.add_listed, self._name, chunk)
            await self._store.write(suppressions.take_lists, self._name, self._store.clock.now())
            self._read_at = self._store.clock.monotonic()
            self.readings += 1


class Book:
    """`contracts.Attempts` on the state."""

    def __init__(
        self, store: Store, name: str, lists: SuppressionLists, revisions: dict[str, int], stopping: Callable[[], bool]
    ) -> None:
        self._store = store
        self._name = name
        self._lists = lists
        self._revisions = revisions
        self._stopping = stopping
        self.barred: dict[str, str] = {}
        """Keys that were left out at the last moment, with the reason."""
        self.sent = 0

    async def begin(self, parts: Sequence[Part]) -> Attempt:
        """Write an attempt down. When the run is to stop nothing is allowed any more: what is in hand ends in peace."""
        if self._stopping():
            return Attempt(0, frozenset())
        if any(part.adds for part in parts):
            await self._lists.refresh()
        now = self._store.clock.now()
        attempt, barred = await self._store.write(attempts.begin, self._name, parts, self._revisions, now)
        self.barred |= barred
        allowed = frozenset(part.key for part in parts if not (part.adds and part.key in barred))
        self.sent += bool(allowed)
        return Attempt(attempt, allowed)

    async def renew(self, attempt: Attempt) -> Attempt:
        await self._lists.refresh()
        left, barred = await self._store.write(attempts.drop_suppressed, self._name, attempt.id)
        self.barred |= barred
        return Attempt(attempt.id, left)

    async def receipt(self, attempt: Attempt, receipt: str) -> None:
        await self._store.write(attempts.give_receipt, attempt.id, receipt)

    async def settle(self, attempt: Attempt, settled: Settled) -> None:
        await self._store.write(attempts.settle, self._name, attempt.id, settled)
