from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.language import ExpressionError, compile_template


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("active-clients", "active-clients"),
        ("", ""),
        ("Partner: {{ Name }}", "Partner: Acme"),
        ("{{ Name }}/{{ Id }}", "Acme/7"),
        ("{{ Name }}", "Acme"),
        ("{{Name}}", "Acme"),
        ("{{ number(Id) }}", 7),
        ("{{ Id == '7' }}", True),
        ("{{ split('a,b') }}", ["a", "b"]),
        (" {{ number(Id) }}", " 7"),
        ("Partner: {{ Missing }}", None),
        ("{{ Name }} {{ Missing }}", None),
        ("Partner: {{ default(Missing, 'none') }}", "Partner: none"),
        ("{{ Name }}{{ default(Missing, '') }}", "Acme"),
        ("{{ {'a': {'b': Name}}['a']['b'] }}", "Acme"),
        ("{{ {'a': Name}}} {{ '}}' }} }}", None),
        ("{{ '}}' + Name }}", "}}Acme"),
        ("{{ '{{' }}", "{{"),
        ("a }} b", "a }} b"),
        ("a { b } {{ Name }}", "a { b } Acme"),
    ],
)
def test_a_text_gives_its_value(text: str, value: object) -> None:
    assert compile_template(text)({"Name": "Acme", "Id": "7"}) == value


def test_a_template_knows_what_it_reads() -> None:
    template = compile_template("{{ customer.first }} {{ lower(Name) }} of {{ customer.city }}")
    assert template.names == {"customer", "Name"}
    assert template.paths == {("customer", "first"), ("customer", "city")}
    assert template.bare == {"Name"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ Name", "not closed"),
        ("{{ }}", "no expression"),
        ("{{ Name + }}", "not an expression"),
        ("a {{ lowr(Name) }}", "no function"),
        ("{{ Name.upper() }}", "no methods"),
        ("{{ a }} {{ b", "not closed"),
    ],
)
def test_a_fault_in_a_text_is_an_expression_error(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        compile_template(text)


@given(text=st.text().filter(lambda text: "{{" not in text))
def test_a_text_without_braces_is_itself(text: str) -> None:
    assert compile_template(text)({}) == text


@given(before=st.text(alphabet="ab {}'", max_size=6), after=st.text(alphabet="ab {}'", max_size=6))
def test_any_text_around_an_expression_compiles_or_is_an_expression_error(before: str, after: str) -> None:
    with suppress(ExpressionError):
        compile_template(f"{before}{{{{ Name }}}}{after}")


@given(value=st.text(min_size=1))
def test_a_value_is_never_read_as_an_expression(value: str) -> None:
    assert compile_template("<{{ Name }}>")({"Name": value}) == f"<{value}>"
    assert compile_template("{{ '{{ Name }}' }}")({"Name": value}) == "{{ Name }}"
