"""Step one: read a stream page by page, the next page on its way while this one is planned."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from syncengine.contracts import Checkpoint, Open, Page, Range, Stream
from syncengine.state.store import Store


class Reading(NamedTuple):
    """A page with its place in the order of readings: `seq` was taken before the request left."""

    seq: int
    page: Page


async def read_pages(
    store: Store,
    stream: Stream,
    partition: str,
    position: Checkpoint | Range,
    *,
    fields: frozenset[str],
    open: Open,
    stopping: Callable[[], bool],
) -> AsyncGenerator[Reading]:
    """The pages of one partition, at most one ahead of the caller. Ends early, at a page's end, when asked to stop."""
    pages = stream.read(partition, position, fields=fields, open=open)

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
