"""Where the databases differ: opening them read-only or not, stopping a query in time, and what their errors mean.

Sources: PostgreSQL manual, appendix A (SQLSTATE classes) and SET TRANSACTION; MySQL manual, "Server Error Message
Reference" and `max_execution_time`; MariaDB, `max_statement_time`; sqlite.org/rescode.html, sqlite.org/uri.html and
sqlite.org/limits.html; Microsoft, "Database Engine events and errors".
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


REFUSED_ACCOUNT = re.compile(
    r'authentication failed|no password supplied|no pg_hba\.conf entry|role ".*" (does not exist|is not permitted)'
)


def _postgresql_code(error: Any) -> str:
    """The SQLSTATE. A refused connection has none in psycopg: its sentence says why, in the server's language."""
    if state := getattr(error, "sqlstate", None) or getattr(error, "pgcode", None):
        return str(state)
    sentence = str(error)
    if REFUSED_ACCOUNT.search(sentence):
        return "28000"
    return "3D000" if re.search(r"database \".*\" does not exist", sentence) else ""


def _mssql_reason(error: Any) -> str:
    text = error.args[-1] if error.args else ""
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)


SQLITE = Sqlite(
    title="SQLite",
    read_only=True,
    writing=("BEGIN IMMEDIATE",),  # a reader that becomes a writer half-way may find that it can't
    # Extended codes (sqlite3.SQLITE_BUSY_SNAPSHOT) carry the primary one in their low byte.
    code=lambda error: str(getattr(error, "sqlite_errorcode", 0) & 0xFF),
    reason=str,
    faults={
        "0": Fault.QUERY,
        str(sqlite3.SQLITE_ERROR): Fault.QUERY,
        str(sqlite3.SQLITE_READONLY): Fault.QUERY,
        str(sqlite3.SQLITE_BUSY): Fault.BUSY,
        str(sqlite3.SQLITE_LOCKED): Fault.BUSY,
        str(sqlite3.SQLITE_INTERRUPT): Fault.TIME,
        str(sqlite3.SQLITE_CORRUPT): Fault.DAMAGED,
        str(sqlite3.SQLITE_NOTADB): Fault.DAMAGED,
        str(sqlite3.SQLITE_CANTOPEN): Fault.UNREACHABLE,
        str(sqlite3.SQLITE_IOERR): Fault.UNREACHABLE,
    },
    copies=2,
)

POSTGRESQL = Database(
    title="PostgreSQL",
    read_only=True,
    opening=("SET TRANSACTION READ ONLY", "SET LOCAL statement_timeout = {ms}"),
    # Rules that wait for the end of the transaction would refuse all of its rows, and not say which.
    writing=("SET LOCAL statement_timeout = {ms}", "SET CONSTRAINTS ALL IMMEDIATE"),
    code=_postgresql_code,
    reason=lambda error: getattr(getattr(error, "diag", None), "message_primary", None) or "",
    faults={
        "21": Fault.ROW,
        "22": Fault.KEY,
        "23": Fault.ROW,
        "25006": Fault.QUERY,
        "28": Fault.ACCOUNT,
        "3D": Fault.DATABASE,
        "3F": Fault.QUERY,
        "40": Fault.BUSY,
        "42": Fault.QUERY,
        "44": Fault.ROW,
        "55": Fault.BUSY,
        "57": Fault.UNREACHABLE,
        "57014": Fault.TIME,
        "P0": Fault.ROW,
        "XX001": Fault.DAMAGED,
        "XX002": Fault.DAMAGED,
    },
    # Type numbers of pg_type: int8, int2, int4, oid; float4, float8, numeric; uuid.
    types={20: WHOLE, 21: WHOLE, 23: WHOLE, 26: WHOLE, 700: NUMBER, 701: NUMBER, 1700: NUMBER, 2950: UUID},
)

MYSQL = Database(
    title="MySQL",
    read_only=True,
    opening=("SET SESSION max_execution_time = {ms}", "START TRANSACTION READ ONLY"),
    # Its other limit holds for reading only. A TIMESTAMP is taken in the session's time zone: ours are UTC.
    writing=("SET SESSION innodb_lock_wait_timeout = {whole}", "SET SESSION time_zone = '+00:00'"),
    faults={
        "1044": Fault.ACCOUNT,
        "1045": Fault.ACCOUNT,
        "1698": Fault.ACCOUNT,
        "1049": Fault.DATABASE,
        "1064": Fault.QUERY,
        "1142": Fault.QUERY,
        "1143": Fault.QUERY,
        "1146": Fault.QUERY,
        "1205": Fault.BUSY,
        "1213": Fault.BUSY,
        "1792": Fault.QUERY,
        "1267": Fault.KEY,
        "1271": Fault.KEY,
        "1290": Fault.QUERY,
        "1292": Fault.KEY,
        "1364": Fault.ROW,
        "1366": Fault.KEY,
        "1644": Fault.ROW,
        "3819": Fault.ROW,
        "4025": Fault.ROW,
        "1317": Fault.TIME,
        "1969": Fault.TIME,
        "3024": Fault.TIME,
        "1054": Fault.QUERY,
    },
    # Types of the protocol: TINY, SHORT, LONG, LONGLONG, INT24, YEAR; DECIMAL, FLOAT, DOUBLE, NEWDECIMAL.
    types={
        **dict.fromkeys((1, 2, 3, 8, 9, 13), WHOLE),
        **dict.fromkeys((0, 4, 5, 246), NUMBER),
    },
)

MARIADB = Database(
    title="MariaDB",
    read_only=True,
    opening=("SET SESSION max_statement_time = {s}", "START TRANSACTION READ ONLY"),
    writing=("SET SESSION max_statement_time = {s}", "SET SESSION time_zone = '+00:00'"),
    faults=MYSQL.faults,
    types=MYSQL.types,
)

MSSQL = Database(
    title="SQL Server",
    reason=_mssql_reason,
    faults={
        "18456": Fault.ACCOUNT,
        "4060": Fault.DATABASE,
        "102": Fault.QUERY,
        "207": Fault.QUERY,
        "208": Fault.QUERY,
        "229": Fault.QUERY,
        "245": Fault.KEY,
        "248": Fault.KEY,
        "8114": Fault.KEY,
        "8169": Fault.KEY,
        "1205": Fault.BUSY,
        "20003": Fault.TIME,
        "20047": Fault.TIME,
    },
    types={3: NUMBER, 5: NUMBER},
)

KINDS = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MARIADB, "mssql": MSSQL}
EXTRAS = {"psycopg": "postgresql", "pymysql": "mysql", "pymssql": "mssql"}
"""Module of the driver to the extra of this package that installs it."""


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


def kind_of(name: str) -> Database:
    """The kind of database behind SQLAlchemy's name for it. One that isn't known here has no limits of its own."""
    return KINDS.get(name, Database(title=name))
