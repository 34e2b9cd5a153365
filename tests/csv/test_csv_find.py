"""Rows of a CSV file by key: text in and out, however the file is written."""

import csv
import io
import keyword
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.csv.table import attribute

Connect = Callable[..., Any]
Write = Callable[..., Path]


async def find(connection: Any, *keys: str) -> Any:
    async with connection:
        return await connection.lookups["customers"].find(keys)


async def test_rows_are_text_and_an_unknown_key_has_no_entry(connect: Connect, write: Write) -> None:
    write()
    assert await find(connect(), "007", "A8", "7", "a8", "") == (
        {
            "007": [{"customer_id": "007", "email": "jo@example.com", "First_name": "Jo"}],
            "A8": [{"customer_id": "A8", "email": "ann@example.com", "First_name": ""}],
        },
        {},
    )


async def test_columns_are_those_of_the_header(connect: Connect, write: Write) -> None:
    write()
    assert await connect().lookups["customers"].columns() == {"customer_id", "email", "First_name"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_the_delimiter_is_found_in_the_header(connect: Connect, write: Write, delimiter: str) -> None:
    lines = (("customer_id", '"e-mail; or, none"', "note"), ("7", "jo@example.com", '"a;b,c|d\te"'))
    write("\r\n".join(delimiter.join(line) for line in lines))
    assert (await find(connect(), "7")).rows == {
        "7": [{"customer_id": "7", "e_mail_or_none": "jo@example.com", "note": "a;b,c|d\te"}]
    }


async def test_another_delimiter_is_set(connect: Connect, write: Write) -> None:
    write("customer_id^email\n7^jo@example.com\n")
    assert set((await find(connect(delimiter="^"), "7")).rows) == {"7"}


@pytest.mark.parametrize(
    ("encoding", "setting"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-8-sig", "utf-8"),
        ("utf-16", None),
        ("utf-32", None),
        ("utf-16-le", "utf-16-le"),
        ("cp1252", "cp1252"),
        ("latin-1", "iso-8859-1"),
    ],
)
async def test_an_encoding_is_found_or_set(connect: Connect, write: Write, encoding: str, setting: str | None) -> None:
    write("customer_id,email,prénom\n7,jo@example.com,Zoé\n".encode(encoding))
    assert (await find(connect(encoding=setting), "7")).rows["7"][0]["prénom"] == "Zoé"


async def test_quoted_line_breaks_empty_lines_and_blanks_around_keys_do_no_harm(connect: Connect, write: Write) -> None:
    write('\n customer_id ,"note"\r\n\r\n 7 ,"two\nlines ""here"""\r\n\n8,\n')
    assert (await find(connect(), "7", "8")).rows == {
        "7": [{"customer_id": " 7 ", "note": 'two\nlines "here"'}],
        "8": [{"customer_id": "8", "note": ""}],
    }


async def test_a_key_with_different_rows_is_ambiguous_and_equal_rows_are_one(connect: Connect, write: Write) -> None:
    write("customer_id,email\n7,one@example.com\n8,jo@example.com\n7,two@example.com\n8,jo@example.com\n")
    rows = (await find(connect(), "7", "8")).rows
    assert [row["email"] for row in rows["7"]] == ["one@example.com", "two@example.com"]
    assert len(rows["8"]) == 1


async def test_the_key_is_named_as_in_the_file_or_as_in_an_expression(connect: Connect, write: Write) -> None:
    write("Customer No.,email\n7,jo@example.com\n")
    for key in ("Customer No.", " Customer No. ", "Customer_No"):
        assert set((await find(connect(lookups={"customers": {"key": key}}), "7")).rows) == {"7"}


async def test_lookups_may_share_a_file_or_have_their_own(connect: Connect, write: Write, cache: Path) -> None:
    write("customer_id;email\n7;jo@example.com\n")
    write("order_id,email\n77,ann@example.com\n", "orders.csv")
    lookups = {
        "customers": {"key": "customer_id"},
        "addresses": {"key": "email"},
        "orders": {"path": "orders.csv", "key": "order_id"},
    }
    async with connect(lookups=lookups) as connection:
        assert set((await connection.lookups["customers"].find(["7", "77"])).rows) == {"7"}
        assert set((await connection.lookups["addresses"].find(["jo@example.com", "7"])).rows) == {"jo@example.com"}
        assert set((await connection.lookups["orders"].find(["7", "77"])).rows) == {"77"}
    async with connect():
        assert [path.name for path in cache.glob("*.index")] == ["customers.index"]


async def test_no_keys_need_no_file(connect: Connect) -> None:
    assert await find(connect()) == ({}, {})


async def test_a_page_of_thousands_of_keys_is_one_question(connect: Connect, write: Write) -> None:
    write("customer_id,email\n" + "".join(f"C{number},p{number}@example.com\n" for number in range(30_000)))
    found = await find(connect(), *(f"C{number}" for number in range(20_000, 40_000)))
    assert len(found.rows) == 10_000
    assert all(rows == [{"customer_id": key, "email": f"p{key[1:]}@example.com"}] for key, rows in found.rows.items())


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    table=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    asked=st.lists(st.text(max_size=5), max_size=4),
)
async def test_whatever_is_written_is_found_again(
    table: list[tuple[str, str, str]], delimiter: str, encoding: str, asked: list[str], connect: Connect, write: Write
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("customer_id", "email", "note"), *table])
    path = write(text.getvalue().encode(encoding))
    for index in path.parent.glob("cache/shop/*.index"):
        index.unlink()
    expected: dict[str, list[dict[str, str]]] = {}
    for cells in table:
        row = dict(zip(("customer_id", "email", "note"), cells, strict=True))
        if (key := cells[0].strip()) and row not in expected.setdefault(key, []):
            expected[key].append(row)
    found = await find(connect(), *expected, *asked)
    assert found == (expected, {})


@given(st.text(max_size=12), st.integers(1, 99))
@example("\U0001ec81", 1)
def test_every_column_can_be_named_in_an_expression(name: str, position: int) -> None:
    plain = attribute(name, position)
    assert plain.isidentifier()
    assert not plain.startswith("_")
    assert not keyword.iskeyword(plain)
    assert attribute(plain, position) == plain


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("email", "email"),
        ("First name", "First_name"),
        ("E-mail (work)", "E_mail_work"),
        ("_id", "id"),
        ("2nd line", "column_2nd_line"),
        ("class", "class_"),
        ("", "column_3"),
        ("Prénom", "Prénom"),
    ],
)
def test_a_columns_name_is_changed_as_little_as_possible(name: str, plain: str) -> None:
    assert attribute(name, 3) == plain
