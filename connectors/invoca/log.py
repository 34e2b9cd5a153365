"""Reads the transaction log on from where it stood, and notices when that place is gone (invoca.md section 4.3).

Whether an unknown cursor gives nothing, everything or an error is not known, so it is never relied on: before reading
on the row of the cursor is asked for, and after the last page it is asked for again. A row that shows another local
time means that the API user's time zone has changed. Then the calls of `reread` are read again: bounded, no gap.
"""

import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

import structlog

from connectors.invoca.client import InvocaClient, Rows
from connectors.invoca.position import Foothold, Position, Window, read_position
from connectors.invoca.rows import mark, to_text
from syncengine.contracts import Checkpoint, Clock, Range
from syncengine.errors import ProviderError

SEED_DAYS = (1, 7, 31, 92, 366, 1096)
"""Back from today: the first call in the shortest of these windows that has one is where the tail starts."""

log = structlog.get_logger(__name__)


class LogPage(NamedTuple):
    """Some rows as they came, and where reading stands after them. `scope` says for people what is being read."""

    rows: Rows
    position: Position
    scope: str


class TransactionLog:
    """The log of one account."""

    def __init__(self, client: InvocaClient, clock: Clock, page_rows: int, reread: dt.timedelta) -> None:
        self._client = client
        self._clock = clock
        self._page_rows = page_rows
        self._reread = reread

    async def begin(self, position: Checkpoint | Range) -> Position:
        """Where to go on. For a range without an end the tail is fixed first, so that nothing is between the two."""
        if not isinstance(position, Range):
            return read_position(position)
        now = self._clock.now()
        if position.until is not None:
            return Position(window=Window(position.since, position.until))
        tail = await self._seed()
        return Position(tail=tail, window=Window(position.since, max(now, position.since)), since=position.since)

    async def read(self, position: Position) -> AsyncGenerator[LogPage, None]:
        """The window where there is one, then the tail to its end. Each request leaves when its page is asked for.

        The last page has the position of the end; it may be without rows.
        """
        position = await self._stand(position)
        while True:
            async with aclosing(self._read_window(position)) as pages:
                async for page in pages:
                    position = page.position
                    yield page
            if position.tail is None:
                yield LogPage([], position, "nothing more in this range")
                return
            before = position.tail
            async with aclosing(self._read_tail(position)) as pages:
                async for page in pages:
                    position = page.position
                    yield page
            if position.tail == before or not position.tail or await self._known(position.tail[0]):
                break
            # The last page looked like the end only because its cursor was gone.
            position = await self._stand(position)
        yield LogPage([], position.ended(self._clock.now()), "end of the log")

    async def call(self, id: str) -> Rows:
        """All rows of one call, in the order of the log."""
        rows: Rows = []
        async with aclosing(self._pages({"call_record_id": id}, None)) as pages:
            async for page in pages:
                rows += page
        if any(to_text(row.get("complete_call_id")) != id for row in rows):
            raise ProviderError(
                "invoca: asked for one call, rows of another came: the filter was ignored.",
                hint="Nothing of them was taken. The API has changed, or base_url is not Invoca.",
                code="ignored_filter",
            )
        return rows

    async def transaction(self, id: str) -> Rows:
        """One row by its id, or none."""
        rows = await self._client.transactions({"transaction_id": id})
        return [row for row in rows if to_text(row.get("transaction_id")) == id]

    # --- where reading stands ---

    async def _stand(self, position: Position) -> Position:
        """A position that Invoca still knows: the same, an earlier foothold, or a bounded range to read again."""
        if position.window is not None:
            at = position.window.at
            if at is not None and not await self._known(at):
                log.warning("invoca: the place in a range is gone, the range is read from its beginning")
                return position.in_window(None)
            return position
        if not position.tail:
            return position
        for number, foothold in enumerate(position.tail):
            if await self._known(foothold):
                if number:
                    log.warning("invoca: the last cursor is gone, reading goes on from an earlier one")
                return Position(position.tail[number:], None, position.read_at, position.since, position.held)
        return await self._again(position)

    async def _again(self, position: Position) -> Position:
        now = self._clock.now()
        since = min(position.read_at or now, now) - self._reread
        log.warning(
            "invoca: no cursor is known any more, or the time zone has changed; calls are read again",
            since=since.isoformat(timespec="seconds"),
        )
        window = Window(position.since or since, now)
        return Position(await self._seed(), window, position.read_at, position.since, position.held)

    async def _known(self, foothold: Foothold) -> bool:
        """Whether the row is there and shows the same local time as it did."""
        return any(mark(row) == foothold.mark for row in await self.transaction(foothold.id))

    async def _seed(self) -> tuple[Foothold, ...]:
        """A row that is there now, as new as can be found cheaply: whatever is committed later comes after it."""
        today = self._clock.now()
        for days in SEED_DAYS:
            window = Window(today - dt.timedelta(days=days), today)
            rows = await self._client.transactions({**window.days(), "limit": 1})
            if rows:
                return (Foothold.of(rows[0]),)
        return ()

    # --- pages ---

    async def _read_window(self, position: Position) -> AsyncGenerator[LogPage, None]:
        window = position.window
        if window is None:
            return
        days = window.days()
        scope = f"calls of {days['from']} … {days['to']}"
        async with aclosing(self._pages(days, window.at)) as pages:
            async for rows in pages:
                position = position.in_window(Foothold.of(rows[-1]))
                yield LogPage(rows, position, scope)
        last = position.window.at if position.window else None
        if last is not None and last != window.at and not await self._known(last):
            raise ProviderError(
                "invoca: a range of calls ended at a transaction that is not known any more.",
                hint="Nothing was skipped: the next run reads the range from its beginning.",
                code="cursor_gone",
            )
        yield LogPage([], Position(position.tail, None, position.read_at, position.since, position.held), scope)

    async def _read_tail(self, position: Position) -> AsyncGenerator[LogPage, None]:
        start = position.tail[0] if position.tail else None
        async with aclosing(self._pages({}, start)) as pages:
            async for rows in pages:
                position = position.stepped(Foothold.of(rows[-1]))
                yield LogPage(rows, position, "latest transactions")

    async def _pages(self, query: dict[str, str], start: Foothold | None) -> AsyncGenerator[Rows, None]:
        """Pages until one is empty: a limit may be clamped, so a short page is not the end."""
        cursor = start.id if start else ""
        seen = {cursor}
        while True:
            params: dict[str, str | int] = {**query, "limit": self._page_rows}
            if cursor:
                params["start_after_transaction_id"] = cursor
            rows = await self._client.transactions(params)
            if not rows:
                return
            yield rows
            cursor = Foothold.of(rows[-1]).id
            if cursor in seen:
                raise ProviderError(
                    "invoca: a page of transactions leads back to one already read.",
                    hint="Nothing was skipped; the next run goes on from the last checkpoint.",
                    code="loop",
                )
            seen.add(cursor)
