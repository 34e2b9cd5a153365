"""Two keys that a column takes for one are never one row in silence: a key is what its column shows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.sql.table import shown_keys
from syncengine.contracts import Destination
from tests.sql.writing import DELIVERED, deliver, execute, fates, new_book, rows

LAX = "CREATE TABLE customers (code varchar(20) COLLATE NOCASE PRIMARY KEY, mood text)"
SEEN = "SELECT code, mood FROM customers ORDER BY code"
REFUSED = ("rejected", "key_form", "code")


@pytest.fixture
async def customers(open_table: Callable[..., Any], path: Path) -> Destination:
    """Customers by a code that their column compares without case."""
    execute(path, LAX)
    destination: Destination = await open_table(table="customers", key="code", columns=["mood"])
    return destination


async def test_of_two_keys_that_are_one_to_the_column_the_second_is_refused(customers: Destination, path: Path) -> None:
    others = [{"code": f"B{number}", "mood": "out"} for number in range(400)]
    book = new_book()
    pair = {"code": "A8", "mood": "in"}, {"code": "a8", "mood": "out"}
    found = await deliver(customers, *others[:100], pair[0], *others[100:], pair[1], book=book)
    assert found["a8"].message == "The column shows this key in another spelling: to the table they are one."
    assert fates(found) == {**{each["code"]: DELIVERED for each in (*others, pair[0])}, "a8": REFUSED}
    assert book.refuted() == {"a8"}
    assert rows(path, SEEN)[0] == ("A8", "in")
    assert len(rows(path, SEEN)) == 401


@pytest.mark.parametrize("create", [True, False])
async def test_a_row_under_another_spelling_is_left_as_it_is(customers: Destination, path: Path, create: bool) -> None:
    execute(path, "INSERT INTO customers VALUES ('A8', 'in')")
    wanted = {"code": "a8", "mood": "out"}, {"code": "b9", "mood": "out"}
    assert fates(await deliver(customers, *wanted, create=create)) == {"a8": REFUSED, "b9": DELIVERED}
    assert rows(path, SEEN) == [("A8", "in"), ("b9", "out")]


async def test_an_address_is_one_in_any_case(customers: Destination, path: Path) -> None:
    execute(path, "INSERT INTO customers VALUES ('Jo@Example.COM', 'in')")
    assert fates(await deliver(customers, {"code": "JO@example.com", "mood": "out"})) == {"jo@example.com": DELIVERED}
    assert rows(path, SEEN) == [("Jo@Example.COM", "out")]


async def test_a_row_that_is_nothing_but_its_key_keeps_its_spelling(open_table: Callable[..., Any], path: Path) -> None:
    execute(path, f"{LAX}; INSERT INTO customers VALUES ('Jo@Example.COM', 'in')")
    stopped = await open_table(table="customers", key="code", columns=["code"])
    wanted = {"code": "jo@example.com"}, {"code": "lea@example.com"}
    for create in (True, False):
        assert set(fates(await deliver(stopped, *wanted, create=create)).values()) == {DELIVERED}
    assert rows(path, SEEN) == [("Jo@Example.COM", "in"), ("lea@example.com", None)]


async def test_without_an_upsert_of_its_own_a_database_refuses_the_second_too(
    customers: Destination, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connectors.sql.upsert import upsert as plain

    monkeypatch.setattr("connectors.sql.sink.OWN_UPSERT", frozenset())
    monkeypatch.setattr("connectors.sql.sink.upsert", lambda target, rows, _: plain(target, rows, "oracle"))
    found = await deliver(customers, {"code": "A8", "mood": "in"}, {"code": "a8", "mood": "out"})
    assert fates(found) == {"A8": DELIVERED, "a8": REFUSED}
    assert rows(path, SEEN) == [("A8", "in")]


async def test_a_number_that_its_column_writes_otherwise_is_refused(open_table: Callable[..., Any], path: Path) -> None:
    execute(path, "CREATE TABLE sums (amount varchar(9) PRIMARY KEY, mood text)")
    execute(path, "CREATE TRIGGER cents AFTER INSERT ON sums BEGIN UPDATE sums SET amount = amount || '0'; END")
    sums = await open_table(table="sums", key="amount", columns=["mood"])
    assert fates(await deliver(sums, {"amount": "7.5", "mood": "x"})) == {"7.5": ("rejected", "key_form", "amount")}
    assert rows(path, "SELECT * FROM sums") == []


async def test_looking_again_costs_one_statement_for_some_hundreds_of_rows(
    customers: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def count(connection: Any, target: Any, batch: Any) -> set[str]:
        looked.append(len(batch))
        return shown_keys(connection, target, batch)

    monkeypatch.setattr("connectors.sql.sink.shown_keys", count)
    await deliver(customers, *({"code": f"B{number}", "mood": "out"} for number in range(998)))
    assert looked == [499, 499]
