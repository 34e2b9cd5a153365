"""The sweep: reads again what was last seen unfinished, because nothing else would tell that it has changed.

A manual approval before the LockingDate, an approval under open-ended locking, a reset, the resolution of an inquiry:
none of these shows in a range of dates that a checkpoint could follow (impact.md sections 4, 5.1 and 5.3). The engine
remembers what is open, and a window without any of it is never asked for.
"""

import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import aclosing
from hashlib import blake2b
from typing import NamedTuple

import msgspec
import structlog

from connectors.impact.client import FORBIDDEN, ImpactClient, Unanswerable
from connectors.impact.kinds import Kind
from connectors.impact.listing import Listing
from connectors.impact.position import Sweep
from connectors.impact.windows import HISTORY, LONGEST, SECOND, Window, Windows, whole_second
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range, Record
from syncengine.errors import AuthError, ProviderError

log = structlog.get_logger(__name__)

FEW = 5
"""So many single records at most are asked for by their ids before a whole window is listed instead."""
MOST_LEFT = 20
"""So many of those that no list shows are asked for by their ids in one sweep: an empty list must not cost a quota of
1,000 requests an hour. The others stay open, and later sweeps choose among them anew."""
REMEMBERED = 1000
"""The most ids that a checkpoint names as gone, or missed; the provider deletes nothing, so there are hardly any."""
FIRST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""Before anything that impact.com has."""
SECOND_LOOK = dt.timedelta(hours=20)
"""How long after a 404 the same id is asked for once more before it is given up: by the next daily sweep. A 404 may be
a fault that passes; a day later it is none."""


class Sweeper(NamedTuple):
    """How one kind of object is swept.

    `filters` list those of one state only. `whole_while_young`: a window that reaches into the last 44 days is listed
    without them, because nearly all in it is open, and what has another state may change too.
    """

    client: ImpactClient
    clock: Clock
    kind: Kind
    every: dt.timedelta
    filters: dict[str, str | int]
    whole_while_young: bool

    async def read(
        self,
        campaign: str,
        partition: str,
        position: Checkpoint | Range,
        fields: frozenset[str] | None,
        open: Open,
    ) -> AsyncGenerator[Page, None]:
        """Hand over what this partition watches, as it is now; nothing, without a request, before it is due.

        A range asks for nothing: another pass hands over its records. Raises as `Listing.walk`.
        """
        now = self.clock.now()
        scope = f"campaign {campaign}, what is open"
        if isinstance(position, Range):
            yield Page([], Sweep(now).checkpoint(), scope)
            return
        sweep = Sweep.of(position)
        if not sweep.is_due(now, self.every):
            yield Page([], position, scope)
            return
        # One that was interrupted counts from its beginning: what it looked at then may have changed since.
        began = now if sweep.through is None else min(sweep.swept, now)
        done = msgspec.structs.replace(sweep, swept=began, through=None)
        if (oldest := await open.oldest()) is not None:
            run = _Run(self, campaign, partition, fields, open, msgspec.structs.replace(sweep, swept=began))
            async with aclosing(run.read(oldest)) as pages:
                async for page in pages:
                    yield page
            done = run.progress(None)
        yield Page([], done.checkpoint(), scope)


class _Run:
    """One sweep over one campaign."""

    def __init__(
        self,
        sweeper: Sweeper,
        campaign: str,
        partition: str,
        fields: frozenset[str] | None,
        open: Open,
        sweep: Sweep,
    ) -> None:
        self._sweeper = sweeper
        self._kind = sweeper.kind
        self._campaign = campaign
        self._partition = partition
        self._open = open
        self._sweep = sweep
        self._names = self._kind.names(fields)
        self._now = sweeper.clock.now()
        self._gone = dict.fromkeys(sweep.gone)
        self._missed = dict(sweep.missed)
        self._singles = True
        self._left: set[str] = set()
        self._failed: set[str] = set()

    def progress(self, through: dt.datetime | None) -> Sweep:
        """How far it is; None: to the end. Of what the provider doesn't know the latest are kept, they stand last."""
        gone, missed = list(self._gone)[-REMEMBERED:], list(self._missed.items())[-REMEMBERED:]
        return Sweep(self._sweep.swept, through, tuple(gone), dict(missed))

    async def _within(self, since: dt.datetime, until: dt.datetime) -> frozenset[str]:
        """What is open there and worth a question: neither gone nor asked for in vain just now."""
        lately = {id for id, at in self._missed.items() if dt.timedelta(0) <= self._now - at < SECOND_LOOK}
        return await self._open.within(since, until) - self._gone.keys() - lately

    async def read(self, oldest: dt.datetime) -> AsyncGenerator[Page, None]:
        """All windows from the oldest open record on; a checkpoint after each that had any."""
        reach = whole_second(self._now - HISTORY)
        start = whole_second(max(oldest, self._sweep.through or oldest))
        if start < reach:  # out of the lists' reach; by its id a record may still be asked for
            ancient = set(await self._within(FIRST, reach))
            async with aclosing(self._fetch(ancient)) as pages:
                async for page in pages:
                    yield page
            self._left |= ancient
        windows = Windows(max(start, reach), whole_second(self._now) + SECOND)
        while (window := windows.following()) is not None:
            ids = await self._within(window.start, window.end)
            if not ids:
                continue
            count = 0
            try:
                async with aclosing(self._read_window(window, ids)) as pages:
                    async for page in pages:
                        count += len(page.records)
                        yield page
                windows.took(count)
            except Unanswerable as refusal:
                self._listing(self._sweeper.filters).cut(windows, window, refusal)
                continue
            yield Page([], self.progress(window.end).checkpoint(), self._scope(window))
        async with aclosing(self._read_left()) as pages:
            async for page in pages:
                yield page

    async def _read_window(self, window: Window, ids: frozenset[str]) -> AsyncGenerator[Page, None]:
        """One record is asked for by its id; several by the list of what is open, and then those not in it.

        What no list shows isn't gone: a list that is empty or cut short looks the same. Only a 404 says so, and again.
        """
        missing = set(ids)
        young = self._sweeper.whole_while_young and window.end > self._now - LONGEST
        steps = [self._sweeper.filters, {}] if not young else [{}]
        if len(ids) > 1 or not self._singles:
            filters = steps.pop(0)
            async with aclosing(self._list(window, filters, missing)) as pages:
                async for page in pages:
                    yield page
        if steps and len(missing) <= FEW:
            async with aclosing(self._fetch(missing)) as pages:
                async for page in pages:
                    yield page
        if missing and steps:
            async with aclosing(self._list(window, steps[-1], missing)) as pages:
                async for page in pages:
                    yield page
        self._left |= missing

    async def _list(
        self, window: Window, filters: dict[str, str | int], missing: set[str]
    ) -> AsyncGenerator[Page, None]:
        async with aclosing(self._listing(filters).read(window)) as pages:
            async for answered in pages:
                records = self._kind.records(answered.rows, self._names, self._now, self._partition)
                for record in records:
                    missing.discard(record.id)
                    self._gone.pop(record.id, None)  # the provider knows it again
                    self._missed.pop(record.id, None)
                yield Page(records, None, self._scope(window))

    async def _read_left(self) -> AsyncGenerator[Page, None]:
        """Some of those that no list showed, others each time so that none waits for ever behind unreadable ones."""
        began = self._sweep.swept
        chosen = sorted(self._left - self._failed, key=lambda id: blake2b(f"{began} {id}".encode()).digest())
        asked = set(chosen[:MOST_LEFT])
        self._left -= asked
        async with aclosing(self._fetch(asked)) as pages:
            async for page in pages:
                yield page
        if self._left | asked:
            log.warning(
                "some of what is open could not be read and stays open",
                resource=self._kind.resource,
                records=len(self._left | asked),
                errors=len((self._left | asked) & self._failed),
                reason="left for the next sweep" if self._singles else FORBIDDEN,
            )

    async def _fetch(self, missing: set[str]) -> AsyncGenerator[Page, None]:
        """Single records. A token may be allowed lists only: then what is missing stays so, as does what is refused."""
        for id in sorted(missing) if self._singles else ():
            try:
                record = await self._read_single(id)
            except AuthError as error:
                if error.code != FORBIDDEN:
                    raise
                self._singles = False
                return
            except ProviderError as error:  # one that can't be read holds back no other
                log.warning("can't be read by its id", resource=self._kind.resource, record=id, code=error.code)
                self._failed.add(id)
                continue
            missing.discard(id)
            if record is None:
                self._lose(id)
            else:
                self._missed.pop(id, None)
                yield Page([record], None, f"{self._kind.single} {id}")

    async def _read_single(self, id: str) -> Record | None:
        row = await self._sweeper.client.single(self._kind.resource, id, self._kind.single)
        return None if row is None else self._kind.record(row, self._names, self._now, self._partition)

    def _lose(self, id: str) -> None:
        """The provider doesn't know it. Said twice, nothing will become of it: it isn't asked for any more."""
        if self._missed.pop(id, None) is None:
            log.info("what is open is not known at impact.com; asked again", resource=self._kind.resource, record=id)
            self._missed[id] = self._now
            return
        log.warning("what was open is gone at impact.com", resource=self._kind.resource, record=id)
        self._gone[id] = None

    def _listing(self, filters: dict[str, str | int]) -> Listing:
        kind = self._kind
        return Listing(
            self._sweeper.client, kind.resource, self._campaign, kind.dated, kind.shape(self._names), filters
        )

    def _scope(self, window: Window) -> str:
        return f"campaign {self._campaign}, what is open, {window}"
