"""The long-running program: runs each mapping when it is due, each in a task of its own, until it is told to stop.

`due.py` says when. A run is the same as that of `sync`; what is decided here is only which runs there are, how long one
may take, and how all of them end in peace. The console and hooks will start runs through `Daemon.due`, as the timetable
does.
"""

import asyncio
import datetime as dt
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

import structlog

from syncengine import __version__, logs
from syncengine.clock import SystemClock
from syncengine.config import Settings
from syncengine.contracts import Clock
from syncengine.due import Timetable, first_due
from syncengine.engine.report import RunReport
from syncengine.engine.run import Runner
from syncengine.errors import AuthError, Busy, ConfigError, Problem, RateLimited, SyncError
from syncengine.schedule import Schedule
from syncengine.session import open_session
from syncengine.state.reports import mapping_status

__all__ = ["GRACE", "Daemon", "Sync", "serve"]

GRACE: Final = 60.0
"""Seconds that a run may take to end once it was asked to: a batch in hand is mostly done in one or two. Then it is
cancelled, and the next run settles what was under way. The time that a supervisor gives must be longer."""
LEAST_DEFERRAL: Final = dt.timedelta(minutes=1)
"""A run stopped by quota is never tried again sooner, whatever moment the provider named."""
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

Sync = Callable[[str, Callable[[], bool]], Awaitable[RunReport]]
"""Runs one mapping. The second argument says whether it is to end after the batch in hand."""

log = structlog.get_logger(__name__)


async def serve(settings: Settings) -> None:
    """Be the daemon of this configuration until a signal comes.

    Raises ConfigError (also where no mapping has a schedule), StateError, and Busy where this state has a daemon.
    """
    schedules = _schedules(settings)
    for problem in settings.warnings:
        log.warning("Configuration", setting=problem.key, message=problem.message, hint=problem.hint)
    clock = SystemClock()
    async with open_session(settings, clock=clock) as session:
        with session.store.locks.hold("daemon"):
            timetable = Timetable(session.timezone, random.Random())  # noqa: S311 - jitter is no secret
            for name, schedule in schedules.items():
                status = await session.store.read(mapping_status, name)
                due = first_due(schedule, status.last_good, clock.now(), session.timezone)
                timetable.add(name, schedule, due)
                log.info("Mapping scheduled", mapping=name, next_due=due)

            async def sync(name: str, stopping: Callable[[], bool]) -> RunReport:
                return await Runner(session, stopping=stopping).sync([name], "scheduled")

            await Daemon(sync, timetable, clock, settings.engine.time_limit).run()


def _schedules(settings: Settings) -> dict[str, Schedule]:
    """The mappings that have one. Raises ConfigError where none has."""
    schedules: dict[str, Schedule] = {}
    for name, mapping in settings.mappings.items():
        if mapping.schedule is None:
            log.info("Mapping without a schedule: it runs only when asked to", mapping=name)
        else:
            schedules[name] = mapping.schedule
    if not schedules:
        hint = 'Give one a schedule, such as "every 15 minutes"; `syncengine sync` runs them once.'
        raise ConfigError([Problem("mappings", "No mapping has a schedule, so there is nothing to run.", hint)])
    return schedules


class Daemon:
    """Starts a run for each mapping that is due, unless one is under way, and keeps whatever fails to itself."""

    def __init__(
        self, sync: Sync, timetable: Timetable, clock: Clock, limit: dt.timedelta, *, grace: float = GRACE
    ) -> None:
        self._sync = sync
        self._timetable = timetable
        self._clock = clock
        self._limit = limit
        self._grace = grace
        self._turns: dict[str, _Turn] = {}
        self._paused: set[str] = set()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Work until `stop` or SIGTERM or SIGINT; returns when every run has ended.

        A second signal finds the system's own answer to it again and ends the process at once. Nothing is lost by that:
        it is the kill that every run is made for.
        """
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._hear, number)
        try:
            self._timetable.start(self.due)
            log.info("Daemon started", version=__version__, pid=os.getpid())
            await self._stopped.wait()
            self._timetable.stop()
            await self._drain()
            log.info("Daemon stopped")
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def due(self, name: str) -> None:
        """Start a run of the mapping now, unless it is under way, paused, or the daemon is ending."""
        if self._stopped.is_set():
            return
        if name in self._paused:
            log.error("Mapping is paused: correct its credentials and restart the daemon", mapping=name)
        elif name in self._turns:
            log.warning("Still running, so this turn is left out", mapping=name)
        else:
            turn = _Turn(name, lambda stopping: self._work(name, stopping), self._limit, self._grace)
            self._turns[name] = turn
            turn.task.add_done_callback(lambda _: self._turns.pop(name))

    def stop(self) -> None:
        """No more runs; those under way end after the batch in hand."""
        self._stopped.set()

    def _hear(self, number: signal.Signals) -> None:
        log.info("Stopping after the batch in hand; a second signal stops at once", signal=number.name)
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self.stop()

    async def _drain(self) -> None:
        turns = list(self._turns.values())
        for turn in turns:
            turn.end()
        await asyncio.gather(*(turn.task for turn in turns), return_exceptions=True)

    async def _work(self, name: str, stopping: Callable[[], bool]) -> None:
        """One run. Whatever happens in it stays in it, but for a cancellation."""
        with logs.bound(mapping=name):
            log.info("Run started")
            started = self._clock.monotonic()
            try:
                report = await self._sync(name, stopping)
                _tell(report, self._clock.monotonic() - started)
                self._heed(name, report.failures)
            except asyncio.CancelledError:
                log.warning("Run cut off; the next one settles what was under way")
                raise
            except Exception as error:
                self._contain(name, error)
            if not self._stopped.is_set():
                log.info("Mapping scheduled", next_due=self._timetable.next_due(name))

    def _contain(self, name: str, error: Exception) -> None:
        """Keep to itself what ended a whole run."""
        match error:
            case Busy():
                log.warning("Worked on by somebody else, so this turn is left out", error_message=error.message)
            case SyncError():
                _complain(error)
                self._heed(name, [error])
            case _:
                # Its text may quote anything, so it is shown (masked) only to those who debug.
                log.error("Run failed by a fault of the program", code="bug", error=type(error).__name__)
                log.debug("Where the fault is", exc_info=error)

    def _heed(self, name: str, errors: Sequence[SyncError]) -> None:
        """Do what an error asks of the timetable: pause what nobody lets in, and come back when the quota does."""
        if any(isinstance(error, AuthError) for error in errors):
            self._paused.add(name)
            log.error("Mapping is paused: correct its credentials and restart the daemon")
        elif moments := [error.until for error in errors if isinstance(error, RateLimited)]:
            until = max(*moments, self._clock.now() + LEAST_DEFERRAL)
            if not self._stopped.is_set():
                self._timetable.defer(name, until)


class _Turn:
    """One run under way, which ends at its time limit, or earlier when asked to: first in peace, then by cancelling."""

    def __init__(
        self,
        name: str,
        work: Callable[[Callable[[], bool]], Coroutine[Any, Any, None]],
        limit: dt.timedelta,
        grace: float,
    ) -> None:
        self._name = name
        self._grace = grace
        self._limit = limit.total_seconds()
        self._ending = False
        self.task = asyncio.create_task(work(lambda: self._ending), name=f"run {name}")
        self._timer = asyncio.get_running_loop().call_later(self._limit, self._overrun)
        self.task.add_done_callback(lambda _: self._timer.cancel())

    def end(self) -> None:
        """Ask it to end after the batch in hand, and cancel it where that takes longer than the grace."""
        if not self._ending:
            self._ending = True
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(self._grace, self.task.cancel)

    def _overrun(self) -> None:
        log.warning("Run over its time limit: it ends after the batch in hand", mapping=self._name, limit=self._limit)
        self.end()


def _tell(report: RunReport, seconds: float) -> None:
    """One line for the run and one for its delivery, and one for each thing that stopped a part of it."""
    (part,) = report.mappings  # a scheduled run is that of one mapping
    with logs.bound(run=part.run):
        for partition, error in part.failures.items():
            _complain(error, **({"partition": partition} if partition else {}))
        log.bind(**_numbers(part.counts)).info("Run finished", state=part.state, seconds=round(seconds, 1))
        for delivery in report.deliveries:
            if delivery.failure is not None:
                _complain(delivery.failure, destination=delivery.destination)
            log.bind(**_numbers(delivery.counts)).info("Delivery finished", destination=delivery.destination)


def _complain(error: SyncError, **where: str) -> None:
    place = log.bind(code=error.code, error_message=error.message, hint=error.hint, **where)
    if isinstance(error, RateLimited):
        place.warning("Run deferred", until=error.until)
    else:
        place.error("Run failed")


def _numbers(counts: Counter[str]) -> dict[str, int]:
    """Those counts that have a name which the logs let through."""
    named = {"already_there" if name == "there" else name: number for name, number in counts.items()}
    return {name: number for name, number in named.items() if name in logs.COUNTS}
