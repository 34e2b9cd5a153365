"""Pages of a stream on their way to the planner, each with its place in the order of readings."""

import asyncio
import contextlib
import datetime as dt
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final, NamedTuple

from syncengine.contracts import Page
from syncengine.errors import Busy
from syncengine.pacing import lending
from syncengine.state.store import Store
from syncengine.state.watching import oldest_watched, watched_within

TURN: Final = 2.0
"""Seconds after which a range that is read again lets go of the mapping, at the end of its page. A wait for quota that
is longer happens without it."""
PAUSE: Final = 0.5
"""Seconds that it stays away then: more than the time between two tries of a live run that waits."""


class StoredOpen:
    """`contracts.Open` on the state: what one partition of a mapping watches."""

    def __init__(self, store: Store, mapping: str, partition: str) -> None:
        self._store = store
        self._place = (mapping, partition)

    async def oldest(self) -> dt.datetime | None:
        return await self._store.read(oldest_watched, *self._place)

    async def within(self, since: dt.datetime, until: dt.datetime) -> frozenset[str]:
        return await self._store.read(watched_within, *self._place, since, until)


class Reading(NamedTuple):
    """A page with its place in the order of readings: `seq` was taken before the request left."""

    seq: int
    page: Page


class Turns:
    """A mapping's lock, held from a page's request to its commit and given up now and then, so that live work comes
    first and all readings of a mapping still stand in one order.

    `sent`: how many requests have left so far.
    """

    def __init__(
        self, store: Store, mapping: str, stopping: Callable[[], bool], sent: Callable[[], int] = lambda: 0
    ) -> None:
        self._store = store
        self._sent = sent
        self._seq = self._sent_before = 0
        self._name = f"mapping {mapping}"
        self._stopping = stopping
        self._held = contextlib.AsyncExitStack()
        self._regaining = asyncio.Lock()
        self._until: float | None = None
        self.lent = 0
        """How often others could work on the mapping during a page."""
        self.cut = False
        """Whether reading ended because it was time to stop."""

    async def begin(self) -> bool:
        """Have the lock, however long live work needs it. False where it is time to stop."""
        now = self._store.clock.monotonic()
        if self._until is not None and now >= self._until:
            await self.end()
            await self._store.clock.sleep(PAUSE)
        self.cut = self._stopping()
        if not self.cut:
            with contextlib.suppress(Busy):
                await self._have()
        return not self.cut

    async def ask(self, pages: AsyncIterator[Page]) -> Reading | None:
        """The next page; None after the last. Others may work on the mapping while it waits for quota."""
        self._seq, self._sent_before = await self._store.next_seq(), self._sent()
        with lending(self.lend):
            page = await anext(pages, None)
        return None if page is None else Reading(self._seq, page)

    @contextlib.asynccontextmanager
    async def lend(self, seconds: float) -> AsyncIterator[None]:
        """Be without the lock for a wait that is longer than a turn. Raises Busy where it is time to stop then.

        The page's place is behind what others read meanwhile, unless a part of it was read before.
        """
        if seconds <= TURN:
            yield
            return
        self.lent += 1
        await self.end()
        yield
        await self._have()
        if self._sent() == self._sent_before:
            self._seq = await self._store.next_seq()

    async def _have(self) -> None:
        async with self._regaining:  # requests of one page may wait side by side
            if self._until is not None:
                return
            lock = self._store.locks.wait_for(self._name, math.inf, self._stopping)
            try:
                await self._held.enter_async_context(lock)
            except Busy:
                self.cut = True
                raise
            self._until = self._store.clock.monotonic() + TURN

    async def end(self) -> None:
        """Give the lock back."""
        self._until = None
        await self._held.aclose()


async def read_pages(store: Store, pages: AsyncIterator[Page], stopping: Callable[[], bool]) -> AsyncGenerator[Reading]:
    """The pages, at most one ahead of the caller. Ends early, at a page's end, when asked to stop."""

    async def following() -> Reading | None:
        seq = await store.next_seq()
        page = await anext(pages, None)
        return None if page is None else Reading(seq, page)

    task = asyncio.create_task(following())
    try:
        while (reading := await task) is not None:
            if stopping():
                yield reading
                return
            task = asyncio.create_task(following())
            yield reading
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):  # whatever it ended with, nobody waits for it
            await task
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()


async def read_in_turns(pages: AsyncIterator[Page], turns: Turns) -> AsyncGenerator[Reading]:
    """The pages one by one, none of them on its way while somebody else works on the mapping."""
    try:
        while await turns.begin():
            reading = await turns.ask(pages)
            if reading is None:
                return
            yield reading
    except Busy:
        if not turns.cut:
            raise
    finally:
        await turns.end()
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()
