"""The call data endpoint in this process, with a ledger of attempts in memory, and what a destination reports to it."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from connectors.impact.calls import CallReports
from connectors.impact.calls_settings import CallDataSettings
from connectors.impact.sandbox.calldata import PASSWORD, USERNAME, CallDataSandbox
from syncengine.contracts import Attempt, Change, Context, Outcome, Part, Settled
from syncengine.http import HttpFactory
from tests.clock import FakeClock
from tests.impact.calls_stage import WHOLE_CALL


class Ledger:
    """Attempts as the engine writes them down. `barred` keys are never allowed."""

    def __init__(self) -> None:
        self.begun: list[frozenset[str]] = []
        self.renewed = 0
        self.receipts: list[str] = []
        self.confirmed: set[str] = set()
        self.refuted: set[str] = set()
        self.barred: Collection[str] = ()

    async def begin(self, parts: Sequence[Part]) -> Attempt:
        allowed = frozenset(part.key for part in parts if part.key not in self.barred)
        self.begun.append(allowed)
        return Attempt(len(self.begun), allowed)

    async def renew(self, attempt: Attempt) -> Attempt:
        self.renewed += 1
        return Attempt(attempt.id, attempt.allowed - set(self.barred))

    async def receipt(self, attempt: Attempt, receipt: str) -> None:
        self.receipts.append(receipt)

    async def settle(self, attempt: Attempt, settled: Settled) -> None:
        self.confirmed |= settled.confirmed
        self.refuted |= settled.refuted


class Endpoint:
    """The sandbox, and destinations that report to it without any socket."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sandbox = CallDataSandbox(now=self.clock.now)
        self.ledger = Ledger()
        self.transport: httpx.AsyncBaseTransport = httpx.ASGITransport(app=self.sandbox.app)

    def connect(self, **settings: Any) -> CallReports:
        given = {"base_url": "https://calls.example.test", "username": USERNAME, "password": PASSWORD, **settings}
        http = HttpFactory("connections.impact", self.clock, {}, self.transport)
        context = Context(http, _NoMemory(), self.clock, ZoneInfo("America/Toronto"))
        return CallReports(CallDataSettings.model_validate(given), context)

    async def report(self, *sessions: str, create: bool = True, fields: Any = None, **settings: Any) -> list[Outcome]:
        async with self.connect(**settings) as destination:
            drafts = [destination.draft({**WHOLE_CALL, "CallSessionId": session}) for session in sessions]
            changes = [
                Change(draft.key, 1, create, fields or draft.fields, frozenset(), frozenset(), None, False)
                for draft in drafts
            ]
            return [outcome async for outcome in destination.apply(changes, self.ledger)]


class _NoMemory:
    folder = Path("unused")

    async def get(self, key: str) -> str | None:
        raise AssertionError(key)

    async def put(self, key: str, value: str) -> None:
        raise AssertionError(key)


def statuses(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.status for outcome in outcomes]
