"""Where reading stood is lost (an unknown cursor, a purged one, another time zone): a bounded range is read again.

The bound: calls that started at most `reread` before the log was last read to its end, a day more on either side (the
zone of the API user is not known), by at most so many requests beside those for the rows themselves: six footholds, six
windows in which the tail is looked for, and five looks at the ends. For `calls` one more for each call in that range.
"""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.invoca.log import SEED_DAYS
from connectors.invoca.position import MOST_FOOTHOLDS
from syncengine.contracts import Checkpoint
from tests.clock import FakeClock
from tests.invoca.journey import Journey
from tests.invoca.world import Network, end, ids

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
REREAD, AWAY = 7, 30
ENDS = 5
"""Empty pages at the ends of the range and of the tail, and whether their last rows are still known."""
PAGE = 3


def purge(network: Network) -> None:
    """Everything that was in the log by now is gone."""
    for row in list(network.book.rows):
        network.book.purge(row.id)


def move(network: Network) -> None:
    """The API user gets another time zone."""
    network.switches.timezone = "Asia/Kolkata"


def replace(network: Network) -> None:
    """Another network answers, with ids of its own: no cursor of ours was ever known there."""
    for row in network.book.rows:
        row.id = f"{row.id[::-1]}-B"


LOSSES = [purge, move, replace]


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize(
    ("stream", "behaviour"),
    [("transactions", "empty"), ("transactions", "oldest"), ("transactions", "404"), ("calls", "empty")],
)
async def test_what_came_while_nobody_read_is_found_though_the_place_is_lost(
    network: Network, clock: FakeClock, lose: Callable[[Network], None], behaviour: str, stream: str
) -> None:
    network.switches.unknown_cursor = behaviour
    for days in range(20, 0, -4):
        network.book.call(at=clock.now() - DAY * days)
    position = end(await network.pages(stream, page_rows=PAGE))
    last_read = clock.now()
    lose(network)
    clock.move(AWAY * DAY.total_seconds())
    missed = [network.book.call(at=last_read + DAY * number) for number in range(0, AWAY, 3)]
    late = network.book.call(at=last_read - (REREAD - 1) * DAY)
    older = network.book.call(at=last_read - (REREAD + 3) * DAY)
    found = set(ids(await network.pages(stream, position, page_rows=PAGE, reread=f"{REREAD} days")))
    name = "id" if stream == "transactions" else "call"
    assert {getattr(row, name) for row in [*missed, late]} <= found
    in_range = [row for row in network.book.rows if last_read - (REREAD + 2) * DAY <= row.start]
    assert found <= {getattr(row, name) for row in [*in_range, older]}, "bounded by what it is"


@pytest.mark.parametrize("lose", LOSSES)
async def test_reading_again_costs_a_bounded_number_of_requests_and_happens_once(
    network: Network, clock: FakeClock, lose: Callable[[Network], None]
) -> None:
    position: Checkpoint | None = None
    for _ in range(MOST_FOOTHOLDS + 3):  # more footholds than are kept
        for _ in range(PAGE + 1):
            network.book.call(at=clock.now() - 3 * HOUR)
            clock.move(600)
        position = end(await network.pages("transactions", position, page_rows=PAGE))
    lose(network)
    for number in range(10):
        network.book.call(at=clock.now() - HOUR * number)
    network.asked()
    again = await network.pages("transactions", position, page_rows=PAGE, reread=f"{REREAD} days")
    asked = network.asked()
    [window] = {(query["from"], query["to"]) for query in asked if "from" in query and query["limit"] != "1"}
    now = clock.now()
    assert window == (str((now - (REREAD + 1) * DAY).date()), str((now + DAY).date()))
    pages = sum(1 for page in again if page.records)
    assert len(asked) <= pages + MOST_FOOTHOLDS + len(SEED_DAYS) + ENDS
    assert ids(await network.pages("transactions", end(again), page_rows=PAGE)) == []
    assert len(network.asked()) == 2, "once is enough"


@pytest.mark.parametrize("lose", LOSSES)
async def test_a_reading_again_that_is_interrupted_goes_on_where_it_stood(
    network: Network, clock: FakeClock, lose: Callable[[Network], None]
) -> None:
    network.book.call(at=clock.now() - 20 * DAY)
    position = end(await network.pages("calls", page_rows=PAGE))
    lose(network)
    made = {network.book.call(at=clock.now() - HOUR * number).call for number in range(1, 9)}
    pages = await network.pages("calls", position, page_rows=PAGE, reread=f"{REREAD} days")
    for number, page in enumerate(pages):
        assert page.checkpoint is not None
        before = set(ids(pages[: number + 1]))
        rest = ids(await network.pages("calls", page.checkpoint, page_rows=PAGE, reread=f"{REREAD} days"))
        assert made <= before | set(rest)


@pytest.mark.parametrize("lose", [move, replace])
async def test_calls_that_are_read_again_are_not_reported_again(
    tmp_path: Path, lose: Callable[[Network], None]
) -> None:
    journey = Journey(tmp_path)
    calls = [
        journey.book.call(at=journey.clock.now() - DAY * n, affiliate_id_from_network="39787") for n in range(1, 6)
    ]
    await journey.sync()
    lose(journey.network)
    journey.clock.move(2 * HOUR.total_seconds())
    report = await journey.sync()
    assert report.mappings[0].counts["read"] >= len(calls), "they are read again"
    for call in calls:
        assert len(journey.endpoint.of_session(call.call)) == 1
    journey.close()
