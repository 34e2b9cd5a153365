"""What the errors of databases mean that don't run in these tests: by the codes of their manuals."""

import pytest
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, ProgrammingError

from connectors.sql.databases import Database, Fault, connect_arguments
from connectors.sql.kinds import kind_of


class DriverError(Exception):
    """An error as the drivers raise it: number and text."""


@pytest.mark.parametrize(
    ("name", "number", "fault"),
    [
        ("mysql", 1045, Fault.ACCOUNT),
        ("mysql", 1049, Fault.DATABASE),
        ("mysql", 1146, Fault.QUERY),
        ("mysql", 1792, Fault.QUERY),
        ("mysql", 1267, Fault.KEY),
        ("mysql", 1270, Fault.KEY),
        ("mysql", 1130, Fault.ACCOUNT),
        ("mysql", 1449, Fault.QUERY),
        ("mysql", 3024, Fault.TIME),
        ("mariadb", 1969, Fault.TIME),
        ("mysql", 2003, Fault.UNREACHABLE),
        ("mysql", 1213, Fault.BUSY),
        ("mssql", 18456, Fault.ACCOUNT),
        ("mssql", 208, Fault.QUERY),
        ("mssql", 245, Fault.KEY),
        ("mssql", 20003, Fault.TIME),
        ("mssql", 20009, Fault.UNREACHABLE),
    ],
)
def test_a_number_of_the_manual_is_understood(name: str, number: int, fault: Fault) -> None:
    assert kind_of(name).fault(OperationalError("", None, DriverError(number, "text"))) is fault


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (DataError, Fault.KEY),
        (OperationalError, Fault.UNREACHABLE),
        (ProgrammingError, Fault.QUERY),
        (IntegrityError, Fault.ROW),
    ],
)
def test_an_unknown_error_counts_by_its_class(kind: type[DBAPIError], fault: Fault) -> None:
    assert kind_of("oracle").fault(kind("", None, DriverError())) is fault


def test_an_unknown_kind_of_database_promises_nothing() -> None:
    assert kind_of("oracle") == Database(title="oracle")
    assert not kind_of("oracle").read_only
    assert connect_arguments("oracledb", 30) == {}


@pytest.mark.parametrize("name", ["mysql", "mariadb", "postgresql"])
def test_every_transaction_is_read_only_and_limited(name: str) -> None:
    opening = " ".join(kind_of(name).opening)
    assert "READ ONLY" in opening
    assert "time" in opening


@pytest.mark.parametrize(
    ("driver", "limit", "value"),
    [("psycopg", "tcp_user_timeout", 35_000), ("pymysql", "read_timeout", 35), ("pymssql", "timeout", 30)],
)
def test_the_client_gives_up_too(driver: str, limit: str, value: int) -> None:
    assert connect_arguments(driver, 30)[limit] == value
