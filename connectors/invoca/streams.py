"""What can be read of calls at Invoca: every transaction as it is, and calls folded from all their transactions."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec
from pydantic import BaseModel

from connectors.invoca.client import Rows
from connectors.invoca.echoes import Echoes
from connectors.invoca.folding import FoldedCall, fold_call
from connectors.invoca.log import LogPage, TransactionLog
from connectors.invoca.position import Position
from connectors.invoca.rows import identity, read_row, started, to_text
from connectors.invoca.settings import NoOptions
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range, Record

PARTITION = "all"
AT_ONCE = 4
"""Calls asked for at the same time: no limit is documented, and the seen clients are gentle (invoca.md section 8)."""


class TransactionStream:
    """Rows of the log as they came, corrections beside what they correct. The moment is the start of the call."""

    Options: type[BaseModel] = NoOptions
    fields: frozenset[str] | None = None
    """Columns depend on the role, on features and on the customer's own fields."""
    moment = "start_time_utc"

    def __init__(self, log: TransactionLog, echoes: Echoes, *, profile: bool) -> None:
        self._log = log
        self._echoes = echoes
        self._profile = profile

    async def partitions(self, options: NoOptions) -> Sequence[str]:
        return [PARTITION]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """Hand over what was committed since the checkpoint, or what belongs to calls of the range.

        Raises ProviderError (a missing id or date, paging that goes in a circle) besides what the client raises.
        """
        ours = await self._echoes.ids()
        async with aclosing(self._log.read(await self._log.begin(position))) as pages:
            async for page in pages:
                yield Page(list(self._records(page, ours, fields)), page.position.checkpoint(), page.scope)

    async def fetch(
        self, ids: Collection[str], options: NoOptions, *, fields: frozenset[str] | None
    ) -> AsyncGenerator[Page, None]:
        """Single transactions by their ids."""
        for id in sorted(ids):
            rows = [read_row(raw, profile=self._profile) for raw in await self._log.transaction(id)]
            yield Page([Record(id, started(row), _chosen(row, fields)) for row in rows], scope="one transaction")

    def _records(self, page: LogPage, ours: Collection[str], fields: frozenset[str] | None) -> Iterable[Record]:
        for raw in page.rows:
            row = read_row(raw, profile=self._profile)
            id, moment = identity(row, "transaction_id"), started(row)
            if id not in ours and page.position.holds(moment):
                yield Record(id, moment, _chosen(row, fields))


class CallStream:
    """Calls, each folded from all its rows whenever one of them is new. The moment is the start of its first leg.

    A call is held back until it has settled. Each call costs a request: only asked for by its id it comes whole.
    """

    Options: type[BaseModel] = NoOptions
    fields: frozenset[str] | None = None
    moment = "start_time_utc"

    def __init__(
        self, log: TransactionLog, echoes: Echoes, clock: Clock, settle: dt.timedelta, at_once: int, *, profile: bool
    ) -> None:
        self._log = log
        self._echoes = echoes
        self._clock = clock
        self._settle = settle
        self._at_once = at_once
        self._profile = profile

    async def partitions(self, options: NoOptions) -> Sequence[str]:
        return [PARTITION]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """Hand over the calls that something is new about, or those of the range. Raises as `transactions` does."""
        ours = await self._echoes.ids()
        start = await self._log.begin(position)
        held = dict(start.held)
        async with aclosing(self._release(start, held, fields)) as released:
            async for page in released:
                yield page
        async with aclosing(self._log.read(start)) as pages:
            async for rows, place, scope in pages:
                calls = await self._fold(_calls(rows, ours))
                for call in calls:
                    held.pop(call.id, None)
                    if (due := self._due(call)) is not None and place.tail is not None:
                        held[call.id] = due  # a range that has an end leaves fresh calls to the live reading
                settled = [call for call in calls if self._due(call) is None and place.holds(call.moment)]
                after = msgspec.structs.replace(place, held=dict(held))
                yield Page([_record(call, fields) for call in settled], after.checkpoint(), scope)

    async def fetch(
        self, ids: Collection[str], options: NoOptions, *, fields: frozenset[str] | None
    ) -> AsyncGenerator[Page, None]:
        """Single calls by their ids, those that have settled."""
        for id in sorted(ids):
            calls = [call for call in await self._fold([id]) if self._due(call) is None]
            yield Page([_record(call, fields) for call in calls], scope="one call")

    async def _release(
        self, position: Position, held: dict[str, dt.datetime], fields: frozenset[str] | None
    ) -> AsyncGenerator[Page, None]:
        """Hand over the calls that were held back and have settled since."""
        now = self._clock.now()
        due = sorted(id for id, moment in held.items() if moment <= now)
        for first in range(0, len(due), self._at_once):
            chosen = due[first : first + self._at_once]
            calls = await self._fold(chosen)
            for id in chosen:
                del held[id]
            # One that was prolonged by a new leg waits again.
            held |= {call.id: later for call in calls if (later := self._due(call)) is not None}
            records = [_record(call, fields) for call in calls if call.id not in held and position.holds(call.moment)]
            after = msgspec.structs.replace(position, held=dict(held))
            yield Page(records, after.checkpoint(), "calls that have settled")

    async def _fold(self, ids: Sequence[str]) -> list[FoldedCall]:
        gate = asyncio.Semaphore(AT_ONCE)

        async def fold(id: str) -> FoldedCall | None:
            async with gate:
                return fold_call(await self._log.call(id), profile=self._profile)

        # All are waited for, whatever becomes of one: none goes on behind the back of an error.
        answers = await asyncio.gather(*(fold(id) for id in ids), return_exceptions=True)
        calls: list[FoldedCall] = []
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            if answer is not None:
                calls.append(answer)
        return calls

    def _due(self, call: FoldedCall) -> dt.datetime | None:
        """From when on a call may be handed over; None: now."""
        due = call.ended + self._settle
        return due if due > self._clock.now() else None


def _calls(rows: Rows, ours: Collection[str]) -> list[str]:
    """The calls that these rows are about, each once; our own rows are no news."""
    found: dict[str, None] = {}
    for raw in rows:
        row: Mapping[str, Any] = {name: to_text(raw.get(name)) for name in ("transaction_id", "complete_call_id")}
        if identity(row, "transaction_id") not in ours:
            found[identity(row, "complete_call_id")] = None
    return list(found)


def _record(call: FoldedCall, fields: frozenset[str] | None) -> Record:
    return Record(call.id, call.moment, _chosen(call.values, fields))


def _chosen(values: dict[str, Any], fields: frozenset[str] | None) -> dict[str, Any]:
    return values if fields is None else {name: values.get(name) for name in sorted(fields)}
