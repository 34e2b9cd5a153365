"""What is sent to databases that the tests have no server of, and what their errors mean for a row."""

from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table, Text
from sqlalchemy.dialects import mssql, mysql, postgresql, sqlite
from sqlalchemy.exc import OperationalError

from connectors.sql.databases import Fault
from connectors.sql.kinds import kind_of
from connectors.sql.settings import SqlDestinationSettings
from connectors.sql.sink import named_column
from connectors.sql.table import TableRow, Target
from connectors.sql.upsert import upsert

SETTINGS = SqlDestinationSettings(table="stopped", key="email", columns=["why"])
TARGET = Target(
    name="stopped",
    settings=SETTINGS,
    table=Table("stopped", MetaData(), Column("email", Text()), Column("why", Text())),
    kinds={"email": Text(), "why": Text()},
    names=frozenset({"email", "why"}),
    needed=[],
)
ROWS = [TableRow(key, key, {"why": "x"}, True) for key in ("a", "b")]


@pytest.mark.parametrize(
    ("name", "dialect", "ending"),
    [
        ("mysql", mysql, "ON DUPLICATE KEY UPDATE why = VALUES(why)"),
        ("mariadb", mysql, "ON DUPLICATE KEY UPDATE why = VALUES(why)"),
        ("sqlite", sqlite, "ON CONFLICT (email) DO UPDATE SET why = excluded.why"),
        ("postgresql", postgresql, "ON CONFLICT (email) DO UPDATE SET why = excluded.why"),
        ("mssql", mssql, "VALUES (:email_m0, :why_m0), (:email_m1, :why_m1)"),
    ],
)
def test_rows_go_by_one_statement_with_the_databases_own_upsert(name: str, dialect: Any, ending: str) -> None:
    statement = " ".join(str(upsert(TARGET, ROWS, name).compile(dialect=dialect.dialect())).split())
    assert statement.startswith("INSERT INTO stopped (email, why) VALUES (")
    assert statement.endswith(ending)


def test_a_row_that_is_nothing_but_its_key_changes_nothing() -> None:
    statement = str(upsert(TARGET, [TableRow("a", "a", {}, True)], "mysql").compile(dialect=mysql.dialect()))
    assert statement.endswith("ON DUPLICATE KEY UPDATE email = stopped.email")


@pytest.mark.parametrize("name", ["mysql", "mariadb", "postgresql"])
def test_every_transaction_that_writes_is_limited(name: str) -> None:
    writing = " ".join(kind_of(name).writing)
    assert "READ ONLY" not in writing
    assert "timeout" in writing or "max_statement_time" in writing


@pytest.mark.parametrize("number", [1364, 1644, 3819, 4025])
def test_a_rule_of_mysql_is_broken_by_one_row(number: int) -> None:
    error = OperationalError("", None, Exception(number, "text"))
    assert kind_of("mysql").fault(error) is kind_of("mariadb").fault(error) is Fault.ROW


@pytest.mark.parametrize(
    ("reason", "column"),
    [
        ("NOT NULL constraint failed: stopped.why", "why"),
        ('null value in column "why" of relation "stopped" violates not-null constraint', "why"),
        ("Field 'why' doesn't have a default value", "why"),
        ("Column `shop`.`why` cannot be null", "why"),
        ("nobody knows why", None),
        ("constraint failed: stopped.why_not", None),
    ],
)
def test_the_column_that_a_database_names_is_found(reason: str, column: str | None) -> None:
    assert named_column(frozenset({"email", "why"}), reason) == column
