"""A range that is read again waits for quota without the mapping: live work goes on, and no reading is mixed up."""

from collections.abc import Awaitable, Callable, Collection
from contextlib import ExitStack

import pytest

from syncengine.contracts import Found
from syncengine.engine.pages import TURN
from syncengine.engine.report import RunReport
from syncengine.pacing import BACKGROUND, Limiter, count_request
from syncengine.state import backfills
from tests.engine.test_resync import DAY, ask, learn_names, named, open_ranges, sold
from tests.engine.world import World, nothing

__all__ = ["sold"]  # a fixture

LONG = 60.0
"""Seconds: longer than a turn, shorter than what ends a run."""


class Quota:
    """Every page asks it for a place; `meanwhile` happens once, while somebody waits for one."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.limiter = Limiter("connections.shop", None, world.clock)
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        self.held: list[bool] = []
        sleep = world.clock.sleep

        async def look(seconds: float) -> None:
            if self.limiter.blocked_until() is not None and BACKGROUND.get():
                self.held.append(world.store.locks.held("mapping sales"))
                if self.meanwhile is not None:
                    happens, self.meanwhile = self.meanwhile, None
                    background = BACKGROUND.set(False)
                    await happens()
                    BACKGROUND.reset(background)
            await sleep(seconds)

        monkeypatch.setattr(world.clock, "sleep", look)

    def uses_up(self, world: World, seconds: float, page: int) -> None:
        """The place of that page of the range comes so much later."""
        pages = 0

        async def take(place: str) -> None:
            nonlocal pages
            if BACKGROUND.get():
                pages += 1
                if pages == page:
                    self.limiter.block(seconds)
                await self.limiter.take()

        world.stream.before_page = take


@pytest.fixture
async def quota(sold: World, monkeypatch: pytest.MonkeyPatch) -> Quota:
    await sold.sync()
    learn_names(sold)
    ask(sold)
    sold.stream.reads = 0
    return Quota(sold, monkeypatch)


async def test_live_work_goes_on_while_a_range_waits_for_quota(sold: World, quota: Quota) -> None:
    live: list[RunReport] = []

    async def sync() -> None:
        sold.buy("new", "C0", Partner="New", days_ago=-1)
        live.append(await sold.sync())

    quota.uses_up(sold, LONG, page=3)
    quota.meanwhile = sync
    report = await sold.runner().resync("sales")
    assert [part.counts["read"] for part in live[0].mappings] == [1]
    assert live[0].mappings[0].state == "done"
    assert (set(quota.held), report.mappings[0].state) == ({False}, "done")
    assert (len(named(sold)), open_ranges(sold)) == (6, [])
    assert sold.stream.reads == 2 + 7  # nothing was read twice: what is new by the live run, and a page for each sale
    assert not sold.store.locks.held("mapping sales")


async def test_a_wait_that_is_shorter_than_a_turn_happens_with_the_mapping(sold: World, quota: Quota) -> None:
    quota.uses_up(sold, TURN, page=3)
    await sold.runner().resync("sales")
    assert set(quota.held) == {True}
    assert len(named(sold)) == 6


async def test_a_page_that_is_asked_for_after_a_live_run_counts_as_newer(sold: World, quota: Quota) -> None:
    async def sync_and_reverse() -> None:
        sold.buy("1", "C1", Partner="Other", partition="one", days_ago=19)
        await sold.sync()
        reverse(sold, "1")

    quota.uses_up(sold, LONG, page=1)
    quota.meanwhile = sync_and_reverse
    await sold.runner().resync("sales")
    assert sold.groups("jo.1@example.com") == set()


async def test_a_page_of_which_a_part_was_read_before_a_live_run_counts_as_older(sold: World, quota: Quota) -> None:
    async def take_in_two(place: str) -> None:
        if BACKGROUND.get():
            count_request("connections.shop")  # the first half of the page
            await quota.limiter.take()

    async def reverse_and_sync() -> None:
        sold.stream.before_page = nothing
        sold.stream.put("1", sold.clock.now() - 19 * DAY, State="REVERSED", Customer="C1", Partner="Acme")
        await sold.sync()
        sold.stream.changes["one"].pop()  # the half that was read shows it as it was

    quota.limiter.block(LONG)
    sold.stream.before_page = take_in_two
    quota.meanwhile = reverse_and_sync
    await sold.runner().resync("sales")
    assert sold.groups("jo.1@example.com") == set()


async def test_a_lookup_that_waits_leaves_the_mapping_free_and_its_page_heeds_what_was_read_meanwhile(
    sold: World, quota: Quota, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = sold.crm.find

    async def wait_first(keys: Collection[str]) -> Found:
        if BACKGROUND.get():
            await quota.limiter.take()
        return await find(keys)

    async def reverse_and_sync() -> None:
        sold.stream.put("1", sold.clock.now() - 19 * DAY, State="REVERSED", Customer="C1", Partner="Acme")
        await sold.sync()
        sold.stream.changes["one"].pop()  # the range has asked before

    monkeypatch.setattr(sold.crm, "find", wait_first)
    quota.limiter.block(LONG)
    quota.meanwhile = reverse_and_sync
    report = await sold.runner().resync("sales")
    assert (set(quota.held), report.mappings[0].state) == ({False}, "done")
    assert sold.groups("jo.1@example.com") == set()
    counts = report.mappings[0].counts
    assert (counts["read"], counts["repeated"], counts["drafted"]) == (6, 1, 5)


async def test_a_wait_of_a_range_ends_when_live_work_is_due(sold: World, quota: Quota) -> None:
    quota.uses_up(sold, LONG, page=3)
    now = sold.clock.monotonic()
    report = await sold.runner(due=lambda: bool(quota.held)).resync("sales")
    assert sold.clock.monotonic() - now < TURN
    assert report.mappings[0].state == "deferred"
    assert len(open_ranges(sold)) == 1
    sold.clock.move(LONG)
    await sold.runner().resync("sales")
    assert (len(named(sold)), open_ranges(sold)) == (6, [])


async def test_a_range_that_does_not_get_the_mapping_back_before_it_is_put_down_has_lost_nothing(
    sold: World, quota: Quota
) -> None:
    live = sold.store.locks.hold("mapping sales")

    async def begin_live_work() -> None:
        live.__enter__()

    quota.uses_up(sold, LONG, page=3)
    quota.meanwhile = begin_live_work
    ended = sold.clock.monotonic() + LONG + 1
    report = await sold.runner(stopping=lambda: sold.clock.monotonic() > ended).resync("sales")
    live.__exit__(None, None, None)
    assert (report.mappings[0].state, report.stopped) == ("stopped", True)
    assert report.failures == []
    (left,) = sold.store.read_now(backfills.open_backfills, "sales")
    assert left.positions == {"one": "2"}
    await sold.runner().resync("sales")
    assert (len(named(sold)), open_ranges(sold)) == (6, [])


def reverse(world: World, id: str) -> None:
    """The sale is shown as taken back from now on, wherever it stands."""
    for changes in world.stream.changes.values():
        changes[:] = [
            record._replace(values={**record.values, "State": "REVERSED"}) if record.id == id else record
            for record in changes
        ]


async def test_a_range_that_is_put_down_while_a_lookup_waits_has_not_failed(
    sold: World, quota: Quota, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = sold.crm.find
    due = False

    async def wait_first(keys: Collection[str]) -> Found:
        await quota.limiter.take()
        return await find(keys)

    with ExitStack() as live:

        async def begin() -> None:
            nonlocal due
            live.enter_context(sold.store.locks.hold("mapping sales"))
            due = True

        monkeypatch.setattr(sold.crm, "find", wait_first)
        quota.limiter.block(2 * TURN)
        quota.meanwhile = begin
        report = await sold.runner(due=lambda: due).resync("sales")
    assert report.failures == []
    assert len(open_ranges(sold)) == 1
    await sold.runner().resync("sales")
    assert open_ranges(sold) == []
