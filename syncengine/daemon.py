"""The long-running program: runs each mapping when it is due, each in a task of its own, until it is told to stop.

`due.py` says when. A run is the same as that of `sync`; what is decided here is only which runs there are, how long one
may take, and how all of them end in peace. The timetable starts runs through `Daemon.due`, hooks through `Daemon.hint`.
"""

import asyncio
import datetime as dt
import os
import random
import signal
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final

import structlog

from syncengine import __version__, logs
from syncengine.clock import SystemClock
from syncengine.config import Settings
from syncengine.contracts import Clock
from syncengine.due import Timetable, first_due
from syncengine.engine.reconcile import Reconciler, auditable
from syncengine.engine.report import MappingReport, RunReport
from syncengine.engine.run import Runner
from syncengine.errors import AuthError, Busy, ConfigError, Problem, RateLimited, SyncError
from syncengine.pacing import STOPPING
from syncengine.schedule import Schedule
from syncengine.session import Session, open_session
from syncengine.state.status import mapping_status
from syncengine.telling import complain, tell
from syncengine.turn import Turn
from syncengine.web.door import hook_listener
from syncengine.web.hints import WINDOW, Hints

__all__ = ["GRACE", "Daemon", "Work", "serve"]

GRACE: Final = 60.0
"""Seconds that a run may take to end once it was asked to: a batch in hand is mostly done in one or two. Then it is
cancelled, and the next run settles what was under way. The time that a supervisor gives must be longer."""
LIVE_FIRST: Final = dt.timedelta(minutes=10)
"""After a start, what is new goes first: a walk through all contacts keeps its destination from being delivered to."""
LEAST_DEFERRAL: Final = dt.timedelta(minutes=1)
"""A run stopped by quota is never tried again sooner, whatever moment the provider named."""
OTHERS_AT_WORK: Final = dt.timedelta(minutes=5)
"""A turn that was left to somebody else comes again so soon: they may do less, and a schedule may be a day long."""
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

Work = Callable[[Turn], Awaitable[RunReport]]
"""Runs the mapping of a turn: wholly, or (where the turn has ids) those records of it."""

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

            for name, schedule in _reconciling(session).items():
                status = await session.store.read(mapping_status, name)
                due = first_due(schedule, status.last_good, clock.now(), session.timezone)
                timetable.add(name, schedule, max(due, clock.now() + LIVE_FIRST))
                log.info("Reconciling scheduled", destination=name, next_due=timetable.next_due(name))

            async def work(turn: Turn) -> RunReport:
                runner = Runner(session, stopping=turn.ending, due=turn.waited_for)
                try:
                    if turn.name not in schedules:
                        reconciler = Reconciler(session, session.workspace.written, stopping=turn.ending)
                        return await reconciler.run([turn.name])
                    if turn.ids is None:
                        return await runner.sync([turn.name], "scheduled")
                    return await runner.fetch([turn.name], sorted(turn.ids), "hook")
                finally:
                    await session.remember_quotas()

            daemon = Daemon(work, timetable, clock, settings.engine.time_limit)
            await daemon.run(hook_listener(settings, session, schedules, daemon.hint))


def _reconciling(session: Session) -> dict[str, Schedule]:
    """The destinations that are to be reconciled, each by a turn of its own; no mapping has such a name."""
    schedule = session.workspace.settings.engine.reconcile
    return {} if schedule is None else dict.fromkeys(auditable(session.workspace.written), schedule)


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
        self,
        work: Work,
        timetable: Timetable,
        clock: Clock,
        limit: dt.timedelta,
        *,
        grace: float = GRACE,
        window: float = WINDOW,
    ) -> None:
        self._do = work
        self._timetable = timetable
        self._clock = clock
        self._limit = limit
        self._grace = grace
        self._turns: dict[str, Turn] = {}
        self._hints = Hints(self._heed_hints, window)
        self._paused: set[str] = set()
        self._stopped = asyncio.Event()

    async def run(self, listener: AbstractAsyncContextManager[object] | None = None) -> None:
        """Work until `stop` or SIGTERM or SIGINT; returns when every run has ended. `listener` stops before them.

        A second signal finds the system's own answer to it again and ends the process at once. Nothing is lost by that:
        it is the kill that every run is made for.
        """
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._hear, number)
        try:
            async with listener or nullcontext():
                self._timetable.start(self.due)
                log.info("Daemon started", version=__version__, pid=os.getpid())
                await self._stopped.wait()
                self._timetable.stop()
                self._hints.stop()
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
        elif (turn := self._turns.get(name)) is None:
            self._start(name)
        else:
            turn.wait_for()
            if turn.ids is None:
                log.warning("Still running, so this turn is left out", mapping=name)

    def hint(self, name: str, ids: Collection[str]) -> None:
        """These records of a mapping may have changed: they are fetched soon, with others that are hinted at."""
        if not self._stopped.is_set():
            self._hints.add(name, ids)

    def stop(self) -> None:
        """No more runs; those under way end after the batch in hand."""
        self._stopped.set()

    def _heed_hints(self, name: str) -> None:
        """Fetch what was hinted at, now or when the run under way has ended; of a paused mapping nothing."""
        if self._stopped.is_set() or name in self._turns:
            return
        ids = self._hints.take(name)
        if name in self._paused:
            return
        if ids is None:
            log.info("Too many hints to fetch them singly: a whole run instead", mapping=name)
            self.due(name)
        else:
            self._start(name, ids)

    def _start(self, name: str, ids: frozenset[str] | None = None) -> None:
        turn = Turn(name, self._work, self._limit, self._grace, ids)
        self._turns[name] = turn
        turn.task.add_done_callback(lambda _: self._follow(turn))

    def _follow(self, turn: Turn) -> None:
        """The turn is over: do what waited for its end, hints and ordinary runs by turns, so that neither starves."""
        del self._turns[turn.name]
        if self._hints.are_ripe(turn.name) and not (turn.follows and turn.ids is not None):
            self._heed_hints(turn.name)
        then = self._turns.get(turn.name)
        if turn.follows and (then is None or then.ids is not None):
            self.due(turn.name)

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

    async def _work(self, turn: Turn) -> None:
        """One run. Whatever happens in it stays in it, but for a cancellation."""
        STOPPING.set(turn.ending)
        hinted: dict[str, str | int] = {} if turn.ids is None else {"run_kind": "hook", "records": len(turn.ids)}
        with logs.bound(mapping=turn.name):
            log.bind(**hinted).info("Run started")
            started = self._clock.monotonic()
            try:
                report = await self._do(turn)
                tell(report, self._clock.monotonic() - started)
                self._heed(turn, report)
                # A range that was read again and put down for the turn that waits now.
                turn.follows = turn.follows or (turn.waited_for() and len(report.mappings) > 1)
            except asyncio.CancelledError:
                log.warning("Run cut off; the next one settles what was under way")
                raise
            except Exception as error:
                self._contain(turn, error)
            if not self._stopped.is_set():
                log.info("Mapping scheduled", next_due=self._timetable.next_due(turn.name))

    def _contain(self, turn: Turn, error: Exception) -> None:
        """Keep to itself what ended a whole run."""
        match error:
            case Busy():
                log.warning("Worked on by somebody else, so this turn is left out", error_message=error.message)
                if turn.ids is None:
                    self._come_back(turn.name, self._clock.now() + OTHERS_AT_WORK)
                else:
                    self._hint_again(turn.name, turn.ids, self._clock.now() + LEAST_DEFERRAL)
            case SyncError():
                complain(error)
                self._heed(turn, RunReport([MappingReport(turn.name, failures={"": error})]))
            case _:
                # Its text may quote anything, so it is shown (masked) only to those who debug.
                log.error("Run failed by a fault of the program", code="bug", error=type(error).__name__)
                log.debug("Where the fault is", exc_info=error)

    def _heed(self, turn: Turn, report: RunReport) -> None:
        """Do what errors ask of the timetable: pause what nobody lets in, and come back when the quota does."""
        if any(isinstance(error, AuthError) for error in report.failures):
            self._paused.add(turn.name)
            log.error("Mapping is paused: correct its credentials and restart the daemon")
            return
        # What is only kept back from background work puts no live work off; in a reconcile nothing is live.
        passed_over = {"reserved"} if any(part.kind != "reconcile" for part in report.mappings) else set()
        if any(isinstance(error, Busy) for error in report.failures):
            self._come_back(turn.name, self._clock.now() + OTHERS_AT_WORK)
        limits = [each for each in report.failures if isinstance(each, RateLimited) and each.code not in passed_over]
        if not limits or self._stopped.is_set():
            return
        until = max(*(error.until for error in limits), self._clock.now() + LEAST_DEFERRAL)
        unread = (turn.ids or frozenset()).difference(*(part.answered for part in report.mappings))
        self._hint_again(turn.name, unread, until)
        next_due = self._timetable.next_due(turn.name)
        if not unread or (next_due is not None and next_due < until):
            self._timetable.defer(turn.name, until)

    def _come_back(self, name: str, by: dt.datetime) -> None:
        """Have the next turn by then, unless it is due sooner."""
        next_due = self._timetable.next_due(name)
        if not self._stopped.is_set() and (next_due is None or next_due > by):
            self._timetable.defer(name, by)

    def _hint_again(self, name: str, ids: Collection[str], until: dt.datetime) -> None:
        """Keep the hints that could not be followed until then."""
        if ids and not self._stopped.is_set():
            self._hints.add(name, ids, (until - self._clock.now()).total_seconds())
