"""A range is read again beside live work: it comes second, goes on where it stood, and touches no live checkpoint."""

import datetime as dt

import pytest

from syncengine.engine.pages import PAUSE, TURN
from syncengine.engine.report import Progress
from syncengine.errors import Busy, RateLimited, Transient
from syncengine.pacing import BACKGROUND
from syncengine.state import backfills, records, runs
from syncengine.state.locks import range_lock
from syncengine.state.status import mapping_status
from tests.clock import NOON
from tests.engine.world import Killed, World, nothing

DAY = dt.timedelta(days=1)
LATER = NOON + DAY


def ask(world: World, days: int = 30, *, until: int = 0, force: bool = True) -> int:
    now = world.clock.now()
    return world.store.write_now(backfills.ask_backfill, "sales", now - days * DAY, now - until * DAY, force, now)


def open_ranges(world: World) -> list[backfills.Backfill]:
    return world.store.read_now(backfills.open_backfills, "sales")


@pytest.fixture
def sold(world: World) -> World:
    """Six sales in two partitions, read and delivered; then the directory learns a name of everybody."""
    for number in range(6):
        world.crm.person(f"C{number}", f"jo.{number}@example.com")
        world.buy(str(number), f"C{number}", days_ago=20 - number, partition="one" if number % 2 else "two")
    world.stream.page_size = 1
    return world


def learn_names(world: World) -> None:
    for found in world.crm.rows.values():
        found[0]["name"] = "Jo"


def named(world: World) -> set[str]:
    return {email for email, contact in world.mail.contacts.items() if contact.fields.get("name")}


async def test_a_range_reads_its_days_and_nothing_else(sold: World) -> None:
    await sold.sync()
    before = sold.store.read_now(records.checkpoints, "sales")
    learn_names(sold)
    sold.buy("new", "C0", Partner="New")
    ask(sold, 18, until=16)
    report = await sold.runner().resync("sales")
    assert named(sold) == {"jo.2@example.com", "jo.3@example.com"}  # up to before its end
    assert (report.mappings[0].counts["read"], open_ranges(sold)) == (2, [])
    assert sold.store.read_now(records.checkpoints, "sales") == before
    assert [run.kind for run in sold.store.read_now(runs.runs, "sales", 9)] == ["resync", "manual"]


async def test_a_sync_delivers_what_is_new_and_then_goes_on_with_a_range(sold: World) -> None:
    await sold.sync()
    learn_names(sold)
    sold.buy("new", "C0", Partner="New")
    ask(sold)
    report = await sold.sync()
    assert [(part.counts["read"], part.counts["drafted"]) for part in report.mappings] == [(1, 1), (7, 7)]
    assert [part.destination for part in report.deliveries] == ["mail.contacts"] * 2
    kinds = [(run.kind, run.state) for run in sold.store.read_now(runs.runs, "sales", 2)]
    assert kinds == [("resync", "done"), ("manual", "done")]
    assert len(named(sold)) == 6


async def test_ranges_are_worked_off_in_the_order_they_were_asked_for_also_those_asked_for_meanwhile(
    sold: World,
) -> None:
    await sold.sync()
    asked: list[int] = [ask(sold, 20, until=19)]

    async def ask_more(place: str) -> None:
        if len(asked) == 1:
            asked.append(ask(sold, 17, until=16))

    sold.stream.before_page = ask_more
    report = await sold.runner().resync("sales")
    assert (len(asked), report.mappings[0].counts["read"], open_ranges(sold)) == (2, 2, [])


async def test_a_killed_range_goes_on_where_it_stood(sold: World) -> None:
    await sold.sync()
    learn_names(sold)
    ask(sold)
    pages = 0

    async def die(place: str) -> None:
        nonlocal pages
        pages += 1
        if pages == 6:
            raise Killed

    sold.stream.before_page = die
    with pytest.raises(Killed):
        await sold.runner().resync("sales")
    sold.restart()
    (left,) = open_ranges(sold)
    assert len(left.done) == 1
    sold.stream.before_page = nothing
    sold.stream.reads = 0
    await sold.sync()
    assert sold.stream.reads <= 2 + 2  # the live partitions, and what the range had left
    assert (len(named(sold)), open_ranges(sold)) == (6, [])


async def test_live_work_gets_the_mapping_between_two_pages(sold: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await sold.sync()
    learn_names(sold)
    ask(sold)
    sold.buy("new", "C0", Partner="New")
    live: list[list[int]] = []
    pause = sold.clock.sleep

    async def slow(place: str) -> None:
        """Every page takes its time."""
        sold.clock.move(TURN)

    async def pause_for_others(seconds: float) -> None:
        """While the range lets go of the mapping, somebody runs what is new."""
        if seconds == PAUSE and not live:
            sold.stream.before_page = nothing
            report = await sold.sync()
            live.append([part.counts["read"] for part in report.mappings])
        await pause(seconds)

    sold.stream.before_page = slow
    monkeypatch.setattr(sold.clock, "sleep", pause_for_others)
    await sold.runner().resync("sales")
    assert live == [[1]]  # the range is left to who reads it
    assert (len(named(sold)), open_ranges(sold)) == (6, [])
    assert "Partner: New" in sold.groups("jo.0@example.com")


async def test_nobody_else_reads_for_the_mapping_while_a_page_of_the_range_is_on_its_way(sold: World) -> None:
    await sold.sync()
    ask(sold)
    held: list[bool] = []

    async def look(place: str) -> None:
        held.append(sold.store.locks.held("mapping sales"))

    sold.stream.before_page = look
    await sold.runner().resync("sales")
    assert held
    assert all(held)
    assert not sold.store.locks.held("mapping sales")


async def test_a_live_run_waits_for_the_page_of_a_range_and_not_for_another_live_run(sold: World) -> None:
    locks = sold.store.locks
    with locks.hold("mapping sales"):
        with pytest.raises(Busy):
            await sold.sync()
        assert sold.clock.slept == []
        with locks.hold(range_lock("sales")), pytest.raises(Busy):
            await sold.sync()
        assert sold.clock.slept


async def test_two_do_not_read_ranges_of_one_mapping_at_once(sold: World) -> None:
    ask(sold)
    with sold.store.locks.hold(range_lock("sales")), pytest.raises(Busy):
        await sold.runner().resync("sales")
    assert sold.stream.reads == 0


async def test_a_range_is_put_down_when_live_work_is_due_and_the_next_run_goes_on(sold: World) -> None:
    await sold.sync()
    learn_names(sold)
    ask(sold)
    sold.stream.reads = 0
    report = await sold.sync(due=lambda: sold.stream.reads >= 4)
    assert [part.state for part in report.mappings] == ["done", "done"]
    assert 0 < len(named(sold)) < 6  # what was read of it is delivered
    assert len(open_ranges(sold)) == 1
    await sold.sync()
    assert (len(named(sold)), open_ranges(sold)) == (6, [])


async def test_a_range_is_read_in_the_background_of_the_quota_and_live_work_is_not(sold: World) -> None:
    await sold.sync()
    ask(sold)
    seen: list[tuple[bool, bool]] = []

    async def look(place: str) -> None:
        seen.append((BACKGROUND.get(), sold.store.locks.held(range_lock("sales"))))

    sold.stream.before_page = look
    await sold.sync()
    assert set(seen) == {(False, False), (True, True)}
    assert not BACKGROUND.get()


@pytest.mark.parametrize(
    ("error", "state"), [(Transient("down"), "failed"), (RateLimited("later", until=LATER), "deferred")]
)
async def test_a_range_that_fails_says_so_in_its_own_run_and_stays_open(
    sold: World, error: Exception, state: str
) -> None:
    await sold.sync()
    ask(sold)

    async def refuse(place: str) -> None:
        if BACKGROUND.get():
            raise error

    sold.stream.before_page = refuse
    report = await sold.sync()
    assert [part.state for part in report.mappings] == ["done", state]
    assert len(open_ranges(sold)) == 1


async def test_after_a_refusal_of_live_work_a_range_is_not_even_tried(sold: World) -> None:
    ask(sold)
    sold.stream.faults = dict.fromkeys(("one", "two"), RateLimited("later", until=LATER))
    report = await sold.sync()
    assert [part.state for part in report.mappings] == ["deferred"]


async def test_whoever_watches_sees_how_much_of_the_range_is_done(sold: World) -> None:
    await sold.sync()
    ask(sold, 20, until=14)
    shares: list[tuple[int, float]] = []

    def watch(progress: Progress) -> None:
        if progress.headway is not None:
            shares.append((progress.headway.windows, round(progress.headway.share, 2)))

    await sold.runner(watch=watch).resync("sales")
    # sales of 19, 17 and 15 days ago, then of 20, 18 and 16, in a range of six days that is read in two partitions
    assert shares == [(1, 0.08), (2, 0.25), (3, 0.42), (4, 0.5), (5, 0.67), (6, 0.83)]


async def test_plan_shows_what_the_range_would_do_and_nothing_else(sold: World) -> None:
    await sold.sync()
    learn_names(sold)
    sold.buy("new", "C0", Partner="New")
    ask(sold, 18, until=16)
    sent = len(sold.mail.requests)
    _, items = await sold.plan("sales", only="ranges")
    changed = {item.target.key for item in items if item.verdict.change}
    assert changed == {"jo.2@example.com", "jo.3@example.com"}
    assert (len(sold.mail.requests), len(open_ranges(sold))) == (sent, 1)
    _, every = await sold.plan()
    assert {item.target.key for item in every if item.verdict.change} == {*changed, "jo.0@example.com"}


async def test_plan_shows_what_single_records_would_do(sold: World) -> None:
    report, items = await sold.plan("sales", only=["3", "9"])
    assert {item.target.key for item in items} == {"jo.3@example.com"}
    assert report.unknown == ["9"]
    assert sold.mail.requests == []


async def test_a_partition_that_fails_stops_neither_the_rest_of_its_range_nor_the_next_range(sold: World) -> None:
    await sold.sync()
    learn_names(sold)
    ask(sold, 30)
    ask(sold, 25)

    async def fail(place: str) -> None:
        if place == "one":
            raise Transient("nobody is there")

    sold.stream.before_page = fail
    report = await sold.runner().resync("sales")
    assert report.mappings[0].failures.keys() == {"one"}
    assert named(sold) == {"jo.0@example.com", "jo.2@example.com", "jo.4@example.com"}
    assert len(open_ranges(sold)) == 2
    sold.stream.before_page = nothing
    await sold.runner().resync("sales")
    assert (len(named(sold)), open_ranges(sold)) == (6, [])


async def test_a_run_for_single_records_or_old_ranges_makes_nothing_fresh(sold: World) -> None:
    await sold.sync()
    good = sold.store.read_now(mapping_status, "sales").last_good
    sold.clock.move(3600)
    await sold.runner().fetch(["sales"], ["3"])
    ask(sold)
    await sold.runner().resync("sales")
    assert sold.store.read_now(mapping_status, "sales").last_good == good
