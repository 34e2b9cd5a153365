"""Reads a stream as the engine does, and tells one reading from another."""

import datetime as dt
import json
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress

from syncengine.contracts import NOTHING_OPEN, Checkpoint, Connection, Page, Range, Record
from syncengine.testing.case import Case
from syncengine.testing.verdict import require

MOST_PAGES = 2_000
"""Pages of one reading. No rule has a hundred records."""
SPREAD = 6
"""Records laid over the whole history, beside the crowd of one hour."""

Position = Checkpoint | Range
Reading = Mapping[str, list[Page]]
"""Pages by partition."""
Identity = tuple[str, str]


def everything(case: Case) -> Range:
    """A range that holds all that `lay_out` made and whatever comes until it is read."""
    return Range(case.clock.now() - case.streams.history)


def lay_out(case: Case) -> set[str]:
    """Fill the provider: records all over its history, more than two pages in one hour, three in one second."""
    stage, now = case.streams, case.clock.now()
    history = stage.history - dt.timedelta(days=1)
    moments = [now - history * (number + 0.5) / SPREAD for number in range(SPREAD)]
    crowd = now - history * 0.4
    moments += [crowd + dt.timedelta(minutes=number) for number in range(2 * stage.page_size + 1)]
    moments += [crowd - dt.timedelta(hours=1)] * 3
    return {stage.put(moment.replace(microsecond=0)) for moment in sorted(moments)}


async def read(
    case: Case,
    positions: Position | Mapping[str, Checkpoint],
    *,
    fields: frozenset[str] | None = None,
    connection: Connection | None = None,
) -> dict[str, list[Page]]:
    """Every partition to its end, by a new connection where none is given. Without a checkpoint one starts anew."""
    async with _connected(case, connection) as opened:
        stream = case.stream(opened)
        reading: dict[str, list[Page]] = {}
        for partition in await stream.partitions(stream.Options.model_validate(dict(case.streams.options))):
            position = positions.get(partition, everything(case)) if isinstance(positions, Mapping) else positions
            reading[partition] = []
            async for page in stream.read(partition, position, fields=fields, open=NOTHING_OPEN):
                reading[partition].append(page)
                require(len(reading[partition]) < MOST_PAGES, "pages without end")
        return reading


@asynccontextmanager
async def _connected(case: Case, connection: Connection | None) -> AsyncGenerator[Connection]:
    if connection is not None:
        yield connection
        return
    async with case.connect() as opened:
        yield opened


def records(reading: Reading) -> list[Record]:
    return [record for pages in reading.values() for page in pages for record in page.records]


def ids(reading: Reading) -> set[str]:
    return {record.id for record in records(reading)}


def identity(record: Record) -> Identity:
    """What makes two readings of one record the same: its id and its values."""
    return record.id, json.dumps(record.values, sort_keys=True, default=str)


def identities(found: Iterable[Record]) -> set[Identity]:
    return {identity(record) for record in found}


def ends(reading: Reading) -> dict[str, Checkpoint]:
    """The last checkpoint of each partition: what the engine would go on from. Raises Broken where one has none."""
    found: dict[str, Checkpoint] = {}
    for partition, pages in reading.items():
        for page in pages:
            if page.checkpoint is not None:
                found[partition] = page.checkpoint
    require(found.keys() == reading.keys(), "a partition was read to its end without any checkpoint")
    return found


async def close(pages: object) -> None:
    """End a reading early, as the engine does when it stops."""
    if isinstance(pages, AsyncGenerator):
        with suppress(StopAsyncIteration):
            await pages.aclose()
