"""Whole conversations, recorded: from the sandbox; reading also from a real account, where CYBERIMPACT_TOKEN is set.

What is asserted of reading holds for any account. Writing is only ever recorded from the sandbox.
"""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import pytest

from connectors.cyberimpact.connection import CyberimpactConnection
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Standing
from syncengine.sandbox.kit import Server
from tests.cassette import REPLAY_URL, Cassettes
from tests.clock import NOON, FakeClock
from tests.cyberimpact.attempts import Book, Guard
from tests.cyberimpact.conftest import active, change, connection, contacts_of, deliver, mint

PERSONAL = ("account", "username", "title")
"""Fields of a real account that could name a company or somebody, besides the usual ones."""

Open = Callable[..., AbstractAsyncContextManager[CyberimpactConnection]]


@contextmanager
def provider(recording: bool, real: bool) -> Iterator[tuple[str, str]]:
    """Base URL and token of whoever answers: nobody while replaying."""
    if not recording:
        yield REPLAY_URL, mint()
    elif real and "CYBERIMPACT_TOKEN" in os.environ:
        yield os.environ.get("CYBERIMPACT_BASE_URL", "https://api.cyberimpact.com"), os.environ["CYBERIMPACT_TOKEN"]
    else:
        sandbox = CyberimpactSandbox(now=lambda: NOON)
        sandbox.admin.create_group("Clients")
        sandbox.admin.add_custom_field("Orders", "integer")
        sandbox.admin.add("Lea.Roy@example.test", relation="active-clients", date="2026-01-20", groups=["Clients"])
        sandbox.admin.add("express@example.test", relation="express-consent", date="2020-01-01")
        sandbox.admin.add("off@example.test")
        sandbox.admin.unsubscribe("off@example.test")
        with Server(sandbox.app) as server:
            yield server.url, sandbox.settings()["token"]


@pytest.fixture
def opened(cassette: Cassettes, clock: FakeClock) -> Open:
    @asynccontextmanager
    async def _open(name: str, *, real: bool, guard: Guard | None = None) -> AsyncIterator[CyberimpactConnection]:
        with (
            provider(cassette.recording, real) as (url, token),
            cassette(name, secrets=[token], personal=PERSONAL),
        ):
            async with connection(clock, guard, token=token, base_url=url) as one:
                yield one

    return _open


async def test_check(opened: Open) -> None:
    async with opened("check", real=True) as one:
        findings = await one.check()
    assert findings[0].message.startswith("account ")
    assert not [finding for finding in findings if finding.level == "error"]


async def test_suppressions(opened: Open) -> None:
    async with opened("suppressions", real=True) as one:
        found = [suppression async for suppression in contacts_of(one).suppressions()]
    assert found
    assert all(suppression.key == suppression.key.lower() for suppression in found)
    assert len({suppression.key for suppression in found}) == len(found)


async def test_somebody_unknown_is_absent(opened: Open) -> None:
    async with opened("absent", real=True) as one:
        standing = await contacts_of(one).standing(["nobody-of-that-name@example.test"], frozenset())
    assert standing == {"nobody-of-that-name@example.test": Standing("absent")}


async def test_a_delivery(opened: Open, book: Book) -> None:
    changes = [
        change("new@example.test", join=["Clients"], fields={"customFields.Orders": "3"}, consent=active()),
        change("express@example.test", join=["Clients"], consent=active(), create=False),
        change("off@example.test", join=["Clients"], consent=active()),
        change("lea.roy@example.test", leave=["Clients"], create=False, renew=False),
    ]
    async with opened("delivery", real=False, guard=Guard(book)) as one:
        outcomes = await deliver(contacts_of(one), changes, book)
    assert {key: outcome.status for key, outcome in outcomes.items()} == {
        "new@example.test": "delivered",
        "express@example.test": "delivered",
        "off@example.test": "suppressed",
        "lea.roy@example.test": "delivered",
    }
