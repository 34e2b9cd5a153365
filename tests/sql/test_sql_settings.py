"""The address of a database: spellings, parts, files, and clear words for what can't be right."""

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.sql import SqlConnector
from connectors.sql.settings import SqlSettings
from syncengine.contracts import Context
from syncengine.errors import ConfigError

LOOKUPS = {"customers": {"query": "SELECT id AS key, email FROM customers WHERE id IN :keys"}}


def settings(base: Path = Path("/srv"), **values: Any) -> SqlSettings:
    return SqlSettings.model_validate({"lookups": LOOKUPS, **values}, context={"base": base})


@pytest.mark.parametrize(
    ("spelling", "driver"),
    [
        ("postgres", "postgresql+psycopg"),
        ("postgresql", "postgresql+psycopg"),
        ("postgresql+psycopg2", "postgresql+psycopg2"),
        ("mysql", "mysql+pymysql"),
        ("mariadb", "mariadb+pymysql"),
        ("mssql", "mssql+pymssql"),
        ("sqlserver", "mssql+pymssql"),
    ],
)
def test_every_spelling_of_an_address_finds_its_driver(spelling: str, driver: str) -> None:
    url = settings(url=f"{spelling}://jo:p%40ss@db.example.test:1234/shop?sslmode=require").address()
    assert (url.drivername, url.password, url.port, url.query["sslmode"]) == (driver, "p@ss", 1234, "require")


def test_parts_need_no_encoding() -> None:
    url = settings(driver="postgres", host="db.example.test", user="jo", password="p@ss/:#", database="shop").address()
    assert (url.drivername, url.password, url.host, url.database) == (
        "postgresql+psycopg", "p@ss/:#", "db.example.test", "shop",
    )  # fmt: skip


def test_a_relative_file_is_relative_to_the_configuration(tmp_path: Path) -> None:
    assert settings(tmp_path, url="sqlite:///data/shop.db").address().database == str(tmp_path / "data/shop.db")
    assert settings(tmp_path, url="sqlite:////srv/shop.db").address().database == "/srv/shop.db"
    assert settings(tmp_path, driver="sqlite", database="shop.db").address().database == str(tmp_path / "shop.db")


@pytest.mark.parametrize(
    ("values", "key", "message"),
    [
        ({}, "url", "no database is named"),
        ({"url": "db.example.test"}, "url", "is no database address"),
        ({"url": "postgres://jo:secret@db.example.test:port/shop"}, "url", "is no database address"),
        ({"url": "postgres://db.example.test/shop", "user": "jo"}, "user", "says again"),
        ({"url": "sqlite://"}, "url", "SQLite needs a file"),
        ({"url": "sqlite:///:memory:"}, "url", "SQLite needs a file"),
        ({"url": "postgresql+asyncpg://db.example.test/shop"}, "url", "asynchronous driver|not installed"),
        ({"url": "sqlite+aiosqlite:///shop.db"}, "url", "asynchronous driver|not installed"),
        ({"url": "dbase://db.example.test/shop"}, "url", "no kind of database"),
        ({"driver": "dbase", "host": "db.example.test"}, "host", "no kind of database"),
    ],
)
def test_an_address_that_cannot_be_right_is_named(
    values: dict[str, Any], key: str, message: str, context: Context
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        SqlConnector().connect(settings(**values), context)
    assert caught.value.problems[0].key == key
    assert "secret" not in str(caught.value)


def test_every_wrong_query_and_the_address_are_reported_at_once(context: Context) -> None:
    lookups = {"good": LOOKUPS["customers"], "writes": {"query": "DELETE FROM x"}, "blind": {"query": "SELECT 1"}}
    with pytest.raises(ConfigError) as caught:
        SqlConnector().connect(settings(url="dbase://db.example.test/shop", lookups=lookups), context)
    assert [problem.key for problem in caught.value.problems] == [
        "url", "lookups.writes.query", "lookups.blind.query",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "module", "extra"),
    [("postgres", "psycopg", "postgresql"), ("mysql", "pymysql", "mysql"), ("mssql", "pymssql", "mssql")],
)
def test_a_missing_driver_names_what_to_install(
    scheme: str, module: str, extra: str, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as caught:
        SqlConnector().connect(settings(url=f"{scheme}://db.example.test/shop"), context)
    assert caught.value.problems[0].message == f"the driver {module} is not installed"
    assert caught.value.hint == f"pip install 'syncengine[{extra}]'"


@pytest.mark.parametrize(
    "values",
    [
        {"url": "sqlite:///shop.db", "lookups": {}},
        {"url": "sqlite:///shop.db", "timeout": 0},
        {"url": "sqlite:///shop.db", "colour": "red"},
        {"url": "sqlite:///shop.db", "lookups": {"no name": LOOKUPS["customers"]}},
        {"driver": "postgres", "port": 70000, "password": "tiger"},
    ],
)
def test_a_wrong_setting_is_refused_without_quoting_it(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**values)
    assert "input_value" not in str(caught.value)
    assert "tiger" not in str(caught.value)


def test_secrets_are_hidden_in_the_settings() -> None:
    shown = repr(settings(url="postgres://jo:tiger@db.example.test/shop")) + repr(
        settings(driver="x", password="tiger")
    )
    assert "tiger" not in shown
