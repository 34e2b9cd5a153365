"""One sandbox behind one server for all these tests, as new for each of them."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.sandbox.kit import Server

NOW = dt.datetime(2026, 6, 10, 15, 0, tzinfo=dt.UTC)
"""11:00 in Toronto, summer time."""
MOST_POLLS = 10

RunBatch = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[CyberimpactSandbox, str]]:
    sandbox = CyberimpactSandbox(now=lambda: NOW)
    with Server(sandbox.app) as server:
        yield sandbox, server.url


@pytest.fixture
def sandbox(served: tuple[CyberimpactSandbox, str]) -> CyberimpactSandbox:
    served[0].reset()
    return served[0]


@pytest.fixture
def api(served: tuple[CyberimpactSandbox, str], sandbox: CyberimpactSandbox) -> Iterator[httpx.Client]:
    """A client with a good token."""
    token = sandbox.settings()["token"]
    with httpx.Client(base_url=served[1], headers={"Authorization": f"Bearer {token}"}) as client:
        yield client


@pytest.fixture
def run_batch(api: httpx.Client) -> RunBatch:
    """Posts a batch and polls it to its end; answers the last poll."""

    def run(**body: Any) -> dict[str, Any]:
        posted = api.post("/batches", json=body)
        assert posted.status_code == 201, posted.text
        for _ in range(MOST_POLLS):
            row = api.get(f"/batches/{posted.json()['id']}", params={"showErrorDetails": "true"}).json()
            if row["result"] is not None:
                return dict(row)
        raise AssertionError("the batch never ended")

    return run


@pytest.fixture
def add_members(run_batch: RunBatch) -> RunBatch:
    """An addMembers batch of active clients; answers its result."""

    def add(*members: dict[str, Any], **batch: Any) -> dict[str, Any]:
        row = run_batch(**{"batchType": "addMembers", "relationType": "active-clients", **batch}, members=list(members))
        return dict(row["result"])

    return add
