"""Does one thing for many, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


async def each(items: Iterable[ItemT], work: Callable[[ItemT], Awaitable[ResultT]], at_once: int) -> list[ResultT]:
    """The results, in any order. The first error ends the rest and is raised as it is."""
    waiting = iter(items)
    results: list[ResultT] = []

    async def worker() -> None:
        for item in waiting:
            results.append(await work(item))

    workers = [asyncio.create_task(worker()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return results
