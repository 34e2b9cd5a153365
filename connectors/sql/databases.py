"""Where databases can differ: opening them read-only or not, stopping a query in time, and what their errors mean.

How each of them differs stands in `kinds`. Sources: sqlite.org/uri.html and the manuals of the drivers.
"""

import enum
import math
import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError

CONNECT_SECONDS = 10
"""Longest wait for a server to take the call: a server that is up takes it within one or two."""
GRACE_SECONDS = 5
"""How much later than the server the client gives up, so that the server's own limit speaks first."""
BUSY_SECONDS = 5.0
"""How long to wait for a writer of an SQLite file: Python's own default."""
PROGRESS_STEPS = 20_000
"""Steps of SQLite's machine between two looks at the clock: well under a millisecond's work."""


class Fault(enum.Enum):
    """What an error of a database means for whoever asked."""

    ACCOUNT = enum.auto()
    DATABASE = enum.auto()
    QUERY = enum.auto()
    KEY = enum.auto()
    ROW = enum.auto()
    TIME = enum.auto()
    BUSY = enum.auto()
    DAMAGED = enum.auto()
    UNREACHABLE = enum.auto()


WHOLE = re.compile(r"0|-?[1-9][0-9]*")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

FORMS = {WHOLE: "a whole number", NUMBER: "a number", UUID: "a UUID"}
"""The form that a key must have, by the type of the key's column, in words."""


@dataclass(frozen=True)
class Database:
    """One kind of database. `faults` goes by the error's code, or by its class (two characters)."""

    title: str
    read_only: bool = False
    opening: tuple[str, ...] = ()
    """The first statements of every transaction that reads. {ms}, {s} and {whole} (seconds) are the limit."""
    writing: tuple[str, ...] = ()
    """The first statements of every transaction that writes."""
    code: Callable[[Any], str] = lambda error: str(error.args[0]) if error.args else ""
    reason: Callable[[Any], str] = lambda error: str(error.args[-1]) if error.args else ""
    """The database's own sentence, one line. It may quote the query: only for a query asked without any key."""
    faults: Mapping[str, Fault] = field(default_factory=dict)
    types: Mapping[Any, re.Pattern[str]] = field(default_factory=dict)
    """The form of keys by the driver's code for the column's type. What has another form could never be found."""
    copies: int = 1
    """How many parameters one key needs."""
    key: str = "key"
    """How a column is given the name `key`."""

    def fault(self, error: DBAPIError) -> Fault:
        """What an error means. One that nobody knows counts by SQLAlchemy's class of it."""
        code = self.code(error.orig)
        if known := self.faults.get(code) or self.faults.get(code[:2]):
            return known
        match error:
            case DataError():
                return Fault.KEY
            case IntegrityError():
                return Fault.ROW
            case OperationalError() | InterfaceError():
                return Fault.UNREACHABLE
            case _:
                return Fault.UNREACHABLE if error.connection_invalidated else Fault.QUERY

    def bind(self, key: str) -> tuple[str | int, ...]:
        """A key as parameters of the query."""
        return (key,)


class Sqlite(Database):
    """SQLite compares a text with a number only where the column says its type, which an expression doesn't.

    So a key that is a whole number is asked for in both forms. A column of text takes the number for its text.
    """

    def bind(self, key: str) -> tuple[str | int, ...]:
        number = int(key) if len(key) <= 19 and WHOLE.fullmatch(key) else None  # noqa: PLR2004 (digits of 64 bits)
        return (key,) if number is None or not -(2**63) <= number < 2**63 else (key, number)


def open_sqlite(url: URL, *, writing: bool = False) -> Callable[[], sqlite3.Connection]:
    """Opens the file, and never makes one.

    For reading only, by SQLite's own means twice over: the mode of the file and of the connection. For writing,
    transactions are begun by statements of ours, and not by the driver's guess.
    """
    address = Path(url.database or "").as_uri() + f"?mode={'rw' if writing else 'ro'}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
        if writing:
            connection.isolation_level = None
        else:
            connection.execute("PRAGMA query_only = ON")
        return connection

    return connect


def begin(
    database: Database, connection: Connection, seconds: float, monotonic: Callable[[], float], *, writing: bool = False
) -> None:
    """Start a transaction with a time limit for what it is asked next; it can't write unless that is wanted."""
    for statement in database.writing if writing else database.opening:
        limit = {"ms": math.ceil(seconds * 1000), "s": seconds, "whole": math.ceil(seconds)}
        connection.exec_driver_sql(statement.format(**limit))
    if isinstance(database, Sqlite):
        until = monotonic() + seconds
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: monotonic() > until, PROGRESS_STEPS)


def connect_arguments(driver: str, seconds: float) -> dict[str, Any]:
    """What a driver is told when it connects, for a time limit in seconds: the client's side of the limit."""
    patience = seconds + GRACE_SECONDS
    match driver:
        case "psycopg":
            # Behind a pooler a prepared statement may belong to another connection. The kernel notices a dead network.
            limit = math.ceil(patience * 1000)
            return {"connect_timeout": CONNECT_SECONDS, "prepare_threshold": None, "tcp_user_timeout": limit}
        case "pymysql":
            return {"connect_timeout": CONNECT_SECONDS, "read_timeout": math.ceil(patience), "charset": "utf8mb4"}
        case "pymssql":
            return {"login_timeout": CONNECT_SECONDS, "timeout": math.ceil(seconds)}
        case _:
            return {}
