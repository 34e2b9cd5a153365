"""Every fault of a mapping is found at once, with the key where it stands and what to do."""

from typing import Any

import pytest

from mappings.mapping import MappingError, MappingProblem, compile_mapping
from mappings.spec import MappingSpec

ACTION = frozenset({"Id", "State", "CustomerId", "Oid", "MediaPartnerName"})
CONTACT = frozenset({"email", "firstname", "groups", "language"})
COLUMNS = {"customer": frozenset({"email", "first_name"})}
CUSTOMER = {"from": "shop.customers", "key": "{{ CustomerId }}", "as": "customer"}


def problems(*, record_fields: frozenset[str] | None = ACTION, **keys: Any) -> list[MappingProblem]:
    whole = {
        "source": "impact.actions",
        "destination": "cyberimpact.contacts",
        "lookup": [CUSTOMER],
        "fields": {"email": "{{ customer.email }}"},
    } | keys
    spec = MappingSpec.model_validate(whole)
    try:
        compile_mapping(
            spec, record_fields=record_fields, draft_fields=CONTACT, key_field="email", lookup_columns=COLUMNS
        )
    except MappingError as error:
        return list(error.problems)
    return []


EMAIL = {"email": "{{ customer.email }}"}


@pytest.mark.parametrize(
    ("keys", "key", "message", "hint"),
    [
        ({"where": "Sate == 'x'"}, "where", 'no field "Sate"', '"State"'),
        ({"where": "state == 'x'"}, "where", 'no field "state"', '"State"'),
        ({"where": "lower == 'x'"}, "where", 'no field "lower"', "lower('Acme')"),
        ({"where": "lowr(State) == 'x'"}, "where", 'no function "lowr"', '"lower"'),
        ({"where": "State = 'x'"}, "where", "not an expression", ""),
        ({"where": "State == 'x' and custmer.email"}, "where", 'No lookup is called "custmer"', '"customer"'),
        ({"where": "State.city"}, "where", 'No lookup is called "State"', 'State["…"]'),
        ({"where": "customer"}, "where", "whole row", "customer.email"),
        ({"where": "customer[State]"}, "where", "whole row", ""),
        ({"retract": "customer.email == ''"}, "retract", '"customer" can\'t be read here', "the record alone"),
        ({"suppress": "customer.emial"}, "suppress", 'no column "emial"', '"email"'),
        ({"suppress": "customer['emial']"}, "suppress", 'no column "emial"', '"email"'),
        ({"lookup": [{**CUSTOMER, "key": "{{ customer.email }}"}]}, "lookup.0.key", "can't be read here", "own fields"),
        ({"lookup": [{**CUSTOMER, "key": "{{ CustomrId }}"}]}, "lookup.0.key", 'no field "CustomrId"', '"CustomerId"'),
        ({"lookup": [{**CUSTOMER, "key": "CustomerId"}]}, "lookup.0.key", "same for every record", "{{ CustomerId }}"),
        ({"lookup": [CUSTOMER, {**CUSTOMER, "as": "State"}]}, "lookup.1.as", 'has a field "State"', "another name"),
        ({"fields": {"email": "customer.email"}}, "fields.email", "same for every record", "{{ customer.email }}"),
        ({"fields": {"firstname": "{{ Id }}"}}, "fields", 'field "email" is missing', ""),
        ({"fields": EMAIL | {"firstnme": "x"}}, "fields.firstnme", 'no field "firstnme"', '"firstname"'),
        ({"fields": EMAIL | {"groups": ["x", "{{ Sate }}"]}}, "fields.groups.1", 'no field "Sate"', '"State"'),
        ({"fields": EMAIL | {"groups": {"a": "{{ Sate }}"}}}, "fields.groups.a", 'no field "Sate"', '"State"'),
        ({"fields": EMAIL | {"language": "{{ Id"}}, "fields.language", "not closed", ""),
        ({"set_once": ["email", "emial"]}, "set_once.1", '"emial" is not among the fields', '"email"'),
        ({"tests": [{"given": {"Sate": "x"}, "expect": {}}]}, "tests.0.given.Sate", 'no field "Sate"', '"State"'),
        (
            {"tests": [{"given": {}, "lookup": {"custmer": {}}, "expect": {}}]},
            "tests.0.lookup.custmer", 'No lookup is called "custmer"', '"customer"',
        ),
        (
            {"tests": [{"given": {}, "expect": {"emial": "x"}}]},
            "tests.0.expect.emial", 'no field "emial"', '"email"',
        ),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_key_with_a_hint(keys: dict[str, Any], key: str, message: str, hint: str) -> None:
    (problem,) = problems(**keys)
    assert problem.key == key
    assert message in problem.message
    assert hint in problem.hint


def test_all_faults_are_reported_at_once() -> None:
    found = problems(
        where="Sate and lowr(State)",
        retract="customer.email",
        suppress="custmer.email",
        lookup=[{**CUSTOMER, "key": "{{ Nothing }}"}],
        fields={"firstnme": "{{ Oops }}", "groups": ["{{ A }}", "{{ B }}"]},
        set_once=["x"],
    )
    assert [problem.key for problem in found] == [
        "retract", "where", "suppress", "lookup.0.key", "fields.firstnme", "fields.groups.0", "fields.groups.1",
        "fields.firstnme", "fields", "set_once.0",
    ]  # fmt: skip


def test_a_sound_mapping_has_no_faults() -> None:
    assert problems(where="Sate == 'x'", record_fields=frozenset({"Sate", "CustomerId"})) == []


def test_where_nobody_knows_the_fields_of_a_record_none_is_refused() -> None:
    assert problems(where="Anything == 'x' and Address['city']", record_fields=None) == []
    assert [problem.key for problem in problems(where="custmer.email", record_fields=None)] == ["where"]


def test_a_part_of_a_records_own_value_is_read_in_brackets() -> None:
    assert problems(where="State['city'] == 'x'") == []
