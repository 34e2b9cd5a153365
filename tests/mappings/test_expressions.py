from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.language import ExpressionError, compile_conditions, compile_expression

PERSON = {"email": "jo@example.test", "city": "", "tags": ["a", "b"], "First Name": "Jo", "address": {"zip": "H2X"}}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("upper(CustomerStatus) == 'NEW' and State != 'REVERSED'", True),
        ("State in ('PENDING', 'APPROVED')", True),
        ("State in {'REVERSED'}", False),
        ("number(Amount) * 2 + 1", 21.0),
        ("number(Amount) % 4 // 1 - 1 / 2", 1.5),
        ("-number(Amount)", -10.0),
        ("Missing", None),
        ("Missing is None and not Missing", True),
        ("customer.email", "jo@example.test"),
        ("customer['First Name']", "Jo"),
        ("customer.nothing", None),
        ("customer.city", None),
        ("customer['city']", None),
        ("customer.address.zip[:2]", "H2"),
        ("customer.tags[1] + customer.tags[0]", "ba"),
        ("customer.tags[7]", None),
        ("nobody.email", None),
        ("nobody.address.zip", None),
        ("Missing[:3]", None),
        ("[upper(tag) for tag in customer.tags if tag != 'a']", ["B"]),
        ("[tag for tag in Missing]", []),
        ("{'PENDING': 'open'}[State]", "open"),
        ("{'APPROVED': 'open'}[State]", None),
        ("'yes' if State == 'PENDING' else 'no'", "yes"),
        ("date('2/6/2026', order='dmy')", "2026-06-02"),
        ("State ==\n 'PENDING'", True),
        ("'é' + \"'\"", "é'"),
    ],
)
def test_an_expression_gives_its_value(source: str, value: object) -> None:
    scope = {"CustomerStatus": "new", "State": "PENDING", "Amount": "10.0", "customer": PERSON, "nobody": None}
    assert compile_expression(source)(scope) == value


def test_names_are_what_is_read_and_not_what_is_bound_or_called() -> None:
    expression = compile_expression("[lower(tag) + Suffix for tag in customer.tags if tag in Wanted]")
    assert expression.names == {"Suffix", "Wanted", "customer"}
    assert expression.paths == {("customer", "tags")}
    assert expression.bare == {"Suffix", "Wanted"}


def test_a_part_in_brackets_is_a_path_too() -> None:
    assert compile_expression("customer['First Name']").paths == {("customer", "First Name")}


def test_a_field_may_be_called_like_a_function_or_a_guard() -> None:
    scope = {"email": " Jo@Example.test", "lower": "X", "multiply": "3", "print": "p", "text": "t"}
    assert compile_expression("email(email)")(scope) == "jo@example.test"
    assert compile_expression("lower(lower) + print + text(text)")(scope) == "xpt"
    assert compile_expression("number(multiply) * 2")(scope) == 6


def test_a_bound_name_hides_a_field_inside_its_list_only() -> None:
    expression = compile_expression("[State for State in Tags] + [State]")
    assert expression.names == {"State", "Tags"}
    assert expression({"State": "s", "Tags": ["a"]}) == ["a", "s"]


def test_conditions_are_split_at_every_and_of_the_top() -> None:
    conditions = compile_conditions("(A and (B or C)) and not (D and E)")
    assert [sorted(condition.names) for condition in conditions] == [["A"], ["B", "C"], ["D", "E"]]


ESCAPES = [
    "().__class__",
    "''.__class__.__mro__[1].__subclasses__()",
    "customer.__class__",
    "customer.__dict__",
    "customer['a'].__class__",
    "[x.__class__ for x in Tags]",
    "lower.__globals__",
    "lower.__closure__[0].cell_contents",
    "__import__('os')",
    "__builtins__",
    "_getattr_",
    "_getattr_(customer, '__class__')",
    "_",
    "__debug__",
    "eval('1')",
    "exec('1')",
    "open('/etc/passwd')",
    "getattr(customer, 'x')",
    "globals()",
    "vars()",
    "type(customer)",
    "print(State)",
    "breakpoint()",
    "multiply('a', 9)",
    "lambda: 1",
    "(lambda: 1)()",
    "(y := 1)",
    "(x for x in Tags)",
    "{x for x in Tags}",
    "{x: x for x in Tags}",
    "[x for x in [y for y in Tags]]",
    "[[y for y in Tags] for x in Tags]",
    "[x for x in Tags for y in Tags]",
    "[a for a, b in Tags]",
    "[x async for x in Tags]",
    "f'{State}'",
    "f'{State:>1000000000}'",
    "State.format(State)",
    "State.upper()",
    "'{0.__class__}'.format(State)",
    "'a'.join",
    "customer.email.strip()",
    "lower(State).upper",
    "customer.gi_frame",
    "customer.f_globals",
    "[x.gi_code for x in Tags]",
    "2 ** 999999999",
    "1 << 999999999",
    "1 @ 1",
    "1 & 1",
    "~1",
    "lower(*Tags)",
    "lower(**customer)",
    "[*Tags]",
    "{**customer}",
    "b'x'",
    "1j",
    "...",
    "await State",
    "yield State",
    "import os",
    "State = 1",
    "State; State",
    "del State",
    "customer.x = 1",
    "x\x00",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_outside_the_language_can_be_reached(source: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(source)


def test_a_function_is_no_value() -> None:
    assert compile_expression("lower")({}) is None
    assert compile_expression("[lower, text]")({"text": "t"}) == [None, "t"]


@pytest.mark.parametrize(
    "source",
    [
        "'a' * 9",
        "9 * State",
        "Tags * 9",
        "'%999999999d' % 1",
        "'%s' % Tags",
        "State['format']",
        "Tags['append']",
        "number(State)['real']",
        "[x.upper for x in Tags]",
        "[x for x in State]",
        "State.upper",
    ],
)
def test_what_would_repeat_format_or_reach_into_a_value_fails_when_run(source: str) -> None:
    with pytest.raises(TypeError):
        compile_expression(source)({"State": "5", "Tags": ["a"]})


@given(name=st.sampled_from([name for kind in (str, list, dict, tuple, int) for name in dir(kind)]))
def test_no_attribute_of_a_value_is_ever_reached(name: str) -> None:
    for source in (f"customer.{name}", f"customer.row.{name}", f"[row.{name} for row in customer.rows]"):
        try:
            value = compile_expression(source)({"customer": {"row": {}, "rows": [{}]}})
        except ExpressionError:
            assert name.startswith("_")
        else:
            assert value in (None, [None])


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("lowr(State)", 'no function "lowr"', '"lower"'),
        ("State.lower()", "no methods", "lower(…)"),
        ("lower()", "too few", "lower('Acme')"),
        ("lower(State, State)", "too many", ""),
        ("date(State, sort='dmy')", "unknown values", ""),
        ("f'{State}'", "f-string", "text(…)"),
        ("State == 'x' & State", "operator &", "`and`"),
        ("{{ State == 'x' }}", "without {{ }}", ""),
        ("State = 'x'", "not an expression", ""),
        ("'\\d'", "not an expression", ""),
        ("", "no expression", ""),
        ("1 + " * 2000 + "1", "longer than", ""),
        ("(" * 1500 + ")" * 1500, "", ""),
        ("-" * 3900 + "1", "", ""),
    ],
)
def test_a_fault_is_said_in_a_sentence_with_a_hint(source: str, message: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(source)
    assert message in caught.value.message
    assert hint in caught.value.hint


@given(source=st.text(max_size=40))
def test_any_text_compiles_or_is_an_expression_error(source: str) -> None:
    with suppress(ExpressionError):
        compile_expression(source)


@given(
    source=st.lists(
        st.sampled_from(
            ["State", "customer", ".", "email", "(", ")", "[", "]", "lower", "'a'", "1", "+", "*", " and "]
        ),
        max_size=12,
    ).map("".join)
)
def test_what_compiles_only_ever_fails_as_python_does(source: str) -> None:
    try:
        expression = compile_expression(source)
    except ExpressionError:
        return
    scope: dict[str, Any] = {"State": "x", "customer": {"email": "jo@example.test"}}
    with suppress(TypeError, ValueError, ArithmeticError):
        expression(scope)
    assert scope == {"State": "x", "customer": {"email": "jo@example.test"}}
