"""Lookups in a real MySQL or MariaDB: typed columns, lax collations, read-only transactions, time limits."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import URL

from syncengine.errors import AuthError, ConfigError, Transient
from tests.sql.servers import address, execute, rows

pytestmark = pytest.mark.slow

Connect = Callable[..., Any]
BY_ID = "SELECT id AS key, email FROM customers WHERE id IN :keys"
BY_CODE = "SELECT code AS key, email FROM customers WHERE code IN :keys"
CUSTOMERS = """
    CREATE TABLE customers (id INTEGER PRIMARY KEY, code VARCHAR(20), email VARCHAR(80), first_name VARCHAR(40))
    CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci
"""
PEOPLE = """
    INSERT INTO customers VALUES (0, 'none', 'zero@example.com', NULL), (7, '007', 'jo@example.com', 'Jo'),
        (8, 'A8', 'ann@example.com', NULL), (9, 'twin', 'one@example.com', ''), (10, 'twin', 'two@example.com', '')
"""


@pytest.fixture(scope="module")
def shop(mysql: URL) -> Iterator[URL]:
    """A database with some customers, whose texts compare without case and accents."""
    execute(mysql, CUSTOMERS, PEOPLE)
    yield mysql
    execute(mysql, "DROP TABLE customers")


@pytest.fixture
async def ask(connect: Connect, shop: URL) -> Callable[..., Any]:
    async def find(query: str, *keys: str, url: URL = shop, **values: Any) -> Any:
        connection = await connect(url=address(url), lookups={"customers": {"query": query}}, **values)
        return await connection.lookups["customers"].find(keys)

    return find


async def test_keys_of_a_text_column_are_exact_whatever_its_collation(ask: Callable[..., Any]) -> None:
    found = await ask(BY_CODE, "007", "7", "a8", "Å8", "A8 ", "A8", "twin", "Twin")
    assert {key: [row["email"] for row in rows] for key, rows in found.rows.items()} == {
        "007": ["jo@example.com"],
        "A8": ["ann@example.com"],
        "twin": ["one@example.com", "two@example.com"],
    }
    assert found.refused == {}


async def test_a_key_that_is_no_number_is_not_the_person_with_number_zero(ask: Callable[..., Any]) -> None:
    """It compares a text with a number by the number that the text begins with."""
    found = await ask(BY_ID, "7", "abc", "007", "8abc", "", "8", "7.0", "-1", "99", "9" * 30)
    assert {key: rows[0]["email"] for key, rows in found.rows.items()} == {
        "7": "jo@example.com", "8": "ann@example.com",
    }  # fmt: skip
    assert set(found.refused) == {"abc", "007", "8abc", "", "7.0"}
    hidden = "SELECT id + 0 AS key, email FROM customers WHERE id + 0 IN :keys"
    assert set((await ask(hidden, "7", "abc", "8abc", "8")).rows) == {"7", "8"}


@pytest.mark.parametrize(
    ("kind", "value", "asked", "unasked"),
    [
        ("BIGINT", "9007199254740993", "9007199254740993", "9007199254740992"),
        ("SMALLINT UNSIGNED", "7", "7", "70000"),
        ("DECIMAL(10, 2)", "7", "7", "x"),
        ("DECIMAL(10, 2)", "7.50", "7.50", "7,50"),
        ("DOUBLE", "7", "7", "seven"),
        ("CHAR(8)", "'A7'", "A7", "A"),
        ("BINARY(16)", "UNHEX('A0EEBC999C0B4EF8BB6D6BB9BD380A11')", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99"),
        ("VARBINARY(8)", "'A7'", "A7", "a7"),
        ("DATE", "'2026-06-01'", "2026-06-01", "2026-06-31"),
        ("ENUM('in', 'out')", "'out'", "out", "OUT"),
    ],
)
async def test_a_key_is_found_whatever_the_type_of_its_column(
    kind: str, value: str, asked: str, unasked: str, ask: Callable[..., Any], shop: URL
) -> None:
    execute(shop, "DROP TABLE IF EXISTS typed", f"CREATE TABLE typed (k {kind})", f"INSERT INTO typed VALUES ({value})")
    query = "SELECT k AS key, k AS again FROM typed WHERE k IN :keys"
    if kind == "BINARY(16)":
        query = "SELECT LOWER(HEX(k)) AS key, k AS again FROM typed WHERE LOWER(HEX(k)) IN :keys"
    found = await ask(query, asked, unasked)
    assert set(found.rows) == {asked}
    assert set(found.refused) <= {unasked}


async def test_values_of_every_type_arrive_as_text(ask: Callable[..., Any]) -> None:
    query = """
        SELECT '1' AS key, CAST(19.90 AS DECIMAL(6, 2)) AS price, TRUE AS opted_out, DATE '2026-06-01' AS day,
               NULL AS nothing, TIMESTAMP '2026-06-01 10:00:00' AS moment, TIME '10:30:00' AS hour, 'Zoë 🙂' AS name
        FROM customers WHERE '1' IN :keys LIMIT 1
    """
    assert (await ask(query, "1")).rows == {
        "1": [
            {
                "key": "1", "price": "19.90", "opted_out": "1", "day": "2026-06-01", "nothing": None,
                "moment": "2026-06-01T10:00:00", "hour": "10:30:00", "name": "Zoë 🙂",
            }
        ]
    }  # fmt: skip


async def test_a_key_that_the_columns_letters_can_not_hold_refuses_nobody_else(
    ask: Callable[..., Any], shop: URL
) -> None:
    execute(shop, "DROP TABLE IF EXISTS old", "CREATE TABLE old (k VARCHAR(20)) CHARACTER SET latin1")
    execute(shop, "INSERT INTO old VALUES ('Zoë'), ('A8')")
    found = await ask("SELECT k AS key FROM old WHERE k IN :keys", "Zoë", "🙂", "A8", "日本")
    assert set(found.rows) == {"Zoë", "A8"}


@pytest.mark.parametrize(
    "query",
    ["SELECT id AS key FROM customers WHERE id IN :keys FOR UPDATE", "SELECT note_it() AS key WHERE '1' IN :keys"],
)
async def test_a_query_writes_nothing(query: str, ask: Callable[..., Any], shop: URL) -> None:
    writing = (
        "CREATE OR REPLACE FUNCTION note_it() RETURNS INT BEGIN INSERT INTO customers (id) VALUES (99); RETURN 7; END"
    )
    execute(shop, writing)
    try:
        await ask(query, "1", "7")
    except ConfigError as error:
        assert "READ ONLY transaction" in str(error)  # noqa: PT017 - either is good, as long as nothing is written
    assert rows(shop, "SELECT count(*) FROM customers") == [(5,)]
    assert len((await ask(BY_ID, "7")).rows) == 1


async def test_a_query_that_takes_too_long_is_stopped(ask: Callable[..., Any]) -> None:
    slow = "SELECT id AS key, SLEEP(20) AS s FROM customers WHERE id IN :keys"
    with pytest.raises(Transient, match=r"stopped after 0\.2 s") as caught:
        await ask(slow, "7", timeout=0.2)
    assert caught.value.code == "timeout"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT id AS key FROM clients WHERE id IN :keys", "clients' doesn't exist"),
        ("SELECT id AS key, e_mail FROM customers WHERE id IN :keys", "Unknown column 'e_mail'"),
        ("SELECT id AS key FORM customers WHERE id IN :keys", "error in your SQL syntax"),
    ],
)
async def test_a_wrong_query_is_answered_in_the_databases_own_words(
    query: str, reason: str, ask: Callable[..., Any]
) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        await ask(query, "jo@example.com")
    assert caught.value.problems[0].key == "lookups.customers.query"
    assert "example.com" not in str(caught.value)


async def test_an_account_that_is_refused_is_said_to_be(ask: Callable[..., Any], shop: URL) -> None:
    with pytest.raises(AuthError, match="refuses this account") as caught:
        await ask(BY_ID, "7", url=shop.set(username="nobody_here", password="wr0ng"))
    assert "wr0ng" not in str(caught.value) + repr(caught.value.__context__)


async def test_a_database_that_is_not_there_is_named(ask: Callable[..., Any], shop: URL) -> None:
    with pytest.raises(ConfigError, match="has no database 'nowhere'"):
        await ask(BY_ID, "7", url=shop.set(database="nowhere"))


async def test_a_connection_that_the_server_closed_is_opened_again(connect: Connect, shop: URL) -> None:
    connection = await connect(url=address(shop), lookups={"customers": {"query": BY_ID}})
    assert len((await connection.lookups["customers"].find(["7"])).rows) == 1
    mine = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    execute(shop, *(f"KILL {number}" for (number,) in rows(shop, mine)))
    assert len((await connection.lookups["customers"].find(["7"])).rows) == 1


async def test_check_says_what_it_found(connect: Connect, shop: URL) -> None:
    connection = await connect(url=address(shop), lookups={"customers": {"query": BY_CODE}})
    found = [finding.message for finding in await connection.check()]
    assert found[0].endswith("answers, read-only, 30 s for a query")
    assert found[1:] == ["lookup customers: email, key"]
