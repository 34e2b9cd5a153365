"""Single records are read when somebody asks for them, by hand or by a hook: the same pipeline, no checkpoint."""

import datetime as dt
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from syncengine.errors import Busy, ConfigError, RateLimited, Transient
from syncengine.state import records, runs
from tests.clock import NOON
from tests.engine.world import MemoryStream, Options, World
from tests.state.pages import rows

LATER = NOON + dt.timedelta(days=1)


class WithoutSingles:
    """The stream without the power to be asked for single records."""

    def __init__(self, stream: MemoryStream) -> None:
        self.Options, self.fields, self.moment = Options, stream.fields, stream.moment
        self.partitions, self.read = stream.partitions, stream.read


@pytest.fixture
def sold(world: World) -> World:
    """Two customers have bought; nothing has been read yet."""
    for number in ("1", "2"):
        world.crm.person(f"C{number}", f"jo.{number}@example.com")
        world.buy(number, f"C{number}")
    return world


async def test_a_hint_brings_one_record_through_and_moves_no_checkpoint(sold: World) -> None:
    report = await sold.runner().fetch(["sales"], ["2"])
    assert set(sold.mail.contacts) == {"jo.2@example.com"}
    assert report.mappings[0].counts["read"] == report.mappings[0].counts["drafted"] == 1
    assert sold.store.read_now(records.checkpoints, "sales") == {}
    (run,) = sold.store.read_now(runs.runs, None, 9)
    assert (run.kind, run.state, run.counts["targets_delivered"]) == ("hook", "done", 1)
    again = await sold.sync()
    assert again.mappings[0].counts["repeated"] == 1
    assert set(sold.mail.contacts) == {"jo.1@example.com", "jo.2@example.com"}


async def test_all_mappings_that_are_named_read_it(sold: World) -> None:
    sold.add_mapping("other", fields={"email": "{{ customer.email }}", "groups": ["Others"]})
    await sold.runner().fetch(["sales", "other"], ["1"])
    assert sold.groups("jo.1@example.com") == {"Customers", "Partner: Acme", "Others"}


async def test_a_hint_of_a_reversal_takes_it_back(sold: World) -> None:
    await sold.sync()
    sold.buy("1", "C1", State="REVERSED")
    await sold.runner().fetch(["sales"], ["1"])
    assert sold.groups("jo.1@example.com") == set()
    assert sold.groups("jo.2@example.com") == {"Customers", "Partner: Acme"}


async def test_ids_that_the_provider_does_not_know_are_named_once(sold: World) -> None:
    report = await sold.runner().fetch(["sales"], ["7", "1", "7", "8"])
    assert report.unknown == ["7", "8"]
    assert report.mappings[0].answered == {"1", "7", "8"}
    assert report.failures == []


async def test_a_hint_of_something_before_the_start_is_filtered_and_a_person_may_ask_for_it(world: World) -> None:
    world.add_mapping("sales", start="2026-07-10")
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1", days_ago=30)
    hinted = await world.runner().fetch(["sales"], ["1"])
    assert (hinted.mappings[0].counts["filtered"], world.mail.contacts) == (1, {})
    await world.runner().fetch(["sales"], ["1"], "resync")
    assert set(world.mail.contacts) == {"jo@example.com"}


async def test_what_has_not_changed_is_planned_again_with_force(sold: World) -> None:
    await sold.sync()
    sold.crm.rows["C1"][0]["name"] = "Jo"
    for force, name in ((False, None), (True, "Jo")):
        await sold.runner().fetch(["sales"], ["1"], "resync", force=force)
        assert sold.mail.contacts["jo.1@example.com"].fields.get("name") == name


async def test_a_record_stays_with_the_partition_that_read_it(sold: World) -> None:
    await sold.sync()
    sold.buy("1", "C1", Partner="Other")
    sold.buy("3", "C1")
    await sold.runner().fetch(["sales"], ["1", "3"])
    assert rows(sold.store, "SELECT id, partition FROM record ORDER BY id") == [("1", "one"), ("2", "one"), ("3", "")]


async def test_a_single_record_is_watched_as_any_other(world: World) -> None:
    world.buy("1", "C1", watch="one/open")
    await world.runner().fetch(["sales"], ["1"])
    assert rows(world.store, "SELECT id, partition FROM watch") == [("1", "one/open")]


async def test_a_stream_without_single_records_is_one_clear_error_before_any_run(sold: World) -> None:
    without: Any = WithoutSingles(sold.stream)
    sold.mappings["sales"] = replace(sold.mappings["sales"], stream=without)
    with pytest.raises(ConfigError) as raised:
        await sold.runner().fetch(["sales"], ["1"])
    assert raised.value.problems[0].key == "mappings.sales.source"
    assert "shop.sales can't be asked for single records" in str(raised.value)
    assert "syncengine resync sales --since" in str(raised.value)
    assert rows(sold.store, "SELECT * FROM run") == []


@pytest.mark.parametrize(
    ("error", "state"), [(Transient("down"), "failed"), (RateLimited("later", until=LATER), "deferred")]
)
async def test_what_could_not_be_read_fails_the_run_and_is_not_called_unknown(
    sold: World, error: Exception, state: str
) -> None:
    async def refuse(place: str) -> None:
        if place == "2":
            raise error

    sold.stream.before_page = refuse
    report = await sold.runner().fetch(["sales"], ["1", "2"])
    assert (report.mappings[0].state, report.unknown, report.failures) == (state, [], [error])
    assert report.mappings[0].answered == {"1"}
    assert set(sold.mail.contacts) == {"jo.1@example.com"}  # what was read before is delivered


async def test_it_waits_for_the_run_that_is_under_way(sold: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as run:
        run.enter_context(sold.store.locks.hold("mapping sales"))
        fetched: list[list[str]] = []

        async def end_the_run(seconds: float) -> None:
            fetched.extend(sold.stream.fetched)
            run.close()

        monkeypatch.setattr(sold.clock, "sleep", end_the_run)
        await sold.runner().fetch(["sales"], ["1"])
    assert (fetched, sold.stream.fetched) == ([], [["1"]])


async def test_it_does_not_wait_for_ever(sold: World) -> None:
    with sold.store.locks.hold("mapping sales"), pytest.raises(Busy):
        await sold.runner().fetch(["sales"], ["1"])
    assert sold.stream.fetched == []
