"""`renew`: a record that `where` leaves out may renew the consent of somebody, and does nothing else."""

from typing import Any

import pytest

from mappings.mapping import CompiledMapping, FieldError, MappingError, compile_mapping
from mappings.spec import MappingSpec
from mappings.testing import run_tests

FIELDS = frozenset({"email", "firstname", "consentDate"})
ACTION = frozenset({"Id", "State", "CustomerStatus", "CustomerId", "EventDate"})
WHOLE: dict[str, Any] = {
    "source": "impact.actions",
    "destination": "cyberimpact.contacts",
    "where": "CustomerStatus == 'NEW' and customer.kind != 'staff'",
    "renew": "State != 'REVERSED' and customer.kind != 'press'",
    "retract": "CustomerId == 'gone'",
    "lookup": [{"from": "shop.customers", "key": "{{ CustomerId }}", "as": "customer"}],
    "fields": {"email": "{{ customer.email }}", "consentDate": "{{ EventDate }}"},
}
JO = {"customer": {"email": "jo@example.test"}}


def spec(**keys: Any) -> MappingSpec:
    return MappingSpec.model_validate(WHOLE | keys)


def compiled(**keys: Any) -> CompiledMapping:
    return compile_mapping(spec(**keys), record_fields=ACTION, draft_fields=FIELDS, key_field="email")


def test_what_where_leaves_out_is_for_renewing() -> None:
    made = compiled()
    old = {"CustomerStatus": "OLD", "State": "PENDING"}
    assert not made.wants(old)
    assert made.may_renew(old)
    assert made.purpose(old, JO) == "renewal"
    assert made.purpose({"CustomerStatus": "NEW", "State": "PENDING"}, JO) == "draft"


def test_where_comes_before_renew_and_one_that_a_lookup_decides_too() -> None:
    made = compiled()
    new = {"CustomerStatus": "NEW", "State": "PENDING"}
    assert made.purpose(new, {"customer": {"kind": "staff"}}) == "renewal"
    assert made.purpose(new, {"customer": {"kind": "press"}}) == "draft"
    assert made.purpose({"State": "PENDING"}, {"customer": {"kind": "press"}}) == ""


def test_nobody_is_looked_up_for_a_record_that_neither_can_want() -> None:
    made, nothing = compiled(), {"CustomerStatus": "OLD", "State": "REVERSED"}
    assert not made.wants(nothing)
    assert not made.may_renew(nothing)
    assert not compiled(renew=None).may_renew({})


def test_what_renew_reads_is_read_of_the_record_and_of_the_lookup() -> None:
    made = compiled(renew="State != 'REVERSED' and customer.vip")
    assert "State" in made.reads
    assert made.lookup_reads["customer"] == {"vip", "email", "kind"}


def test_a_renew_that_fails_names_itself() -> None:
    made = compiled(renew="number(State) > 3")
    with pytest.raises(FieldError) as caught:
        made.may_renew({"CustomerStatus": "OLD"})
    assert caught.value.field == "renew"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"renew": "Sate != 'x'"}, 'no field "Sate"'),
        ({"renew": "custmer.email"}, 'No lookup is called "custmer"'),
        ({"renew": "uper(State)"}, "uper"),
        ({"renew": "True", "where": None}, "Without `where`"),
    ],
)
def test_a_renew_that_can_not_work_is_a_fault_with_its_key(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(MappingError) as caught:
        compiled(**keys)
    (problem,) = caught.value.problems
    assert problem.key == "renew"
    assert message in problem.message


@pytest.mark.parametrize(
    ("given", "expect", "passed"),
    [
        ({"CustomerStatus": "OLD"}, "renewed", True),
        ({"CustomerStatus": "NEW"}, "renewed", False),
        ({"CustomerStatus": "OLD"}, "filtered", False),
        ({"CustomerStatus": "OLD", "State": "REVERSED"}, "filtered", True),
        ({"CustomerStatus": "OLD", "CustomerId": "gone"}, "retracted", True),
        ({"CustomerStatus": "OLD"}, {"email": "jo@example.test"}, False),
    ],
)
def test_a_test_of_a_mapping_says_renewed(given: dict[str, str], expect: Any, passed: bool) -> None:
    test = {"given": {"CustomerId": "C1", "State": "PENDING", **given}, "lookup": JO, "expect": expect}
    (result,) = run_tests(compiled(), spec(tests=[test]).tests, lambda fields: fields)
    assert result.passed is passed


def test_what_the_destination_refuses_is_rejected_and_not_renewed() -> None:
    def refuse(fields: dict[str, Any]) -> dict[str, Any]:
        raise FieldError("email", "this is no address")

    test = {"given": {"CustomerStatus": "OLD", "CustomerId": "C1"}, "lookup": JO, "expect": "rejected"}
    (result,) = run_tests(compiled(), spec(tests=[test]).tests, refuse)
    assert result.differences == ()
