"""A table of a real PostgreSQL as a destination: its types, its rules, its rights and its locks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import URL

from connectors.sql.kinds import KINDS, POSTGRESQL
from syncengine.contracts import Destination
from syncengine.errors import ConfigError, Transient
from tests.sql.writing import CONSENTS, DELIVERED, deliver, fates, new_book

Connect = Callable[..., Any]
RunSql = Callable[[str], None]
TYPED = """
    DROP SCHEMA IF EXISTS crm CASCADE; CREATE SCHEMA crm; CREATE TYPE crm.mood AS ENUM ('in', 'out');
    CREATE TABLE crm.partners (id integer PRIMARY KEY);
    INSERT INTO crm.partners VALUES (7);
    CREATE TABLE crm.people (
        id bigint PRIMARY KEY, mood crm.mood, opted_out boolean NOT NULL DEFAULT false, spent numeric(8, 2),
        small smallint, since timestamp, seen timestamptz, day date, place inet, facts jsonb, tags text[], code uuid,
        raw bytea, partner integer REFERENCES crm.partners DEFERRABLE INITIALLY DEFERRED
    )
"""
GOOD = {
    "mood": "out", "opted_out": "yes", "spent": "7.50", "small": "12", "since": "2026-06-01T10:00:00-04:00",
    "seen": "2026-06-01T10:00:00-04:00", "day": "2026-06-01T02:00:00Z", "place": "192.0.2.1", "facts": '{"a": 1}',
    "tags": "{x,y}", "code": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "raw": "A7", "partner": "7",
}  # fmt: skip


def address(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
def select(postgresql_server: Any) -> Callable[[str], list[Any]]:
    def run(query: str) -> list[Any]:
        with psycopg.connect(postgresql_server.get_uri()) as connection:
            return connection.execute(query.encode()).fetchall()

    return run


@pytest.fixture
async def people(connect: Connect, postgresql: URL, run_sql: RunSql) -> Destination:
    run_sql(TYPED)
    settings = {"table": "crm.people", "key": "id", "columns": list(GOOD)}
    connection = await connect(url=address(postgresql), destinations={"people": settings})
    await connection.check()
    destination: Destination = connection.destinations["people"]
    return destination


@pytest.fixture
def consents(connect: Connect, postgresql: URL, run_sql: RunSql) -> Callable[..., Any]:
    """Opens the table of consents by some address."""
    run_sql("DROP TABLE IF EXISTS mail_consents")
    run_sql("CREATE TABLE mail_consents (email varchar(80) PRIMARY KEY, reason text NOT NULL, since date)")

    async def open_one(url: URL = postgresql, **values: Any) -> Any:
        return await connect(url=address(url), destinations={"consents": CONSENTS}, **values)

    return open_one


JO = {"email": "jo@example.com", "reason": "unsubscribed", "since": "2026-06-01"}


async def test_every_type_takes_its_text(people: Destination, select: Callable[[str], list[Any]]) -> None:
    wanted = [{"id": str(number), **GOOD} for number in range(1, 4)]
    for create in (True, False):
        assert set(fates(await deliver(people, *wanted, create=create)).values()) == {DELIVERED}
    query = (
        "SELECT count(*), mood::text, opted_out, spent::text, small, since::text, (seen AT TIME ZONE 'UTC')::text,"
        " day::text, host(place), facts->>'a', tags, code::text, raw, partner FROM crm.people"
        " GROUP BY mood, opted_out, spent, small, since, seen, day, place, facts, tags, code, raw, partner"
    )
    assert select(query) == [
        (
            3, "out", True, "7.50", 12, "2026-06-01 14:00:00", "2026-06-01 14:00:00", "2026-05-31", "192.0.2.1", "1",
            ["x", "y"], GOOD["code"], b"A7", 7,
        )
    ]  # fmt: skip


async def test_what_the_database_refuses_is_rejected_alone(
    people: Destination, select: Callable[[str], list[Any]]
) -> None:
    wrong = {"spent": "1234567.00", "small": "70000", "place": "nowhere", "facts": "{", "tags": "x", "partner": "8"}
    wanted = [{"id": str(number), **GOOD} for number in range(100, 140)]
    for number, (name, value) in enumerate(wrong.items()):
        wanted[number * 5][name] = value
    book = new_book()
    found = await deliver(people, *wanted, book=book)
    refused = {key for key, each in found.items() if each.status == "rejected"}
    assert refused == {str(100 + number * 5) for number in range(len(wrong))} == book.refuted()
    assert select("SELECT count(*) FROM crm.people") == [(34,)]


async def test_a_key_in_another_form_than_its_column_shows_is_no_second_target(people: Destination) -> None:
    found = await deliver(people, {"id": "007", **GOOD}, {"id": "seven", **GOOD}, {"id": "7", **GOOD})
    assert fates(found) == {
        "007": ("rejected", "wrong_type", "id"),
        "seven": ("rejected", "wrong_type", "id"),
        "7": DELIVERED,
    }


async def test_a_key_of_decimals_has_as_many_as_its_column_shows(
    connect: Connect, postgresql: URL, run_sql: RunSql, select: Callable[[str], list[Any]]
) -> None:
    run_sql("DROP TABLE IF EXISTS sums; CREATE TABLE sums (amount numeric(8, 2) PRIMARY KEY, note text)")
    settings = {"table": "sums", "key": "amount", "columns": ["note"]}
    connection = await connect(url=address(postgresql), destinations={"sums": settings})
    wanted = ({"amount": amount, "note": amount} for amount in ("7.50", "7.5", "7.504", "8"))
    found = fates(await deliver(connection.destinations["sums"], *wanted))
    refused = ("rejected", "key_form", "amount")
    assert found == {"7.50": DELIVERED, "7.5": refused, "7.504": refused, "8": DELIVERED}
    assert select("SELECT note FROM sums ORDER BY 1") == [("7.50",), ("8",)]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("smallint", "7"),
        ("char(8)", "A7"),
        ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("inet", "192.0.2.1"),
        ("date", "2026-06-01"),
        ("time", "10:30:00"),
        ("bytea", "A7"),
        ("boolean", "true"),
        ("crm.mood", "out"),
    ],
)
async def test_a_key_of_any_type_is_known_again(
    connect: Connect, postgresql: URL, run_sql: RunSql, select: Callable[[str], list[Any]], kind: str, key: str
) -> None:
    run_sql(f"{TYPED}; DROP TABLE IF EXISTS kinds; CREATE TABLE kinds (k {kind} PRIMARY KEY, note text)")
    settings = {"table": "kinds", "key": "k", "columns": ["note"]}
    connection = await connect(url=address(postgresql), destinations={"kinds": settings})
    await connection.check()
    for note, create in (("new", True), ("again", True), ("changed", False)):
        found = await deliver(connection.destinations["kinds"], {"k": key, "note": note}, create=create)
        assert [each.status for each in found.values()] == ["delivered"]
        assert select("SELECT note FROM kinds") == [(note,)]


async def test_a_moment_is_a_key_in_whatever_zone_the_connection_is(
    connect: Connect, postgresql: URL, run_sql: RunSql
) -> None:
    run_sql("DROP TABLE IF EXISTS visits; CREATE TABLE visits (seen timestamptz PRIMARY KEY, note text)")
    elsewhere = postgresql.update_query_dict({"options": "-c timezone=America/Toronto"})
    settings = {"table": "visits", "key": "seen", "columns": ["note"]}
    connection = await connect(url=address(elsewhere), destinations={"visits": settings})
    key = "2026-06-01T14:00:00+00:00"
    found = await deliver(connection.destinations["visits"], {"seen": key, "note": "x"})
    assert fates(found) == {key: DELIVERED}


@pytest.mark.parametrize("rights", ["SELECT", "SELECT, INSERT", "SELECT, UPDATE", "INSERT, UPDATE"])
async def test_a_missing_right_is_one_clear_error(
    consents: Callable[..., Any], postgresql: URL, run_sql: RunSql, rights: str
) -> None:
    run_sql("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN")
    run_sql(f"GRANT {rights} ON mail_consents TO clerk")
    connection = await consents(postgresql.set(username="clerk"))
    try:
        with pytest.raises(ConfigError, match="refuses to write to mail_consents: permission denied") as checked:
            await connection.check()
        assert checked.value.problems[0].key == "destinations.consents.table"
        book = new_book()
        with pytest.raises(ConfigError, match="permission denied"):
            await deliver(connection.destinations["consents"], JO, book=book)
        assert book.refuted() == {"jo@example.com"}
    finally:
        run_sql("DROP OWNED BY clerk; DROP ROLE clerk")


async def test_the_three_rights_are_enough(consents: Callable[..., Any], postgresql: URL, run_sql: RunSql) -> None:
    run_sql("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN")
    run_sql("GRANT SELECT, INSERT, UPDATE ON mail_consents TO clerk")
    try:
        connection = await consents(postgresql.set(username="clerk"))
        await connection.check()
        assert fates(await deliver(connection.destinations["consents"], JO)) == {"jo@example.com": DELIVERED}
    finally:
        run_sql("DROP OWNED BY clerk; DROP ROLE clerk")


async def test_a_database_that_only_reads_is_one_clear_error(consents: Callable[..., Any], postgresql: URL) -> None:
    reading = postgresql.update_query_dict({"options": "-c default_transaction_read_only=on"})
    connection = await consents(reading)
    with pytest.raises(ConfigError, match="read-only transaction"):
        await connection.check()
    with pytest.raises(ConfigError, match="read-only transaction"):
        await deliver(connection.destinations["consents"], JO)


async def test_a_row_that_somebody_holds_may_be_tried_later(
    consents: Callable[..., Any], postgresql_server: Any
) -> None:
    connection = await consents(timeout=0.2)
    table = connection.destinations["consents"]
    await deliver(table, JO)
    book = new_book()
    with psycopg.connect(postgresql_server.get_uri()) as holder:
        holder.execute("SELECT * FROM mail_consents FOR UPDATE")
        with pytest.raises(Transient, match=r"Writing to mail_consents was stopped after 0\.2 s"):
            await deliver(table, {**JO, "reason": "bounced"}, book=book)
    assert book.refuted() == {"jo@example.com"}
    assert fates(await deliver(table, {**JO, "reason": "bounced"})) == {"jo@example.com": DELIVERED}


STOP = """
    CREATE OR REPLACE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
    CREATE CONSTRAINT TRIGGER stop AFTER INSERT ON mail_consents DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION stop()
"""
"""The server goes away when a row is checked: at once, or when the transaction is to be kept."""


async def test_a_server_that_goes_away_before_rows_are_kept_has_none(
    consents: Callable[..., Any], run_sql: RunSql, select: Callable[[str], list[Any]]
) -> None:
    connection = await consents()
    run_sql(STOP)
    book = new_book()
    with pytest.raises(Transient) as caught:
        await deliver(connection.destinations["consents"], JO, book=book)
    assert caught.value.code == "unreachable"
    assert book.refuted() == {"jo@example.com"}
    assert select("SELECT count(*) FROM mail_consents") == [(0,)]


async def test_a_server_that_goes_away_while_rows_are_kept_leaves_them_in_doubt(
    consents: Callable[..., Any], run_sql: RunSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await consents()
    run_sql(STOP)
    book = new_book()
    with monkeypatch.context() as patch:
        patch.setitem(KINDS, "postgresql", replace(POSTGRESQL, writing=()))  # so that the trigger waits for the end
        found = await deliver(connection.destinations["consents"], JO, book=book)
    assert fates(found) == {"jo@example.com": ("in_doubt", "no_answer", None)}
    assert book.open_keys() == {"jo@example.com"}
    run_sql("DROP TRIGGER stop ON mail_consents")
    assert fates(await deliver(connection.destinations["consents"], JO)) == {"jo@example.com": DELIVERED}
