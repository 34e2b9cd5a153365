"""Lookups and tables of connectors/sql keep their rules on the servers that shops run, and not on SQLite alone."""

import itertools
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import pytest
from sqlalchemy import URL, create_engine

from syncengine.testing import MovableClock, Stage
from tests.conformance import test_sql_conformance as lookups
from tests.conformance import test_sql_destination_conformance as tables
from tests.sql.servers import Gate, address

pytestmark = pytest.mark.slow

PLACES: dict[str, URL] = {}
NUMBERS = itertools.count()
WRONG = "wr0ng-p4ssword"


@pytest.fixture(scope="module", autouse=True)
def _servers(mysql: URL, own_postgresql: URL) -> Iterator[None]:
    PLACES.update(mysql=mysql, postgresql=own_postgresql)
    yield
    PLACES.clear()


class OnServer(Stage):
    """A table of its own on a server, which is reached through a gate."""

    server: ClassVar[str]
    table: str

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        self.table = f"of_{os.getpid()}_{next(NUMBERS)}"
        self._url = PLACES[self.server]
        self._engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        self._gate = Gate(self._url)
        super().__init__(clock, folder)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.close()
        self.run(f"DROP TABLE {self.table}")
        self._engine.dispose()

    def run(self, statement: str, values: tuple[object, ...] = ()) -> list[Any]:
        """Ask the server itself, and not through the gate."""
        with self._engine.connect() as connection:
            result = connection.exec_driver_sql(statement.replace("?", "%s"), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "url": address(self._gate.url)}

    def bad_settings(self) -> dict[str, Any]:
        return {**self.settings(), "url": address(self._gate.url.set(username="nobody_here", password=WRONG))}

    def secrets(self) -> Collection[str]:
        return [WRONG, *([str(self._url.password)] if self._url.password else [])]

    def cut_off(self) -> None:
        self._gate.close()


class MysqlCustomers(OnServer, lookups.Customers):
    server = "mysql"


class MysqlNumberedCustomers(OnServer, lookups.NumberedCustomers):
    server = "mysql"


class PostgresqlCustomers(OnServer, lookups.Customers):
    server = "postgresql"


class PostgresqlNumberedCustomers(OnServer, lookups.NumberedCustomers):
    server = "postgresql"


class MysqlConsents(OnServer, tables.Consents):
    server = "mysql"


class MysqlNumbered(OnServer, tables.Numbered):
    server = "mysql"


class PostgresqlConsents(OnServer, tables.Consents):
    server, moment = "postgresql", "TIMESTAMP"


class PostgresqlNumbered(OnServer, tables.Numbered):
    server, moment = "postgresql", "TIMESTAMP"


class TestMysqlText(lookups.TestSqlText):
    sandbox = MysqlCustomers
    waivers: ClassVar = {
        name: reason for name, reason in lookups.TestSqlText.waivers.items() if name != "settings_show_no_secret"
    }


class TestMysqlNumbers(TestMysqlText):
    sandbox = MysqlNumberedCustomers


class TestPostgresqlText(TestMysqlText):
    sandbox = PostgresqlCustomers


class TestPostgresqlNumbers(TestMysqlText):
    sandbox = PostgresqlNumberedCustomers


class TestMysqlTable(tables.TestSqlTable):
    sandbox = MysqlConsents
    waivers: ClassVar = {
        name: reason for name, reason in tables.TestSqlTable.waivers.items() if name != "settings_show_no_secret"
    }


class TestMysqlTableByNumber(TestMysqlTable):
    sandbox = MysqlNumbered


class TestPostgresqlTable(TestMysqlTable):
    sandbox = PostgresqlConsents


class TestPostgresqlTableByNumber(TestMysqlTable):
    sandbox = PostgresqlNumbered
