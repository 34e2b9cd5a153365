"""The rows of runs, for who looks later: begun where the lock is held, and ended whatever happens."""

import asyncio
import math
from collections.abc import Callable, Collection
from typing import Final

from syncengine.engine.report import MappingReport, RunReport, kinds_of, requests_to
from syncengine.errors import Busy, RateLimited, SyncError
from syncengine.state import runs
from syncengine.state.locks import range_lock
from syncengine.state.runs import KINDS, Kind
from syncengine.state.store import Store

__all__ = ["Rows"]

EARLY: Final = "ended early, as asked or by its time limit; the next run goes on from there"
CUT_OFF: Final = "cut off; the next run settles what was under way"
A_BUG: Final = "a fault of the program"


class Rows:
    """The rows of a sync: one for each mapping. `destination_of` names the destination that a mapping writes to."""

    def __init__(self, store: Store, destination_of: Callable[[str], str], stopping: Callable[[], bool]) -> None:
        self._store = store
        self._destination_of = destination_of
        self._stopping = stopping

    async def begin(self, name: str, kind: Kind) -> int:
        """That of a run which holds the mapping: whatever else of it still counts as running has died."""
        beside = self._store.locks.held(range_lock(name))
        return await self._start(name, kind, KINDS - ({"resync"} if beside else set()))

    async def begin_range(self, name: str, put_down: Callable[[], bool]) -> int:
        """That of a run which only holds the range: it waits for the mapping, and gives it back.

        Where it is time to stop before that, nothing is said of other runs: one may be alive.
        """
        try:
            async with self._store.locks.wait_for(f"mapping {name}", math.inf, put_down):
                return await self._start(name, "resync", KINDS)
        except Busy:
            return await self._start(name, "resync", ())

    def carrier(self, report: RunReport, destination: str) -> MappingReport:
        """The run that a destination's delivery is counted with: that of the last mapping which delivers there."""
        return next(part for part in reversed(report.mappings) if self._destination_of(part.mapping) == destination)

    async def end(self, report: RunReport) -> None:
        """Close them; a destination's counts stand with its carrier."""
        for delivery in report.deliveries:
            part = self.carrier(report, delivery.destination)
            told = delivery.counts + requests_to(delivery.requests)
            part.counts.update({f"targets_{name}": number for name, number in told.items()})
            if delivery.failure is not None and part.state == "done":
                part.state = "deferred" if isinstance(delivery.failure, RateLimited) else "failed"
        if report.deliveries:
            self.carrier(report, report.deliveries[-1].destination).counts.update(kinds_of(report.requests))
        for part in report.mappings:
            errors = list(part.failures.values())
            errors += [
                delivery.failure
                for delivery in report.deliveries
                if delivery.failure is not None and self.carrier(report, delivery.destination) is part
            ]
            state = "stopped" if part.state == "done" and self._stopping() else part.state
            message = "; ".join(str(error) for error in errors) or (EARLY if state == "stopped" else None)
            await self._close(part, state, message)

    async def abandon(self, report: RunReport, error: BaseException) -> None:
        """Something unforeseen, or a cancellation: the runs end here, what was committed stays."""
        state = "stopped" if isinstance(error, asyncio.CancelledError) else "failed"
        for part in report.mappings:
            await asyncio.shield(self._close(part, state, _why(error)))

    async def _start(self, name: str, kind: Kind, over: Collection[str]) -> int:
        return await self._store.write(runs.start_run, name, kind, self._store.clock.now(), over)

    async def _close(self, part: MappingReport, state: str, message: str | None) -> None:
        part.state = state
        part.counts.update(requests_to(part.requests))
        await self._store.write(runs.end_run, part.run, state, part.counts, message, self._store.clock.now())


def _why(error: BaseException) -> str:
    """The text of an unforeseen error may quote anything, so only its kind is said."""
    if isinstance(error, SyncError):
        return str(error)
    return CUT_OFF if isinstance(error, asyncio.CancelledError) else f"{A_BUG} ({type(error).__name__})"
