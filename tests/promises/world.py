"""The real engine on a real state file, between the market and the mail, and what it may be put through.

A unit of work that was committed is told to the model and to the guard by its name; the engine is asked nothing else.
"""

import asyncio
import copy
import datetime as dt
import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection
from structlog.testing import capture_logs

from mappings.mapping import CompiledMapping, compile_mapping
from mappings.spec import MappingSpec
from syncengine.binding import BoundMapping
from syncengine.contracts import Change
from syncengine.engine.deliver import Prepared
from syncengine.engine.reconcile import Reconciler
from syncengine.engine.report import RunReport
from syncengine.engine.run import Runner
from syncengine.session import Session
from syncengine.state import backfills
from syncengine.state.records import PageCommit
from syncengine.state.store import Store
from tests.clock import FakeClock
from tests.engine.world import SPEC, TORONTO, Fields, Killed
from tests.promises.guard import Guard
from tests.promises.mail import Mail
from tests.promises.market import Directory, Sales, SalesStream
from tests.promises.model import START, Circumstances, Model, Rules
from tests.promises.troubles import Life, Troubles

T = TypeVar("T")
MAIL = "mail.contacts"


@dataclass
class Outside:
    """Everything that a kill of the engine doesn't touch. A deep copy of it is a second world."""

    clock: FakeClock
    life: Life
    troubles: Troubles
    sales: Sales
    directories: dict[str, Directory]
    model: Model
    guard: Guard
    mail: Mail

    @classmethod
    def make(cls) -> "Outside":
        clock, life, troubles = FakeClock(), Life(), Troubles()
        directories = {name: Directory(life, troubles, name) for name in ("customers", "orders")}
        model = Model(directories)
        guard = Guard(clock, model)
        sales = Sales(clock, life, troubles)
        return cls(clock, life, troubles, sales, directories, model, guard, Mail(clock, life, troubles, guard))


class MortalStore(Store):
    """The engine's store: a boundary before and after each unit of work, and word of each that was committed."""

    outside: Outside
    streams: Mapping[str, SalesStream]

    async def read(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        if self.outside.life.dead:
            raise Killed
        return await super().read(work, *args, **kwargs)

    async def write(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        life, name = self.outside.life, work.__name__
        life.boundary()
        about = await super().read(_circumstances, args[1], args[3]) if name == "commit_page" else None
        result = await super().write(work, *args, **kwargs)
        if about is not None:
            self._page(about, args[1])
        else:
            self.outside.guard.commit(name, args, result)
        life.boundary()
        return result

    def _page(self, about: Circumstances, commit: PageCommit) -> None:
        """A page of the stream, or of those that waited, was committed."""
        served = self.streams[commit.mapping].served
        if served:
            page = served.popleft()
            if (page.partition, page.checkpoint) != (commit.partition, commit.checkpoint):
                self.outside.guard.break_("no silent loss", "a page was committed out of its turn")
            self.outside.model.read(commit.mapping, page.records, about)
            return
        ids = [row.id for row in commit.kept]
        for wrong in self.outside.model.release(commit.mapping, ids, about):
            self.outside.guard.break_("no silent loss", f"record {wrong} was released and didn't wait")

    async def _run(self, work: Callable[[], T]) -> T:
        """Here and now, not on a thread: which boundary comes n-th must not depend on the machine."""
        await asyncio.sleep(0)
        return work()


@lru_cache
def _compile(rules: Rules) -> tuple[MappingSpec, CompiledMapping]:
    spec = MappingSpec.model_validate({**SPEC, **rules.spec})
    return spec, compile_mapping(
        spec, record_fields=SalesStream.fields, draft_fields=frozenset(Fields.model_fields), key_field="email"
    )


def _circumstances(connection: Connection, commit: PageCommit, now: dt.datetime) -> Circumstances:
    rows = connection.exec_driver_sql("SELECT since, force FROM backfill WHERE id=?", (commit.backfill,))
    since, force = rows.fetchone() or (None, False)
    start = dt.datetime.fromisoformat(since) if since else START
    keys = connection.exec_driver_sql("SELECT key FROM attemptpart UNION SELECT key FROM suppression")
    return Circumstances(now, start, bool(force), frozenset(row[0] for row in keys))


class World:
    """One merchant. `template` is an empty state file: making one takes longer than everything that happens to it."""

    def __init__(self, folder: Path, outside: Outside, state: Path) -> None:
        self.folder = folder
        self.outside = outside
        self.path = folder / "state.db"
        shutil.copyfile(state, self.path)
        self.url = f"sqlite:///{self.path}"
        self.mappings: dict[str, BoundMapping] = {}
        self.streams: dict[str, SalesStream] = {}
        self.logs: list[Any] = []
        self.due: set[tuple[str, str]] = set()
        """What waited and was due when the last sync began."""
        self.store = self._open()
        for name, rules in outside.model.rules.items():
            self.map(name, rules)

    def _open(self) -> MortalStore:
        store = MortalStore.open(self.url, self.outside.clock)
        store.outside, store.streams = self.outside, self.streams
        return store

    def close(self) -> None:
        self.store.close()

    def twin(self, folder: Path) -> "World":
        """The same world once more, as it is now."""
        copied = folder / "copied.db"
        copied.unlink(missing_ok=True)
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("VACUUM INTO ?", (str(copied),))
        return World(folder, copy.deepcopy(self.outside), copied)

    def map(self, name: str, rules: Rules) -> None:
        """A mapping, or another version of it."""
        self.outside.model.rules[name] = rules
        stream = self.streams.setdefault(name, SalesStream(self.outside.sales, name))
        spec, rule = _compile(rules)
        lookups = tuple((each, self.outside.directories[rules.directory]) for each in rule.lookups)
        self.mappings[name] = BoundMapping(
            name, spec, rule, spec.source, stream, stream.Options(), MAIL, self.outside.mail, lookups, None
        )

    def _runner(self, store: Store, **options: Any) -> Runner:
        workspace: Any = type("Bound", (), {"mappings": self.mappings})()
        return Runner(Session(workspace, store, (), TORONTO), **options)

    def _reconciler(self, repair: bool = False) -> Reconciler:
        workspace: Any = None
        return Reconciler(Session(workspace, self.store, (), TORONTO), {MAIL: self.outside.mail}, repair=repair)

    async def allow(self, key: str) -> int:
        """A person lets somebody in again who was deleted."""
        return await self._reconciler().allow([MAIL], [key])

    # --- what the engine is put through ---

    async def sync(
        self, troubles: Mapping[str, Sequence[str]] | None = None, *, lives: int | None = None, stops: int | None = None
    ) -> RunReport | None:
        """One sync of all mappings, then a new process. None where it was killed.

        `lives`: boundaries until the kill. `stops`: how often it may ask whether to stop before it is told so.
        """
        asked = iter(range(stops)) if stops is not None else None
        stopping = (lambda: next(asked, None) is None) if asked is not None else None
        return await self._live(
            lambda: self._runner(self.store, stopping=stopping).sync(list(self.mappings)), troubles, lives
        )

    async def hint(
        self, ids: Sequence[str], troubles: Mapping[str, Sequence[str]] | None = None, *, lives: int | None = None
    ) -> RunReport | None:
        """These records are read for all mappings, then a new process. None where it was killed."""
        return await self._live(lambda: self._runner(self.store).fetch(list(self.mappings), ids), troubles, lives)

    async def reconcile(
        self, troubles: Mapping[str, Sequence[str]] | None = None, *, repair: bool, lives: int | None = None
    ) -> RunReport | None:
        """The whole list is compared with what is believed, then a new process. None where it was killed."""
        return await self._live(lambda: self._reconciler(repair).run([MAIL]), troubles, lives)

    async def _live(
        self,
        work: Callable[[], Awaitable[RunReport]],
        troubles: Mapping[str, Sequence[str]] | None,
        lives: int | None,
    ) -> RunReport | None:
        for stream in self.streams.values():
            stream.served.clear()
        self.outside.troubles.arm(troubles or {})
        self.outside.model.tried.clear()
        self.due = self._due()
        self.outside.life.begin(lives)
        try:
            with capture_logs() as logs:
                return await work()
        except Killed:
            return None
        finally:
            self.logs += logs
            self.outside.troubles.disarm()
            self.outside.life.begin(None)
            self.store.close()
            self.store = self._open()

    async def plan(self) -> dict[str, Change]:
        """What `plan` says would be sent."""
        items: list[Prepared] = []
        for stream in self.streams.values():
            stream.served.clear()
        with Store.open_copy(self.url, self.outside.clock) as copied, capture_logs() as logs:
            await self._runner(copied).plan(list(self.mappings), lambda destination, item: items.append(item))
        self.logs += logs
        return {item.target.key: item.verdict.change for item in items if item.verdict.change is not None}

    def resync(self, mapping: str, since: dt.datetime, force: bool) -> None:
        now = self.outside.clock.now()
        self.store.write_now(backfills.ask_backfill, mapping, since, now, force, now)

    # --- what is stored ---

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        def work(connection: Connection) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.exec_driver_sql(statement, values)]

        return self.store.read_now(work)

    def dump(self) -> list[str]:
        """All of the state, as text."""
        with closing(sqlite3.connect(self.path)) as connection:
            return list(connection.iterdump())

    def _due(self) -> set[tuple[str, str]]:
        now = self.outside.clock.now().isoformat()
        return set(self.rows("SELECT mapping, id FROM record WHERE state='waiting' AND due_at<=?", now))

    def checkpoints(self) -> dict[tuple[str, str], int]:
        """(mapping, partition) → the tick up to which everything is planned."""
        found = self.rows("SELECT mapping, partition, position FROM checkpoint WHERE position IS NOT NULL")
        return {(mapping, partition): json.loads(position)[0] for mapping, partition, position in found}
