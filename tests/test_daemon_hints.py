"""Hints become runs: few, one at a time per mapping, when the quota allows, and never instead of the schedule's."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest

from syncengine.due import JITTER_DEFERRED
from syncengine.engine.report import RunReport
from syncengine.errors import AuthError, Busy, RateLimited, SyncError, Transient
from syncengine.turn import Turn
from syncengine.web.hints import MOST
from tests.engine.conftest import world
from tests.engine.world import World
from tests.test_daemon import FAR, HOUR, Bench, Log, answering, log, raising, report, until_stopping

__all__ = ["log", "world"]  # fixtures

WINDOW = 0.02


async def window(bench: Bench) -> None:
    """The hints given so far ripen, and their runs get the time to begin and end."""
    await asyncio.sleep(WINDOW * 1.5)
    await bench.turn()


def ids(number: int) -> Collection[str]:
    return [f"1000.1.{at}" for at in range(number)]


async def test_ten_thousand_hints_at_fifty_records_are_one_run_of_fifty(log: Log) -> None:
    bench = Bench(window=WINDOW)
    async with bench.running():
        for at in range(10_000):
            bench.daemon.hint("sales", [f"1000.1.{at % 50}"])
        await window(bench)
        (begun,) = bench.begun
        assert len(begun.split()) == 1 + 50
    (started,) = log.lines(event="Run started")
    assert (started["run_kind"], started["records"]) == ("hook", 50)


async def test_hints_are_collected_for_a_while_and_then_fetched_each_time_anew(log: Log) -> None:
    bench = Bench(window=WINDOW)
    async with bench.running():
        bench.daemon.hint("sales", ["a"])
        await bench.turn()
        assert bench.begun == []
        bench.daemon.hint("sales", ["b"])
        await window(bench)
        assert bench.begun == ["sales a b"]
        bench.daemon.hint("sales", ["a"])
        await window(bench)
    assert bench.ended == ["sales a b", "sales a"]


async def test_hints_wait_for_the_run_under_way_and_come_after_it(log: Log) -> None:
    bench = Bench(window=WINDOW)
    go = asyncio.Event()

    async def run(stopping: object) -> RunReport:
        await go.wait()
        return report("sales")

    bench.behave["sales"] = run
    async with bench.running():
        await bench.turn("sales")
        bench.daemon.hint("sales", ["a"])
        await window(bench)
        bench.daemon.hint("calls", ["x"])
        await window(bench)
        assert bench.begun == ["sales", "calls x"]  # each mapping by itself
        bench.daemon.hint("sales", ["b"])
        go.set()
        await window(bench)
    assert bench.begun == ["sales", "calls x", "sales a b"]


async def test_the_turn_of_a_schedule_is_not_lost_to_a_run_for_hints(log: Log) -> None:
    bench = Bench(window=WINDOW)
    go = asyncio.Event()

    async def run(stopping: object) -> RunReport:
        await go.wait()
        return report("sales")

    bench.behave["sales a"] = run
    async with bench.running():
        bench.daemon.hint("sales", ["a"])
        await window(bench)
        await bench.turn("sales", "sales")
        assert bench.begun == ["sales a"]
        go.set()
        await bench.turn()
        await bench.turn()
        assert bench.begun == ["sales a", "sales"]
    assert log.lines(level="warning") == []


async def test_more_hints_than_are_worth_a_request_each_are_one_whole_run(log: Log) -> None:
    bench = Bench(window=WINDOW)
    async with bench.running():
        bench.daemon.hint("sales", ids(MOST + 1))
        bench.daemon.hint("sales", ids(3 * MOST))
        await window(bench)
        assert bench.begun == ["sales"]
    assert log.lines(event="Too many hints to fetch them singly: a whole run instead", mapping="sales")


@pytest.mark.parametrize("where", ["run", "reading"])
async def test_hints_are_kept_until_the_quota_is_back_and_an_earlier_turn_waits_too(log: Log, where: str) -> None:
    bench = Bench(window=WINDOW)
    until = bench.now + HOUR
    limited = RateLimited("Used up.", until=until)
    bench.behave["sales a"] = {"run": raising(limited), "reading": answering(report("sales", limited))}[where]
    bench.timetable.defer("sales", bench.now + dt.timedelta(minutes=5))
    async with bench.running():
        bench.daemon.hint("sales", ["a"])
        await window(bench)
        bench.daemon.hint("sales", ["b"])
        await window(bench)
        assert bench.begun == ["sales a"]
        comes_back = bench.timetable.next_due("sales")
        assert comes_back is not None
        assert until <= comes_back < until + JITTER_DEFERRED
        assert bench.waiting("sales") == {"a", "b"}


async def test_hints_that_met_a_used_up_quota_put_no_later_turn_forward(log: Log) -> None:
    bench = Bench(window=WINDOW)
    bench.behave["sales a"] = raising(RateLimited("Used up.", until=bench.now + HOUR))
    async with bench.running():
        bench.daemon.hint("sales", ["a"])
        await window(bench)
        assert bench.timetable.next_due("sales") == FAR


async def test_only_what_was_not_read_is_asked_for_again_so_a_flood_comes_to_its_end(log: Log, world: World) -> None:
    bench = Bench(window=WINDOW)
    asked = [f"{at:02}" for at in range(10)]
    for id_ in asked:
        world.crm.person(id_, f"jo.{id_}@example.com")
        world.buy(id_, id_)
    left = 0

    async def take(place: str) -> None:
        nonlocal left
        if left == 0:
            raise RateLimited("Used up.", until=bench.now + HOUR)
        left -= 1

    async def fetch(turn: Turn) -> RunReport:
        nonlocal left
        left = 4
        return await world.runner().fetch([turn.name], sorted(turn.ids or ()), "hook")

    world.stream.before_page = take
    bench.daemon._do = fetch
    waited: list[int] = []
    async with bench.running():
        waiting: Collection[str] = asked
        while waiting and len(waited) < 4:
            waited.append(len(waiting))
            bench.daemon.hint("sales", waiting)
            async with asyncio.timeout(10):
                while "sales" not in bench.daemon._turns:  # noqa: ASYNC110 - nobody tells it
                    await asyncio.sleep(0.001)
                await bench.daemon._turns["sales"].task
            await bench.turn()
            waiting = bench.waiting("sales") or ()
    assert waited == [10, 6, 2]
    assert len(world.mail.contacts) == 10


async def test_where_only_delivering_met_a_used_up_quota_an_ordinary_run_comes_back_with_it(log: Log) -> None:
    bench = Bench(window=WINDOW)
    until = bench.now + HOUR
    read = report("sales", delivery=RateLimited("Used up.", until=until))
    read.mappings[0].answered = {"a", "b"}
    bench.behave["sales a b"] = answering(read)
    async with bench.running():
        bench.daemon.hint("sales", ["a", "b"])
        await window(bench)
        comes_back = bench.timetable.next_due("sales")
        assert comes_back is not None
        assert until <= comes_back < until + JITTER_DEFERRED
        assert bench.waiting("sales") == set()


async def put_down(bench: Bench, name: str, *, ranges: bool) -> RunReport:
    """A run that goes on until the mapping is due again, and may have read a range."""
    while not bench.turns[name].waited_for():  # noqa: ASYNC110 - a run asks, nobody tells it
        await asyncio.sleep(0)
    made = report("sales")
    if ranges:
        made.add(report("sales"))
    return made


async def test_hints_go_before_the_next_part_of_a_range_which_follows_them(log: Log) -> None:
    bench = Bench(window=WINDOW)
    bench.behave["sales"] = lambda stopping: put_down(bench, "sales", ranges=True)
    async with bench.running():
        await bench.turn("sales")
        bench.daemon.hint("sales", ["a"])
        await window(bench)
        assert bench.begun == ["sales"]
        bench.daemon.due("sales")
        del bench.behave["sales"]
        await bench.turn()
        await bench.turn()
        assert bench.begun == ["sales", "sales a", "sales"]


async def test_too_many_hints_beside_a_range_are_one_whole_run_and_not_two(log: Log) -> None:
    bench = Bench(window=WINDOW)
    bench.behave["sales"] = lambda stopping: put_down(bench, "sales", ranges=True)
    async with bench.running():
        await bench.turn("sales")
        bench.daemon.hint("sales", ids(MOST + 1))
        await window(bench)
        bench.daemon.due("sales")
        del bench.behave["sales"]
        await bench.turn()
        await bench.turn()
        assert bench.begun == ["sales", "sales"]
    assert len(log.lines(event="Still running, so this turn is left out")) == 1  # that of the range


async def test_hints_without_end_let_an_ordinary_run_that_is_due_go_first(log: Log) -> None:
    bench = Bench(window=WINDOW)
    bench.behave["sales a"] = lambda stopping: put_down(bench, "sales a", ranges=False)
    async with bench.running():
        bench.daemon.hint("sales", ["a"])
        await window(bench)
        bench.daemon.hint("sales", ["b"])
        await window(bench)
        await bench.turn("sales")
        await bench.turn()
        assert bench.begun == ["sales a", "sales", "sales b"]


async def test_hints_at_a_mapping_that_somebody_else_works_on_are_kept(log: Log) -> None:
    bench = Bench(window=WINDOW)
    bench.behave["sales a"] = raising(Busy("mapping sales is being worked on by process 7."))
    async with bench.running():
        bench.daemon.hint("sales", ["a"])
        await window(bench)
        assert bench.begun == ["sales a"]
        assert bench.waiting("sales") == {"a"}


@pytest.mark.parametrize("error", [Transient("No answer."), RuntimeError("a bug")])
async def test_hints_that_fail_are_left_to_the_schedule(log: Log, error: Exception) -> None:
    bench = Bench(window=WINDOW)
    bench.behave["sales a"] = raising(error)
    async with bench.running():
        bench.daemon.hint("sales", ["a"])
        await window(bench)
        assert log.lines(level="error", mapping="sales")
        assert bench.waiting("sales") == set()
        assert bench.timetable.next_due("sales") == FAR


async def test_hints_at_a_paused_mapping_are_dropped(log: Log) -> None:
    bench = Bench(window=WINDOW)
    refused: SyncError = AuthError("The credentials are refused (401).")
    bench.behave["sales a"] = raising(refused)
    async with bench.running():
        for id_ in ("a", "b"):
            bench.daemon.hint("sales", [id_])
            await window(bench)
        assert bench.begun == ["sales a"]
        assert bench.waiting("sales") == set()


async def test_a_stop_ends_the_listener_first_then_the_runs_and_takes_no_more_hints(log: Log) -> None:
    bench = Bench(window=WINDOW)
    bench.behave["sales a"] = until_stopping
    order: list[str] = []

    @asynccontextmanager
    async def listener() -> AsyncIterator[None]:
        yield
        order.extend(["listener", *bench.ended])

    task = asyncio.create_task(bench.daemon.run(listener()))
    await asyncio.sleep(0)
    bench.daemon.hint("sales", ["a"])
    await window(bench)
    bench.daemon.hint("calls", ["b"])
    bench.daemon.stop()
    bench.daemon.hint("calls", ["c"])
    async with asyncio.timeout(10):
        await task
    await window(bench)
    assert order == ["listener"]
    assert bench.ended == ["sales a"]
    assert bench.begun == ["sales a"]
