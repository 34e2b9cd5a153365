"""Step one: read what is new, a range again, or single records; plan each page and commit it.

A page's records, its targets and its checkpoint are one transaction. A partition moves and fails alone.
"""

import datetime as dt
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial

from syncengine.binding import BoundMapping
from syncengine.contracts import NOTHING_OPEN, Checkpoint, Fetching, Page, Range, Record
from syncengine.engine.pages import Reading, StoredOpen, Turns, read_in_turns, read_pages
from syncengine.engine.plan import Circumstances, PagePlanner, Planned
from syncengine.engine.report import CONTAINED, Headway, MappingReport, Progress
from syncengine.errors import AuthError, Busy, ConfigError, Problem, RateLimited, SyncError
from syncengine.pacing import BACKGROUND, STOPPING, lending
from syncengine.session import Session
from syncengine.state import records, runs
from syncengine.state.backfills import Backfill, end_partition, finish, open_backfills
from syncengine.state.partitions import name_partitions
from syncengine.state.records import PageCommit

RELEASE_AT_ONCE = 5_000
"""Waiting records tried again per page."""
ALWAYS = dt.datetime.min.replace(tzinfo=dt.UTC)
"""A start before which there is nothing."""
BY_ID = ""
"""The partition of a record that was asked for by its id."""


class Reader:
    """Reads for the mappings of a run. `due` says that live work waits: a range is put down at the end of its page.

    `committed` is called with every page.
    """

    def __init__(
        self,
        session: Session,
        watch: Callable[[Progress], None],
        stopping: Callable[[], bool],
        due: Callable[[], bool],
    ) -> None:
        self._session = session
        self._store = session.store
        self._watch = watch
        self._stopping = stopping
        self.put_down = lambda: stopping() or due()
        self.committed: Callable[[PageCommit], None] = lambda commit: None

    async def read_new(self, mapping: BoundMapping, part: MappingReport) -> None:
        """What waits once more, then every partition on from its checkpoint."""
        around = Circumstances(self._store.clock.now(), await self._start(mapping))
        await self._release(mapping, part, around)
        partitions = await mapping.stream.partitions(mapping.options)
        await self._store.write(name_partitions, mapping.name, partitions, self._store.clock.now())
        stored = await self._store.read(records.checkpoints, mapping.name)
        for partition in partitions:
            position = Checkpoint(stored[partition]) if partition in stored else Range(around.start)
            open_ = StoredOpen(self._store, mapping.name, partition)
            pages = mapping.stream.read(partition, position, fields=mapping.rule.reads, open=open_)
            readings = read_pages(self._store, pages, self._stopping)
            error = await self._take_in(mapping, part, partition, readings, around)
            if error is not None:
                now = self._store.clock.now()
                await self._store.write(records.fail_partition, mapping.name, partition, str(error), now)
            if isinstance(error, AuthError | RateLimited) or self._stopping():
                return

    async def read_ranges(self, mapping: BoundMapping, part: MappingReport) -> None:
        """Every range that is asked for, oldest first, each from where it stands. Live checkpoints aren't touched."""
        background, stops = BACKGROUND.set(True), STOPPING.set(self.put_down)
        try:
            tried: set[int] = set()
            while ranges := [
                each for each in await self._store.read(open_backfills, mapping.name) if each.id not in tried
            ]:
                tried.add(ranges[0].id)
                if not await self._work_off(mapping, part, ranges[0]):
                    return
        finally:
            BACKGROUND.reset(background)
            STOPPING.reset(stops)

    async def read_single(
        self, mapping: BoundMapping, part: MappingReport, ids: Sequence[str], *, all_times: bool, force: bool
    ) -> None:
        """These records as they are now; no checkpoint moves. `all_times`: also those dated before the start."""
        start = ALWAYS if all_times else await self._start(mapping)
        around = Circumstances(self._store.clock.now(), start, force)
        pages = fetching(mapping).fetch(ids, mapping.options, fields=mapping.rule.reads)

        def note(page: Page) -> None:
            part.answered.update(record.id for record in page.records)

        readings = read_pages(self._store, pages, self._stopping)
        error = await self._take_in(mapping, part, BY_ID, readings, around, note=note)
        if error is None and not self._stopping():
            part.unknown = [id_ for id_ in dict.fromkeys(ids) if id_ not in part.answered]
            part.answered.update(part.unknown)

    async def _start(self, mapping: BoundMapping) -> dt.datetime:
        first_run = await self._store.write(records.first_run, mapping.name, self._store.clock.now())
        return self._session.midnight(mapping.spec.start or first_run)

    async def _work_off(self, mapping: BoundMapping, part: MappingReport, backfill: Backfill) -> bool:
        """Read a range on, partition by partition; one that fails stays open and stops no other. False: not now."""
        around = Circumstances(self._store.clock.now(), backfill.since, backfill.force)
        partitions = await mapping.stream.partitions(mapping.options)
        headway = Headway(backfill.since, backfill.until, len(partitions))
        through = True
        for partition in partitions:
            if partition not in backfill.done:
                stored = backfill.positions.get(partition)
                position = Checkpoint(stored) if stored else Range(backfill.since, backfill.until)
                # a range is read whole, whatever is open
                pages = mapping.stream.read(partition, position, fields=mapping.rule.reads, open=NOTHING_OPEN)
                turns = Turns(self._store, mapping.name, self.put_down, part.requests.total)
                error = await self._take_in(
                    mapping,
                    part,
                    partition,
                    read_in_turns(pages, turns),
                    around,
                    backfill=backfill.id,
                    headway=headway,
                    turns=turns,
                )
                if turns.cut or isinstance(error, AuthError | RateLimited):
                    return False
                if error is None:
                    await self._store.write(end_partition, backfill.id, partition)
                through = through and error is None
            headway.end_partition()
        if through:
            await self._store.write(finish, backfill.id, self._store.clock.now())
        return True

    async def _take_in(
        self,
        mapping: BoundMapping,
        part: MappingReport,
        partition: str,
        readings: AsyncGenerator[Reading],
        around: Circumstances,
        *,
        backfill: int | None = None,
        headway: Headway | None = None,
        turns: Turns | None = None,
        note: Callable[[Page], None] = lambda page: None,
    ) -> SyncError | None:
        """Plan and commit each page. Returns what stopped it, which is this partition's own trouble."""
        try:
            async with aclosing(readings) as pages:
                async for seq, page in pages:
                    make = partial(PagePlanner, mapping, partition, seq, around)
                    planned = await self._plan(mapping.name, make, page.records, turns)
                    planned.commit.checkpoint, planned.commit.backfill = page.checkpoint, backfill
                    await self._commit(part, planned)
                    note(page)
                    if headway is not None:
                        headway.move(page)
                    self._watch(Progress(mapping.name, page.scope, part.counts, self._session.quota(), headway))
        except CONTAINED as error:
            if turns is None or not (turns.cut and isinstance(error, Busy)):  # put down, which is no failure
                part.failures[partition] = error
            return error
        return None

    async def _plan(
        self, mapping: str, make: Callable[[], PagePlanner], found: Sequence[Record], turns: Turns | None
    ) -> Planned:
        """What becomes of these records. While a lookup waits for quota, others may work on the mapping."""
        ids = [record.id for record in found]
        known = await self._store.read(records.known, mapping, ids)
        if turns is None:
            return await make().plan(found, known)
        while True:
            lent = turns.lent
            with lending(turns.lend):
                planned = await make().plan(found, known)
            if turns.lent == lent:
                return planned
            before, known = known, await self._store.read(records.known, mapping, ids)
            if known == before:
                return planned

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
        self.committed(planned.commit)


def fetching(mapping: BoundMapping) -> Fetching:
    """The mapping's stream, which can be asked for single records. Raises ConfigError where it can't."""
    if isinstance(mapping.stream, Fetching):
        return mapping.stream
    message = f"{mapping.source_name} can't be asked for single records."
    hint = f"Read days again instead: syncengine resync {mapping.name} --since DATE"
    raise ConfigError([Problem(f"mappings.{mapping.name}.source", message, hint)])
