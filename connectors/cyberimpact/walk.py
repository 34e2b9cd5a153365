"""Reads a whole list, page by page, and notices when the list moved meanwhile.

Pages are cut by position, so a row that goes away or comes in shifts those behind it and one may be skipped. A walk in
which that shows is thrown away and taken again; a list that never stands still is an error, never a short list.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from connectors.cyberimpact.rows import Named
from syncengine.errors import ProviderError

WALKS = 6
"""How often a list that moves is walked before we give up."""

RowT_co = TypeVar("RowT_co", bound=Named, covariant=True)


class PageOf(Protocol[RowT_co]):
    """One page: its rows, and how many the whole list is said to have."""

    @property
    def rows(self) -> Sequence[RowT_co]: ...

    @property
    def total_count(self) -> int | None: ...


Turn = Callable[[int], Awaitable[PageOf[RowT_co] | None]]
"""Fetches the page of that number, from 1; None where there is no such page."""


async def walk(turn: Turn[RowT_co], what: str) -> list[RowT_co]:
    """All rows of a list. Raises ProviderError where it moves under every walk, or has no first page."""
    for _ in range(WALKS):
        rows = await _walk_once(turn, what)
        if rows is not None:
            return rows
    raise ProviderError(
        f"The {what} changed under each of {WALKS} readings, so none of them is complete.",
        hint="The next run reads it again.",
        code="drift",
    )


async def _walk_once(turn: Turn[RowT_co], what: str) -> list[RowT_co] | None:
    """All rows, or None where the list moved. The server may give fewer rows a page than it was asked for."""
    first = await turn(1)
    if first is None:
        raise ProviderError(
            f"There is no {what} (404).",
            hint="Check base_url: something else may be answering there.",
            code="not_found",
        )
    total = first.total_count
    found: dict[str, RowT_co] = {}
    number, page = 1, first
    while True:
        before = len(found)
        found.update((row.name, row) for row in page.rows)
        if len(found) != before + len(page.rows):
            return None  # a row was there before: it moved back, or the page repeats
        if not page.rows or len(found) == total:
            break
        number += 1
        following = await turn(number)
        if following is None:  # some servers have no page past the end
            break
        page = following
        if page.total_count != total:
            return None
    if total is not None and len(found) != total:
        return None
    if number > 1 and not await _stands_still(turn, first):
        return None
    return list(found.values())


async def _stands_still(turn: Turn[RowT_co], first: PageOf[RowT_co]) -> bool:
    """Whether the first page is still what it was: one row gone and another one new would leave the count alone."""
    again = await turn(1)
    return (
        again is not None
        and again.total_count == first.total_count
        and [row.name for row in again.rows] == [row.name for row in first.rows]
    )
