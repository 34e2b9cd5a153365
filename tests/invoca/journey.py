"""From Invoca to impact.com with the real engine, the real connectors and the recipe; requests can be cut, or kill."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import Connection

from connectors.impact.calls_fields import CallFields
from connectors.impact.sandbox.calldata import PASSWORD, USERNAME, CallDataSandbox
from connectors.invoca import InvocaConnection
from connectors.invoca.settings import NoOptions
from syncengine.binding import BoundMapping
from syncengine.contracts import Context
from syncengine.engine.report import RunReport
from syncengine.engine.run import Runner
from syncengine.http import HttpFactory
from syncengine.session import Session
from syncengine.state.store import Store
from tests.clock import FakeClock
from tests.impact.calls_stage import CallsConnection, CallsConnector
from tests.invoca.recipes import compiled, recipe
from tests.invoca.world import Network, Wire

TORONTO = ZoneInfo("America/Toronto")
NAME = "invoca-calls-to-impact"
DESTINATION = "impact.calls"


class Killed(BaseException):
    """The process dies here."""


class Journey:
    """A merchant whose partners bring calls."""

    def __init__(self, folder: Path, **spec: Any) -> None:
        self.clock = FakeClock()
        self.network = Network(self.clock)
        self.book = self.network.book
        self.endpoint = CallDataSandbox(now=self.clock.now)
        self.trouble: Callable[[str, httpx.Request], None] = lambda when, request: None
        """Called before and after each report; it may raise."""
        self.settings: dict[str, Any] = {"settle": "1 hour", "page_rows": 3}
        self.call_data: dict[str, Any] = {"requests_per_minute": 6000}
        self._spec = {"start": "2026-01-01", **spec}
        self.url = f"sqlite:///{folder / 'state.db'}"
        self.store = Store.open(self.url, self.clock)

    async def sync(self) -> RunReport:
        """One run of a new process."""
        async with self.network.connect(**self.settings) as invoca, self._impact() as impact:
            workspace: Any = type("Bound", (), {"mappings": {NAME: self._bind(invoca, impact)}})()
            return await Runner(Session(workspace, self.store, (), TORONTO)).sync([NAME])

    def restart(self) -> None:
        """What is left after a kill."""
        self.store.close()
        self.store = Store.open(self.url, self.clock)

    def close(self) -> None:
        self.store.close()

    def change(self, **spec: Any) -> None:
        """Somebody edits the mapping."""
        self._spec |= spec

    def mapping_fields(self) -> dict[str, Any]:
        return dict(recipe(NAME)["fields"])

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What stands in the state file."""

        def select(connection: Connection) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.exec_driver_sql(statement, values)]

        return self.store.read_now(select)

    def rejects(self) -> dict[str, str]:
        """Code by key of the calls that can't go through."""
        return dict(self.rows("SELECT key, code FROM reject WHERE destination=?", DESTINATION))

    def in_doubt(self) -> set[str]:
        """Keys of calls of which nobody knows whether they were taken."""
        return {row[0] for row in self.rows("SELECT key FROM attemptpart WHERE state='open'")}

    def _around(self, when: str, request: httpx.Request) -> None:
        self.trouble(when, request)

    def _impact(self) -> CallsConnection:
        http = HttpFactory("connections.impact", self.clock, {}, Wire(self.endpoint.app, self._around))
        given = {"base_url": "https://calls.example.test", "username": USERNAME, "password": PASSWORD, **self.call_data}
        context = Context(http, self.network.memory, self.clock, TORONTO)
        return CallsConnector().connect(CallsConnector.Settings.model_validate(given), context)

    def _bind(self, invoca: InvocaConnection, impact: CallsConnection) -> BoundMapping:
        spec, rule = compiled(NAME, CallFields, "CallSessionId", **self._spec)
        return BoundMapping(
            name=NAME,
            spec=spec,
            rule=rule,
            source_name=spec.source,
            stream=invoca.streams["calls"],
            options=NoOptions(),
            destination_name=DESTINATION,
            destination=impact.calls,
            lookups=(),
            schedule=None,
        )
