"""A run: read, plan and commit each mapping to its end, then deliver each destination once.

Reading ends before delivering begins (fewest batches); a run stopped by quota delivers what it has. One partition,
mapping or destination that fails doesn't stop the others.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Literal

import structlog

from syncengine.binding import BoundMapping
from syncengine.engine.book import SuppressionLists
from syncengine.engine.columns import verify_columns
from syncengine.engine.deliver import Delivery, Prepared
from syncengine.engine.limits import SHARE_OF_REMOVALS, Limit
from syncengine.engine.read import Reader, fetching
from syncengine.engine.report import CONTAINED, DeliveryReport, MappingReport, Progress, RunReport
from syncengine.engine.rows import Rows
from syncengine.errors import AuthError, Busy, RateLimited, SyncError
from syncengine.pacing import counting, spending
from syncengine.session import Session
from syncengine.state import targets
from syncengine.state.backfills import open_backfills
from syncengine.state.locks import range_lock
from syncengine.state.records import PageCommit
from syncengine.state.runs import Kind

Reading = Callable[[BoundMapping, MappingReport], Awaitable[None]]
"""Reads for one mapping of a run."""
LOCK_PATIENCE = 600.0
"""Seconds that a run waits for another one to finish delivering to the same destination."""
PAGE_PATIENCE = 120.0
"""Seconds that a run waits for a mapping of which a range is read again (its lock is free every few pages), and that
the reading of single records waits for the run that is under way."""

log = structlog.get_logger(__name__)


class Runner:
    """Runs mappings of one session. `watch` is called at every page and batch; `stopping` says when to end in peace.

    `due` says that live work waits for this run to end: then a range that is read again is put down at the end of its
    page, and the next run goes on with it. `confirmed`: a person has said that as many as there are may be taken out of
    groups.
    """

    def __init__(
        self,
        session: Session,
        *,
        watch: Callable[[Progress], None] | None = None,
        stopping: Callable[[], bool] | None = None,
        due: Callable[[], bool] | None = None,
        confirmed: bool = False,
    ) -> None:
        self._session = session
        self._limit = None if confirmed else Limit(session.most_removals, SHARE_OF_REMOVALS)
        self._store = session.store
        self._watch = watch or (lambda progress: None)
        self._stopping = stopping or (lambda: False)
        self._lists: dict[str, SuppressionLists] = {}
        self._unlisted: dict[str, tuple[SyncError, int]] = {}
        self._rows = Rows(self._store, lambda name: self._mapping(name).destination_name, self._stopping)
        self._reader = Reader(session, self._watch, self._stopping, due or (lambda: False))

    async def sync(self, names: Sequence[str], kind: Kind = "manual") -> RunReport:
        """Read what is new and deliver it; then go on with the ranges that are asked for, unless somebody else does.

        Raises Busy, before any request, when somebody else works on one of these mappings.
        """
        report = await self._work(names, kind, self._reader.read_new)
        for part in list(report.mappings):
            refused = any(isinstance(error, AuthError | RateLimited) for error in part.failures.values())
            if refused or self._stopping() or not await self._store.read(open_backfills, part.mapping):
                continue
            with suppress(Busy):
                report.add(await self.resync(part.mapping))
        return report

    async def resync(self, name: str) -> RunReport:
        """Work off the ranges that are asked for, beside live work, and deliver.

        Raises Busy, before any request, when somebody else does so.
        """
        with self._store.locks.hold(range_lock(name)):
            return await self._work([name], "resync", self._reader.read_ranges, patience=None)

    async def fetch(
        self, names: Sequence[str], ids: Sequence[str], kind: Kind = "hook", *, force: bool = False
    ) -> RunReport:
        """Read these records of these mappings as they are now, and deliver. No checkpoint moves.

        `kind` "resync" takes in records dated before the mapping's start too, as a range does; `force` plans also what
        hasn't changed. Ids that the provider doesn't know are `unknown` in the report. Raises ConfigError where a
        mapping's stream has no single records, and Busy where somebody else works on one for more than two minutes,
        both before any request.
        """
        return await self._work(names, kind, self._single(names, ids, kind, force), patience=PAGE_PATIENCE)

    async def plan(
        self,
        names: Sequence[str],
        each: Callable[[str, Prepared], None],
        committed: Callable[[PageCommit], None] | None = None,
        *,
        only: Literal["ranges"] | Sequence[str] | None = None,
        force: bool = False,
    ) -> RunReport:
        """Do on a snapshot what `sync` would do, up to the first request with effect.

        `each` gets every target, `committed` every planned page. `only`: what `resync` would do with the ranges asked
        for, or with single records.
        """
        report = RunReport()
        if committed is not None:
            self._reader.committed = committed
        with counting(report.requests):
            if only is None:
                await self._read_all(report, names, "manual", self._reader.read_new)
            if only is None or only == "ranges":
                asked = [name for name in names if await self._store.read(open_backfills, name)]
                await self._read_all(report, asked, "resync", self._reader.read_ranges, ranges=True)
            else:
                await self._read_all(report, names, "resync", self._single(names, only, "resync", force))
            for destination in self._destinations(names):
                report.deliveries.append(await self._foresee(destination, names, each))
        return report

    async def _foresee(
        self, destination: str, names: Sequence[str], each: Callable[[str, Prepared], None]
    ) -> DeliveryReport:
        """What delivering would do, up to the first request with effect."""
        delivery = self._delivery(destination, names)
        part = DeliveryReport(destination, delivery.counts)
        try:
            await delivery.settle()
            async with aclosing(delivery.prepare()) as slices:
                async for prepared in slices:
                    for item in prepared:
                        each(destination, item)
            part.failure = delivery.unconfirmed
        except CONTAINED as error:
            part.failure = error
        part.unlisted = None if part.failure else self._why_unlisted(destination)
        return part

    def _single(self, names: Sequence[str], ids: Sequence[str], kind: Kind, force: bool) -> Reading:
        for name in names:
            fetching(self._mapping(name))

        async def read(mapping: BoundMapping, part: MappingReport) -> None:
            await self._reader.read_single(mapping, part, ids, all_times=kind == "resync", force=force)

        return read

    async def _work(
        self, names: Sequence[str], kind: Kind, reading: Reading, *, patience: float | None = 0.0
    ) -> RunReport:
        """One run of these mappings, from its locks to its rows.

        `patience` in seconds: how long it waits for others; None: it takes the locks itself, page by page (ranges).
        """
        report = RunReport()
        async with AsyncExitStack() as held:
            held.enter_context(counting(report.requests))
            if patience is not None:
                await self._lock(held, names, patience)
            try:
                await self._read_all(report, names, kind, reading, ranges=patience is None)
                for destination in self._destinations(names):
                    carrier = self._rows.carrier(report, destination)
                    with structlog.contextvars.bound_contextvars(mapping=carrier.mapping, run=carrier.run):
                        report.deliveries.append(await self._deliver(destination, names))
            except BaseException as error:
                await self._rows.abandon(report, error)
                raise
            await self._rows.end(report)
        report.stopped = self._stopping()
        return report

    async def _lock(self, held: AsyncExitStack, names: Sequence[str], patience: float) -> None:
        """Hold the mappings. One of which a range is read again is free every few pages, so it is waited for."""
        for name in names:
            beside = PAGE_PATIENCE if self._store.locks.held(range_lock(name)) else 0.0
            lock = self._store.locks.wait_for(f"mapping {name}", max(patience, beside), self._stopping)
            await held.enter_async_context(lock)

    async def _read_all(
        self, report: RunReport, names: Sequence[str], kind: Kind, reading: Reading, *, ranges: bool = False
    ) -> None:
        """Read one mapping after the other; they share quotas, so reading at once would gain nothing."""
        for name in names:
            mapping = self._mapping(name)
            rows = self._rows
            run = await (rows.begin_range(name, self._reader.put_down) if ranges else rows.begin(name, kind))
            part = MappingReport(name, run=run, kind=kind)
            report.mappings.append(part)
            with structlog.contextvars.bound_contextvars(mapping=name, run=run), spending(part.requests):
                try:
                    await verify_columns(mapping)
                    await self._try_lists(mapping)
                    await reading(mapping, part)
                except CONTAINED as error:
                    part.failures[""] = error
                if part.failures:
                    part.state = "deferred" if part.deferred else "failed"
                    log.warning("reading stopped", reason="; ".join(sorted({e.code for e in part.failures.values()})))

    async def _try_lists(self, mapping: BoundMapping) -> None:
        """Know who said no before planning; where the lists can't be read, reading goes on and delivering will not."""
        lists = self._lists_of(mapping)
        try:
            await lists.refresh()
        except CONTAINED as error:
            self._unlisted[mapping.destination_name] = error, lists.readings
            log.warning("suppression lists not read before planning", code=error.code)

    def _why_unlisted(self, destination: str) -> SyncError | None:
        """What kept its lists from being read, unless they were read since."""
        error, readings = self._unlisted.get(destination, (None, 0))
        return error if self._lists[destination].readings == readings else None

    def _delivery(self, destination: str, names: Sequence[str]) -> Delivery:
        bound = next(self._mapping(name) for name in names if self._mapping(name).destination_name == destination)
        zone, lists = self._session.timezone, self._lists_of(bound)
        return Delivery(self._store, destination, bound.destination, lists, zone, self._stopping, self._limit)

    def _lists_of(self, mapping: BoundMapping) -> SuppressionLists:
        """One reading of a destination's lists serves everything in the run while it is fresh."""
        name = mapping.destination_name
        if name not in self._lists:
            self._lists[name] = SuppressionLists(self._store, name, mapping.destination)
        return self._lists[name]

    async def _deliver(self, destination: str, names: Sequence[str]) -> DeliveryReport:
        delivery = self._delivery(destination, names)
        part = DeliveryReport(destination, delivery.counts, delivery.told)

        def watch(number: int) -> None:
            part.counts["seen"] += number
            self._watch(Progress(destination, "delivering", part.counts, self._session.quota()))

        try:
            with spending(part.requests):
                async with self._store.locks.wait_for(f"destination {destination}", LOCK_PATIENCE, self._stopping):
                    await delivery.run(watch)
        except CONTAINED as error:
            part.failure = error
            log.warning("delivering stopped", destination=destination, code=error.code)
        del part.counts["seen"]
        await self._store.read(targets.check_revisions, destination)
        part.revisions = await self._store.read(targets.revisions, destination)
        part.put_off = await self._store.read(targets.put_off, destination)
        part.failure = part.failure or part.unfinished()
        part.unlisted = None if part.failure else self._why_unlisted(destination)
        return part

    def _destinations(self, names: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(self._mapping(name).destination_name for name in names))

    def _mapping(self, name: str) -> BoundMapping:
        return self._session.workspace.mappings[name]
