"""A run's row counts the requests of that run, whatever else goes on in the process at the same time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
import stamina

from syncengine.http import HttpClient, HttpFactory
from syncengine.state.runs import Run, runs
from tests.engine.world import World

TROUBLE = 503
ASK = {"what": "list of sales"}


@pytest.fixture(autouse=True)
def _quick_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@asynccontextmanager
async def provider(world: World, answer: Callable[[str], int] = lambda path: 200) -> AsyncIterator[HttpClient]:
    """Every page of the stream is a request to it."""
    transport = httpx.MockTransport(lambda request: httpx.Response(answer(request.url.path)))
    factory = HttpFactory("connections.shop", world.clock, {}, transport)
    async with factory.client(base_url="https://shop.example.test", account="shop") as client:

        async def ask(place: str) -> None:
            await asyncio.sleep(0)
            await client.send("GET", "/sales", **ASK)

        world.stream.before_page = ask
        yield client


def newest(world: World, mapping: str) -> Run:
    return world.store.read_now(runs, mapping, 1)[0]


def sum_by_connection(run: Run) -> int:
    return sum(number for name, number in run.counts.items() if name.removeprefix("targets_").startswith("requests_to"))


async def test_two_runs_at_once_count_their_own_requests(world: World) -> None:
    world.add_mapping("calls")
    for number in range(7):
        world.buy(str(number), "C1")
    async with provider(world):
        both = await asyncio.gather(world.sync("sales"), world.sync("calls"))
    for report, name in zip(both, ("sales", "calls"), strict=True):
        row = newest(world, name)
        assert report.requests == {"requests": 3}  # seven sales, three a page
        assert row.counts["requests"] == sum_by_connection(row) == row.counts["requests_to_shop"] == 3
        assert (row.counts["requests_failed"], row.counts["requests_throttled"]) == (0, 0)


async def test_failed_requests_count_where_they_failed(world: World) -> None:
    refusals = iter([429, TROUBLE])
    world.add_mapping("calls")
    world.buy("1", "C1")
    async with provider(world, lambda path: next(refusals, 200) if path == "/sales" else 200) as client:

        async def beside() -> None:
            for _ in range(20):
                await client.send("GET", "/somebody/else", **ASK)

        report, _ = await asyncio.gather(world.sync("sales"), beside())
        assert (await world.sync("calls")).requests == {"requests": 1}
    counts = newest(world, "sales").counts
    assert report.requests == {"requests": 3, "failed_requests": 2, "retried": 2, "status_429": 1, "status_503": 1}
    assert (counts["requests"], counts["requests_failed"], counts["requests_throttled"]) == (3, 2, 1)
    assert counts["requests"] == counts["requests_to_shop"]


async def test_a_plan_counts_its_own_requests(world: World) -> None:
    world.buy("1", "C1")
    async with provider(world) as client:
        await client.send("GET", "/before", **ASK)
        report, _ = await world.plan()
    assert report.requests == {"requests": 1}


async def test_a_reconciliation_counts_its_own_requests(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    await world.sync()
    walk = world.mail.walk
    async with provider(world) as client:

        async def ask_first(*asked: frozenset[str]) -> object:
            await asyncio.gather(client.send("GET", "/lists", **ASK), other)
            return await walk(*asked)

        other = asyncio.create_task(world.sync("sales"))
        world.mail.walk = ask_first  # type: ignore[method-assign, assignment]  # the same, after a request
        report, _ = await world.reconcile()
    counts = newest(world, "mail.contacts").counts
    assert report.requests == {"requests": 1}
    assert (counts["requests"], counts["requests_to_shop"], counts["requests_failed"]) == (1, 1, 0)
