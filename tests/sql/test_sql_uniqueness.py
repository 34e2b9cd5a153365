"""What is unique in a table, and what could lead an upsert to another row than the key's."""

import sqlite3

import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import StaticPool

from connectors.sql.uniqueness import Unique, find_unique

TABLE = """
    CREATE TABLE people (
        id INTEGER PRIMARY KEY, email TEXT UNIQUE, code TEXT, nick TEXT UNIQUE, shop TEXT, UNIQUE (shop, code)
    );
    CREATE UNIQUE INDEX some ON people (code) WHERE shop IS NULL;
    CREATE UNIQUE INDEX folded ON people (lower(shop));
"""


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_only_a_column_that_is_unique_by_itself_in_all_rows_counts() -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(TABLE)
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.connect() as opened:
        found = find_unique(inspect(opened), "people", None)
    engine.dispose()
    connection.close()
    assert found.alone == {"id", "email", "nick"}
    assert {frozenset({"shop", "code"}), frozenset({"code"})} <= set(found.groups)


@pytest.mark.parametrize(
    ("dialect", "misleading"), [("mysql", ["code", "nick"]), ("mariadb", ["code", "nick"]), ("postgresql", [])]
)
def test_where_an_upsert_goes_by_anything_unique_no_other_such_column_may_be_written(
    dialect: str, misleading: list[str]
) -> None:
    groups = [{"email"}, {"id"}, {"shop", "code"}, {"nick"}, {"email", "name"}]
    unique = Unique(frozenset({"email"}), [frozenset(group) for group in groups])
    assert unique.misleading("email", ["email", "name", "code", "nick"], dialect) == misleading
