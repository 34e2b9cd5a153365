"""Every function of the table, by its own example and by what it must survive."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.functions import FUNCTIONS, LONGEST_TEXT, NeitherYesNorNo
from mappings.language import compile_expression

NOT_NONE_FOR_NONE = {"default", "first", "yes", "len", "contains", "starts", "ends"}
"""They say in their description what they give for None."""

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=60),
    st.dates(),
    st.lists(st.text(max_size=5)),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
    st.lists(st.none() | st.lists(st.integers())),
)
ONE_VALUE = sorted(FUNCTIONS.keys() - {"default", "replace", "contains", "starts", "ends", "yes"})
TWO_VALUES = sorted(
    {"default", "contains", "starts", "ends", "split", "join", "round", "date", "phone", "text", "first"}
)


def call(name: str, *values: Any) -> Any:
    return FUNCTIONS[name].call(*values)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_gives_what_it_says(name: str) -> None:
    function = FUNCTIONS[name]
    assert name in function.example
    assert compile_expression(function.example)({}) == function.result
    assert function.doc.endswith(".")


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - NOT_NONE_FOR_NONE - {"replace"}))
def test_none_gives_none(name: str) -> None:
    assert call(name, None) is None


@given(name=st.sampled_from(ONE_VALUE), value=ODD)
def test_no_value_makes_a_function_fail(name: str, value: Any) -> None:
    call(name, value)


@given(name=st.sampled_from(TWO_VALUES), one=ODD, other=ODD)
def test_no_second_value_makes_a_function_fail(name: str, one: Any, other: Any) -> None:
    call(name, one, other)


@given(one=ODD, other=ODD, third=ODD)
def test_no_value_makes_replace_fail(one: Any, other: Any, third: Any) -> None:
    call("replace", one, other, third)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("fr", "fr_ca"),
        ("FR-ca", "fr_ca"),
        ("fr_CA.UTF-8", "fr_ca"),
        ("français", "fr_ca"),
        ("Français (Canada)", "fr_ca"),
        ("franc\u0327ais", "fr_ca"),
        ("French", "fr_ca"),
        ("francais", "fr_ca"),
        (" fra ", "fr_ca"),
        ("en", "en_ca"),
        ("en-US", "en_ca"),
        ("English", "en_ca"),
        ("anglais", "en_ca"),
        ("ENG", "en_ca"),
        ("es", None),
        ("", None),
        ("fr/en", None),
        ("frank", None),
        ("not english", None),
        ("n/a", None),
    ],
)
def test_a_language_is_known_by_any_of_its_names(written: str, code: str | None) -> None:
    assert call("language", written) == code


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (" Jo@Example.com ", "jo@example.com"),
        ("o'neil+x@mail.example.test", "o'neil+x@mail.example.test"),
        ("jo", None),
        ("jo@", None),
        ("jo@localhost", None),
        ("jo @example.com", None),
        ("a@b@example.com", None),
        ("jo@example..com", None),
        ("", None),
        ("j" * 250 + "@example.com", None),
    ],
)
def test_an_email_is_trimmed_and_lowered_or_none(written: str, address: str | None) -> None:
    assert call("email", written) == address


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("7", 7),
        ("007", 7),
        ("0.8800", 0.88),
        ("1,234.50", 1234.5),
        ("1 234,50", 1234.5),
        ("12,5", 12.5),
        ("1,234", 1234),
        ("-3", -3),
        ("1\u00a0234", 1234),
        (5, 5),
        (2.5, 2.5),
        (True, None),
        ("", None),
        ("1e9", None),
        ("12,34,5", None),
        ("nan", None),
        ("inf", None),
        ("1_000", None),
        ("9" * 40, None),
        ("٣", None),
    ],
)
def test_a_number_is_read_from_text_or_none(written: object, value: object) -> None:
    assert call("number", written) == value


@pytest.mark.parametrize("written", ["1", "true", "YES", " y ", "oui", "on", "Vrai", True, 1])
def test_yes_is_said_in_several_words(written: object) -> None:
    assert call("yes", written) is True


@pytest.mark.parametrize("written", ["2", "x", "opt-out", "unsubscribed", ["yes"]])
def test_a_word_that_is_neither_yes_nor_no_is_not_taken_for_a_no(written: object) -> None:
    with pytest.raises(NeitherYesNorNo):
        call("yes", written)


@pytest.mark.parametrize("written", [None, "", "0", "no", "non", "false", "Off", False, 0])
def test_no_is_said_in_several_words_and_by_nothing(written: object) -> None:
    assert call("yes", written) is False


@pytest.mark.parametrize(
    ("values", "day"),
    [
        (("2026-06-02T23:30:00-07:00",), "2026-06-02"),
        (("2026-06-02",), "2026-06-02"),
        (("20260602",), "2026-06-02"),
        (("2026/6/2",), "2026-06-02"),
        (("02.06.2026", "dmy"), "2026-06-02"),
        (("6/2/2026", "mdy"), "2026-06-02"),
        (("2026-02-30",), None),
        (("02/06/2026",), None),
        (("26-06-02",), None),
        (("soon",), None),
        (("2026-06-02", "yy"), None),
        ((dt.date(2026, 6, 2),), "2026-06-02"),
    ],
)
def test_a_date_is_the_day_as_written(values: tuple[Any, ...], day: str | None) -> None:
    assert call("date", *values) == day


@pytest.mark.parametrize(
    ("values", "phone"),
    [
        (("514 555-0123",), "+15145550123"),
        (("+33 1 99 00 12 34",), "+33199001234"),
        (("01 99 00 12 34", "FR"), "+33199001234"),
        (("123",), None),
        (("Anonymous",), None),
        (("514 555-0123", "??"), None),
    ],
)
def test_a_phone_number_is_written_with_its_country_or_none(values: tuple[str, ...], phone: str | None) -> None:
    assert call("phone", *values) == phone


@pytest.mark.parametrize(
    ("written", "code"),
    [("QC", "QC"), ("québec", "QC"), ("Ontario", "ON"), ("ca-on", "ON"), ("Nouvelle-Écosse", "NS"), ("Texas", None)],
)
def test_a_province_is_known_by_either_language(written: str, code: str | None) -> None:
    assert call("province", written) == code


def test_a_text_that_would_fill_the_memory_is_none() -> None:
    long = "a" * (LONGEST_TEXT // 10)
    assert call("replace", long, "a", "b" * 20) is None
    assert call("join", [long] * 20) is None
    assert call("round", "5", 10**9) is None


def test_text_of_anything_without_text_is_none() -> None:
    assert call("text", "a", None) is None
    assert call("text", {"a": "b"}) is None
    assert call("text", float("inf")) is None
    assert call("text", "n", 1, True, 2.5) == "n1true2.5"
