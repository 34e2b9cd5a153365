"""A connection to the tiny impact.com of `provider.py`, on a clock that tests move."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import stamina

from connectors.impact import ImpactConnection, ImpactConnector, ImpactSettings
from connectors.impact.sandbox import ImpactSandbox
from syncengine.contracts import Context
from syncengine.http import HttpFactory
from tests.clock import FakeClock
from tests.impact.provider import SID, TOKEN, FakeImpact
from tests.impact.wire import Wire

Connect = Callable[..., ImpactConnection]


class KeptMemory:
    """`syncengine.contracts.Memory` as long as the test. No caches are kept in a folder."""

    folder = Path("unused")

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.values.get(key)

    async def put(self, key: str, value: str) -> None:
        self.values[key] = value


@pytest.fixture(autouse=True)
def _quick_retries() -> object:
    """Repeats without waiting; as many as in earnest."""
    with stamina.set_testing(True, attempts=6, cap=True):
        yield


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def provider(clock: FakeClock) -> FakeImpact:
    return FakeImpact(clock.now)


@pytest.fixture
def connect(clock: FakeClock, provider: FakeImpact) -> Connect:
    def _connect(transport: Any = None, **settings: Any) -> ImpactConnection:
        return connection(clock, transport or httpx.MockTransport(provider), **settings)

    return _connect


@pytest.fixture
def sandbox(clock: FakeClock) -> ImpactSandbox:
    """An account with two campaigns and nothing in them."""
    made = ImpactSandbox(now=clock.now)
    made.book.add_campaign("1000", "Northern Outfitters")
    made.book.add_campaign("2000", "Maison Boréale")
    return made


@pytest.fixture
def wire(sandbox: ImpactSandbox) -> Wire:
    return Wire(sandbox)


@pytest.fixture
def source(clock: FakeClock, sandbox: ImpactSandbox, wire: Wire) -> ImpactConnection:
    """A connection to the sandbox, without a network between."""
    return connection(clock, wire, **sandbox.settings())


def connection(
    clock: FakeClock,
    transport: httpx.AsyncBaseTransport | None,
    memory: KeptMemory | None = None,
    /,
    **settings: Any,
) -> ImpactConnection:
    """A connection with made-up credentials, unless `settings` has others. `transport` None: the network.

    `memory` is what an earlier connection left behind.
    """
    connector = ImpactConnector()
    http = HttpFactory("connections.impact", clock, {}, transport)
    checked = ImpactSettings.model_validate({"account_sid": SID, "auth_token": TOKEN, **settings})
    return connector.connect(checked, Context(http, memory or KeptMemory(), clock, ZoneInfo("America/Toronto")))
