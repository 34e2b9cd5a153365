"""Writes to groups, templates and mailings of the sandbox from the fields of a mapping."""

import datetime as dt
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.cyberimpact import CyberimpactConnector
from connectors.cyberimpact.connection import CyberimpactConnection
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Attempt, Change, Context, Destination, Outcome
from syncengine.http import HttpFactory
from tests.clock import NOON, FakeClock
from tests.cyberimpact.attempts import Book
from tests.cyberimpact.conftest import TORONTO

LATER = (NOON + dt.timedelta(days=2)).isoformat()
LEA = "lea.roy@example.test"


class Kept:
    """`syncengine.contracts.Memory` as long as the test."""

    folder = Path("unused")

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.values.get(key)

    async def put(self, key: str, value: str) -> None:
        self.values[key] = value


class ReceiptBook(Book):
    """The book of attempts; requests to groups and mailings don't pass its guard, so a receipt needs no sending."""

    async def receipt(self, attempt: Attempt, receipt: str) -> None:
        self.entries[attempt.id].receipts.append(receipt)


class Desk:
    """One connection, and changes made from the fields of a mapping."""

    def __init__(self, opened: CyberimpactConnection, clock: FakeClock) -> None:
        self.opened = opened
        self.book = ReceiptBook(clock)

    def destination(self, name: str) -> Destination:
        return self.opened.destinations[name]

    async def write(self, name: str, *, create: bool = True, **fields: Any) -> Outcome:
        """The outcome of a change of everything that these fields ask for."""
        draft = self.destination(name).draft(fields)
        change = Change(draft.key, 1, create, draft.fields, frozenset(), frozenset(), None, False)
        (outcome,) = [each async for each in self.destination(name).apply([change], self.book)]
        return outcome


OpenDesk = Callable[..., Desk]


@pytest.fixture
async def open_desk(
    vendor_server: tuple[CyberimpactSandbox, str], vendor: CyberimpactSandbox, clock: FakeClock
) -> AsyncIterator[OpenDesk]:
    opened: list[CyberimpactConnection] = []

    def _open(**settings: Any) -> Desk:
        connector = CyberimpactConnector()
        given = {"token": vendor.settings()["token"], "base_url": vendor_server[1], **settings}
        context = Context(HttpFactory("connections.cyberimpact", clock, {}), Kept(), clock, TORONTO)
        opened.append(connector.connect(connector.Settings.model_validate(given), context))
        return Desk(opened[-1], clock)

    yield _open
    for one in opened:
        await one.__aexit__(None, None, None)


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    return open_desk(allow_sending=True)
