"""The rules of streams: nothing is lost, whatever the pages, the clock and the provider do."""

import asyncio
from collections.abc import Mapping

from syncengine.contracts import NOTHING_OPEN, Checkpoint, Page, Range
from syncengine.errors import SyncError
from syncengine.sandbox.kit import Fault
from syncengine.testing.case import Case
from syncengine.testing.reading import (
    Reading,
    close,
    ends,
    everything,
    identities,
    ids,
    lay_out,
    read,
    records,
)
from syncengine.testing.rules import rule
from syncengine.testing.verdict import Broken, require

STEP = 60.0
"""Seconds between two readings of a provider that never rests: short enough to fall among its newest records."""
STEPS = 8
DAY = 86_400.0
MOMENT = 0.02
"""Real seconds in which a request that nobody asked for would have left."""
FOREVER = 1_000_000
"""How often a fault strikes that is to stay."""


@rule("stream")
async def partitions_are_stable(case: Case) -> None:
    """The partitions are different texts, in the same order each time they are asked for."""
    lay_out(case)
    async with case.connect() as one, case.connect() as other:
        found = []
        for connection in (one, other):
            stream = case.stream(connection)
            options = stream.Options.model_validate(dict(case.streams.options))
            found.append(list(await stream.partitions(options)))
    require(found[0] and all(isinstance(name, str) and name for name in found[0]), "there is no partition")
    require(len(set(found[0])) == len(found[0]), "two partitions have one name")
    require(found[0] == found[1], "the partitions change their order")


@rule("stream")
async def a_range_is_kept(case: Case) -> None:
    """A range hands over what is dated in it, its first moment included, and nothing else."""
    lay_out(case)
    now = case.clock.now()
    for since, until in ((0.9, 0.4), (0.45, 0.2), (0.4, None)):
        bounds = Range(
            (now - case.streams.history * since).replace(microsecond=0),
            None if until is None else (now - case.streams.history * until).replace(microsecond=0),
        )
        edge = case.streams.put(bounds.since)
        found = await read(case, bounds)
        inside = [bounds.since <= each.moment and (bounds.until is None or each.moment < bounds.until)
                  for each in records(found)]  # fmt: skip
        require(all(inside), "a record outside the range came")
        require(edge in ids(found), "a record of the range's first moment didn't come")
        if bounds.until is not None:
            after = await read(case, Range(bounds.until))
            whole = await read(case, Range(bounds.since))
            require(ids(found) | ids(after) == ids(whole), "two ranges that meet don't hold what one over both does")


@rule("stream")
async def pages_are_bounded(case: Case) -> None:
    """No page holds more than the provider's own pages do, so memory doesn't grow with the history."""
    lay_out(case)
    reading = await read(case, everything(case))
    largest = max(len(page.records) for pages in reading.values() for page in pages)
    require(largest <= case.streams.page_size, f"a page of {largest} records, the provider gives pages of fewer")


@rule("stream")
async def a_page_is_asked_for_when_it_is_wanted(case: Case) -> None:
    """The request for a page leaves only when that page is asked for: readings are ordered by when they were asked."""
    lay_out(case)
    async with case.connect() as connection:
        stream = case.stream(connection)
        options = stream.Options.model_validate(dict(case.streams.options))
        partition = (await stream.partitions(options))[0]
        before = len(case.wire.sent)
        pages = stream.read(partition, everything(case), fields=None, open=NOTHING_OPEN)
        await asyncio.sleep(MOMENT)
        require(len(case.wire.sent) == before, "a request left before the first page was asked for")
        async for _ in pages:
            seen = len(case.wire.sent)
            await asyncio.sleep(MOMENT)
            require(len(case.wire.sent) == seen, "a request left before its page was asked for")
        await close(pages)
    case.need_wire()


@rule("stream")
async def the_last_page_carries_a_checkpoint(case: Case) -> None:
    """A read that ends without an error ends with a checkpoint, also where nothing was found."""
    for make in (lambda: None, lambda: lay_out(case)):
        make()
        for pages in (await read(case, everything(case))).values():
            require(pages and pages[-1].checkpoint is not None, "the last page has no checkpoint")


@rule("stream")
async def a_restart_loses_nothing(case: Case) -> None:
    """Reading on from any checkpoint gives at least all that came after it, by a connection that knows nothing."""
    lay_out(case)
    first = await read(case, everything(case))
    for partition, pages in first.items():
        for number, page in enumerate(pages):
            if page.checkpoint is not None:
                later = identities(record for rest in pages[number + 1 :] for record in rest.records)
                again = identities(records(await _read_one(case, partition, page.checkpoint)))
                require(later <= again, f"{len(later - again)} records that came after a checkpoint don't come again")


@rule("stream")
async def a_read_that_breaks_off_raises(case: Case) -> None:
    """A read that can't be completed raises one of our errors and never just ends; what it left comes the next time."""
    made = lay_out(case)
    await read(case, everything(case))
    before = len(case.need_wire())
    await read(case, everything(case))  # the second time, so that what a provider does only once is over
    whole = len(case.wire.sent) - before
    for after in (0, whole // 2, whole - 1):
        for kind in ("status", "truncate", "malformed", "drop_before"):
            case.stage.inject(Fault.model_validate({"kind": kind, "times": FOREVER, "after": after}))
            got: dict[str, list[Page]] = {}
            await _expect_error(case, got)
            case.stage.heal()
            positions, kept = _resume(got)
            rest = ids(await read(case, positions))
            require(made <= kept | rest, f"records are lost after a read that broke off ({kind})")


@rule("stream")
async def ties_at_a_boundary_are_kept(case: Case) -> None:
    """Records of one moment that show up on both sides of a reading all come, however often it is read in between."""
    made: set[str] = set()
    seen: set[str] = set()
    positions: Range | Mapping[str, Checkpoint] = everything(case)
    for _ in range(STEPS):
        made |= {case.streams.put(case.clock.now()) for _ in range(2)}
        reading = await read(case, positions)
        seen |= ids(reading)
        positions = ends(reading)
        made.add(case.streams.put(case.clock.now()))
        case.clock.move(STEP)
    case.clock.move(DAY)
    seen |= ids(await read(case, positions))
    require(made <= seen, f"{len(made - seen)} of {len(made)} records never came")


@rule("stream")
async def a_checkpoint_from_the_future_is_survived(case: Case) -> None:
    """After the clock was set back, reading on ends without an error, and loses nothing that changes later."""
    lay_out(case)
    case.clock.move(DAY)
    ahead = ends(await read(case, everything(case)))
    case.clock.move(-DAY)
    behind = ends(await read(case, ahead))
    case.clock.move(DAY + STEP)
    late = case.streams.put(case.clock.now())
    case.clock.move(DAY)
    require(late in ids(await read(case, behind)), "a record that changed after the checkpoint never comes")


@rule("stream")
async def paging_that_never_ends_is_noticed(case: Case) -> None:
    """Pages that lead back to themselves end in one of our errors or in a complete reading, never in a circle."""
    made = lay_out(case)
    case.streams.loop()
    try:
        reading = await read(case, everything(case))
    except SyncError:
        return
    require(made <= ids(reading), "a reading that went in a circle ended short")


async def _read_one(case: Case, partition: str, position: Checkpoint) -> Reading:
    async with case.connect() as connection:
        pages = [
            page async for page in case.stream(connection).read(partition, position, fields=None, open=NOTHING_OPEN)
        ]
        return {partition: pages}


async def _expect_error(case: Case, got: dict[str, list[Page]]) -> None:
    """Read until it breaks off. Raises Broken where it ends as if all were well."""
    async with case.connect() as connection:
        stream = case.stream(connection)
        options = stream.Options.model_validate(dict(case.streams.options))
        try:
            for partition in await stream.partitions(options):
                got[partition] = []
                async for page in stream.read(partition, everything(case), fields=None, open=NOTHING_OPEN):
                    got[partition].append(page)
        except SyncError:
            return
    raise Broken("a read that could not be completed ended as if all were well")


def _resume(got: Reading) -> tuple[dict[str, Checkpoint], set[str]]:
    """Where to go on after these pages, and the ids of all records up to there: what the engine would have stored."""
    positions: dict[str, Checkpoint] = {}
    kept: set[str] = set()
    for partition, pages in got.items():
        waiting: set[str] = set()
        for page in pages:
            waiting |= {record.id for record in page.records}
            if page.checkpoint is not None:
                positions[partition] = page.checkpoint
                kept |= waiting
                waiting = set()
    return positions, kept
