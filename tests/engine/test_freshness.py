"""Freshness is that of the partitions that are read now: those that once were neither age nor hide anything."""

import datetime as dt

import pytest

from syncengine.errors import RateLimited, Transient
from syncengine.state import status
from syncengine.state.status import MappingStatus, PartitionStatus
from tests.engine.world import World

HOUR = 3600


def standing(world: World) -> MappingStatus:
    return world.store.read_now(status.mapping_status, "sales")


def partition(world: World, name: str) -> PartitionStatus:
    return next(each for each in standing(world).partitions if each.partition == name)


@pytest.fixture
async def twofold(world: World) -> World:
    """Two partitions, read."""
    world.buy("1", "C1")
    world.buy("2", "C2", partition="two")
    await world.sync()
    return world


async def test_a_partition_that_is_not_read_any_more_ages_nothing(twofold: World) -> None:
    gone = twofold.stream.changes.pop("two")
    twofold.clock.move(HOUR)
    await twofold.sync()
    now = twofold.clock.now()
    found = standing(twofold)
    assert (found.fresh, [each.partition for each in found.read]) == (now, ["one"])
    assert partition(twofold, "two").retired_at == now
    twofold.clock.move(HOUR)
    await twofold.sync()
    assert partition(twofold, "two").retired_at == now  # since then
    twofold.stream.changes["two"] = gone
    await twofold.sync()
    assert [each.partition for each in standing(twofold).read] == ["one", "two"]
    assert partition(twofold, "two").retired_at is None
    assert twofold.stream.reads == 6  # it went on from where it stood


async def test_a_partition_that_failed_before_it_was_given_up_hides_no_stale_one(twofold: World) -> None:
    twofold.stream.changes["three"] = []

    async def fail(place: str) -> None:
        if place == "three":
            raise Transient("down")

    twofold.stream.before_page = fail
    await twofold.sync()
    assert standing(twofold).fresh is None
    del twofold.stream.changes["three"]
    read_at = twofold.clock.now()
    await twofold.sync()
    twofold.clock.move(HOUR)
    assert standing(twofold).fresh == read_at


async def test_a_partition_that_no_run_came_to_is_never_read_and_not_unknown(world: World) -> None:
    world.buy("1", "C1")
    world.buy("2", "C2", partition="two")

    async def refuse(place: str) -> None:
        if place == "two":
            raise RateLimited("later", until=world.clock.now() + dt.timedelta(hours=1))

    world.stream.changes["three"] = []
    world.stream.before_page = refuse
    await world.sync()
    found = standing(world)
    assert [(each.partition, each.moved_at is None) for each in found.read] == [
        ("one", False), ("three", True), ("two", True),
    ]  # fmt: skip
    assert found.fresh is None


async def test_a_stream_that_names_no_partition_gives_none_up(twofold: World) -> None:
    twofold.stream.changes.clear()
    read_at = twofold.clock.now()
    twofold.clock.move(HOUR)
    await twofold.sync()
    assert standing(twofold).fresh == read_at


async def test_a_persons_yes_is_no_comparison(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    await world.sync()
    await world.reconcile()
    del world.mail.contacts["jo@example.com"]
    report, _ = await world.reconcile(confirmed=True)
    good = world.store.read_now(status.mapping_status, "mail.contacts").last_good
    world.clock.move(HOUR)
    assert await world.allow("jo@example.com") == 1
    compared = world.store.read_now(status.destination_status, "mail.contacts").reconciled
    assert compared is not None
    assert compared.id == report.mappings[0].run
    assert world.store.read_now(status.mapping_status, "mail.contacts").last_good == good
