"""A table of connectors/sql keeps the rules of a destination, on a real SQLite file."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from connectors.sql import SqlConnector
from syncengine.testing import ConformanceSuite, DestinationStage, MovableClock

NO_HTTP = "a database is not asked over HTTP: what it does in trouble is tested in tests/sql"
NO_SECRET = "the address of an SQLite file holds no password; those of servers are tested in tests/sql"
NO_LISTS = "a table lists nobody who must not be written to, and doesn't tell how its rows stand"
NO_WAIT = "a write is one transaction: there is no answer to wait for, and nothing that is sent a second time"
NO_RECEIPT = "there is no receipt: what is in doubt is written again, which changes nothing"
TABLE = """
    CREATE TABLE {table} (
        email {kind} PRIMARY KEY, reason VARCHAR(80) NOT NULL, since {moment}, times INTEGER,
        CHECK (reason <> 'forbidden')
    )
"""


class Consents(DestinationStage):
    """An empty table, known by an address."""

    part = "consents"
    kind = "VARCHAR(80)"
    moment = "DATETIME"
    table = "mail_consents"

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self._refused: set[str] = set()
        self.run(TABLE.format(table=self.table, kind=self.kind, moment=self.moment))

    def run(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Ask the database itself."""
        with closing(sqlite3.connect(self.folder / "shop.db")) as database, database:
            return database.execute(statement, values).fetchall()

    def settings(self) -> dict[str, Any]:
        columns = {"table": self.table, "key": "email", "columns": ["reason", "since", "times"]}
        return {"url": "sqlite:///shop.db", "destinations": {"consents": columns}}

    def bad_settings(self) -> dict[str, Any]:
        """There are no credentials: the next thing is a file that isn't there."""
        return {**self.settings(), "url": "sqlite:///elsewhere.db"}

    def secrets(self) -> Collection[str]:
        return ()

    def people(self) -> Collection[str]:
        return tuple(self.key(number) for number in range(9))

    def fields(self, key: str) -> dict[str, Any]:
        reason = "forbidden" if key in self._refused else "unsubscribed"
        return {"email": key, "reason": reason, "since": "2026-06-01T10:00:00-04:00", "times": "2"}

    def invalid(self) -> Mapping[str, Any]:
        return {"email": "somebody\0@example.test", "reason": ["unsubscribed"], "since": {"day": "2026-06-01"}}

    def target(self, key: str) -> Any:
        return self.run(f"SELECT * FROM {self.table} WHERE email = ?", (key,)) or None

    def refuse(self, key: str) -> None:
        self._refused.add(key)


class Numbered(Consents):
    """The same, known by a number."""

    kind = "BIGINT"

    def key(self, number: int) -> str:
        return str(4000000000 + number)

    def spellings(self, key: str) -> Sequence[str]:
        return (f"  {key} ",)


class TestSqlTable(ConformanceSuite):
    connector = SqlConnector
    sandbox = Consents
    waivers: ClassVar = {
        "settings_show_no_secret": NO_SECRET,
        "trouble_has_a_name": NO_HTTP,
        "a_stated_wait_is_kept": NO_HTTP,
        "no_effect_without_an_attempt": NO_HTTP,
        "a_lost_answer_is_one_effect": NO_HTTP,
        "silence_is_no_outcome": NO_HTTP,
        "forbidden_stops_early": NO_HTTP,
        "a_barred_key_is_in_no_request": NO_HTTP,
        "a_stated_wait_is_kept_before_writing_again": NO_WAIT,
        "a_key_barred_while_waiting_is_left_out": NO_WAIT,
        "suppression_lists_are_complete": NO_LISTS,
        "a_short_suppression_list_is_an_error": NO_LISTS,
        "standings_answer_every_key": NO_LISTS,
        "a_receipt_tells_what_became_of_it": NO_RECEIPT,
    }


class TestSqlTableByNumber(TestSqlTable):
    sandbox = Numbered
