"""Every scalar of a database reaches a mapping as text or None."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sql.rendering import render


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        (" 007 ", " 007 "),
        (7, "7"),
        (7.0, "7"),
        (7.25, "7.25"),
        (1e-7, "0.0000001"),
        (Decimal("7.00"), "7"),
        (Decimal("1E+3"), "1000"),
        (Decimal("19.90"), "19.90"),
        (float("nan"), "nan"),
        (True, "true"),
        (False, "false"),
        (dt.date(2026, 6, 1), "2026-06-01"),
        (dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC), "2026-06-01T12:00:00+00:00"),
        (dt.time(12, 30), "12:30:00"),
        (b"caf\xc3\xa9", "café"),
        (b"\xff\x00", "ff00"),
        (memoryview(b"ab"), "ab"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"a": [1, None, {"b": True}]}, {"a": ["1", None, {"b": "true"}]}),
    ],
)
def test_a_value_is_text_or_none(value: Any, text: Any) -> None:
    assert render(value) == text


@given(st.integers())
def test_a_whole_number_has_one_text_whatever_its_type(number: int) -> None:
    assert render(number) == render(Decimal(number)) == str(number)
