"""Reads a stream to its end, as the engine does."""

from collections.abc import Iterable

from connectors.impact import ImpactConnection
from syncengine.contracts import NOTHING_OPEN, Checkpoint, Page, Range


async def pages(
    connection: ImpactConnection,
    position: Checkpoint | Range,
    *,
    partition: str = "1000/updated",
    fields: Iterable[str] | None = ("Id",),
    stream: str = "actions",
) -> list[Page]:
    wanted = None if fields is None else frozenset(fields)
    return [
        page async for page in connection.streams[stream].read(partition, position, fields=wanted, open=NOTHING_OPEN)
    ]


def ids(read: Iterable[Page]) -> set[str]:
    return {record.id for page in read for record in page.records}


def last_checkpoint(read: list[Page]) -> Checkpoint:
    """The checkpoint that the engine would have stored: the last one given."""
    given = [page.checkpoint for page in read if page.checkpoint is not None]
    assert given
    return given[-1]
