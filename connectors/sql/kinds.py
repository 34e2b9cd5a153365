"""The databases that are known, each with the statements that open a transaction and what its errors mean.

Sources: PostgreSQL manual, appendix A (SQLSTATE classes) and SET TRANSACTION; MySQL manual, "Server Error Message
Reference" and `max_execution_time`; MariaDB, `max_statement_time`; sqlite.org/rescode.html; Microsoft, "Database Engine
events and errors".
"""

import re
import sqlite3
from typing import Any

from connectors.sql.databases import NUMBER, UUID, WHOLE, Database, Fault, Sqlite

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

STRICT = "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')"
"""Else a server may cut a text off, or take the largest number for a larger one, and say nothing."""

MYSQL = Database(
    title="MySQL",
    read_only=True,
    opening=("SET SESSION max_execution_time = {ms}", "START TRANSACTION READ ONLY"),
    # Its other limit holds for reading only. A TIMESTAMP is taken in the session's time zone: ours are UTC.
    writing=("SET SESSION innodb_lock_wait_timeout = {whole}", "SET SESSION time_zone = '+00:00'", STRICT),
    # The driver calls most errors of the server operational; unknown ones would pass for a server that is away.
    faults={
        **dict.fromkeys(("1044", "1045", "1130", "1698"), Fault.ACCOUNT),
        "1049": Fault.DATABASE,
        # Syntax, no such thing, no right to it, a table or a server that only reads, a broken view or routine.
        **dict.fromkeys(("1054", "1064", "1142", "1143", "1146", "1227", "1288", "1290", "1305", "1356"), Fault.QUERY),
        **dict.fromkeys(("1370", "1449", "1792", "1906", "3105"), Fault.QUERY),
        # Letters that a column can't hold, and values out of its range or form.
        **dict.fromkeys(("1267", "1270", "1271", "1292", "1366", "1690", "3140"), Fault.KEY),
        **dict.fromkeys(("1364", "1644", "3819", "4025"), Fault.ROW),
        **dict.fromkeys(("1205", "1213"), Fault.BUSY),
        **dict.fromkeys(("1317", "1969", "3024"), Fault.TIME),
    },
    # Types of the protocol: TINY, SHORT, LONG, LONGLONG, INT24, YEAR; DECIMAL, FLOAT, DOUBLE, NEWDECIMAL.
    types={**dict.fromkeys((1, 2, 3, 8, 9, 13), WHOLE), **dict.fromkeys((0, 4, 5, 246), NUMBER)},
    key="`key`",  # KEY is a word of its language
)

MARIADB = Database(
    title="MariaDB",
    read_only=True,
    opening=("SET SESSION max_statement_time = {s}", "START TRANSACTION READ ONLY"),
    writing=("SET SESSION max_statement_time = {s}", "SET SESSION time_zone = '+00:00'", STRICT),
    faults=MYSQL.faults,
    types=MYSQL.types,
    key=MYSQL.key,
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


def kind_of(name: str) -> Database:
    """The kind of database behind SQLAlchemy's name for it. One that isn't known here has no limits of its own."""
    return KINDS.get(name, Database(title=name))
