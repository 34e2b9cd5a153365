"""Reads the streams of one connection to the sandbox as the engine does."""

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from connectors.cyberimpact.connection import CyberimpactConnection
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import NOTHING_OPEN, Checkpoint, Range, Record
from tests.clock import NOON, FakeClock
from tests.cyberimpact.conftest import connection

LEA, ZOE = "Lea.Roy@example.test", "zoe@example.test"
DAY = 86_400.0
EVERYTHING = Range(NOON - dt.timedelta(days=1000))


class Reader:
    """Reads streams of one connection as the engine does, and keeps the last checkpoint of each."""

    def __init__(self, opened: CyberimpactConnection) -> None:
        self.opened = opened
        self.checkpoints: dict[str, Checkpoint] = {}

    async def read(
        self, name: str, position: Range | None = None, fields: frozenset[str] | None = None, **options: Any
    ) -> list[Record]:
        """All records of all partitions: of the range, or, without one, on from where the last reading ended."""
        stream = self.opened.streams[name]
        found: list[Record] = []
        for partition in await stream.partitions(stream.Options.model_validate(options)):
            place = position or self.checkpoints[f"{name}:{partition}"]
            async for page in stream.read(partition, place, fields=fields, open=NOTHING_OPEN):
                found += page.records
                if page.checkpoint is not None:
                    self.checkpoints[f"{name}:{partition}"] = page.checkpoint
        return found


@pytest.fixture
async def reader(
    vendor_server: tuple[CyberimpactSandbox, str], vendor: CyberimpactSandbox, clock: FakeClock
) -> AsyncIterator[Reader]:
    vendor.now = clock.now
    async with connection(clock, None, token=vendor.settings()["token"], base_url=vendor_server[1]) as opened:
        yield Reader(opened)
    vendor.now = lambda: NOON


def ids(records: Sequence[Record]) -> list[str]:
    return [record.id for record in records]
