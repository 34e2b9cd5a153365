"""The daemon's decisions: which runs there are, what an error in one does, how long one may take, how all end."""

import asyncio
import datetime as dt
import io
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from syncengine import logs
from syncengine.clock import SystemClock
from syncengine.daemon import LEAST_DEFERRAL, OTHERS_AT_WORK, Daemon
from syncengine.due import JITTER_DEFERRED, Timetable
from syncengine.engine.report import DeliveryReport, MappingReport, RunReport
from syncengine.errors import AuthError, Busy, ProviderError, RateLimited, StateError, SyncError, Transient
from syncengine.pacing import Limiter
from syncengine.schedule import parse_schedule
from syncengine.turn import Turn
from tests.clock import FakeClock

HOUR = dt.timedelta(hours=1)
NOW = dt.datetime.now(dt.UTC)  # APScheduler keeps to the real clock
FAR = NOW + 1000 * HOUR
"""The first turn of these tests: they say themselves what is due."""
Stopping = Callable[[], bool]
Behaviour = Callable[[Stopping], Awaitable[RunReport]]


def report(name: str, *failures: SyncError, delivery: SyncError | None = None) -> RunReport:
    state = "failed" if failures else "done"
    part = MappingReport(
        name, state, Counter(read=5, drafted=3, targets_delivered=3), dict(zip("ab", failures, strict=False)), 7
    )
    return RunReport([part], [DeliveryReport("mail.contacts", Counter(delivered=3, there=1), failure=delivery)])


class Bench:
    """A daemon over made-up runs. `behave` says by name what a run does; by default it ends at once, well."""

    def __init__(self, limit: float = 3600, grace: float = 60, window: float = 3600) -> None:
        self.behave: dict[str, Behaviour] = {}
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.cancelled: list[str] = []
        self.turns: dict[str, Turn] = {}
        self._over = asyncio.Event()
        self.timetable = Timetable(ZoneInfo("UTC"), random.Random(1))
        for name in ("sales", "calls"):
            self.timetable.add(name, parse_schedule("every 1 hour"), FAR)
        # Not that of the import: APScheduler would see what lies a minute after it as past in a slow run of all tests.
        self.now = dt.datetime.now(dt.UTC)
        clock, longest = FakeClock(self.now), dt.timedelta(seconds=limit)
        self.daemon = Daemon(self._do, self.timetable, clock, longest, grace=grace, window=window)

    async def _do(self, turn: Turn) -> RunReport:
        name = turn.name if turn.ids is None else f"{turn.name} {' '.join(sorted(turn.ids))}"
        self.begun.append(name)
        self.turns[name] = turn
        try:
            made = await self.behave[name](turn.ending) if name in self.behave else report(turn.name)
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        finally:
            self._over.set()
        self.ended.append(name)
        return made

    def waiting(self, name: str) -> frozenset[str] | None:
        """The hints that wait, which are taken."""
        return self.daemon._hints.take(name)

    async def first_over(self) -> None:
        """Waits for the first run to end, in whatever way."""
        async with asyncio.timeout(10):
            await self._over.wait()
        await self.turn()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        """The daemon at work; at the end of the block it is stopped and must come to its end."""
        task = asyncio.create_task(self.daemon.run())
        await asyncio.sleep(0)
        yield task
        self.daemon.stop()
        async with asyncio.timeout(10):
            await task

    async def turn(self, *names: str) -> None:
        """These mappings are due; their runs get the time to begin and, if they want nothing more, to end."""
        for name in names:
            self.daemon.due(name)
        for _ in range(5):
            await asyncio.sleep(0)


async def until_stopping(stopping: Stopping) -> RunReport:
    """A run with work for ever, that looks after each batch whether to go on."""
    while not stopping():  # noqa: ASYNC110 - a run asks whether to end, nobody tells it
        await asyncio.sleep(0.001)
    return report("sales")


async def for_ever(stopping: Stopping) -> RunReport:
    """A run that never looks."""
    await asyncio.Event().wait()
    raise AssertionError


def raising(error: Exception) -> Behaviour:
    async def run(stopping: Stopping) -> RunReport:
        raise error

    return run


def answering(answer: RunReport) -> Behaviour:
    async def run(stopping: Stopping) -> RunReport:
        return answer

    return run


class Log(io.StringIO):
    def lines(self, **wanted: Any) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.getvalue().splitlines()]
        return [line for line in found if wanted.items() <= line.items()]

    def events(self, **wanted: Any) -> list[str]:
        return [line["event"] for line in self.lines(**wanted)]


@pytest.fixture
def log() -> Log:
    stream = Log()
    logs.configure("info", format="json", stream=stream)
    return stream


async def test_a_run_is_told_from_its_start_to_the_next_turn(log: Log) -> None:
    bench = Bench()
    async with bench.running():
        await bench.turn("sales")
    assert log.events(mapping="sales") == ["Run started", "Run finished", "Delivery finished", "Mapping scheduled"]
    (finished,) = log.lines(event="Run finished")
    assert (finished["run"], finished["state"], finished["read"], finished["drafted"]) == (7, "done", 5, 3)
    (delivered,) = log.lines(event="Delivery finished")
    assert (delivered["run"], delivered["destination"]) == (7, "mail.contacts")
    assert (delivered["delivered"], delivered["already_there"]) == (3, 1)
    assert log.lines(event="Mapping scheduled")[0]["next_due"] == FAR.isoformat()


async def test_a_mapping_that_is_still_running_is_not_started_again(log: Log) -> None:
    bench = Bench()
    bench.behave["sales"] = until_stopping
    async with bench.running():
        await bench.turn("sales", "sales")
        await bench.turn("sales")
        assert bench.begun == ["sales"]
    assert len(log.lines(event="Still running, so this turn is left out", mapping="sales", level="warning")) == 2


async def test_a_mapping_that_has_ended_runs_again(log: Log) -> None:
    bench = Bench()
    async with bench.running():
        await bench.turn("sales")
        await bench.turn("sales")
    assert bench.ended == ["sales", "sales"]


async def test_different_mappings_overlap(log: Log) -> None:
    bench = Bench()
    bench.behave["sales"] = until_stopping
    async with bench.running():
        await bench.turn("sales", "calls")
        assert bench.ended == ["calls"]
    assert bench.ended == ["calls", "sales"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeError("a body with zoe@example.test and Zoé in it"), "bug"),
        (KeyError("Zoé"), "bug"),
        (Transient("No answer.", code="unreachable"), "unreachable"),
        (StateError("The disk is full."), "state"),
        (ProviderError("Nonsense."), "provider"),
    ],
)
async def test_whatever_ends_a_run_leaves_the_others_and_the_next_turn_alone(
    log: Log, error: Exception, code: str
) -> None:
    bench = Bench()
    bench.behave["sales"] = raising(error)
    async with bench.running() as daemon:
        await bench.turn("sales", "calls")
        await bench.turn("sales")
        assert not daemon.done()
    assert bench.begun == ["sales", "calls", "sales"]
    assert bench.ended == ["calls"]
    assert len(log.lines(code=code, mapping="sales", level="error")) == 2
    assert "Zoé" not in log.getvalue()


async def test_what_stopped_a_part_of_a_run_is_told_with_its_place_and_hint(log: Log) -> None:
    bench = Bench()
    failure = ProviderError("The filter was ignored.", hint="Ask the provider.", code="ignored_filter")
    bench.behave["sales"] = answering(report("sales", failure, delivery=Transient("No answer.")))
    async with bench.running():
        await bench.turn("sales")
    reading, delivering = log.lines(level="error", mapping="sales", run=7)
    assert (reading["partition"], reading["code"], reading["hint"]) == ("a", "ignored_filter", "Ask the provider.")
    assert (delivering["destination"], delivering["code"]) == ("mail.contacts", "transient")


async def test_a_mapping_that_somebody_else_works_on_is_left_to_them(log: Log) -> None:
    bench = Bench()
    bench.behave["sales"] = raising(Busy("mapping sales is being worked on by process 7."))
    async with bench.running():
        await bench.turn("sales")
    (line,) = log.lines(level="warning")
    assert "somebody else" in line["event"]
    assert line["error_message"] == "mapping sales is being worked on by process 7."
    assert log.lines(level="error") == []


@pytest.mark.parametrize("where", ["run", "delivery"])
async def test_a_turn_that_was_left_to_somebody_else_comes_again_before_long(log: Log, where: str) -> None:
    bench = Bench()
    busy = Busy("mapping sales is being worked on by process 7.")
    bench.behave["sales"] = raising(busy) if where == "run" else answering(report("sales", delivery=busy))
    async with bench.running():
        await bench.turn("sales")
        comes_back = bench.timetable.next_due("sales")
        assert comes_back is not None
        assert bench.now + OTHERS_AT_WORK <= comes_back < bench.now + OTHERS_AT_WORK + JITTER_DEFERRED


async def test_a_turn_that_comes_sooner_than_that_is_left_where_it_is(log: Log) -> None:
    bench = Bench()
    bench.behave["sales"] = raising(Busy("mapping sales is being worked on by process 7."))
    soon = bench.now + OTHERS_AT_WORK / 2
    async with bench.running():
        bench.timetable.defer("sales", soon)
        due = bench.timetable.next_due("sales")
        await bench.turn("sales")
        assert bench.timetable.next_due("sales") == due


@pytest.mark.parametrize("where", ["run", "reading", "delivery"])
async def test_a_run_stopped_by_quota_comes_back_when_the_quota_does(log: Log, where: str) -> None:
    bench = Bench()
    limited = RateLimited("Used up.", until=NOW + 2 * HOUR)
    bench.behave["sales"] = {
        "run": raising(limited),
        "reading": answering(report("sales", limited, RateLimited("Used up.", until=NOW + HOUR))),
        "delivery": answering(report("sales", delivery=limited)),
    }[where]
    async with bench.running():
        await bench.turn("sales")
        comes_back = bench.timetable.next_due("sales")
        assert comes_back is not None
        assert NOW + 2 * HOUR <= comes_back < NOW + 2 * HOUR + JITTER_DEFERRED
        assert bench.timetable.next_due("calls") == FAR
    assert log.lines(level="error") == []
    assert log.lines(event="Mapping scheduled")[0]["next_due"] == comes_back.isoformat()


async def test_a_quota_that_ended_in_the_past_is_not_asked_for_without_pause(log: Log) -> None:
    bench = Bench()
    bench.behave["sales"] = raising(RateLimited("Used up.", until=bench.now - HOUR))
    async with bench.running():
        await bench.turn("sales")
        comes_back = bench.timetable.next_due("sales")
        assert comes_back is not None
        assert bench.now + LEAST_DEFERRAL <= comes_back < bench.now + LEAST_DEFERRAL + JITTER_DEFERRED


async def test_quota_that_is_only_kept_from_background_work_puts_no_live_turn_off(log: Log) -> None:
    bench = Bench()
    bench.behave["sales"] = answering(report("sales", RateLimited("Kept.", until=NOW + HOUR, code="reserved")))
    async with bench.running():
        await bench.turn("sales")
        assert bench.timetable.next_due("sales") == FAR


async def test_a_reconcile_that_had_to_leave_quota_to_live_work_comes_back_when_the_quota_does(log: Log) -> None:
    bench = Bench()
    kept = report("sales", RateLimited("Kept.", until=NOW + HOUR, code="reserved"))
    kept.mappings[0].kind = "reconcile"
    bench.behave["sales"] = answering(kept)
    async with bench.running():
        await bench.turn("sales")
        comes_back = bench.timetable.next_due("sales")
        assert comes_back is not None
        assert NOW + HOUR <= comes_back < NOW + HOUR + JITTER_DEFERRED


async def test_a_range_that_is_read_again_is_put_down_for_the_turn_that_is_due(log: Log) -> None:
    bench = Bench()
    both = report("sales")
    both.add(report("sales"))  # what is new, and the range

    async def read_range(stopping: Stopping) -> RunReport:
        while not bench.turns["sales"].waited_for():  # noqa: ASYNC110 - a run asks, nobody tells it
            await asyncio.sleep(0)
        return both

    bench.behave["sales"] = read_range
    async with bench.running():
        await bench.turn("sales")
        del bench.behave["sales"]
        await bench.turn("sales")
        assert bench.begun == ["sales", "sales"]
    assert len(log.lines(event="Run finished")) == 3


@pytest.mark.parametrize("where", ["run", "reading", "delivery"])
async def test_a_mapping_whose_credentials_are_refused_is_paused_and_says_so_at_each_turn(log: Log, where: str) -> None:
    bench = Bench()
    refused = AuthError("The credentials are refused (401).")
    bench.behave["sales"] = {
        "run": raising(refused),
        "reading": answering(report("sales", refused)),
        "delivery": answering(report("sales", delivery=refused)),
    }[where]
    async with bench.running():
        await bench.turn("sales", "calls")
        await bench.turn("sales", "calls")
    assert bench.begun == ["sales", "calls", "calls"]
    assert log.lines(mapping="sales", code="unauthorised", level="error")
    paused = [
        line for line in log.lines(mapping="sales", level="error") if line["event"].startswith("Mapping is paused")
    ]
    assert len(paused) == 2


async def test_a_run_over_its_time_limit_ends_after_the_batch_in_hand(log: Log) -> None:
    bench = Bench(limit=0.02)
    bench.behave["sales"] = until_stopping
    async with bench.running():
        await bench.turn("sales")
        await bench.first_over()
        await bench.turn("sales")
        assert bench.begun == ["sales", "sales"]
    assert bench.cancelled == []
    over = [line for line in log.lines(mapping="sales", level="warning") if "time limit" in line["event"]]
    assert over[0]["limit"] == 0.02


async def test_a_run_that_does_not_end_within_the_grace_is_cancelled_and_the_others_go_on(log: Log) -> None:
    bench = Bench(limit=0.02, grace=0.02)
    bench.behave["sales"] = for_ever
    async with bench.running() as daemon:
        await bench.turn("sales")
        await bench.first_over()
        await bench.turn("calls", "sales")
        assert bench.begun == ["sales", "calls", "sales"]
        assert not daemon.done()
    assert "Run cut off; the next one settles what was under way" in log.events(mapping="sales")


async def test_a_run_within_its_time_limit_is_not_touched(log: Log) -> None:
    bench = Bench(limit=0.02, grace=0.02)
    async with bench.running():
        await bench.turn("sales")
        await asyncio.sleep(0.1)
    assert bench.ended == ["sales"]
    assert log.lines(level="warning") == []


async def test_a_stop_lets_runs_finish_the_batch_in_hand_and_starts_no_more(log: Log) -> None:
    bench = Bench()
    bench.behave["sales"] = until_stopping
    async with bench.running() as daemon:
        await bench.turn("sales")
        assert bench.ended == []
        bench.daemon.stop()
        await bench.turn("calls")
        async with asyncio.timeout(10):
            await daemon
        assert bench.ended == ["sales"]
    assert bench.begun == ["sales"]
    assert bench.cancelled == []
    assert log.events()[-1] == "Daemon stopped"


async def test_a_stop_does_not_wait_for_ever(log: Log) -> None:
    bench = Bench(grace=0.02)
    bench.behave["sales"] = for_ever
    async with bench.running():
        await bench.turn("sales")
    assert bench.cancelled == ["sales"]
    assert log.events()[-1] == "Daemon stopped"


async def test_a_stop_ends_a_wait_for_quota(log: Log) -> None:
    bench = Bench(grace=20)
    limiter = Limiter("connections.impact", None, SystemClock())
    limiter.block(100)

    async def run(stopping: Stopping) -> RunReport:
        await limiter.take()
        raise AssertionError

    bench.behave["sales"] = run
    async with bench.running():
        await bench.turn("sales")
    assert bench.cancelled == []
    assert log.lines(event="Run deferred", code="rate_limited")


async def test_quota_that_runs_out_while_stopping_puts_nothing_off(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    put_off: list[object] = []
    monkeypatch.setattr(bench.timetable, "defer", lambda *arguments: put_off.append(arguments))

    async def run(stopping: Stopping) -> RunReport:
        await until_stopping(stopping)
        raise RateLimited("Used up.", until=NOW + HOUR)

    bench.behave["sales"] = run
    async with bench.running():
        await bench.turn("sales")
    assert log.lines(event="Run deferred")
    assert put_off == []
    assert log.lines(event="Mapping scheduled") == []
