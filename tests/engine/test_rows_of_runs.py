"""The rows of runs: begun where the lock is held, so that nobody who is alive is taken for dead, and ended with why."""

import asyncio

import pytest

from syncengine.errors import StateError
from syncengine.state import runs
from syncengine.state.runs import Kind
from tests.engine.test_resync import ask, sold
from tests.engine.world import Killed, World

__all__ = ["sold"]  # a fixture


def begun(world: World, name: str, kind: Kind) -> int:
    """The row of a run that is under way, or was when its process died."""
    return world.store.write_now(runs.start_run, name, kind, world.clock.now(), ())


def state(world: World, name: str, run: int) -> str:
    return next(row.state for row in world.store.read_now(runs.runs, name, 9) if row.id == run)


async def test_a_reconciliation_that_only_waits_takes_nobody_for_dead(sold: World) -> None:
    other = begun(sold, "mail.contacts", "reconcile")
    with sold.store.locks.hold("destination mail.contacts"):
        report, _ = await sold.reconcile()
    assert state(sold, "mail.contacts", other) == "running"
    (own, _) = sold.store.read_now(runs.runs, "mail.contacts", 9)
    assert (own.id, own.state, own.ended_at) == (report.mappings[0].run, "failed", sold.clock.now())
    assert "is being worked on by process" in str(own.message)


async def test_a_reconciliation_that_has_the_lock_says_who_died(sold: World) -> None:
    dead = begun(sold, "mail.contacts", "reconcile")
    await sold.reconcile()
    assert state(sold, "mail.contacts", dead) == "failed"


async def test_a_range_that_only_waits_takes_nobody_for_dead(sold: World) -> None:
    ask(sold)
    other = begun(sold, "sales", "resync")  # single records: no range, so only the mapping is held
    with sold.store.locks.hold("mapping sales"):
        report = await sold.runner(stopping=lambda: bool(sold.clock.slept)).resync("sales")
    assert state(sold, "sales", other) == "running"
    assert (report.stopped, report.mappings[0].state) == (True, "stopped")
    assert state(sold, "sales", report.mappings[0].run) == "stopped"


@pytest.mark.parametrize("kind", ["resync", "manual", "hook"])
async def test_a_range_that_had_the_mapping_says_who_died(sold: World, kind: Kind) -> None:
    ask(sold)
    dead = begun(sold, "sales", kind)
    report = await sold.runner().resync("sales")
    assert (state(sold, "sales", dead), report.mappings[0].state) == ("failed", "done")
    assert not sold.store.locks.held("mapping sales")


async def test_a_range_is_no_run_before_live_work_lets_it(sold: World) -> None:
    ask(sold)
    lock = sold.store.locks.hold("mapping sales")
    lock.__enter__()
    waiting = asyncio.create_task(sold.runner().resync("sales"))
    while len(sold.clock.slept) < 3:  # noqa: ASYNC110 - it waits by the clock of the test
        await asyncio.sleep(0)
    assert sold.store.read_now(runs.runs, "sales", 9) == []
    lock.__exit__(None, None, None)
    await waiting
    assert [run.state for run in sold.store.read_now(runs.runs, "sales", 9)] == ["done"]


async def test_a_run_that_was_asked_to_end_says_so(sold: World) -> None:
    await sold.sync(stopping=lambda: sold.stream.reads > 0)
    (row,) = sold.store.read_now(runs.runs, "sales", 9)
    assert row.state == "stopped"
    assert row.message == "ended early, as asked or by its time limit; the next run goes on from there"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("a body with zoe@example.test in it"), "a fault of the program (RuntimeError)"),
        (Killed(), "a fault of the program (Killed)"),
        (StateError("The disk is full.", hint="Make room."), "The disk is full. Make room."),
        (asyncio.CancelledError(), "cut off; the next run settles what was under way"),
    ],
)
async def test_a_run_that_was_ended_by_something_unforeseen_says_by_what(
    sold: World, error: BaseException, told: str
) -> None:
    async def fail(place: str) -> None:
        raise error

    sold.stream.before_page = fail
    with pytest.raises(type(error)):
        await sold.sync()
    (row,) = sold.store.read_now(runs.runs, "sales", 9)
    assert row.message == told
    assert row.state == ("stopped" if isinstance(error, asyncio.CancelledError) else "failed")
