"""Reading the transaction log: two orders, two cursors, and what happens when a cursor is gone."""

import contextlib
import datetime as dt

import pytest

from connectors.invoca.sandbox.transactions import TransactionLog
from syncengine.contracts import NOTHING_OPEN, Checkpoint, Range
from syncengine.errors import ProviderError, StateError
from tests.clock import FakeClock
from tests.invoca.world import Network, end, ids

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


async def test_an_idle_reading_costs_two_requests(network: Network) -> None:
    row = network.book.call()
    position = end(await network.pages("transactions"))
    network.asked()
    assert ids(await network.pages("transactions", position)) == []
    assert network.asked() == [
        {"transaction_id": row.id},
        {"limit": "4000", "start_after_transaction_id": row.id},
    ]


async def test_the_tail_goes_on_by_position_and_not_by_the_largest_id(network: Network, clock: FakeClock) -> None:
    made = [network.book.call(at=clock.now() - HOUR * number).id for number in range(7)]
    assert sorted(made) != made
    position = end(await network.pages("transactions", page_rows=3))
    later = [network.book.call(at=clock.now() - DAY * number).id for number in range(5)]
    assert ids(await network.pages("transactions", position, page_rows=3)) == later


async def test_a_window_and_the_tail_never_share_a_query(network: Network, clock: FakeClock) -> None:
    for number in range(9):
        network.book.call(at=clock.now() - DAY * number)
    await network.pages("transactions", page_rows=2)
    for query in network.asked():
        assert ("from" in query) == ("to" in query)
        assert not {"from", "transaction_id"} <= query.keys()


async def test_reading_goes_on_until_a_page_is_empty_where_the_limit_is_clamped(network: Network) -> None:
    network.switches.page_rows = 2
    made = {network.book.call().id for _ in range(7)}
    assert set(ids(await network.pages("transactions", page_rows=4000))) == made


async def test_a_row_that_is_committed_while_the_first_range_is_read_is_not_missed(
    network: Network, clock: FakeClock
) -> None:
    old = [network.book.call(at=clock.now() - DAY * number).id for number in range(1, 6)]
    found: list[str] = []
    async with network.connect(page_rows=2) as connection:
        reading = connection.streams["transactions"].read("all", network.everything(), fields=None, open=NOTHING_OPEN)
        async for page in reading:
            found += [record.id for record in page.records]
            if len(network.book.rows) < 8:  # behind the place where the range is read just now
                old.append(network.book.call(at=clock.now() - DAY * 6).id)
    assert set(found) == set(old)


async def test_a_late_correction_of_an_old_call_shows_at_the_tail(network: Network, clock: FakeClock) -> None:
    old = network.book.call(at=clock.now() - 100 * DAY)
    network.book.call()
    position = end(await network.pages("transactions"))
    clock.move(3600)
    late = network.book.correct(old.id, duration=7)
    assert ids(await network.pages("transactions", position)) == [late.id]


@pytest.mark.parametrize("behaviour", ["empty", "oldest", "404"])
async def test_a_purged_cursor_is_noticed_and_an_earlier_one_used(network: Network, behaviour: str) -> None:
    network.switches.unknown_cursor = behaviour
    first = network.book.call()
    position = end(await network.pages("transactions"))
    second = network.book.call()
    position = end(await network.pages("transactions", position))
    network.book.purge(second.id)
    third = network.book.call()
    network.asked()
    assert ids(await network.pages("transactions", position)) == [third.id]
    assert {"transaction_id": first.id} in network.asked()


@pytest.mark.parametrize("behaviour", ["empty", "oldest", "404"])
async def test_where_no_cursor_is_known_any_more_the_last_calls_are_read_again(
    network: Network, clock: FakeClock, behaviour: str
) -> None:
    network.switches.unknown_cursor = behaviour
    before = network.book.call(at=clock.now() - 120 * DAY)
    gone = [network.book.call(at=clock.now() - DAY).id for _ in range(3)]
    position = end(await network.pages("transactions"))
    for id in gone:
        network.book.purge(id)
    clock.move(600)
    kept = [network.book.call(at=clock.now() - number * DAY).id for number in range(1, 80, 9)]
    found = ids(await network.pages("transactions", position, page_rows=4))
    assert set(kept) <= set(found)
    assert before.id not in found, "bounded: what is older than `reread` is not read again"


@pytest.mark.parametrize("behaviour", ["empty", "oldest", "404"])
async def test_a_cursor_that_goes_while_the_tail_is_read_leaves_no_gap(network: Network, behaviour: str) -> None:
    network.switches.unknown_cursor = behaviour
    network.book.call()
    position = end(await network.pages("transactions"))
    made = [network.book.call().id for _ in range(6)]
    found: list[str] = []
    async with network.connect(page_rows=2) as connection:
        reading = connection.streams["transactions"].read("all", position, fields=None, open=NOTHING_OPEN)
        with contextlib.suppress(ProviderError):  # an error is good too: the next run goes on
            async for page in reading:
                found += [record.id for record in page.records]
                position = page.checkpoint or position
                if found == made[:2]:
                    network.book.purge(made[1])
    found += ids(await network.pages("transactions", position))
    assert set(made) <= set(found)


async def test_a_changed_time_zone_is_noticed_and_the_last_calls_are_read_again(
    network: Network, clock: FakeClock
) -> None:
    made = {network.book.call(at=clock.now() - DAY * number).id for number in range(5)}
    position = end(await network.pages("transactions"))
    network.switches.timezone = "Asia/Tokyo"
    network.asked()
    again = await network.pages("transactions", position)
    assert set(ids(again)) == made
    assert any("from" in query for query in network.asked())
    network.asked()
    assert ids(await network.pages("transactions", end(again))) == []
    assert not any("from" in query for query in network.asked()), "once is enough"


async def test_summer_time_is_no_change_of_zone(network: Network) -> None:
    march = dt.datetime(2026, 3, 8, 9, 30, tzinfo=dt.UTC)  # half an hour before the clocks go forward in Los Angeles
    clock = FakeClock(march)
    network = Network(clock)
    network.book.call()
    position = end(await network.pages("transactions"))
    clock.move(7200)
    new = network.book.call()
    network.asked()
    assert ids(await network.pages("transactions", position)) == [new.id]
    assert not any("from" in query for query in network.asked())


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "Pacific/Pago_Pago"])
async def test_a_range_is_whole_whatever_the_zone_of_the_api_user(
    network: Network, clock: FakeClock, zone: str
) -> None:
    network.switches.timezone = zone
    since = clock.now() - 3 * DAY
    inside = [network.book.call(at=since + HOUR * number).id for number in range(24)]
    for outside in (since - dt.timedelta(seconds=1), since + DAY):
        network.book.call(at=outside)
    assert ids(await network.pages("transactions", Range(since, since + DAY))) == inside


async def test_a_range_that_was_interrupted_goes_on_where_it_stood(network: Network, clock: FakeClock) -> None:
    made = [network.book.call(at=clock.now() - DAY * number).id for number in range(9, 0, -1)]
    pages = await network.pages("transactions", Range(clock.now() - 20 * DAY, clock.now()), page_rows=4)
    first = pages[0].checkpoint
    assert first is not None
    assert ids(await network.pages("transactions", first, page_rows=4)) == made[4:]
    network.book.purge(made[3])
    rest = ids(await network.pages("transactions", first, page_rows=4))
    assert set(made[4:]) <= set(rest), "the place in the range is gone: the range is read from its beginning"


async def test_the_end_of_a_range_whose_place_is_gone_is_not_believed(network: Network, clock: FakeClock) -> None:
    made = [network.book.call(at=clock.now() - DAY * number).id for number in range(9, 0, -1)]
    bounds = Range(clock.now() - 20 * DAY, clock.now())
    async with network.connect(page_rows=4) as connection:
        reading = connection.streams["transactions"].read("all", bounds, fields=None, open=NOTHING_OPEN)
        await anext(reading)
        network.book.purge(made[3])
        with pytest.raises(ProviderError) as caught:
            async for _ in reading:
                pass
    assert caught.value.code == "cursor_gone"


async def test_a_circle_of_pages_is_noticed(network: Network) -> None:
    class Circling(TransactionLog):
        def _after(self, rows: list, cursor: str) -> list:
            return rows

    network.book.call()
    network.sandbox._log = Circling(network.book, network.switches)
    with pytest.raises(ProviderError) as caught:
        await network.pages("transactions")
    assert caught.value.code == "loop"


async def test_a_checkpoint_of_somebody_else_is_refused(network: Network) -> None:
    with pytest.raises(StateError, match="resync"):
        await network.pages("transactions", Checkpoint("not ours"))


async def test_an_empty_network_is_read_from_its_first_transaction_on(network: Network) -> None:
    position = end(await network.pages("transactions"))
    first = network.book.call()
    assert ids(await network.pages("transactions", position)) == [first.id]


async def test_the_tail_begins_at_a_recent_call_and_not_at_the_oldest(network: Network, clock: FakeClock) -> None:
    for number in range(60, 0, -1):
        network.book.call(at=clock.now() - DAY * number)
    await network.pages("transactions", Range(clock.now() - 2 * DAY), page_rows=10)
    tail = [query for query in network.asked() if query.get("limit") == "10" and "from" not in query]
    assert len(tail) <= 2
