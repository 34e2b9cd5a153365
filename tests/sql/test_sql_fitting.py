"""A text becomes what a column holds, or is refused in words that don't quote it."""

import datetime as dt
import decimal
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import types
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import NullType, TypeEngine

from connectors.sql.fitting import bound_as, fit
from syncengine.errors import Rejected

TORONTO = ZoneInfo("America/Toronto")
NUMBER = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (types.Text(), " as it is ", " as it is "),
        (types.String(3), "abc", "abc"),
        (types.Enum("in", "out"), "out", "out"),
        (types.Boolean(), "Yes", True),
        (types.Boolean(), "0", False),
        (types.Integer(), "-12", -12),
        (types.BigInteger(), str(2**63 - 1), 2**63 - 1),
        (mysql.TINYINT(1), "true", 1),
        (mysql.TINYINT(1), "No", 0),
        (mysql.TINYINT(1), "7", 7),
        (types.Numeric(10, 2), "7.50", decimal.Decimal("7.50")),
        (types.Float(), "7", decimal.Decimal(7)),
        (types.Date(), "2026-06-01", dt.date(2026, 6, 1)),
        (types.Date(), "2026-06-01T02:00:00Z", dt.date(2026, 5, 31)),
        (types.DateTime(), "2026-06-01T02:00:00-04:00", "2026-06-01T06:00:00"),
        (types.DateTime(timezone=True), "2026-06-01T02:00:00-0400", "2026-06-01T06:00:00+00:00"),
        (types.Time(), "10:30", dt.time(10, 30)),
        (types.Uuid(), NUMBER, uuid.UUID(NUMBER)),
        (types.LargeBinary(), "é", b"\xc3\xa9"),
        (postgresql.INET(), "whatever the database reads", "whatever the database reads"),
    ],
)
def test_a_text_becomes_what_the_column_holds(kind: TypeEngine[Any], text: str, value: Any) -> None:
    found = fit("c", text, kind, TORONTO)
    assert (found.isoformat() if isinstance(found, dt.datetime) else found) == value


@pytest.mark.parametrize(
    ("kind", "text", "holds"),
    [
        (types.String(3), "abcd", "at most 3 characters"),
        (types.Enum("in", "out"), "maybe", "one of certain words"),
        (types.Boolean(), "perhaps", "true or false"),
        (types.Integer(), "007", "a whole number"),
        (types.Integer(), "7.5", "a whole number"),
        (types.Integer(), str(2**63), "a whole number"),
        (types.Integer(), "9" * 5000, "a whole number"),
        (mysql.TINYINT(4), "yes", "a whole number"),
        (mysql.TINYINT(1), "perhaps", "true or false"),
        (types.Numeric(), "1e3", "a number"),
        (types.Numeric(), "NaN", "a number"),
        (types.Date(), "2026-02-31", "a day, or an instant with an offset"),
        (types.Date(), "2026-06-01T10:00:00", "a day, or an instant with an offset"),
        (types.DateTime(), "2026-06-01", "a moment: an instant with an offset"),
        (types.DateTime(), "0001-01-01T00:00:00+14:00", "a moment: an instant with an offset"),
        (types.Time(), "noon", "a time of day"),
        (types.Uuid(), "a0eebc99", "a UUID"),
    ],
)
def test_what_does_not_fit_is_refused_without_quoting_it(kind: TypeEngine[Any], text: str, holds: str) -> None:
    with pytest.raises(Rejected) as caught:
        fit("since", text, kind, TORONTO)
    assert (caught.value.message, caught.value.field, caught.value.code) == (
        f"The column holds {holds}.", "since", "wrong_type",
    )  # fmt: skip
    assert caught.value.__cause__ is None


def test_a_type_that_is_not_known_here_is_left_to_the_database() -> None:
    assert isinstance(bound_as(postgresql.INET()), NullType)
    assert isinstance(bound_as(postgresql.JSONB()), NullType)
    kept = [types.Text(), types.Integer(), types.Enum("a")]
    assert [bound_as(kind) for kind in kept] == kept
