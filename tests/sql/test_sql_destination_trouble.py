"""A table that isn't as configured, or can't be written to: one clear error, and what `check` says before."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from syncengine.contracts import Destination
from syncengine.errors import ConfigError, ProviderError, Transient
from tests.sql.writing import CONSENTS, JO, LEA, deliver, execute, new_book, rows

Connect = Callable[..., Any]


async def test_check_says_what_is_written(open_table: Callable[..., Any], connect: Connect, path: Path) -> None:
    connection = await connect(url=f"sqlite:///{path}", destinations={"consents": CONSENTS})
    assert await connection.check() == [
        ("ok", f"the SQLite file {path} answers, 30 s for a write", ""),
        ("ok", "destination consents: mail_consents by email: reason, since", ""),
    ]
    assert rows(path) == []


async def test_check_warns_of_columns_that_a_new_row_must_have(connect: Connect, path: Path) -> None:
    execute(path, "CREATE TABLE people (id integer PRIMARY KEY, email text UNIQUE, name text NOT NULL, out int)")
    settings = {"table": "people", "key": "email", "columns": ["out"]}
    connection = await connect(url=f"sqlite:///{path}", destinations={"people": settings})
    warning = (await connection.check())[-1]
    assert (warning.level, warning.message) == (
        "warning", "destination people: a new row of people must have a value in name",
    )  # fmt: skip


async def test_everything_that_is_wrong_with_a_table_is_said_at_once(connect: Connect, path: Path) -> None:
    execute(path, "CREATE TABLE twins (email text, reason text); CREATE UNIQUE INDEX part ON twins(email) WHERE reason")
    destinations = {
        "table": {**CONSENTS, "table": "mail_consent"},
        "columns": {**CONSENTS, "columns": ["raison", "sinc"]},
        "key": {**CONSENTS, "key": "emial"},
        "twins": {"table": "twins", "key": "email", "columns": ["reason"]},
    }
    connection = await connect(url=f"sqlite:///{path}", destinations=destinations)
    with pytest.raises(ConfigError) as caught:
        await connection.check()
    assert [(each.key, each.message, each.hint) for each in caught.value.problems] == [
        ("destinations.table.table", 'there is no table "mail_consent"', 'Did you mean "mail_consents"?'),
        (
            "destinations.columns.columns", 'the table mail_consents has no column "raison"', 'Did you mean "reason"?',
        ),
        ("destinations.columns.columns", 'the table mail_consents has no column "sinc"', 'Did you mean "since"?'),
        ("destinations.key.key", 'the table mail_consents has no column "emial"', 'Did you mean "email"?'),
        (
            "destinations.twins.key", 'the column "email" is not unique by itself',
            "CREATE UNIQUE INDEX … ON twins (email)",
        ),
    ]  # fmt: skip
    book = new_book()
    with pytest.raises(ConfigError, match='no column "emial"'):
        await deliver(connection.destinations["key"], {"emial": "jo@example.com", "reason": "x"}, book=book)
    assert book.entries == []


async def test_a_table_that_only_reads_is_one_clear_error(
    consents: Destination, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def open_read_only(address: str, **options: Any) -> sqlite3.Connection:
        return connect(address.replace("mode=rw", "mode=ro"), **options)

    monkeypatch.setattr("connectors.sql.databases.sqlite3.connect", open_read_only)
    with pytest.raises(ConfigError, match=r"refuses to write to mail_consents: .*readonly database") as caught:
        await deliver(consents, JO)
    assert caught.value.problems[0].key == "destinations.consents.table"


async def test_a_missing_file_is_named_and_not_made(connect: Connect, tmp_path: Path) -> None:
    connection = await connect(url="sqlite:///missing.db", destinations={"consents": CONSENTS})
    with pytest.raises(ConfigError, match=r"there is no file .*missing\.db"):
        await deliver(connection.destinations["consents"], JO)
    assert not (tmp_path / "missing.db").exists()


async def test_a_locked_file_may_be_tried_later(
    consents: Destination, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sql.databases.BUSY_SECONDS", 0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(Transient) as caught:
            await deliver(consents, JO)
    assert caught.value.code == "busy"


async def test_a_write_that_takes_too_long_is_stopped_and_refuted(open_table: Callable[..., Any], path: Path) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    execute(path, f"CREATE TRIGGER slow AFTER INSERT ON mail_consents BEGIN SELECT ({slow}); END")
    book = new_book()
    with pytest.raises(Transient, match=r"Writing to mail_consents was stopped after 0\.2 s") as caught:
        await deliver(await open_table(timeout=0.2), JO, book=book)
    assert caught.value.code == "timeout"
    assert book.refuted() == {"jo@example.com"}
    assert rows(path) == []


async def test_what_a_trigger_refuses_is_one_record(consents: Destination, path: Path) -> None:
    execute(
        path,
        "CREATE TRIGGER no BEFORE INSERT ON mail_consents WHEN NEW.email LIKE 'jo%'"
        " BEGIN SELECT RAISE(ABORT, 'not jo@example.com'); END",
    )
    found = await deliver(consents, JO, LEA)
    assert [each.status for each in found.values()] == ["rejected", "delivered"]
    assert "jo" not in found["jo@example.com"].message


async def test_a_file_that_is_no_database_is_said_to_be_none(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "shop.txt").write_bytes(b"email,reason\n" * 1000)
    connection = await connect(url="sqlite:///shop.txt", destinations={"consents": CONSENTS})
    with pytest.raises(ProviderError, match="damaged or no database"):
        await connection.check()
