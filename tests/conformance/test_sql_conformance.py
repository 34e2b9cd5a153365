"""connectors/sql keeps the rules of a lookup, on a real SQLite file."""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

from connectors.sql import SqlConnector
from syncengine.testing import ConformanceSuite, LookupStage, MovableClock

NO_HTTP = "a database is not asked over HTTP: what it does in trouble is tested in tests/sql"
NO_SECRET = "the address of an SQLite file holds no password; those of servers are tested in tests/sql"


class Customers(LookupStage):
    """A database with a table of customers; keys are texts."""

    part = "customers"
    column = "VARCHAR(80)"
    table = "customers"

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self._people: list[str] = []
        self.run(f"CREATE TABLE {self.table} (customer_id {self.column}, email VARCHAR(80), age INTEGER, since DATE)")

    def settings(self) -> dict[str, Any]:
        query = f"SELECT customer_id AS key, email, age, since FROM {self.table} WHERE customer_id IN :keys"
        return {"url": "sqlite:///shop.db", "lookups": {"customers": {"query": query}}}

    def bad_settings(self) -> dict[str, Any]:
        """There are no credentials: the next thing is a file that isn't there."""
        return {**self.settings(), "url": "sqlite:///elsewhere.db"}

    def secrets(self) -> Collection[str]:
        return ()

    def people(self) -> Collection[str]:
        return self._people

    def add(self, key: str, rows: int = 1) -> None:
        for _ in range(rows):
            self._people.append(f"person.{len(self._people)}@example.test")
            values = (key, self._people[-1], 40, "2026-06-01")
            self.run(f"INSERT INTO {self.table} VALUES (?, ?, ?, ?)", values)

    def cut_off(self) -> None:
        (self.folder / "shop.db").rename(self.folder / "moved.db")

    def run(self, statement: str, values: tuple[object, ...] = ()) -> None:
        """Tell the database itself."""
        with closing(sqlite3.connect(self.folder / "shop.db")) as database, database:
            database.execute(statement, values)


class NumberedCustomers(Customers):
    """The same with keys that are numbers."""

    column = "BIGINT"
    keys = ("7", "70", "700", "12345678901")
    odd_keys = (*LookupStage.odd_keys, "007", "7.0", "seven", "\u0667", "1e3", "-0", "1_000", str(2**63))


class TestSqlText(ConformanceSuite):
    connector = SqlConnector
    sandbox = Customers
    waivers: ClassVar = {
        "settings_show_no_secret": NO_SECRET,
        "trouble_has_a_name": NO_HTTP,
        "a_stated_wait_is_kept": NO_HTTP,
    }


class TestSqlNumbers(TestSqlText):
    sandbox = NumberedCustomers
