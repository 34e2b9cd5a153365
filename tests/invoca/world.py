"""A network at Invoca in this process, on a clock that tests move, and how the engine reads from it."""

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from connectors.invoca import InvocaConnection, InvocaConnector, InvocaSettings
from connectors.invoca.sandbox import InvocaSandbox
from syncengine.contracts import NOTHING_OPEN, Checkpoint, Context, Page, Range, Record
from syncengine.http import HttpFactory
from tests.clock import FakeClock

URL = "https://maple.invoca.example"


class Notes:
    """A connection's memory."""

    folder = Path("unused")

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.kept.get(key)

    async def put(self, key: str, value: str) -> None:
        self.kept[key] = value


class Wire(httpx.AsyncBaseTransport):
    """In front of a sandbox, without any socket: `around` is called before and after each request and may raise."""

    def __init__(self, app: Any, around: Callable[[str, httpx.Request], None]) -> None:
        self._inner = httpx.ASGITransport(app=app)
        self._around = around

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._around("before", request)
        response = await self._inner.handle_async_request(request)
        self._around("after", request)
        return response


class Network:
    """The sandbox, and connections to it without any socket."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.sandbox = InvocaSandbox(now=clock.now)
        self.book = self.sandbox.book
        self.switches = self.sandbox.switches
        self.memory = Notes()
        self.trouble: Callable[[str, httpx.Request], None] = lambda when, request: None
        """Called before and after each request; it may raise."""

    def connect(self, **settings: Any) -> InvocaConnection:
        """A connection with the sandbox's credentials, where `settings` has no others."""
        given: dict[str, Any] = {**self.sandbox.settings(), "base_url": URL, "settle": "0 seconds", **settings}
        http = HttpFactory("connections.invoca", self.clock, {}, Wire(self.sandbox.app, self._around))
        checked = InvocaSettings.model_validate({name: value for name, value in given.items() if value is not None})
        return InvocaConnector().connect(checked, Context(http, self.memory, self.clock, ZoneInfo("America/Toronto")))

    def _around(self, when: str, request: httpx.Request) -> None:
        self.trouble(when, request)

    def everything(self) -> Range:
        return Range(self.clock.now() - dt.timedelta(days=200))

    async def pages(
        self, stream: str, position: Checkpoint | Range | None = None, *, fields: Any = None, **settings: Any
    ) -> list[Page]:
        """A whole reading, from the beginning where no position is given."""
        async with self.connect(**settings) as connection:
            source = connection.streams[stream]
            read = source.read("all", position or self.everything(), fields=fields, open=NOTHING_OPEN)
            return [page async for page in read]

    async def calls(self, **settings: Any) -> dict[str, dict[str, Any]]:
        """The values of all calls by id, as a first reading gives them."""
        return {record.id: dict(record.values) for record in records(await self.pages("calls", **settings))}

    def asked(self) -> list[dict[str, str]]:
        """The queries for transactions since the last look, without the columns."""
        found = [
            {name: value for name, value in seen.query if name != "include_columns"}
            for seen in self.sandbox.seen
            if "/transactions/" in seen.path
        ]
        self.sandbox.seen.clear()
        return found


def records(pages: Iterable[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def ids(pages: Iterable[Page]) -> list[str]:
    return [record.id for record in records(pages)]


def end(pages: list[Page]) -> Checkpoint:
    """The checkpoint that the engine would go on from."""
    last = pages[-1].checkpoint
    assert last is not None
    return last
