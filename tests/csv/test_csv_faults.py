"""What is wrong with a CSV file or its settings is said in one sentence, with the line and the next step."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.csv import CsvConnector
from connectors.csv.settings import CsvSettings
from syncengine.errors import ConfigError, ProviderError

Connect = Callable[..., Any]
Write = Callable[..., Path]


async def fail(connection: Any) -> Any:
    """The error of a question; it quotes nobody."""
    with pytest.raises((ConfigError, ProviderError)) as caught:
        await connection.lookups["customers"].find(["7"])
    assert "example.com" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("Customer_ID,email", "Did you mean 'Customer_ID'?"),
        ("custmer_id;email", "Did you mean 'custmer_id'?"),
        ("number,email", "Its columns are: number, email."),
    ],
)
async def test_a_missing_key_column_is_named_with_what_was_meant(
    header: str, hint: str, connect: Connect, write: Write
) -> None:
    write(f"{header}\n")
    error = await fail(connect())
    assert error.problems[0].key == "lookups.customers.key"
    assert "has no column 'customer_id'" in str(error)
    assert error.hint == hint


async def test_a_file_without_header_is_recognised_and_not_quoted(connect: Connect, write: Write) -> None:
    write("7,jo@example.com,jo@example.com\n8,ann@example.com,Ann\n")
    assert "looks like data" in str(await fail(connect()))


async def test_columns_of_the_same_name_are_refused(connect: Connect, write: Write) -> None:
    write("customer_id,First name,email,First-name\n7,a,b,c\n")
    assert "columns 2 and 4" in str(await fail(connect()))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('customer_id,note\n7,"two\nlines"\n8,a,b\n', "line 4 has 3 values and the header 2 names"),
        ("customer_id,note\n7,a\n8\n", "line 3 has 1 values and the header 2 names"),
        ('customer_id,note\n7,a\n8,"open\n', "line 3 can't be read (unexpected end of data)"),
        ('customer_id,note\n7,"a"b\n', "line 2 can't be read (',' expected after '\"')"),
        ('customer_id,note\n7,"' + "x" * 200_000 + '"\n', "line 2 can't be read (field larger than field limit"),
        ('"customer_id,note\n', "line 1 can't be read"),
        (b"customer_id,note\n7,Zo\xc3\xa9\n8,Zo\xe9\n", "line 3 is not utf-8"),
        (b"customer_id,note\n" + b"7,Zo\xc3\xa9\n" * 20_000 + b"8,Zo\xe9\n", "line 20,002 is not utf-8"),
        (b"\xff\xfec\x00\n\x00\x00\xd8x\x00", "line 2 is not utf-16"),
        ("customer_id,note\n7,a\n".encode("utf-16-le"), "is not text in UTF-8"),
    ],
)
async def test_a_fault_in_the_file_is_named_with_its_line(
    content: str | bytes, message: str, connect: Connect, write: Write, cache: Path
) -> None:
    write(content)
    error = await fail(connect())
    assert isinstance(error, ProviderError)
    assert message in str(error)
    assert error.hint
    assert [path.name for path in cache.glob("*") if path.suffix != ".lock"] == []


@pytest.mark.parametrize("content", ["", "\n\r\n", " \n", b"\xef\xbb\xbf"])
async def test_an_empty_file_is_said_to_be_empty(content: str | bytes, connect: Connect, write: Write) -> None:
    write(content)
    error = await fail(connect())
    assert error.problems[0].key == "path"
    assert "is empty" in str(error)


async def test_a_missing_file_a_folder_and_a_device_are_named(connect: Connect, tmp_path: Path) -> None:
    assert "there is no file" in str(await fail(connect(path="nowhere.csv")))
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in str(await fail(connect(path="folder.csv")))
    assert "there is no file" in str(await fail(connect(path="folder.csv/x/customers.csv")))
    os.mkfifo(tmp_path / "pipe.csv")
    assert "is no file" in str(await fail(connect(path="pipe.csv")))
    error = await fail(connect(lookups={"customers": {"key": "customer_id", "path": "nowhere.csv"}}))
    assert error.problems[0].key == "lookups.customers.path"


async def test_an_unreadable_file_is_named(connect: Connect, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write()
    path.chmod(0)

    def refuse(self: Path, mode: str) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # whoever runs the tests may read everything
    error = await fail(connect())
    assert error.problems[0].message == f"{path} can't be read: Permission denied"


async def test_check_reports_every_file_at_once(connect: Connect, write: Write) -> None:
    write()
    lookups = {
        "customers": {"key": "customer_id"},
        "numbers": {"key": "customer_number"},
        "orders": {"key": "order_id", "path": "orders.csv"},
    }
    with pytest.raises(ConfigError) as caught:
        await connect(lookups=lookups).check()
    assert [problem.key for problem in caught.value.problems] == ["lookups.numbers.key", "lookups.orders.path"]


def test_a_lookup_without_any_file_is_a_fault_of_the_configuration(connect: Connect) -> None:
    lookups = {"customers": {"key": "id"}, "orders": {"key": "id"}, "own": {"key": "id", "path": "x.csv"}}
    with pytest.raises(ConfigError) as caught:
        connect(path=None, lookups=lookups)
    assert [problem.key for problem in caught.value.problems] == ["lookups.customers.path", "lookups.orders.path"]


@pytest.mark.parametrize(
    "values",
    [
        {"lookups": {}},
        {"delimiter": ",,"},
        {"delimiter": '"'},
        {"delimiter": "\n"},
        {"encoding": "klingon"},
        {"encoding": "rot13"},
        {"settle": -1},
        {"colour": "red"},
        {"lookups": {"../x": {"key": "id"}}},
        {"lookups": {"x": {"key": ""}}},
    ],
)
def test_a_wrong_setting_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CsvConnector.Settings.model_validate({"path": "x.csv", "lookups": {"x": {"key": "id"}}, **values})


def test_a_relative_file_is_relative_to_the_configuration(tmp_path: Path) -> None:
    values = {"path": "data/x.csv", "lookups": {"x": {"key": "id"}, "y": {"key": "id", "path": "/srv/y.csv"}}}
    settings = CsvSettings.model_validate(values, context={"base": tmp_path})
    assert [layout.path for layout in settings.layouts()] == [tmp_path / "data/x.csv", Path("/srv/y.csv")]
