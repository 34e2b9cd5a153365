"""Lookups in a real PostgreSQL: typed columns, read-only transactions, time limits, refused accounts."""

import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL

from syncengine.errors import AuthError, ConfigError, ProviderError, Transient

Connect = Callable[..., Any]
BY_ID = "SELECT id AS key, email FROM customers WHERE id IN :keys"
BY_CODE = "SELECT code AS key, email FROM customers WHERE code IN :keys"


def address(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
async def ask(connect: Connect, postgresql: URL) -> Callable[..., Any]:
    async def find(query: str, *keys: str, **values: Any) -> Any:
        connection = await connect(url=address(postgresql), lookups={"customers": {"query": query}}, **values)
        return await connection.lookups["customers"].find(keys)

    return find


async def test_keys_of_a_text_column_are_exact(ask: Callable[..., Any]) -> None:
    found = await ask(BY_CODE, "007", "7", "a8", "A8", "twin")
    assert {key: [row["email"] for row in rows] for key, rows in found.rows.items()} == {
        "007": ["jo@example.com"],
        "A8": ["ann@example.com"],
        "twin": ["one@example.com", "two@example.com"],
    }
    assert found.refused == {}


async def test_a_key_that_is_no_number_never_fails_its_page(ask: Callable[..., Any]) -> None:
    found = await ask(BY_ID, "7", "abc", "007", "9" * 30, "", "8", "7.0", "-1", "99")
    assert found.rows == {
        "7": [{"key": "7", "email": "jo@example.com"}],
        "8": [{"key": "8", "email": "ann@example.com"}],
    }
    assert found.refused == {
        "abc": "the key's column holds a whole number",
        "007": "the key's column holds a whole number",
        "": "the key's column holds a whole number",
        "7.0": "the key's column holds a whole number",
        "9" * 30: "the database refuses this key: the column has another type",
    }


async def test_a_refused_key_is_found_by_halves_where_the_type_is_hidden(ask: Callable[..., Any]) -> None:
    hidden = "SELECT id::text AS key, email FROM customers WHERE id IN :keys"
    keys = [str(number) for number in range(11, 700)]
    found = await ask(hidden, "7", *keys[:300], "abc", *keys[300:], "1x", "8")
    assert set(found.rows) == {"7", "8"}
    assert set(found.refused) == {"abc", "1x"}


@pytest.mark.parametrize(
    ("kind", "value", "asked", "unasked"),
    [
        ("bigint", "9007199254740993", "9007199254740993", "9007199254740992"),
        ("smallint", "7", "7", "70000"),
        ("numeric(10, 2)", "7", "7", "x"),
        ("numeric(10, 2)", "7.50", "7.50", "7,50"),
        ("double precision", "7", "7", "seven"),
        ("char(8)", "'A7'", "A7", "A"),
        ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99"),
        ("bytea", "'\\x4137'", "A7", "A\\"),
        ("date", "'2026-06-01'", "2026-06-01", "2026-06-31"),
        ("boolean", "true", "true", "maybe"),
    ],
)
async def test_a_key_is_found_whatever_the_type_of_its_column(
    kind: str, value: str, asked: str, unasked: str, ask: Callable[..., Any], run_sql: Callable[[str], None]
) -> None:
    run_sql(f"DROP TABLE IF EXISTS typed; CREATE TABLE typed (k {kind}); INSERT INTO typed VALUES ({value})")
    found = await ask("SELECT k AS key, k AS again FROM typed WHERE k IN :keys", asked, unasked)
    assert set(found.rows) == {asked}
    assert set(found.refused) <= {unasked}


async def test_values_of_every_type_arrive_as_text(ask: Callable[..., Any]) -> None:
    query = """
        SELECT '1' AS key, 19.90::numeric(6, 2) AS price, true AS opted_out, date '2026-06-01' AS day, NULL AS nothing,
               '' AS empty, timestamptz '2026-06-01 12:00+00' AT TIME ZONE 'UTC' AS moment, '{"a": [1]}'::jsonb AS tags,
               'caf\u00e9 100%' AS note
        WHERE '1' IN :keys AND 'x:y' LIKE '%:%'
    """
    (row,) = (await ask(query, "1")).rows["1"]
    assert row == {
        "key": "1", "price": "19.90", "opted_out": "true", "day": "2026-06-01", "nothing": None, "empty": "",
        "moment": "2026-06-01T12:00:00", "tags": {"a": ["1"]}, "note": "caf\u00e9 100%",
    }  # fmt: skip


async def test_many_keys_take_few_queries(ask: Callable[..., Any], run_sql: Callable[[str], None]) -> None:
    run_sql("CREATE TABLE many AS SELECT i, 'C' || i AS code FROM generate_series(1, 5000) i")
    query = "SELECT code AS key, i FROM many WHERE code IN :keys OR code IN :keys"
    found = await ask(query, *(f"C{number}" for number in range(1, 6001)))
    assert len(found.rows) == 5000
    assert found.rows["C5000"] == [{"key": "C5000", "i": "5000"}]


@pytest.mark.parametrize(
    "query",
    [
        "WITH gone AS (DELETE FROM customers RETURNING id) SELECT id AS key FROM gone WHERE id IN :keys",
        "SELECT nextval('counter') AS key WHERE '1' IN :keys OR true",
        "SELECT id AS key FROM customers WHERE id IN :keys FOR UPDATE",
    ],
)
async def test_a_query_that_would_write_is_refused_by_the_database(
    query: str, ask: Callable[..., Any], run_sql: Callable[[str], None]
) -> None:
    run_sql("CREATE SEQUENCE IF NOT EXISTS counter")
    with pytest.raises(ConfigError, match="read-only transaction") as caught:
        await ask(query, "7")
    assert caught.value.problems[0].key == "lookups.customers.query"
    assert len((await ask(BY_ID, "7")).rows) == 1


async def test_a_query_that_takes_too_long_is_stopped(ask: Callable[..., Any]) -> None:
    slow = "SELECT id AS key, pg_sleep(20) FROM customers WHERE id IN :keys"
    with pytest.raises(Transient, match=r"stopped after 0\.2 s") as caught:
        await ask(slow, "7", timeout=0.2)
    assert caught.value.code == "timeout"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT id AS key FROM clients WHERE id IN :keys", 'relation "clients" does not exist'),
        ("SELECT id AS key, e_mail FROM customers WHERE id IN :keys", 'column "e_mail" does not exist'),
        ("SELECT id AS key FORM customers WHERE id IN :keys", "syntax error"),
    ],
)
async def test_a_wrong_query_is_answered_in_the_databases_own_words(
    query: str, reason: str, ask: Callable[..., Any]
) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        await ask(query, "jo@example.com")
    assert caught.value.problems[0].key == "lookups.customers.query"
    assert "example.com" not in str(caught.value)


async def test_a_row_that_breaks_the_query_is_not_quoted(ask: Callable[..., Any]) -> None:
    with pytest.raises(ProviderError, match="fails on some of its rows") as caught:
        await ask("SELECT id AS key, lo_get(id) FROM customers WHERE id IN :keys", "7")
    assert caught.value.__cause__ is None
    assert "7" not in str(caught.value)


async def test_a_conversion_that_fails_on_a_row_refuses_only_its_key(ask: Callable[..., Any]) -> None:
    found = await ask("SELECT code AS key, code::int AS n FROM customers WHERE code IN :keys", "007", "A8", "nobody")
    assert found.rows == {"007": [{"key": "007", "n": "7"}]}
    assert set(found.refused) == {"A8"}


@pytest.fixture
def guarded(postgresql: URL, postgresql_server: Any, run_sql: Callable[[str], None]) -> URL:
    """The address of an account that needs its password and may read nothing."""
    rules = postgresql_server.pgdata / "pg_hba.conf"
    rules.write_text("local all guarded scram-sha-256\nlocal all all trust\n")
    run_sql("DROP ROLE IF EXISTS guarded; CREATE ROLE guarded LOGIN PASSWORD 'tiger'; SELECT pg_reload_conf()")
    guarded = postgresql.set(username="guarded")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:  # the rules are read again in the background
        try:
            psycopg.connect(address(guarded.set(drivername="postgresql", password="wr0ng"))).close()
        except psycopg.OperationalError:
            return guarded
        time.sleep(0.02)
    raise TimeoutError("the server didn't read its rules again")


async def test_a_wrong_password_is_an_error_of_the_account(connect: Connect, guarded: URL) -> None:
    connection = await connect(url=address(guarded.set(password="wr0ng")), lookups={"customers": {"query": BY_ID}})
    with pytest.raises(AuthError, match="refuses this account") as caught:
        await connection.check()
    assert "wr0ng" not in str(caught.value) + repr(caught.value.__context__)


async def test_a_missing_permission_is_answered_in_the_databases_own_words(connect: Connect, guarded: URL) -> None:
    connection = await connect(url=address(guarded.set(password="tiger")), lookups={"customers": {"query": BY_ID}})
    with pytest.raises(ConfigError, match="permission denied for table customers"):
        await connection.check()


async def test_a_database_that_is_not_there_is_named(connect: Connect, postgresql: URL) -> None:
    connection = await connect(url=address(postgresql.set(database="nowhere")), lookups={"customers": {"query": BY_ID}})
    with pytest.raises(ConfigError, match="has no database 'nowhere'") as caught:
        await connection.check()
    assert caught.value.problems[0].key == "url"


async def test_a_server_that_cannot_be_reached_may_be_tried_later(connect: Connect) -> None:
    url = "postgres://jo:tiger@127.0.0.1:1/shop"
    connection = await connect(url=url, lookups={"customers": {"query": BY_ID}})
    with pytest.raises(Transient, match=r"PostgreSQL at 127\.0\.0\.1:1 can't be reached.*`url`") as caught:
        await connection.check()
    assert "tiger" not in str(caught.value)


async def test_a_connection_that_the_server_closed_is_opened_again(
    connect: Connect, postgresql: URL, postgresql_server: Any
) -> None:
    connection = await connect(url=address(postgresql), lookups={"customers": {"query": BY_ID}})
    assert len((await connection.lookups["customers"].find(["7"])).rows) == 1
    with psycopg.connect(postgresql_server.get_uri(), autocommit=True) as owner:
        owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert len((await connection.lookups["customers"].find(["7"])).rows) == 1


async def test_check_says_what_it_found(connect: Connect, postgresql: URL) -> None:
    connection = await connect(url=address(postgresql), lookups={"customers": {"query": BY_CODE}})
    assert [finding.message for finding in await connection.check()] == [
        "the PostgreSQL at localhost answers, read-only, 30 s for a query",
        "lookup customers: email, key",
    ]
