"""What is outside the engine: a shop that sells, two directories, and the stream of its sales.

The stream shows each sale as it is now, at the tick of its last change, and is read like impact.com's lists: from a
checkpoint on, inclusive, with an overlap for rows that show up late.
"""

import datetime as dt
import json
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, NamedTuple

from syncengine.contracts import Checkpoint, Found, Open, Page, Range, Record
from syncengine.errors import AuthError, RateLimited, Transient
from tests.clock import FakeClock
from tests.engine.world import MemoryLookup, Options
from tests.promises.troubles import Life, Troubles

OVERLAP = 2
"""Ticks behind the checkpoint at which reading starts again: no row shows up later than that."""
PARTITIONS = ("one", "two")
BY_ID = ""
"""Where single records are read: in no partition."""


class Sale(NamedTuple):
    """One sale as it is now. `tick` orders changes; several sales may have one. `late`: it showed up behind others."""

    tick: int
    partition: str
    record: Record
    late: bool = False


class Served(NamedTuple):
    """A page as it was handed over."""

    partition: str
    records: Sequence[Record]
    checkpoint: str | None


class Scope(NamedTuple):
    """What a checkpoint says: read from this tick on; a range keeps its dates."""

    tick: int
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @classmethod
    def of(cls, position: Checkpoint | Range) -> "Scope":
        if isinstance(position, Range):
            return cls(-OVERLAP, *position)
        tick, since, until = json.loads(position)
        return cls(tick, *(dt.datetime.fromisoformat(each) if each else None for each in (since, until)))

    def holds(self, moment: dt.datetime) -> bool:
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)

    def checkpoint(self, tick: int) -> Checkpoint:
        """A range without an end is the past: after it everything that changes is handed over."""
        dates = [self.since and self.since.isoformat(), self.until.isoformat()] if self.until else [None, None]
        return Checkpoint(json.dumps([tick, *dates]))


class Sales:
    """All sales of the shop."""

    def __init__(self, clock: FakeClock, life: Life, troubles: Troubles) -> None:
        self._clock = clock
        self.life = life
        self.troubles = troubles
        self.rows: dict[str, Sale] = {}
        self.tick = 0
        self.page_size = 2

    def put(self, id: str, values: dict[str, str | None], at: dt.datetime, *, late: int = 0, tie: bool = False) -> None:
        """A sale, or a change of it. `late`: it shows up that many ticks too low; `tie`: with the tick of the last."""
        known = self.rows.get(id)
        partition = known.partition if known else PARTITIONS[int(id) % len(PARTITIONS)]
        self.tick += not (tie or late)
        tick = max(0, self.tick - late)
        shown = {"Id": id, "At": at.isoformat(), **values}
        self.rows[id] = Sale(tick, partition, Record(id, at, shown), bool(late or tie))

    def touch(self, id: str) -> None:
        """The same sale, listed anew at the end."""
        self.tick += 1
        self.rows[id] = self.rows[id]._replace(tick=self.tick, late=False)

    def after(self, partition: str, place: tuple[int, str]) -> list[Sale]:
        found = [sale for sale in self.rows.values() if sale.partition == partition]
        return sorted((sale for sale in found if _place(sale) > place), key=_place)


class SalesStream:
    """The stream as one mapping reads it; it knows which pages it handed over and what became of them."""

    Options = Options
    fields = frozenset({"Id", "At", "State", "Customer", "Order", "Partner", "Kind"})
    moment = "At"

    def __init__(self, sales: Sales, mapping: str) -> None:
        self._sales = sales
        self._mapping = mapping
        self.served: deque[Served] = deque()

    async def partitions(self, options: Any) -> Sequence[str]:
        return list(PARTITIONS)

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncIterator[Page]:
        sales = self._sales
        self.served.clear()
        scope = Scope.of(position)
        place = (scope.tick - OVERLAP, "")
        while True:
            sales.life.boundary()
            kind = sales.troubles.take("page", f"{self._mapping} {partition}")
            _refuse(kind, sales)
            rest = sales.after(partition, place)
            shown = rest[: sales.page_size]
            last = len(rest) <= sales.page_size
            safe = scope.checkpoint(max([scope.tick, *(sale.tick for sale in shown)]))
            page = Page(
                [_cut(record, fields) for record in _listed(shown, scope, kind)],
                None if kind == "no_checkpoint" and not last else safe,
            )
            self.served.append(Served(partition, page.records, page.checkpoint))
            yield page
            if kind == "truncated":
                raise Transient("the answer broke off", code="truncated")
            if kind == "drift" and shown:
                sales.touch(shown[-1].record.id)
                last = False
            if last:
                return
            place = _place(shown[-1]) if shown else place

    async def fetch(self, ids: Collection[str], options: Any, *, fields: frozenset[str] | None) -> AsyncIterator[Page]:
        """Each by itself. A sale that isn't there is in no page."""
        self.served.clear()
        for id in ids:
            self._sales.life.boundary()
            _refuse(self._sales.troubles.take("page", f"{self._mapping} {BY_ID}"), self._sales)
            found = [self._sales.rows[id].record] if id in self._sales.rows else []
            self.served.append(Served(BY_ID, [_cut(record, fields) for record in found], None))
            yield Page(self.served[-1].records)


def _place(sale: Sale) -> tuple[int, str]:
    return (sale.tick, sale.record.id)


def _listed(shown: Sequence[Sale], scope: Scope, kind: str) -> list[Record]:
    records = [sale.record for sale in shown if scope.holds(sale.record.moment)]
    if kind == "newest_first":
        records.reverse()
    return records + records[:1] if kind == "duplicate" else records


def _cut(record: Record, fields: frozenset[str] | None) -> Record:
    kept = {name: value for name, value in record.values.items() if fields is None or name in fields}
    return record._replace(values=kept)


def _refuse(kind: str, sales: Sales) -> None:
    if kind == "transient":
        raise Transient("the list can't be read now")
    if kind == "quota":
        raise RateLimited("the quota is used up", until=sales._clock.now() + dt.timedelta(hours=1))
    if kind == "refused":
        raise AuthError("the credentials are refused")


class Directory(MemoryLookup):
    """Who is who. `rows` is changed by the shop."""

    def __init__(self, life: Life, troubles: Troubles, name: str) -> None:
        super().__init__()
        self.life = life
        self.troubles = troubles
        self.name = name

    async def columns(self) -> None:  # type: ignore[override]  # it can't say
        return None

    async def find(self, keys: Collection[str]) -> Found:
        self.life.boundary()
        if self.troubles.take("find", self.name) == "transient":
            raise Transient("the directory can't be asked now")
        return Found({key: [dict(row) for row in self.rows[key]] for key in keys if key in self.rows})
