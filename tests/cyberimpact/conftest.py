"""Connections to the sandbox or to a scripted server, on a clock that tests move, with a guarded book of attempts."""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import httpx
import jwt
import pytest
import stamina

from connectors.cyberimpact.connection import CyberimpactConnection, CyberimpactConnector
from connectors.cyberimpact.consent import state_consent
from connectors.cyberimpact.contacts import Contacts
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Change, Consent, Context, Memory, Outcome, Stop
from syncengine.http import HttpFactory
from syncengine.sandbox.kit import Server
from tests.clock import NOON, FakeClock
from tests.cyberimpact.attempts import Book, Guard

TORONTO = ZoneInfo("America/Toronto")
SIGNING_KEY = "made-up-signing-key-of-thirty-two-bytes"


class NoMemory:
    """Nothing is known, and the connector keeps nothing there."""

    folder = Path("unused")

    async def get(self, key: str) -> str | None:
        return None

    async def put(self, key: str, value: str) -> None:
        raise AssertionError(key)


def mint(expires: dt.datetime | None = NOON + dt.timedelta(days=3650)) -> str:
    """A token as the vendor's: HS256, with personal claims."""
    claims: dict[str, Any] = {"login": "svc", "email": "robin@example.test", "firstName": "Robin"}
    if expires is not None:
        claims["exp"] = int(expires.timestamp())
    return jwt.encode(claims, SIGNING_KEY, algorithm="HS256")


def connection(
    clock: FakeClock, transport: httpx.AsyncBaseTransport | None, memory: Memory | None = None, **settings: Any
) -> CyberimpactConnection:
    """A connection with a made-up token, unless `settings` has another. Without a `memory` it may keep nothing."""
    connector = CyberimpactConnector()
    http = HttpFactory("connections.cyberimpact", clock, {}, transport)
    checked = connector.Settings(**{"token": mint(), **settings})
    return connector.connect(checked, Context(http, memory or NoMemory(), clock, TORONTO))


def contacts_of(connection: CyberimpactConnection) -> Contacts:
    return cast(Contacts, connection.destinations["contacts"])


def active(day: str = "2026-06-01", proof: str = "action 1") -> Consent:
    """The usual consent: a purchase on that day."""
    return state_consent("active-clients", dt.date.fromisoformat(day), proof)


def change(
    key: str,
    *,
    join: Iterable[str] = (),
    leave: Iterable[str] = (),
    fields: dict[str, Any] | None = None,
    consent: Consent | None = None,
    create: bool = True,
    renew: bool = True,
    **verbs: Any,
) -> Change:
    return Change(key, 1, create, fields or {}, frozenset(join), frozenset(leave), consent, renew, **verbs)


def stop(key: str, kind: Stop = "unsubscribe") -> Change:
    """Somebody is to be unsubscribed or erased."""
    return change(key, create=False, renew=False, stop=kind)


async def deliver(contacts: Contacts, changes: list[Change], book: Book) -> dict[str, Outcome]:
    """All outcomes by key; at most one each."""
    outcomes: dict[str, Outcome] = {}
    async for outcome in contacts.apply(changes, book):
        assert outcome.key not in outcomes, "two outcomes for one change"
        outcomes[outcome.key] = outcome
    return outcomes


@pytest.fixture(autouse=True)
def _quick_retries() -> Iterator[None]:
    """Repeats without waiting; as many as in earnest."""
    with stamina.set_testing(True, attempts=6, cap=True):
        yield


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def book(clock: FakeClock) -> Book:
    return Book(clock)


@pytest.fixture(scope="session")
def vendor_server() -> Iterator[tuple[CyberimpactSandbox, str]]:
    sandbox = CyberimpactSandbox(now=lambda: NOON)
    with Server(sandbox.app) as server:
        yield sandbox, server.url


@pytest.fixture
def vendor(vendor_server: tuple[CyberimpactSandbox, str]) -> CyberimpactSandbox:
    """The sandbox, as new."""
    vendor_server[0].reset()
    return vendor_server[0]


Connect = Callable[..., Contacts]


@pytest.fixture
async def connect(
    vendor_server: tuple[CyberimpactSandbox, str], vendor: CyberimpactSandbox, clock: FakeClock, book: Book
) -> AsyncIterator[Connect]:
    """Opens the destination at the sandbox; every request with effect passes the guard."""
    opened: list[CyberimpactConnection] = []

    def _connect(
        clock: FakeClock = clock, guard: Guard | None = None, memory: Memory | None = None, **settings: Any
    ) -> Contacts:
        chosen = {"token": vendor.settings()["token"], "base_url": vendor_server[1], **settings}
        opened.append(connection(clock, guard or Guard(book), memory, **chosen))
        return contacts_of(opened[-1])

    yield _connect
    for one in opened:
        await one.__aexit__(None, None, None)
