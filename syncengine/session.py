"""Puts a program together: settings, state, connections. What `sync`, `plan`, the daemon and the tests begin with."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import httpx

from syncengine.binding import Workspace, bind
from syncengine.clock import SystemClock
from syncengine.config import Settings
from syncengine.contracts import Clock, Context
from syncengine.engine_settings import MOST_REMOVALS
from syncengine.http import HttpFactory
from syncengine.own import OwnConnection
from syncengine.pacing import Limiter
from syncengine.state import written
from syncengine.state.store import Store


@dataclass(frozen=True, slots=True)
class Session:
    """Everything open that a run needs."""

    workspace: Workspace
    store: Store
    factories: tuple[HttpFactory, ...]
    timezone: ZoneInfo
    most_removals: int = MOST_REMOVALS
    """`engine.most_removals`: how many contacts one run may take out of groups without a person's yes."""

    def quota(self) -> int | None:
        """The fewest requests left of any account; None where no limit is known."""
        known = [left for factory in self.factories if (left := factory.quotas.remaining()) is not None]
        return min(known, default=None)

    async def remember_quotas(self) -> None:
        """Keep what is known of the quotas for the next process, and for `status`."""
        for factory in self.factories:
            await factory.quotas.remember()

    def midnight(self, day: dt.date | dt.datetime) -> dt.datetime:
        """The beginning of a day in `engine.timezone`; a moment counts as the day that it falls on there."""
        if isinstance(day, dt.datetime):
            day = day.astimezone(self.timezone).date()
        return dt.datetime.combine(day, dt.time(), self.timezone).astimezone(dt.UTC)


@asynccontextmanager
async def open_session(
    settings: Settings,
    *,
    snapshot: bool = False,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[Session]:
    """Open the state and all connections. With `snapshot` everything happens on a copy that goes away at the end.

    A snapshot of a state that doesn't exist yet is empty, and none is made. Raises ConfigError and StateError.
    """
    clock = clock or SystemClock()
    limiters: dict[str, Limiter] = {}
    factories: list[HttpFactory] = []
    open_store = Store.open_copy if snapshot else Store.open
    with open_store(settings.engine.database, clock) as store:

        def context_for(name: str) -> Context:
            memory = store.memory(name)
            factories.append(HttpFactory(f"connections.{name}", clock, limiters, transport, memory))
            return Context(factories[-1], memory, clock, settings.engine.timezone)

        own = OwnConnection(store, clock, settings.engine.timezone)
        async with bind(settings, context_for, own) as workspace:
            engine = settings.engine
            session = Session(workspace, store, tuple(factories), engine.timezone, engine.most_removals)
            workspace.note_written(await store.read(written.destinations))
            for factory in factories:
                await factory.quotas.recall()
            try:
                yield session
            finally:
                await session.remember_quotas()
