"""One sandbox behind one server for all these tests, as new for each of them."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from connectors.impact.sandbox import Book, ImpactSandbox
from syncengine.sandbox.kit import Server

NOW = dt.datetime(2026, 6, 15, 19, 0, tzinfo=dt.UTC)
"""Noon in Los Angeles, summer time."""

List = Callable[..., httpx.Response]
Ids = Callable[..., list[str]]


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[ImpactSandbox, str]]:
    sandbox = ImpactSandbox(now=lambda: NOW)
    with Server(sandbox.app) as server:
        yield sandbox, server.url


@pytest.fixture
def sandbox(served: tuple[ImpactSandbox, str]) -> ImpactSandbox:
    """With campaign 1000, and nothing in it."""
    served[0].reset()
    served[0].book.add_campaign("1000", "Northern Outfitters")
    return served[0]


@pytest.fixture
def book(sandbox: ImpactSandbox) -> Book:
    return sandbox.book


@pytest.fixture(scope="session")
def connected(served: tuple[ImpactSandbox, str]) -> Iterator[httpx.Client]:
    settings = served[0].settings()
    auth = (settings["account_sid"], settings["auth_token"])
    base = f"{served[1]}/Advertisers/{settings['account_sid']}"
    with httpx.Client(base_url=base, auth=auth, headers={"Accept": "application/json"}, trust_env=False) as client:
        yield client


@pytest.fixture
def api(connected: httpx.Client, sandbox: ImpactSandbox) -> httpx.Client:
    """A client with good credentials that asks for JSON, at the account's root; the sandbox is as new."""
    assert sandbox.seen == []
    return connected


@pytest.fixture
def ask(api: httpx.Client) -> List:
    """Asks for a list of campaign 1000, Actions unless named otherwise."""

    def ask(resource: str = "Actions", **parameters: Any) -> httpx.Response:
        return api.get(f"/{resource}", params={"CampaignId": "1000", **parameters})

    return ask


@pytest.fixture
def ids(ask: List) -> Ids:
    """The ids on one page."""

    def ids(resource: str = "Actions", **parameters: Any) -> list[str]:
        answer = ask(resource, **parameters)
        assert answer.status_code == 200, answer.text
        return [row["Id"] for row in answer.json()[resource]]

    return ids


@pytest.fixture
def control(api: httpx.Client) -> Callable[..., httpx.Response]:
    """Steers the sandbox as another process would."""

    def control(method: str, path: str, **others: Any) -> httpx.Response:
        return api.request(method, api.base_url.copy_with(raw_path=f"/_sandbox/{path}".encode()), **others)

    return control
