"""A run: read, plan and commit each mapping to its end, then deliver each destination once.

Reading ends before delivering begins (fewest batches); a run stopped by quota delivers what it has. One partition,
mapping or destination that fails doesn't stop the others.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import ExitStack, aclosing
from typing import Literal

import structlog

from syncengine.binding import BoundMapping
from syncengine.contracts import NOTHING_OPEN, Checkpoint, Range, Record
from syncengine.engine.book import SuppressionLists
from syncengine.engine.columns import verify_columns
from syncengine.engine.deliver import Delivery, Prepared
from syncengine.engine.plan import Circumstances, PagePlanner, Planned
from syncengine.engine.read import read_pages
from syncengine.engine.report import (
    CONTAINED,
    REQUEST_COUNTS,
    DeliveryReport,
    MappingReport,
    Progress,
    RunReport,
)
from syncengine.errors import AuthError, RateLimited
from syncengine.session import Session
from syncengine.state import records, runs, targets
from syncengine.state.backfills import Backfill, end_partition, finish, open_backfills
from syncengine.state.records import PageCommit

Kind = Literal["scheduled", "manual", "resync", "hook"]
RELEASE_AT_ONCE = 5_000
"""Waiting records tried again per page."""
LOCK_PATIENCE = 600.0
"""Seconds that a run waits for another one to finish delivering to the same destination."""


log = structlog.get_logger(__name__)


class Runner:
    """Runs mappings of one session. `watch` is called at every page and batch; `stopping` says when to end in peace."""

    def __init__(
        self,
        session: Session,
        *,
        watch: Callable[[Progress], None] | None = None,
        stopping: Callable[[], bool] | None = None,
    ) -> None:
        self._session = session
        self._store = session.store
        self._watch = watch or (lambda progress: None)
        self._stopping = stopping or (lambda: False)
        self._lists: dict[str, SuppressionLists] = {}
        self._committed: Callable[[PageCommit], None] = lambda commit: None

    async def sync(self, names: Sequence[str], kind: Kind = "manual") -> RunReport:
        """Read and deliver these mappings. Raises Busy, before any request, when somebody else works on one of them."""
        report = RunReport()
        before = self._session.request_counts()
        with ExitStack() as held:
            for name in names:
                held.enter_context(self._store.locks.hold(f"mapping {name}"))
            try:
                await self._read_all(report, names, kind)
                for destination in self._destinations(names):
                    carrier = self._carrier(report, destination)
                    with structlog.contextvars.bound_contextvars(mapping=carrier.mapping, run=carrier.run):
                        report.deliveries.append(await self._deliver(destination, names))
            except BaseException as error:
                await self._abandon(report, "stopped" if isinstance(error, asyncio.CancelledError) else "failed")
                raise
            report.requests = self._session.request_counts() - before
            await self._end_runs(report)
        report.stopped = self._stopping()
        return report

    async def plan(
        self,
        names: Sequence[str],
        each: Callable[[str, Prepared], None],
        committed: Callable[[PageCommit], None] | None = None,
    ) -> RunReport:
        """Do on a snapshot what `sync` would do, up to the first request with effect.

        `each` gets every target, `committed` every planned page.
        """
        report = RunReport()
        self._committed = committed or self._committed
        await self._read_all(report, names, "manual")
        for destination in self._destinations(names):
            delivery = self._delivery(destination, names)
            part = DeliveryReport(destination, delivery.counts)
            report.deliveries.append(part)
            try:
                await delivery.settle()
                async with aclosing(delivery.prepare()) as slices:
                    async for prepared in slices:
                        for item in prepared:
                            each(destination, item)
            except CONTAINED as error:
                part.failure = error
        report.requests = self._session.request_counts()
        return report

    async def _read_all(self, report: RunReport, names: Sequence[str], kind: Kind) -> None:
        """Read one mapping after the other; they share quotas, so reading at once would gain nothing."""
        for name in names:
            mapping = self._mapping(name)
            run = await self._store.write(runs.start_run, name, kind, self._store.clock.now())
            part = MappingReport(name, run=run)
            report.mappings.append(part)
            with structlog.contextvars.bound_contextvars(mapping=name, run=run):
                try:
                    await self._read(mapping, part)
                except CONTAINED as error:
                    part.failures[""] = error
                if part.failures:
                    errors = part.failures.values()
                    part.state = "deferred" if all(isinstance(e, RateLimited) for e in errors) else "failed"
                    log.warning("reading stopped", reason="; ".join(sorted({e.code for e in errors})))

    async def _read(self, mapping: BoundMapping, part: MappingReport) -> None:
        now = self._store.clock.now()
        first_run = await self._store.write(records.first_run, mapping.name, now)
        start = self._session.midnight(mapping.spec.start or first_run)
        around = Circumstances(now, start)
        await verify_columns(mapping)
        await self._try_lists(mapping)
        await self._release(mapping, part, around)
        stored = await self._store.read(records.checkpoints, mapping.name)
        for partition in await mapping.stream.partitions(mapping.options):
            position = Checkpoint(stored[partition]) if partition in stored else Range(start)
            if not await self._read_partition(mapping, part, partition, position, around, None):
                return
        for backfill in await self._store.read(open_backfills, mapping.name):
            await self._work_off(mapping, part, backfill, now)

    async def _try_lists(self, mapping: BoundMapping) -> None:
        """Know who said no before planning; where the lists can't be read, reading goes on and delivering will not."""
        try:
            await self._lists_of(mapping).refresh()
        except CONTAINED as error:
            log.warning("suppression lists not read before planning", code=error.code)

    async def _work_off(self, mapping: BoundMapping, part: MappingReport, backfill: Backfill, now: dt.datetime) -> None:
        """A range that is to be read again, from where it stands, without touching the live checkpoints."""
        around = Circumstances(now, backfill.since, backfill.force)
        for partition in await mapping.stream.partitions(mapping.options):
            if partition in backfill.done:
                continue
            stored = backfill.positions.get(partition)
            position = Checkpoint(stored) if stored else Range(backfill.since, backfill.until)
            if not await self._read_partition(mapping, part, partition, position, around, backfill.id):
                return
            if partition in part.failures or self._stopping():
                return
            await self._store.write(end_partition, backfill.id, partition)
        await self._store.write(finish, backfill.id, self._store.clock.now())

    async def _read_partition(
        self,
        mapping: BoundMapping,
        part: MappingReport,
        partition: str,
        position: Checkpoint | Range,
        around: Circumstances,
        backfill: int | None,
    ) -> bool:
        """Read one partition on. False where it makes no sense to go on with the others either."""
        readings = read_pages(
            self._store,
            mapping.stream,
            partition,
            position,
            fields=mapping.rule.reads,
            open=NOTHING_OPEN,
            stopping=self._stopping,
        )
        try:
            async with aclosing(readings) as pages:
                async for seq, page in pages:
                    known = await self._store.read(records.known, mapping.name, [record.id for record in page.records])
                    planned = await PagePlanner(mapping, partition, seq, around).plan(page.records, known)
                    planned.commit.checkpoint, planned.commit.backfill = page.checkpoint, backfill
                    await self._commit(part, planned)
                    self._watch(Progress(mapping.name, page.scope, part.counts, self._session.quota()))
        except CONTAINED as error:
            part.failures[partition] = error
            if backfill is None:
                await self._store.write(
                    records.fail_partition, mapping.name, partition, str(error), self._store.clock.now()
                )
            return not isinstance(error, AuthError | RateLimited)
        return not self._stopping()

    async def _release(self, mapping: BoundMapping, part: MappingReport, around: Circumstances) -> None:
        """Try the waiting records again: the directory may have learnt of them."""
        after = ""
        while waiting := await self._store.read(records.released, mapping.name, after, RELEASE_AT_ONCE, around.now):
            after = waiting[-1].id
            known = await self._store.read(records.known, mapping.name, [row.id for row in waiting])
            for partition, seq in sorted({(row.partition, row.seq) for row in waiting}):
                chosen = [
                    Record(row.id, row.moment, row.values)
                    for row in waiting
                    if (row.partition, row.seq) == (partition, seq)
                ]
                planned = await PagePlanner(mapping, partition, seq, around).release(chosen, known)
                await self._commit(part, planned)

    async def _commit(self, part: MappingReport, planned: Planned) -> None:
        """One page, one transaction: its records, its targets, its checkpoint, and the run's counts."""
        counts = part.counts + planned.counts
        revisions = await self._store.write(runs.commit_page, part.run, planned.commit, counts, self._store.clock.now())
        part.counts = counts
        part.counts["revisions"] += revisions
        self._committed(planned.commit)

    def _delivery(self, destination: str, names: Sequence[str]) -> Delivery:
        bound = next(self._mapping(name) for name in names if self._mapping(name).destination_name == destination)
        return Delivery(
            self._store, destination, bound.destination, self._lists_of(bound), self._session.timezone, self._stopping
        )

    def _lists_of(self, mapping: BoundMapping) -> SuppressionLists:
        """One reading of a destination's lists serves everything in the run while it is fresh."""
        name = mapping.destination_name
        if name not in self._lists:
            self._lists[name] = SuppressionLists(self._store, name, mapping.destination)
        return self._lists[name]

    async def _deliver(self, destination: str, names: Sequence[str]) -> DeliveryReport:
        delivery = self._delivery(destination, names)
        part = DeliveryReport(destination, delivery.counts)

        def watch(number: int) -> None:
            part.counts["seen"] += number
            self._watch(Progress(destination, "delivering", part.counts, self._session.quota()))

        try:
            async with self._store.locks.wait_for(f"destination {destination}", LOCK_PATIENCE, self._stopping):
                await delivery.run(watch)
        except CONTAINED as error:
            part.failure = error
            log.warning("delivering stopped", destination=destination, code=error.code)
        del part.counts["seen"]
        await self._store.read(targets.check_revisions, destination)
        part.revisions = await self._store.read(targets.revisions, destination)
        part.failure = part.failure or part.unfinished()
        return part

    async def _end_runs(self, report: RunReport) -> None:
        """Close the run rows; a destination's counts stand with its carrier."""
        for delivery in report.deliveries:
            part = self._carrier(report, delivery.destination)
            part.counts.update({f"targets_{name}": number for name, number in delivery.counts.items()})
            if delivery.failure is not None and part.state == "done":
                part.state = "deferred" if isinstance(delivery.failure, RateLimited) else "failed"
        if report.deliveries:
            part = self._carrier(report, report.deliveries[-1].destination)
            for name, count in REQUEST_COUNTS.items():
                part.counts[count] = report.requests[name]
        for part in report.mappings:
            errors = list(part.failures.values())
            errors += [
                delivery.failure
                for delivery in report.deliveries
                if delivery.failure is not None and self._carrier(report, delivery.destination) is part
            ]
            state = "stopped" if part.state == "done" and self._stopping() else part.state
            await self._close(part, state, "; ".join(str(error) for error in errors) or None)

    async def _abandon(self, report: RunReport, state: str) -> None:
        """Something unforeseen, or a cancellation: the runs end here, what was committed stays."""
        for part in report.mappings:
            await asyncio.shield(self._close(part, state, None))

    async def _close(self, part: MappingReport, state: str, message: str | None) -> None:
        part.state = state
        await self._store.write(runs.end_run, part.run, state, part.counts, message, self._store.clock.now())

    def _carrier(self, report: RunReport, destination: str) -> MappingReport:
        """The run that a destination's delivery is counted with: that of the last mapping which delivers there."""
        return next(
            part for part in reversed(report.mappings) if self._mapping(part.mapping).destination_name == destination
        )

    def _destinations(self, names: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(self._mapping(name).destination_name for name in names))

    def _mapping(self, name: str) -> BoundMapping:
        return self._session.workspace.mappings[name]
