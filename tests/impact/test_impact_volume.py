"""More actions in one window than one query may have are read completely, over HTTP."""

import datetime as dt

import pytest

from connectors.impact.sandbox import ImpactSandbox
from syncengine.contracts import Checkpoint, Range
from syncengine.sandbox.kit import Server
from tests.clock import NOON, FakeClock
from tests.impact.conftest import connection
from tests.impact.provider import DAY
from tests.impact.reading import ids, last_checkpoint, pages
from tests.impact.wire import Wire

WINDOW_DAYS = 30
"""Less than a window is long, so that all of it is asked for at first."""


async def read_one_window(clock: FakeClock, count: int, page_size: int, *, burst: int = 0) -> tuple[int, int, int]:
    """How many actions a campaign has, how many of them come, and in how many requests. `burst`: in one minute."""
    sandbox = ImpactSandbox(now=clock.now)
    sandbox.switches.max_page_size, sandbox.switches.small_page_size = page_size, "accept"
    sandbox.bulk_populate(count, 10, days=WINDOW_DAYS)
    at = (NOON - 20 * DAY).replace(second=0)
    for number in range(burst):
        sandbox.book.create("1000", at=at + dt.timedelta(seconds=number % 60))
    there = [action.id for action in sandbox.book.actions.values() if action.campaign_id == "1000"]
    with Server(sandbox.app) as server:
        async with connection(clock, None, base_url=server.url, **sandbox.settings(), lag="0 seconds") as source:
            read = await pages(source, Range(NOON - (WINDOW_DAYS + 1) * DAY), fields=("Id",))
    found = {record.id for page in read for record in page.records}
    assert found == set(there)
    assert read[-1].checkpoint is not None
    limit = int(sandbox.switches.rate_limit)
    used = limit - (source._http.limiter.remaining() or limit)
    return len(there), len(found), used


async def test_more_than_ten_pages_in_a_window_are_read_completely(clock: FakeClock) -> None:
    there, found, requests = await read_one_window(clock, 1_000, 20)
    assert there == found == 500 > 10 * 20
    assert requests < 2 * 500 / 20


async def test_more_than_a_page_in_a_minute_is_read_page_by_page(clock: FakeClock) -> None:
    there, found, _ = await read_one_window(clock, 200, 20, burst=150)
    assert there == found == 250


@pytest.mark.slow
async def test_more_than_200_000_actions_in_a_window_are_read_completely(clock: FakeClock) -> None:
    there, found, requests = await read_one_window(clock, 402_000, 20_000)
    assert there == found == 201_000
    assert requests < 2 * 201_000 / 20_000


@pytest.mark.slow
async def test_more_than_200_000_actions_that_lock_at_one_midnight_are_read_completely(clock: FakeClock) -> None:
    sandbox = ImpactSandbox(now=clock.now)
    sandbox.bulk_populate(402_000, 10, days=WINDOW_DAYS)
    shelf = sandbox.book.action_shelf("1000")
    for action in shelf.rows:
        action.locking_date, action.encoded = NOON.replace(hour=7), None  # midnight in Los Angeles
    shelf.touch()
    before = Checkpoint(f'{{"read":"{NOON - DAY:%Y-%m-%dT%H:%M:%SZ}"}}')
    wire = Wire(sandbox)
    async with connection(clock, wire, **sandbox.settings()) as source:
        read = await pages(source, before, partition="1000/locked")
    assert ids(read) == {action.id for action in shelf.rows}
    assert len(shelf.rows) == 201_000
    assert "crowd" in last_checkpoint(read)
    assert wire.count("1000") <= 60 + 2 * 11
