"""connectors/invoca keeps the rules of a stream: transactions and calls, also where nobody knows how it behaves."""

import datetime as dt
import re
from collections.abc import Callable, Collection
from typing import Any

import pytest

from connectors.invoca import InvocaConnector
from connectors.invoca.sandbox import InvocaSandbox, Row
from connectors.invoca.sandbox.transactions import TransactionLog
from syncengine.testing import ConformanceSuite, KitStage, MovableClock, StreamStage

PAGE_ROWS = 2
CALLER = "514-555-0123"
NAME = "Zoë Made-Up"
MILLIS = re.compile(rb'"start_time_utc":\s*"?\d+"?,')
OFFSET = re.compile(rb'("start_time_xml":\s*"[^"]{19})[^"]*"')


class Circling(TransactionLog):
    """A log that doesn't know any cursor, and starts from the beginning each time."""

    def _after(self, rows: list[Row], cursor: str) -> list[Row]:
        return rows


class Network(KitStage, StreamStage):
    """A network whose pages are small, with calls that have settled as soon as they are there."""

    make: Callable[..., InvocaSandbox] = InvocaSandbox
    sandbox: InvocaSandbox
    page_size = PAGE_ROWS
    history = dt.timedelta(days=100)

    def __init__(self, clock: MovableClock, folder: Any) -> None:
        super().__init__(clock, folder)
        self.sandbox.switches.page_rows = PAGE_ROWS

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "role": self.sandbox.switches.role, "page_rows": PAGE_ROWS, "settle": "0 seconds"}

    def bad_settings(self) -> dict[str, Any]:
        return {**self.settings(), "token": "a-token-that-nobody-gave"}

    def secrets(self) -> Collection[str]:
        return (self.sandbox.settings()["token"], "a-token-that-nobody-gave")

    def people(self) -> Collection[str]:
        return (CALLER, NAME)

    def row(self, at: dt.datetime) -> Row:
        return self.sandbox.book.call(at=at, calling_phone_number=CALLER, notes=NAME, duration=0, connect_duration=0)

    def loop(self) -> None:
        self.sandbox._log = Circling(self.sandbox.book, self.sandbox.switches)

    def send_naive_dates(self) -> None:
        self.edit = lambda body: OFFSET.sub(rb'\1"', MILLIS.sub(b"", body))

    def send_unknown_field(self) -> None:
        self.sandbox.switches.extra_column = True


class Transactions(Network):
    part = "transactions"

    def put(self, at: dt.datetime) -> str:
        return self.row(at).id


class Calls(Network):
    part = "calls"

    def put(self, at: dt.datetime) -> str:
        return self.row(at).call


def unknowns(sandbox: InvocaSandbox) -> None:
    """Every unknown that a working account may have, the other way round (invoca.md section 9)."""
    switches = sandbox.switches
    switches.versions = "exact"
    switches.over_limit = "403"
    switches.unknown_cursor = "404"
    switches.corrections = "star"
    switches.correction_start = "shift"
    switches.superseded_readable = False
    switches.newest_first_in_ties = True
    switches.timezone = "Asia/Kolkata"
    switches.numbers = "text"
    switches.start_time_utc = "text"
    switches.ranking = "new"
    switches.custom_data_key = "partner_name"
    switches.shadowed = True
    switches.error_shape = "text"
    switches.random_words = True


class CallsOtherwise(Calls):
    def __init__(self, clock: MovableClock, folder: Any) -> None:
        super().__init__(clock, folder)
        unknowns(self.sandbox)
        self.sandbox.switches.role = "advertiser"


@pytest.mark.slow  # `calls` reads the same log by the same client, and folds it besides
class TestTransactions(ConformanceSuite):
    connector = InvocaConnector
    sandbox = Transactions


class TestCalls(ConformanceSuite):
    connector = InvocaConnector
    sandbox = Calls


@pytest.mark.slow  # the rules of `calls` once more; each unknown has its own test in tests/invoca
class TestCallsOtherwise(ConformanceSuite):
    connector = InvocaConnector
    sandbox = CallsOtherwise
