from typing import Any

import pytest

from mappings.mapping import FieldError, compile_mapping
from mappings.spec import MappingSpec
from mappings.testing import TestResult, run_tests

CONTACT = frozenset({"email", "firstname", "groups", "language", "customFields"})
JO = {"email": "Jo@Example.com", "first_name": "Jo"}
GIVEN = {"State": "PENDING", "CustomerId": "C1"}


def refuse_what_is_no_address(fields: dict[str, Any]) -> dict[str, Any]:
    if "@" not in fields["email"]:
        raise FieldError("email", "this is not an address")
    return fields | {"email": fields["email"].lower()}


def run(expect: Any, *, given: dict[str, Any] = GIVEN, lookup: dict[str, Any] | None = None, **keys: Any) -> TestResult:
    whole: dict[str, Any] = {
        "source": "impact.actions",
        "destination": "cyberimpact.contacts",
        "where": "State == 'PENDING' and customer.first_name != 'Staff'",
        "retract": "State == 'REVERSED'",
        "suppress": "yes(customer.opted_out)",
        "lookup": [{"from": "shop.customers", "key": "{{ CustomerId }}", "as": "customer"}],
        "fields": {
            "email": "{{ customer.email }}",
            "firstname": "{{ customer.first_name }}",
            "groups": ["B", "A"],
            "customFields": {"n": "{{ number(CustomerId[1:]) }}"},
        },
        "tests": [{"given": given, "lookup": {"customer": JO} if lookup is None else lookup, "expect": expect}],
    } | keys
    spec = MappingSpec.model_validate(whole)
    made = compile_mapping(spec, record_fields=None, draft_fields=CONTACT, key_field="email")
    (result,) = run_tests(made, spec.tests, refuse_what_is_no_address)
    return result


def test_a_test_compares_only_what_it_names() -> None:
    assert run({"email": "jo@example.com"}) == TestResult(0, "test 1", True, ())


def test_lists_are_compared_in_any_order_and_scalars_as_text() -> None:
    assert run({"groups": ["A", "B"], "customFields": {"n": "1"}}).passed
    assert not run({"groups": ["A"]}).passed


@pytest.mark.parametrize(
    ("groups", "passed"),
    [
        (["All", "Partner: C1"], True),
        (["All", {"key": "c:C1", "title": "Partner: C1"}], True),
        (["All"], False),
        (["All", "c:C1"], False),
        (["All", {"key": "c:C2", "title": "Partner: C1"}], False),
        (["All", "Partner: C1", {"key": "c:C1", "title": "Partner: C1"}], False),
    ],
)
def test_a_table_in_a_list_is_named_by_its_title_or_written_out(groups: list[Any], passed: bool) -> None:
    made = ["All", {"key": "c:{{ CustomerId }}", "title": "Partner: {{ CustomerId }}"}]
    fields = {"email": "{{ customer.email }}", "groups": made}
    assert run({"groups": groups}, fields=fields).passed is passed


def test_a_table_that_differs_is_told_in_the_words_of_the_file() -> None:
    fields = {"email": "{{ customer.email }}", "groups": [{"key": "{{ CustomerId }}", "title": "A"}]}
    result = run({"groups": ["B", {"key": "x", "title": "A"}]}, fields=fields)
    assert result.differences == (
        'groups: expected ["B", { key = "x", title = "A" }], got [{ key = "C1", title = "A" }]',
    )


def test_empty_means_not_set() -> None:
    assert run({"language": ""}).passed
    assert not run({"firstname": ""}).passed


def test_a_difference_is_told_with_both_values() -> None:
    result = run({"email": "lea@example.com", "language": "fr_ca"})
    assert not result.passed
    assert result.differences == (
        'email: expected "lea@example.com", got "jo@example.com"',
        'language: expected "fr_ca", got nothing',
    )


@pytest.mark.parametrize(
    ("given", "lookup", "fate"),
    [
        ({**GIVEN, "State": "REVERSED"}, None, "retracted"),
        ({**GIVEN, "State": "APPROVED"}, None, "filtered"),
        (GIVEN, {"customer": {**JO, "first_name": "Staff"}}, "filtered"),
        (GIVEN, {"customer": {**JO, "opted_out": True}}, "suppressed"),
        (GIVEN, {}, "waiting"),
        (GIVEN, {"customer": {"first_name": "Jo", "email": ""}}, "waiting"),
        ({"State": "PENDING"}, None, "rejected"),
        (GIVEN, {"customer": {**JO, "email": "jo"}}, "rejected"),
        ({**GIVEN, "CustomerId": ["C1"]}, None, "rejected"),
    ],
)
def test_a_test_may_expect_a_fate(given: dict[str, Any], lookup: dict[str, Any] | None, fate: str) -> None:
    assert run(fate, given=given, lookup=lookup).passed
    other = "filtered" if fate != "filtered" else "waiting"
    assert not run(other, given=given, lookup=lookup).passed
    assert fate in run({}, given=given, lookup=lookup).differences[0]


def test_a_draft_where_a_fate_was_expected_is_a_difference() -> None:
    assert run("filtered").differences == ('expected "filtered", but it makes a draft',)


def test_given_values_are_text_as_a_stream_hands_them_over() -> None:
    assert run({"customFields": {"n": 7}}, given={"State": "PENDING", "CustomerId": 17}).passed


def test_a_fault_of_the_program_is_no_rejection() -> None:
    spec = MappingSpec.model_validate(
        {
            "source": "a.b",
            "destination": "c.d",
            "fields": {"email": "{{ Mail }}"},
            "tests": [{"name": "x", "given": {"Mail": "jo@example.com"}, "expect": "rejected"}],
        }
    )
    made = compile_mapping(spec, record_fields=None, draft_fields=CONTACT, key_field="email")

    def broken(fields: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("firstname")

    with pytest.raises(KeyError):
        run_tests(made, spec.tests, broken)
