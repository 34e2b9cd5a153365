"""The passes that go forward in time: by "last updated" (or creation), and by the date at which actions lock."""

import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import NamedTuple

import structlog

from connectors.impact.client import ImpactClient
from connectors.impact.kinds import LOCKING, Kind
from connectors.impact.listing import Answered, Dates, Finer, Listing
from connectors.impact.position import Position
from connectors.impact.windows import HISTORY, SECOND, Windows, week_ago, whole_second, wire
from syncengine.contracts import Checkpoint, Clock, Page, Range

log = structlog.get_logger(__name__)

APPROVALS_SETTLE = dt.timedelta(hours=12)
"""How long after its LockingDate, a local midnight, an action may still be waiting for its approval. Nobody says;
one that waits longer is found by the sweep of what is open."""


class Reader(NamedTuple):
    """What every pass of one kind of object needs. `lag` and `overlap` are those of the settings."""

    client: ImpactClient
    clock: Clock
    kind: Kind
    lag: dt.timedelta
    overlap: dt.timedelta


class Walk(NamedTuple):
    """One read of one campaign: from where to where, by which dates, and who watches what stays open."""

    campaign: str
    dates: Dates
    place: Position
    start: dt.datetime
    end: dt.datetime
    watcher: str
    seam: dt.datetime | None = None


class Step(NamedTuple):
    """One page of a walk, and the answer that it was made of; None where nothing was asked."""

    page: Page
    answered: Answered | None = None


async def read_changes(
    reader: Reader, campaign: str, position: Checkpoint | Range, fields: frozenset[str] | None, watcher: str
) -> AsyncGenerator[Page, None]:
    """Hand over what was changed since the checkpoint, or what is dated in the range and has been changed since.

    Starts `overlap` behind the checkpoint, at most three years less a day ago, and ends `lag` in the past. The
    checkpoint moves with the last page of each window, because a list is newest first. Raises as `Listing.walk`; the
    checkpoints handed over before stay good.
    """
    now = reader.clock.now()
    place = Position.of(position)
    dates = reader.kind.changed
    end = whole_second(now - reader.lag)
    if dates.field == reader.kind.moment and place.until is not None:
        end = min(end, whole_second(place.until))  # by that date nothing later can be in the range
    walk = Walk(
        campaign,
        dates,
        place,
        whole_second(max(place.read - reader.overlap, now - HISTORY)),
        end,
        watcher,
        None if dates.exact else week_ago(now),
    )
    if place.read < now - HISTORY:
        log.warning("impact.com answers three years back at most", partition=campaign, since=wire(walk.start))
    async with aclosing(_walk(reader, walk, fields)) as steps:
        async for step in steps:
            yield step.page


async def read_lockings(
    reader: Reader, campaign: str, position: Checkpoint | Range, fields: frozenset[str] | None, watcher: str
) -> AsyncGenerator[Page, None]:
    """Hand over the actions whose LockingDate has come since the checkpoint: approvals are no updates (section 4).

    A range is nothing to this pass but the beginning: the pass over changes hands over its actions in their present
    state. What may still be settling is read again each time, as long as one answer holds it; of more, only what is
    new is read until that time is over, and then all of it once more. Raises as `read_changes`.
    """
    now = reader.clock.now()
    if isinstance(position, Range):
        place = Position(now, position.since, position.until)
        if position.until is not None:
            yield Page([], place.checkpoint(), f"campaign {campaign}, approvals")
            return
    else:
        place = Position.of(position)
    settling = max(reader.overlap, APPROVALS_SETTLE)
    # A clock that was set back waits for nothing: it could take years.
    waits = place.crowd is not None and place.crowd <= now < place.crowd + settling
    start = place.read if waits else (place.crowd or place.read) - settling
    walk = Walk(campaign, LOCKING, place, whole_second(max(start, now - HISTORY)), whole_second(now), watcher)
    answers = 0
    async with aclosing(_walk(reader, walk, fields)) as steps:
        async for page, answered in steps:
            if answered is not None and answered.rows and answered.window.end > now - settling:
                answers += 1
            yield page
    crowd = whole_second(now) if answers > 1 else None
    if walk.start < walk.end and not waits and crowd != place.crowd:
        yield Page([], place.moved(walk.end).crowded(crowd).checkpoint(), f"campaign {campaign}, approvals")


async def _walk(reader: Reader, walk: Walk, fields: frozenset[str] | None) -> AsyncGenerator[Step, None]:
    kind, place, now = reader.kind, walk.place, reader.clock.now()
    if walk.start >= walk.end:
        yield Step(Page([], place.checkpoint(), f"campaign {walk.campaign}"))
        return
    names = kind.names(fields)
    own = Finer(kind.dated, whole_second(now - HISTORY), whole_second(now) + SECOND)
    finer = own if kind.dated != kind.changed else None  # a record that has but one date can't be cut by another
    listing = Listing(reader.client, kind.resource, walk.campaign, walk.dates, kind.shape(names), {}, finer)
    async with aclosing(listing.walk(Windows(walk.start, walk.end, walk.seam))) as pages:
        async for answered in pages:
            window, rows, last = answered
            read = kind.records(rows, names, now, walk.watcher)
            if last:
                place = place.moved(window.end)
            page = Page(
                [record for record in read if place.holds(record.moment)],
                place.checkpoint() if last else None,
                f"campaign {walk.campaign}, {window}",
            )
            yield Step(page, answered)
