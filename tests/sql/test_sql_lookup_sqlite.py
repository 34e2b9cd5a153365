"""Lookups in a real SQLite file: keys, rows, limits, and what can go wrong."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.sql import SqlConnector
from syncengine.contracts import Context
from syncengine.errors import ConfigError, ProviderError, Transient

Connect = Callable[..., Any]
BY_ID = "SELECT id AS key, email, first_name FROM customers WHERE id IN :keys"
BY_CODE = "SELECT code AS key, email, first_name FROM customers WHERE code IN :keys"


@pytest.fixture
async def ask(connect: Connect, shop: Path) -> Callable[..., Any]:
    """Asks one query for keys."""

    async def find(query: str, *keys: str, **values: Any) -> Any:
        connection = await connect(url=f"sqlite:///{shop.name}", lookups={"customers": {"query": query}}, **values)
        return await connection.lookups["customers"].find(keys)

    return find


def execute(path: Path, statements: str) -> None:
    with sqlite3.connect(path) as database:
        database.executescript(statements)
    database.close()


async def test_a_row_is_text_or_none_and_an_unknown_key_has_no_entry(ask: Callable[..., Any]) -> None:
    assert await ask(BY_CODE, "007", "A8", "nobody") == (
        {
            "007": [{"key": "007", "email": "jo@example.com", "first_name": "Jo"}],
            "A8": [{"key": "A8", "email": "ann@example.com", "first_name": None}],
        },
        {},
    )


async def test_leading_zeros_are_kept(ask: Callable[..., Any]) -> None:
    assert set((await ask(BY_CODE, "007", "7")).rows) == {"007"}
    assert set((await ask(BY_ID, "007", "7", "7.0", " 7", "+7")).rows) == {"7"}


@pytest.mark.parametrize(
    "expression", ["id", "id + 0", "+id", "CAST(id AS TEXT)", "CAST(id AS REAL)", "CAST(id AS NUMERIC)"]
)
async def test_a_numeric_key_is_found_whatever_its_expression(ask: Callable[..., Any], expression: str) -> None:
    found = await ask(
        f"SELECT id AS key, email FROM customers WHERE {expression} IN :keys", "7", "nobody", "8", "9" * 40
    )
    assert (set(found.rows), found.refused) == ({"7", "8"}, {})


async def test_several_people_of_one_key_are_several_rows_and_equal_rows_are_one(ask: Callable[..., Any]) -> None:
    found = await ask(BY_CODE, "twin")
    assert [row["email"] for row in found.rows["twin"]] == ["one@example.com", "two@example.com"]
    joined = "SELECT c.code AS key, c.first_name FROM customers c, customers d WHERE c.code IN :keys"
    assert (await ask(joined, "twin")).rows == {"twin": [{"key": "twin", "first_name": ""}]}


async def test_a_key_that_no_database_can_hold_is_refused_alone(ask: Callable[..., Any]) -> None:
    found = await ask(BY_CODE, "A8", "nul\0", "half \ud800")
    assert set(found.rows) == {"A8"}
    assert set(found.refused) == {"nul\0", "half \ud800"}


async def test_no_keys_need_no_database(connect: Connect) -> None:
    connection = await connect(url="sqlite:///missing.db", lookups={"customers": {"query": BY_ID}})
    assert await connection.lookups["customers"].find([]) == ({}, {})


async def test_a_page_larger_than_the_limit_of_parameters_is_asked_in_parts(
    ask: Callable[..., Any], shop: Path
) -> None:
    execute(
        shop,
        """
        WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 5999)
        INSERT INTO customers SELECT i, 'C' || i, 'p' || i || '@example.com', NULL FROM n
        """,
    )
    found = await ask(BY_ID + " OR code IN :keys", *(str(number) for number in range(1000, 7000)))
    assert len(found.rows) == 5000
    assert all(
        rows == [{"key": key, "email": f"p{key}@example.com", "first_name": None}] for key, rows in found.rows.items()
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(keys=st.lists(st.text(min_size=1, max_size=8) | st.integers().map(str), max_size=8, unique=True))
async def test_whatever_text_is_stored_is_found_under_exactly_itself(
    keys: list[str], context: Context, tmp_path: Path
) -> None:
    path = tmp_path / "any.db"
    storable = [key for key in keys if "\0" not in key]
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE IF EXISTS t")
        database.execute("CREATE TABLE t (code TEXT)")
        database.executemany("INSERT INTO t VALUES (?)", [(key,) for key in storable])
    database.close()
    values = {"url": f"sqlite:///{path}", "lookups": {"t": {"query": "SELECT code AS key FROM t WHERE code IN :keys"}}}
    async with SqlConnector().connect(SqlConnector.Settings.model_validate(values), context) as connection:
        found = await connection.lookups["t"].find([*keys, *(key + "0" for key in keys)])
    stored = set(storable)
    assert {key for key, rows in found.rows.items() if {"key": key} in rows} == stored
    assert set(found.rows) <= stored | {key.rstrip(" ") for key in stored}


async def test_columns_are_those_of_the_database(connect: Connect, shop: Path) -> None:
    lookups = {"all": {"query": "SELECT id AS key, * FROM customers WHERE id IN :keys"}}
    connection = await connect(url=f"sqlite:///{shop}", lookups=lookups)
    assert await connection.lookups["all"].columns() == {"key", "id", "code", "email", "first_name"}


async def test_check_says_what_it_found(connect: Connect, shop: Path) -> None:
    connection = await connect(url="sqlite:///shop.db", lookups={"customers": {"query": BY_ID}})
    first, second = await connection.check()
    assert first == ("ok", f"the SQLite file {shop} answers, read-only, 30 s for a query", "")
    assert second == ("ok", "lookup customers: email, first_name, key", "")


async def test_check_reports_every_refused_query_at_once(connect: Connect, shop: Path) -> None:
    queries = {
        "table": "SELECT id AS key FROM clients WHERE id IN :keys",
        "column": "SELECT id AS key, e_mail FROM customers WHERE id IN :keys",
        "keyless": "SELECT id, email FROM customers WHERE id IN :keys",
        "twice": "SELECT id AS key, a.email, b.email FROM customers a JOIN customers b USING (id) WHERE id IN :keys",
        "good": BY_ID,
    }
    connection = await connect(
        url="sqlite:///shop.db", lookups={name: {"query": query} for name, query in queries.items()}
    )
    with pytest.raises(ConfigError) as caught:
        await connection.check()
    assert {problem.key: problem.message for problem in caught.value.problems} == {
        "lookups.table.query": "SQLite refuses the query: no such table: clients",
        "lookups.column.query": "SQLite refuses the query: no such column: e_mail",
        "lookups.keyless.query": "the result has no column `key`",
        "lookups.twice.query": "the result has several columns 'email'",
    }


async def test_a_missing_file_is_named_and_not_created(connect: Connect, tmp_path: Path) -> None:
    connection = await connect(url="sqlite:///missing.db", lookups={"customers": {"query": BY_ID}})
    with pytest.raises(ConfigError, match=r"there is no file .*missing\.db") as caught:
        await connection.lookups["customers"].find(["7"])
    assert caught.value.problems[0].key == "url"
    assert not (tmp_path / "missing.db").exists()


async def test_a_query_that_would_write_is_refused_by_the_database(ask: Callable[..., Any], shop: Path) -> None:
    before = shop.read_bytes()
    for query in (
        "WITH k AS (SELECT 7) DELETE FROM customers WHERE id IN :keys RETURNING id AS key",
        "WITH k AS (SELECT 7) UPDATE customers SET email = NULL WHERE id NOT IN :keys RETURNING id AS key",
    ):
        with pytest.raises(ConfigError, match="readonly"):
            await ask(query, "7")
    assert shop.read_bytes() == before


async def test_a_query_that_takes_too_long_is_stopped(ask: Callable[..., Any]) -> None:
    endless = """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
        SELECT count(*) AS key FROM n WHERE '7' IN :keys
    """
    with pytest.raises(Transient, match=r"lookup `customers` was stopped after 0\.2 s") as caught:
        await ask(endless, "7", timeout=0.2)
    assert caught.value.code == "timeout"


async def test_a_file_that_is_no_database_is_said_to_be_none(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_bytes(b"id,email\n" * 1000)
    connection = await connect(url="sqlite:///shop.db", lookups={"customers": {"query": BY_ID}})
    with pytest.raises(ProviderError, match="damaged or no database"):
        await connection.check()


async def test_a_locked_file_may_be_tried_later(
    ask: Callable[..., Any], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sql.databases.BUSY_SECONDS", 0.01)
    writer = sqlite3.connect(shop, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Transient, match="busy"):
        await ask(BY_ID, "7")
    writer.close()


async def test_a_file_that_is_replaced_is_read_anew(connect: Connect, shop: Path, tmp_path: Path) -> None:
    connection = await connect(url="sqlite:///shop.db", lookups={"customers": {"query": BY_ID}})
    assert set((await connection.lookups["customers"].find(["7", "11"])).rows) == {"7"}
    export = tmp_path / "export.db"
    execute(
        export,
        "CREATE TABLE customers (id, email, first_name); INSERT INTO customers VALUES (11, 'new@example.com', '')",
    )
    export.rename(shop)
    assert set((await connection.lookups["customers"].find(["7", "11"])).rows) == {"11"}


async def test_a_row_that_breaks_the_query_is_not_quoted(ask: Callable[..., Any], shop: Path) -> None:
    execute(shop, "INSERT INTO customers VALUES (12, 'bad', CAST(X'6A6FFF' AS TEXT), 'jo@example.com')")
    with pytest.raises(ProviderError, match="fails on some of its rows") as caught:
        await ask(BY_ID, "12")
    assert "jo" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_the_database_is_asked_in_a_thread(connect: Connect, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def render(value: object) -> object:
        threads.append(threading.get_ident())
        return value

    monkeypatch.setattr("connectors.sql.lookup.render", render)
    connection = await connect(url="sqlite:///shop.db", lookups={"customers": {"query": BY_CODE}})
    await connection.lookups["customers"].find(["A8"])
    assert threads
    assert threading.get_ident() not in threads
