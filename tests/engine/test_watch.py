"""What is open: records that may still change without showing up are remembered, and handed to the stream as `Open`."""

import datetime as dt

import pytest

from syncengine.contracts import NOTHING_OPEN, Open
from syncengine.state import backfills
from tests.engine.world import World
from tests.state.pages import rows

DAY = dt.timedelta(days=1)


def opened(world: World) -> Open:
    assert world.stream.open is not None
    return world.stream.open


async def ids(world: World) -> frozenset[str]:
    now = world.clock.now()
    return await opened(world).within(now - 1000 * DAY, now + DAY)


def watched(world: World) -> list[tuple[str, str]]:
    return [(mapping, id) for mapping, id in rows(world.store, "SELECT mapping, id FROM watch")]


async def test_a_stream_is_told_what_its_partition_watches(world: World) -> None:
    world.buy("1", "C1", days_ago=9, watch="one")
    world.buy("2", "C1", days_ago=5, watch="one")
    world.buy("3", "C1", days_ago=3, watch="other")
    world.buy("4", "C1", days_ago=1)
    await world.sync()
    now = world.clock.now()
    assert await opened(world).oldest() == now - 9 * DAY
    assert await ids(world) == {"1", "2"}
    assert await opened(world).within(now - 9 * DAY, now - 5 * DAY) == {"1"}  # the end is not part of it


async def test_a_record_read_as_finished_is_watched_no_more(world: World) -> None:
    world.buy("1", "C1", watch="one")
    await world.sync()
    world.buy("1", "C1", State="APPROVED")
    await world.sync()
    assert await opened(world).oldest() is None
    assert await ids(world) == frozenset()


@pytest.mark.parametrize("values", [{"Kind": "OLD"}, {"State": "REVERSED"}, {"Customer": None}])
async def test_what_the_mapping_makes_of_a_record_is_not_asked(world: World, values: dict[str, str | None]) -> None:
    world.buy("1", "C1", watch="one", **values)
    await world.sync()
    assert await ids(world) == {"1"}


async def test_a_record_that_says_the_same_to_the_mapping_is_watched_by_what_it_says_now(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.add_mapping("sales", where="Kind == 'NEW'", retract=None)
    world.buy("1", "C1", watch="one")
    await world.sync()
    world.buy("1", "C1", State="APPROVED")
    report = await world.sync()
    assert report.mappings[0].counts["repeated"] == 1
    assert await ids(world) == frozenset()
    world.buy("1", "C1", watch="one")
    await world.sync()
    assert await ids(world) == {"1"}


async def test_a_record_from_before_the_start_is_not_watched_unless_a_resync_brought_it_in(world: World) -> None:
    world.add_mapping("sales", start="2026-07-10")
    world.crm.person("C1", "jo@example.com")
    await world.sync()
    world.buy("1", "C1", days_ago=30, watch="one")
    assert (await world.sync()).mappings[0].counts["filtered"] == 1
    assert watched(world) == []
    now = world.clock.now()
    world.store.write_now(backfills.ask_backfill, "sales", now - 40 * DAY, now, False, now)
    await world.sync()
    await world.sync()
    assert await ids(world) == {"1"}


async def test_a_range_is_read_whole_whatever_is_open(world: World) -> None:
    world.buy("1", "C1", watch="one")
    await world.sync()
    now = world.clock.now()
    world.store.write_now(backfills.ask_backfill, "sales", now - 40 * DAY, now, False, now)
    await world.sync()
    assert world.stream.open is NOTHING_OPEN


async def test_each_mapping_watches_for_itself(world: World) -> None:
    world.add_mapping("later", where="Kind == 'OLD'")
    world.buy("1", "C1", watch="one")
    await world.sync("sales")
    world.buy("1", "C1")
    await world.sync("later")
    assert await ids(world) == frozenset()
    assert watched(world) == [("sales", "1")]


async def test_trying_a_waiting_record_again_says_nothing_about_whether_it_is_open(world: World) -> None:
    world.buy("1", "C1", watch="one")
    await world.sync()
    world.crm.person("C1", "jo@example.com")
    assert (await world.sync()).mappings[0].counts["released"] == 1
    assert await ids(world) == {"1"}


async def test_plan_knows_what_is_open_and_forgets_none_of_it(world: World) -> None:
    world.buy("1", "C1", watch="one")
    await world.sync()
    world.buy("1", "C1")
    world.stream.open = None
    await world.plan()
    assert world.stream.open not in {None, NOTHING_OPEN}
    assert watched(world) == [("sales", "1")]
