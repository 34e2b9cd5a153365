"""A table of a real MySQL or MariaDB as a destination: its types, its rules, its rights, its locks and its keys."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import URL, create_engine

from connectors.sql.table import shown_keys
from syncengine.contracts import Destination
from syncengine.errors import AuthError, ConfigError, Transient
from tests.sql.servers import Gate, address, execute, rows
from tests.sql.writing import CONSENTS, DELIVERED, deliver, fates, new_book

pytestmark = pytest.mark.slow

Connect = Callable[..., Any]
PEOPLE = """
    CREATE TABLE people (
        id BIGINT PRIMARY KEY, mood ENUM('in', 'out'), opted_out BOOLEAN NOT NULL DEFAULT FALSE, spent DECIMAL(8, 2),
        small SMALLINT, tiny TINYINT UNSIGNED, since DATETIME, seen TIMESTAMP NULL, day DATE, facts JSON, born YEAR,
        raw VARBINARY(8), at_time TIME, rate DOUBLE, note VARCHAR(10), partner INTEGER, CHECK (small < 100),
        FOREIGN KEY (partner) REFERENCES partners (id)
    ) CHARACTER SET utf8mb4
"""
GOOD = {
    "mood": "out", "opted_out": "yes", "spent": "7.50", "small": "12", "tiny": "200",
    "since": "2026-06-01T10:00:00-04:00", "seen": "2026-06-01T10:00:00-04:00", "day": "2026-06-01T02:00:00Z",
    "facts": '{"a": 1}', "born": "1991", "raw": "A7", "at_time": "10:30", "rate": "0.25", "note": "Zoë 🙂",
    "partner": "7",
}  # fmt: skip
TABLE = (
    "CREATE TABLE mail_consents (email VARCHAR(80) PRIMARY KEY, reason TEXT NOT NULL, since DATE, "
    "CHECK (reason <> 'forbidden')) CHARACTER SET utf8mb4 COLLATE {collation}"
)
JO = {"email": "jo@example.com", "reason": "unsubscribed", "since": "2026-06-01"}
ACCOUNT, PASSWORD = f"syncengine_{os.getpid()}", "t1ger-lily"
REFUSED = ("rejected", "key_form", "email")


@pytest.fixture
def shop(mysql: URL) -> Iterator[URL]:
    """The database, without any table."""
    yield mysql
    names = [row[0] for row in rows(mysql, "SHOW TABLES")]
    execute(mysql, "SET FOREIGN_KEY_CHECKS = 0", *(f"DROP TABLE `{name}`" for name in names))


@pytest.fixture
async def people(connect: Connect, shop: URL) -> Destination:
    execute(shop, "CREATE TABLE partners (id INTEGER PRIMARY KEY)", "INSERT INTO partners VALUES (7)", PEOPLE)
    settings = {"table": "people", "key": "id", "columns": list(GOOD)}
    connection = await connect(url=address(shop), destinations={"people": settings})
    await connection.check()
    destination: Destination = connection.destinations["people"]
    return destination


OpenTable = Callable[..., Any]


@pytest.fixture
def open_consents(connect: Connect, shop: URL) -> OpenTable:
    """Opens a new table of consents by some address; its keys compare by a collation."""

    async def open_one(url: URL = shop, collation: str = "utf8mb4_bin", **values: Any) -> Any:
        execute(shop, TABLE.format(collation=collation))
        return await connect(url=address(url), destinations={"consents": CONSENTS}, **values)

    return open_one


async def test_every_type_takes_its_text(people: Destination, shop: URL) -> None:
    wanted = [{"id": str(number), **GOOD} for number in range(1, 4)]
    for create in (True, False):
        assert set(fates(await deliver(people, *wanted, create=create)).values()) == {DELIVERED}
    query = (
        "SELECT count(*), mood, opted_out, CAST(spent AS CHAR), small, tiny, CAST(since AS CHAR),"
        " CAST(CONVERT_TZ(seen, @@session.time_zone, '+00:00') AS CHAR), CAST(day AS CHAR),"
        " JSON_VALUE(facts, '$.a'), born, raw, CAST(at_time AS CHAR), rate, note, partner"
        " FROM people GROUP BY 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16"
    )
    assert rows(shop, query) == [
        (
            3, "out", 1, "7.50", 12, 200, "2026-06-01 14:00:00", "2026-06-01 14:00:00", "2026-05-31", "1", 1991,
            b"A7", "10:30:00", 0.25, "Zoë 🙂", 7,
        )
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["NO_ENGINE_SUBSTITUTION", "STRICT_TRANS_TABLES,NO_BACKSLASH_ESCAPES", "ANSI_QUOTES"])
async def test_what_does_not_fit_is_rejected_alone_however_the_server_is_set(
    people: Destination, shop: URL, mode: str, connect: Connect
) -> None:
    """A server that isn't strict would cut texts off and make the largest number of a larger one, in silence."""
    lax = shop.update_query_dict({"sql_mode": mode})
    settings = {"table": "people", "key": "id", "columns": list(GOOD)}
    connection = await connect(url=address(lax), destinations={"people": settings})
    wrong = {
        "mood": "up", "spent": "1234567.00", "small": "120", "tiny": "-1", "facts": "{", "born": "99999",
        "raw": "123456789", "note": "eleven char", "partner": "8", "since": "0000-01-01T00:00:00",
    }  # fmt: skip
    wanted = [{"id": str(number), **GOOD, "note": "o'b\\n"} for number in range(100, 150)]
    for number, (name, value) in enumerate(wrong.items()):
        wanted[number * 5][name] = value
    book = new_book()
    found = await deliver(connection.destinations["people"], *wanted, book=book)
    refused = {key for key, each in found.items() if each.status == "rejected"}
    assert refused == {str(100 + number * 5) for number in range(len(wrong))}
    assert {each.status for each in found.values()} == {"delivered", "rejected"}
    assert rows(shop, "SELECT count(*), note FROM people GROUP BY 2") == [(40, "o'b\\n")]


@pytest.mark.parametrize(
    ("collation", "same"),
    [("utf8mb4_bin", []), ("utf8mb4_general_ci", ["a8", "Á8"]), ("utf8mb4_unicode_ci", ["a8", "Á8"])],
)
async def test_two_keys_that_the_column_takes_for_one_are_never_one_row_in_silence(
    open_consents: OpenTable, shop: URL, collation: str, same: list[str]
) -> None:
    table = (await open_consents(collation=collation)).destinations["consents"]
    keys = ["A8", "a8", "B9", "Á8", "C10", "jo@example.com", "jó@example.com"]
    found = await deliver(table, *({**JO, "email": key} for key in keys))
    lost = {*same, *(["jó@example.com"] if same else [])}
    assert fates(found) == {key: REFUSED if key in lost else DELIVERED for key in keys}
    assert {row[0] for row in rows(shop, "SELECT email FROM mail_consents")} == set(keys) - lost
    again = await deliver(table, *({**JO, "email": key, "reason": "again"} for key in keys), create=False)
    assert fates(again) == fates(found)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("INTEGER UNSIGNED", "4000000000"),
        ("CHAR(8)", "A7"),
        ("VARBINARY(8)", "A7"),
        ("DATE", "2026-06-01"),
        ("TIME", "10:30:00"),
        ("DECIMAL(8, 2)", "7.50"),
        ("ENUM('in', 'out')", "out"),
        ("YEAR", "1991"),
        ("UUID", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ],
)
async def test_a_key_of_any_type_is_known_again(connect: Connect, shop: URL, kind: str, key: str) -> None:
    execute(shop, f"CREATE TABLE kinds (k {kind} PRIMARY KEY, note TEXT)")
    settings = {"table": "kinds", "key": "k", "columns": ["note"]}
    connection = await connect(url=address(shop), destinations={"kinds": settings})
    await connection.check()
    for note, create in (("new", True), ("again", True), ("changed", False)):
        found = await deliver(connection.destinations["kinds"], {"k": key, "note": note}, create=create)
        assert fates(found) == {key: DELIVERED}
        assert rows(shop, "SELECT note FROM kinds") == [(note,)]


async def test_an_address_in_capitals_is_the_same_persons_where_the_column_says_so(
    open_consents: OpenTable, shop: URL
) -> None:
    table = (await open_consents(collation="utf8mb4_general_ci")).destinations["consents"]
    execute(shop, "INSERT INTO mail_consents (email, reason) VALUES ('JO@Example.com', 'moved')")
    assert fates(await deliver(table, JO)) == {"jo@example.com": DELIVERED}
    assert rows(shop, "SELECT email, reason FROM mail_consents") == [("JO@Example.com", "unsubscribed")]


async def test_a_row_that_somebody_adds_meanwhile_is_seen(
    open_consents: OpenTable, shop: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction reads as of its first reading, and a row that it leaves as it is isn't its own."""
    added: list[str] = []

    def meddle(connection: Any, target: Any, batch: Any) -> set[str]:
        found = shown_keys(connection, target, batch)
        if not added:
            added.append("lea@example.com")
            execute(shop, "INSERT INTO mail_consents (email, reason) VALUES ('lea@example.com', 'unsubscribed')")
        return found

    monkeypatch.setattr("connectors.sql.sink.shown_keys", meddle)
    table = (await open_consents()).destinations["consents"]
    execute(shop, "INSERT INTO mail_consents (email, reason) VALUES ('kim@example.com', 'between them: no lock')")
    found = await deliver(table, JO, {"email": "lea@example.com", "reason": "unsubscribed"})
    assert fates(found) == {"jo@example.com": DELIVERED, "lea@example.com": DELIVERED}
    assert rows(shop, "SELECT count(*) FROM mail_consents") == [(3,)]


@pytest.fixture
def clerk(shop: URL) -> Iterator[Callable[[str], URL]]:
    """Makes an account with some rights to the table, and gives its address."""
    who = f"'{ACCOUNT}'@'%'"

    def make(rights: str) -> URL:
        execute(shop, f"DROP USER IF EXISTS {who}", f"CREATE USER {who} IDENTIFIED BY '{PASSWORD}'")
        execute(shop, f"GRANT {rights} ON {shop.database}.mail_consents TO {who}")
        return shop.set(username=ACCOUNT, password=PASSWORD)

    yield make
    execute(shop, f"DROP USER IF EXISTS {who}")


@pytest.mark.parametrize("rights", ["SELECT", "SELECT, INSERT", "SELECT, UPDATE", "INSERT, UPDATE"])
async def test_a_missing_right_is_one_clear_error(
    open_consents: OpenTable, connect: Connect, clerk: Callable[[str], URL], rights: str
) -> None:
    await open_consents()
    connection = await connect(url=address(clerk(rights)), destinations={"consents": CONSENTS})
    with pytest.raises(ConfigError, match=r"refuses to write to mail_consents: .* command denied") as checked:
        await connection.check()
    assert checked.value.problems[0].key == "destinations.consents.table"
    book = new_book()
    with pytest.raises(ConfigError, match="command denied"):
        await deliver(connection.destinations["consents"], JO, book=book)
    assert not book.open_keys()


async def test_the_three_rights_are_enough(
    open_consents: OpenTable, connect: Connect, clerk: Callable[[str], URL]
) -> None:
    await open_consents()
    url = clerk("SELECT, INSERT, UPDATE")
    connection = await connect(url=address(url), destinations={"consents": CONSENTS})
    await connection.check()
    assert fates(await deliver(connection.destinations["consents"], JO)) == {"jo@example.com": DELIVERED}
    stranger = await connect(url=address(url.set(password="wr0ng")), destinations={"consents": CONSENTS})
    with pytest.raises(AuthError, match="refuses this account") as caught:
        await stranger.check()
    assert "wr0ng" not in str(caught.value) + repr(caught.value.__context__)
    elsewhere = await connect(url=address(url.set(database="nowhere")), destinations={"consents": CONSENTS})
    with pytest.raises((AuthError, ConfigError)):  # it doesn't tell strangers which databases there are
        await elsewhere.check()


async def test_a_table_whose_other_columns_are_unique_too_is_refused(connect: Connect, shop: URL) -> None:
    execute(shop, "CREATE TABLE twins (email VARCHAR(80) PRIMARY KEY, reason VARCHAR(80) UNIQUE, since DATE)")
    connection = await connect(url=address(shop), destinations={"twins": {**CONSENTS, "table": "twins"}})
    with pytest.raises(ConfigError, match='the column "reason" is unique too') as caught:
        await connection.check()
    assert caught.value.problems[0].key == "destinations.twins.columns"


async def test_a_key_of_which_only_the_beginning_is_unique_is_refused(connect: Connect, shop: URL) -> None:
    execute(shop, "CREATE TABLE stems (id INTEGER AUTO_INCREMENT PRIMARY KEY, email VARCHAR(80), UNIQUE (email(5)))")
    settings = {"table": "stems", "key": "email", "columns": ["email"]}
    connection = await connect(url=address(shop), destinations={"stems": settings})
    with pytest.raises(ConfigError, match='the column "email" is not unique by itself'):
        await connection.check()


async def test_a_number_of_its_own_beside_the_key_is_nothing_to_worry_about(connect: Connect, shop: URL) -> None:
    table = "id INTEGER AUTO_INCREMENT PRIMARY KEY, email VARCHAR(80) UNIQUE, reason TEXT, since DATE, card TEXT UNIQUE"
    execute(shop, f"CREATE TABLE numbered ({table})")
    connection = await connect(url=address(shop), destinations={"numbered": {**CONSENTS, "table": "numbered"}})
    assert {finding.level for finding in await connection.check()} == {"ok"}
    lea = {**JO, "email": "lea@example.com"}
    for create in (True, False):
        found = fates(await deliver(connection.destinations["numbered"], JO, lea, create=create))
        assert set(found.values()) == {DELIVERED}
    assert rows(shop, "SELECT count(*) FROM numbered") == [(2,)]


async def test_a_row_that_somebody_holds_may_be_tried_later(open_consents: OpenTable, shop: URL) -> None:
    table = (await open_consents(timeout=0.5)).destinations["consents"]
    await deliver(table, JO)
    book = new_book()
    engine = create_engine(shop)
    with engine.connect() as holder:
        holder.exec_driver_sql("SELECT * FROM mail_consents FOR UPDATE")
        with pytest.raises(Transient) as caught:
            await deliver(table, {**JO, "reason": "bounced"}, book=book)
    engine.dispose()
    assert caught.value.code in {"timeout", "busy"}
    assert book.refuted() == {"jo@example.com"}
    assert fates(await deliver(table, {**JO, "reason": "bounced"})) == {"jo@example.com": DELIVERED}


async def test_a_connection_that_the_server_closed_is_opened_again(open_consents: OpenTable, shop: URL) -> None:
    table = (await open_consents()).destinations["consents"]
    await deliver(table, JO)
    mine = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    execute(shop, *(f"KILL {number}" for (number,) in rows(shop, mine)))
    assert fates(await deliver(table, {**JO, "reason": "bounced"})) == {"jo@example.com": DELIVERED}


@pytest.fixture
async def gate(shop: URL) -> AsyncIterator[Gate]:
    made = Gate(shop)
    yield made
    made.close()


@pytest.mark.parametrize("heard", [True, False])
async def test_a_server_that_goes_away_while_rows_are_kept_leaves_them_in_doubt(
    open_consents: OpenTable, shop: URL, gate: Gate, heard: bool
) -> None:
    table = (await open_consents(gate.url)).destinations["consents"]
    gate.cut_at, gate.heard = b"\x03COMMIT", heard
    book = new_book()
    assert fates(await deliver(table, JO, book=book)) == {"jo@example.com": ("in_doubt", "no_answer", None)}
    assert book.open_keys() == {"jo@example.com"}
    assert rows(shop, "SELECT count(*) FROM mail_consents") == [(int(heard),)]
    assert fates(await deliver(table, JO)) == {"jo@example.com": DELIVERED}
    assert rows(shop, "SELECT count(*) FROM mail_consents") == [(1,)]


async def test_a_server_that_goes_away_before_rows_are_kept_has_none(
    open_consents: OpenTable, shop: URL, gate: Gate
) -> None:
    table = (await open_consents(gate.url)).destinations["consents"]
    gate.cut_at = b"INSERT INTO mail_consents"
    book = new_book()
    with pytest.raises(Transient) as caught:
        await deliver(table, JO, book=book)
    assert caught.value.code == "unreachable"
    assert book.refuted() == {"jo@example.com"}
    assert rows(shop, "SELECT count(*) FROM mail_consents") == [(0,)]
