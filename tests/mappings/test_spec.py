import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from mappings.spec import LookupSpec, MappingSpec, TestSpec

LEAST: dict[str, Any] = {"source": "impact.actions", "destination": "cyberimpact.contacts", "fields": {}}
LOOKUP: dict[str, Any] = {"from": "shop.customers", "key": "{{ Id }}", "as": "customer"}


def test_the_least_mapping_has_quiet_defaults() -> None:
    spec = MappingSpec.model_validate(LEAST)
    assert (spec.schedule, spec.start, spec.where, spec.retract, spec.suppress) == (None,) * 5
    assert (spec.options, spec.lookup, spec.set_once, spec.tests) == ({}, [], [], [])


def test_a_lookup_waits_as_long_as_it_says() -> None:
    assert LookupSpec.model_validate(LOOKUP).wait is None
    assert LookupSpec.model_validate({**LOOKUP, "wait": "3 days"}).wait == dt.timedelta(days=3)


@pytest.mark.parametrize("day", ["2026-06-01", dt.date(2026, 6, 1)])
def test_start_is_a_day(day: object) -> None:
    assert MappingSpec.model_validate({**LEAST, "start": day}).start == dt.date(2026, 6, 1)


@pytest.mark.parametrize(
    "expect", [{"email": "jo@example.com"}, "filtered", "retracted", "suppressed", "rejected", "waiting"]
)
def test_a_test_expects_fields_or_a_fate(expect: object) -> None:
    assert TestSpec.model_validate({"given": {}, "expect": expect}).expect == expect


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ({"source": "impact"}, ("source",)),
        ({"destination": "a.b.c"}, ("destination",)),
        ({"source": ".x"}, ("source",)),
        ({"start": 2026}, ("start",)),
        ({"start": dt.datetime(2026, 6, 1, tzinfo=dt.UTC)}, ("start",)),
        ({"start": "soon"}, ("start",)),
        ({"wher": "x"}, ("wher",)),
        ({"where": 1}, ("where",)),
        ({"fields": {"email": ["a", ["b"]]}}, ("fields", "email")),
        ({"fields": {"email": {"a": {"b": "c"}}}}, ("fields", "email")),
        ({"lookup": [{**LOOKUP, "as": "a b"}]}, ("lookup", 0, "as")),
        ({"lookup": [{**LOOKUP, "as": "if"}]}, ("lookup", 0, "as")),
        ({"lookup": [{**LOOKUP, "as": "_x"}]}, ("lookup", 0, "as")),
        ({"lookup": [{**LOOKUP, "wait": "soon"}]}, ("lookup", 0, "wait")),
        ({"lookup": [{**LOOKUP, "wait": 3}]}, ("lookup", 0, "wait")),
        ({"lookup": [{**LOOKUP, "from": "customers"}]}, ("lookup", 0, "from")),
        ({"tests": [{"given": {}, "expect": "dropped"}]}, ("tests", 0, "expect")),
        ({"tests": [{"given": {}, "expect": ["filtered"]}]}, ("tests", 0, "expect")),
    ],
)
def test_a_wrong_form_is_one_fault_at_its_key_without_its_value(keys: dict[str, Any], place: tuple[Any, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        MappingSpec.model_validate({**LEAST, **keys})
    (error,) = caught.value.errors()
    assert error["loc"] == place
    assert "input_value" not in str(caught.value)
