import datetime as dt
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.mapping import CompiledMapping, FieldError, LookupRule, compile_mapping
from mappings.spec import MappingSpec

ACTION = frozenset(
    {"Id", "State", "CustomerStatus", "CustomerId", "Oid", "EventDate", "MediaPartnerName", "Amount", "Note"}
)
CONTACT = frozenset({"email", "firstname", "groups", "relationType", "consentDate", "customFields", "language"})
CUSTOMER = {"from": "shop.customers", "key": "{{ CustomerId }}", "as": "customer", "wait": "3 days"}
ORDER = {"from": "shop.orders", "key": "{{ Oid }}", "as": "customer"}
JO = {"email": "jo@example.test", "first_name": "Jo"}


def mapping(**keys: Any) -> CompiledMapping:
    whole = {
        "source": "impact.actions",
        "destination": "cyberimpact.contacts",
        "lookup": [CUSTOMER],
        "fields": {"email": "{{ customer.email }}"},
    } | keys
    spec = MappingSpec.model_validate(whole)
    return compile_mapping(spec, record_fields=ACTION, draft_fields=CONTACT, key_field="email")


def test_without_where_every_record_is_wanted() -> None:
    made = mapping()
    assert made.wants({}) is True
    assert made.purpose({}, {}) == "draft"
    assert made.retracts({}) is False
    assert made.suppressed({}, {}) is False


def test_conditions_without_a_lookup_are_tried_before_it() -> None:
    made = mapping(where="customer.first_name == 'Jo' and State == 'PENDING' and (Note or customer.email)")
    assert made.wants({"State": "PENDING"}) is True
    assert made.wants({"State": "REVERSED"}) is False
    assert made.purpose({"State": "PENDING"}, {"customer": JO}) == "draft"
    assert not made.purpose({"State": "PENDING"}, {"customer": {"first_name": "Lea"}})


def test_an_or_that_reads_a_lookup_waits_for_it_as_a_whole() -> None:
    made = mapping(where="State == 'PENDING' or customer.first_name == 'Jo'")
    assert made.wants({"State": "REVERSED"}) is True
    assert not made.purpose({"State": "REVERSED"}, {"customer": {}})


def test_retract_reads_the_record_alone() -> None:
    made = mapping(retract="State == 'REVERSED'")
    assert made.retracts({"State": "REVERSED"}) is True
    assert made.retracts({}) is False


def test_suppress_may_read_the_lookup() -> None:
    made = mapping(suppress="yes(customer.opted_out)")
    assert made.suppressed({}, {"customer": {"opted_out": "Oui"}}) is True
    assert made.suppressed({}, {"customer": {}}) is False


def test_lookups_keep_their_order_and_skip_what_has_no_key() -> None:
    made = mapping(lookup=[CUSTOMER, ORDER])
    assert made.lookups == (
        LookupRule("shop.customers", "customer", dt.timedelta(days=3)),
        LookupRule("shop.orders", "customer", None),
    )
    assert made.aliases == ("customer",)
    assert made.keys({"CustomerId": "007", "Oid": None}) == ("007", None)
    assert made.keys({"CustomerId": "", "Oid": "9"}) == (None, "9")


def test_a_key_is_text_whatever_the_expression_makes() -> None:
    made = mapping(lookup=[{**CUSTOMER, "key": "{{ number(CustomerId) }}"}])
    assert made.keys({"CustomerId": "007"}) == ("7",)


def test_what_is_read_is_known() -> None:
    made = mapping(
        where="State != 'REVERSED' and not contains(customer.tags, 'staff')",
        retract="Note == 'void'",
        suppress="yes(customer.opted_out)",
        lookup=[CUSTOMER, {**ORDER, "as": "order"}],
        fields={"email": "{{ first(customer.email, customer['E-mail']) }}", "groups": ["{{ order.shop }}", "{{ Id }}"]},
    )
    assert made.reads == {"State", "Note", "CustomerId", "Oid", "Id"}
    assert made.lookup_reads == {
        "customer": {"tags", "opted_out", "email", "E-mail"},
        "order": {"shop"},
    }
    assert made.answer_columns == {"customer": {"email", "E-mail"}}


def test_none_and_empty_fields_are_left_alone() -> None:
    made = mapping(fields={"email": "{{ customer.email }}", "firstname": "{{ customer.first_name }}", "language": ""})
    assert made.fields({}, {"customer": {"email": "jo@example.test", "first_name": ""}}) == (
        {"email": "jo@example.test"},
        0,
    )


def test_a_list_item_without_a_value_is_left_out_and_counted() -> None:
    made = mapping(
        fields={"email": "{{ customer.email }}", "groups": ["All", "Partner: {{ MediaPartnerName }}", "{{ Note }}"]}
    )
    fields, left_out = made.fields({"Note": "", "MediaPartnerName": None}, {"customer": JO})
    assert fields["groups"] == ["All"]
    assert left_out == 2


@pytest.mark.parametrize(
    "missing", [{"MediaPartnerName": "Acme"}, {"Id": "7"}, {"Id": None, "MediaPartnerName": "Acme"}]
)
def test_a_table_in_a_list_in_which_a_value_is_missing_is_left_out_and_counted(missing: dict[str, Any]) -> None:
    bound = {"key": "partner:{{ Id }}", "title": "Partner: {{ MediaPartnerName }}"}
    made = mapping(fields={"email": "{{ customer.email }}", "groups": ["All", bound]})
    fields, left_out = made.fields(missing, {"customer": JO})
    assert (fields["groups"], left_out) == (["All"], 1)
    fields, left_out = made.fields({"Id": "7", "MediaPartnerName": "Acme"}, {"customer": JO})
    assert (fields["groups"], left_out) == (["All", {"key": "partner:7", "title": "Partner: Acme"}], 0)


def test_a_list_made_by_one_expression_is_counted_in_the_same_way() -> None:
    made = mapping(fields={"email": "{{ customer.email }}", "groups": "{{ [Note, State] }}"})
    assert made.fields({"State": "S"}, {"customer": JO}) == ({"email": "jo@example.test", "groups": ["S"]}, 1)


def test_a_list_or_table_with_nothing_in_it_is_left_alone() -> None:
    made = mapping(
        fields={"email": "{{ customer.email }}", "groups": ["{{ Note }}"], "customFields": {"Last order": "{{ Oid }}"}}
    )
    assert made.fields({}, {"customer": JO}) == ({"email": "jo@example.test"}, 1)
    assert made.fields({"Oid": "7"}, {"customer": JO})[0]["customFields"] == {"Last order": "7"}


def test_a_value_keeps_its_type() -> None:
    made = mapping(
        fields={
            "email": "{{ customer.email }}",
            "customFields": {"a": "{{ number(Amount) }}", "b": 0, "c": False, "d": -1.5, "e": "{{ 0 }}"},
        }
    )
    fields, _ = made.fields({"Amount": "2"}, {"customer": JO})
    assert fields["customFields"] == {"a": 2, "b": 0, "c": False, "d": -1.5, "e": 0}


@pytest.mark.parametrize(
    ("keys", "ask", "field"),
    [
        ({"where": "number(Amount) > 3"}, lambda made: made.wants({}), "where"),
        ({"where": "customer.x > 3"}, lambda made: made.purpose({}, {"customer": {}}), "where"),
        ({"retract": "Note + 'x'"}, lambda made: made.retracts({}), "retract"),
        ({"suppress": "customer.x + 'x'"}, lambda made: made.suppressed({}, {"customer": {}}), "suppress"),
        ({"lookup": [{**CUSTOMER, "key": "{{ Oid + 'x' }}"}]}, lambda made: made.keys({}), "lookup.0.key"),
        (
            {
                "fields": {
                    "email": "{{ customer.email }}",
                    "language": "{{ 1 / number(Amount) }}",
                    "firstname": "{{ Note }}",
                }
            },
            lambda made: made.fields({"Amount": "0", "Note": "n"}, {"customer": JO}),
            "language",
        ),
    ],
)
def test_a_rule_that_fails_names_itself_and_quotes_nothing(keys: dict[str, Any], ask: Any, field: str) -> None:
    made = mapping(**keys)
    with pytest.raises(FieldError) as caught:
        ask(made)
    assert caught.value.field == field
    assert caught.value.reason
    assert caught.value.__suppress_context__


def test_a_failing_rule_never_quotes_the_record() -> None:
    made = mapping(fields={"email": "{{ customer.email }}", "firstname": "{{ customer.email / 2 }}"})
    with pytest.raises(FieldError) as caught:
        made.fields({}, {"customer": JO})
    assert "jo@" not in str(caught.value)
    assert "/" not in caught.value.reason


VALUES = st.none() | st.text(max_size=8) | st.lists(st.text(max_size=3), max_size=3) | st.dictionaries(
    st.text(max_size=3), st.text(max_size=3), max_size=3
)  # fmt: skip


@given(values=st.dictionaries(st.sampled_from(sorted(ACTION)), VALUES), row=st.dictionaries(st.just("email"), VALUES))
def test_whatever_a_record_holds_only_field_errors_come_out(values: dict[str, Any], row: dict[str, Any]) -> None:
    made = mapping(
        where="State + 'x' != Note and number(Amount) > 3 and customer.email[0] < 'z'",
        retract="Note in State",
        suppress="customer.email > 3",
        fields={
            "email": "{{ customer.email }}",
            "firstname": "{{ Note[0] + State }}",
            "groups": ["{{ [x.y for x in Note] }}", "a{{ State }}"],
            "customFields": {"x": "{{ number(Amount) / number(Oid) }}"},
        },
    )
    before = repr((values, row))
    steps = (
        lambda: made.retracts(values),
        lambda: made.wants(values),
        lambda: made.keys(values),
        lambda: made.purpose(values, {"customer": row}),
        lambda: made.suppressed(values, {"customer": row}),
        lambda: made.fields(values, {"customer": row}),
    )
    for step in steps:
        with suppress(FieldError):
            step()
    assert repr((values, row)) == before
