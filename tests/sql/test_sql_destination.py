"""A table as a destination, on a real SQLite file: what is written, what is left alone, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.sql.sink import Sink
from syncengine.binding import draft_fields
from syncengine.contracts import Destination
from syncengine.errors import Rejected
from tests.sql.writing import DELIVERED, JO, LEA, change_of, deliver, execute, fates, new_book, rows

Connect = Callable[..., Any]


async def test_a_row_is_added_and_changed_by_its_key(consents: Destination, path: Path) -> None:
    assert fates(await deliver(consents, JO, LEA)) == {"jo@example.com": DELIVERED, "lea@example.com": DELIVERED}
    assert await deliver(consents, {**JO, "reason": "bounced"})
    assert rows(path) == [
        ("jo@example.com", "bounced", "2026-06-01 14:00:00.000000"),
        ("lea@example.com", "bounced", "2026-06-02 14:00:00.000000"),
    ]


async def test_writing_twice_is_writing_once(consents: Destination, path: Path) -> None:
    await deliver(consents, JO, LEA)
    before = rows(path)
    await deliver(consents, LEA, JO)
    assert rows(path) == before


async def test_what_is_none_or_empty_and_what_is_not_configured_is_left_alone(
    consents: Destination, path: Path
) -> None:
    execute(path, "INSERT INTO mail_consents VALUES ('jo@example.com', 'moved', '2020-01-01', 'a friend')")
    await deliver(consents, {"email": "jo@example.com", "reason": "unsubscribed", "since": None})
    await deliver(consents, {"email": "jo@example.com", "since": "", "reason": "bounced"})
    assert rows(path, "SELECT * FROM mail_consents") == [("jo@example.com", "bounced", "2020-01-01", "a friend")]


async def test_a_difference_reaches_a_row_whose_other_columns_must_be_filled(consents: Destination, path: Path) -> None:
    await deliver(consents, JO, LEA)
    later = "2026-07-01T00:00:00Z"
    changes = [{"email": each["email"], "since": later} for each in (JO, LEA)]
    assert set(fates(await deliver(consents, *changes, create=False)).values()) == {DELIVERED}
    assert [row[1:] for row in rows(path)] == [
        ("unsubscribed", "2026-07-01 00:00:00.000000"),
        ("bounced", "2026-07-01 00:00:00.000000"),
    ]


async def test_a_row_that_the_shop_has_too_is_changed_where_it_could_not_be_added(
    consents: Destination, path: Path
) -> None:
    execute(path, "INSERT INTO mail_consents(email, reason) VALUES ('jo@example.com', 'moved')")
    since = {"since": "2026-07-01T00:00:00Z"}
    found = await deliver(consents, *({"email": each["email"], **since} for each in (JO, LEA)))
    assert fates(found) == {"jo@example.com": DELIVERED, "lea@example.com": ("rejected", "refused", "reason")}
    assert rows(path) == [("jo@example.com", "moved", "2026-07-01 00:00:00.000000")]


async def test_a_row_that_the_shop_took_away_is_added_again_when_it_changes(consents: Destination, path: Path) -> None:
    await deliver(consents, JO, LEA)
    execute(path, "DELETE FROM mail_consents WHERE email = 'jo@example.com'")
    changes = [{**each, "reason": "moved"} for each in (JO, LEA)]
    assert set(fates(await deliver(consents, *changes, create=False)).values()) == {DELIVERED}
    assert [row[:2] for row in rows(path)] == [("jo@example.com", "moved"), ("lea@example.com", "moved")]


async def test_a_row_may_be_nothing_but_its_key(connect: Connect, path: Path) -> None:
    execute(path, "CREATE TABLE stopped (email text UNIQUE)")
    settings = {"table": "stopped", "key": "email", "columns": ["email"]}
    connection = await connect(url=f"sqlite:///{path}", destinations={"stopped": settings})
    stopped = connection.destinations["stopped"]
    people = [{"email": f"p{number}@example.com"} for number in range(3)]
    assert change_of(stopped, people[0]).fields, "a change without a field is never sent"
    for create in (True, False, True):
        assert set(fates(await deliver(stopped, *people, create=create)).values()) == {DELIVERED}
    assert rows(path, "SELECT count(*) FROM stopped") == [(3,)]
    await connection.check()


async def test_an_address_is_one_key_in_every_spelling_and_other_keys_keep_theirs(consents: Destination) -> None:
    assert consents.draft({"email": " Jo@Example.COM ", "reason": "x"}).key == "jo@example.com"
    assert consents.draft({"email": " A8-b ", "reason": "x"}).key == "A8-b"


async def test_a_value_that_a_column_cannot_hold_rejects_its_record_only(consents: Destination, path: Path) -> None:
    found = await deliver(consents, {**JO, "since": "yesterday"}, {**LEA, "email": "l" * 81}, LEA)
    assert fates(found) == {
        "jo@example.com": ("rejected", "wrong_type", "since"),
        "l" * 81: ("rejected", "wrong_type", "email"),
        "lea@example.com": DELIVERED,
    }
    assert found["jo@example.com"].message == "The column holds a moment: an instant with an offset."
    assert len(rows(path)) == 1


async def test_rows_that_the_database_refuses_are_found_among_many(consents: Destination, path: Path) -> None:
    people = [{**JO, "email": f"p{number:04d}@example.com"} for number in range(2500)]
    bad = {7, 8, 1200, 2499}
    for number in bad:
        people[number]["reason"] = "forbidden"
    book = new_book()
    found = await deliver(consents, *people, book=book)
    refused = {f"p{number:04d}@example.com" for number in bad}
    assert {key for key, each in found.items() if each.status == "rejected"} == refused == book.refuted()
    assert len(book.entries) == 3
    assert len(rows(path)) == len(book.confirmed()) == 2500 - len(bad)
    assert "forbidden" not in repr([found[key] for key in refused])


async def test_many_rows_take_few_statements(
    consents: Destination, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    together: list[int] = []
    put = Sink._put_together

    def count(sink: Sink, connection: Any, target: Any, batch: Any) -> bool:
        together.append(len(batch))
        return put(sink, connection, target, batch)

    monkeypatch.setattr(Sink, "_put_together", count)
    people = [{**JO, "email": f"p{number}@example.com"} for number in range(1000)]
    await deliver(consents, *people)
    await deliver(consents, *({**each, "reason": "bounced"} for each in people), create=False)
    assert together == [333, 333, 333, 1] * 2
    assert rows(path, "SELECT reason, count(*) FROM mail_consents GROUP BY 1") == [("bounced", 1000)]


async def test_without_an_upsert_of_its_own_a_database_is_written_in_two_steps(
    consents: Destination, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sql.sink.OWN_UPSERT", frozenset())
    monkeypatch.setattr("connectors.sql.sink.upsert", lambda target, rows, _: plain(target, rows, "oracle"))
    from connectors.sql.upsert import upsert as plain

    execute(path, "INSERT INTO mail_consents VALUES ('jo@example.com', 'moved', NULL, 'a friend')")
    for _ in range(2):
        found = await deliver(consents, JO, LEA, {**JO, "email": "x@example.com", "reason": "forbidden"})
        assert [each.status for each in found.values()] == ["delivered", "delivered", "rejected"]
    assert rows(path, "SELECT email, reason, notes FROM mail_consents ORDER BY 1") == [
        ("jo@example.com", "unsubscribed", "a friend"),
        ("lea@example.com", "bounced", "none"),
    ]


async def test_a_barred_key_is_not_written(consents: Destination, path: Path) -> None:
    book = new_book()
    book.barred = {"jo@example.com"}
    assert set(await deliver(consents, JO, LEA, book=book)) == {"lea@example.com"}
    assert set(await deliver(consents, JO, book=book)) == set()
    assert [row[0] for row in rows(path)] == ["lea@example.com"]


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"reason": "x"}, "email", "missing"),
        ({"email": "  ", "reason": "x"}, "email", "missing"),
        ({"email": "jo@example.com", "groups": ["Customers"]}, "groups", "unknown_field"),
        ({"email": "jo@example.com", "reason": ["x"]}, "reason", "not_text"),
        ({"email": "jo@example.com", "reason": "nul\0"}, "reason", "not_text"),
    ],
)
async def test_a_draft_that_cannot_be_written_is_refused_by_field(
    consents: Destination, fields: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(Rejected) as caught:
        consents.draft(fields)
    assert (caught.value.field, caught.value.code) == (field, code)


async def test_the_columns_are_the_fields_whatever_they_are_called(open_table: Callable[..., Any]) -> None:
    odd = await open_table(columns=["schema", "_x", "full name", "copy", "model_dump", "status"])
    assert draft_fields(odd) == {"email", "schema", "_x", "full name", "copy", "model_dump", "status"}
