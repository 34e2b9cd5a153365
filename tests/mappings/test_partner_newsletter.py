"""The recipe `partner-newsletter`, with the connectors that it is for: its fields exist, and its tests hold."""

import datetime as dt
import tomllib
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.cyberimpact.contact_fields import ContactFields
from connectors.cyberimpact.fields import Calendar, make_draft
from connectors.impact.partners import ADDED_FIELDS, CONTACT_FIELDS
from mappings.mapping import compile_mapping
from mappings.recipes import recipe_text
from mappings.spec import MappingSpec
from mappings.testing import run_tests
from syncengine.contracts import Draft
from syncengine.errors import Rejected

CALENDAR = Calendar(ZoneInfo("America/Toronto"), dt.date(2026, 7, 14))


@pytest.fixture
def spec() -> MappingSpec:
    return MappingSpec.model_validate(
        tomllib.loads(recipe_text("partner-newsletter"))["mappings"]["partner-newsletter"]
    )


def drafted(fields: Mapping[str, Any]) -> Draft:
    return make_draft(fields, CALENDAR)


def test_it_reads_fields_that_there_are_and_passes_its_own_tests(spec: MappingSpec) -> None:
    compiled = compile_mapping(
        spec,
        record_fields=CONTACT_FIELDS | ADDED_FIELDS,
        draft_fields=frozenset(ContactFields.model_fields),
        key_field="email",
    )

    def draft(fields: dict[str, Any]) -> dict[str, Any]:
        return fields | {"email": drafted(fields).key}

    results = run_tests(compiled, spec.tests, draft)
    assert [result.differences for result in results] == [()] * 3


def test_the_consent_that_it_states_is_implied_and_dated_by_the_program() -> None:
    given = {
        "email": "zoe@example.com",
        "relationType": "partners",
        "consentDate": "2025-09-17T01:00:00-07:00",
        "consentProof": "impact.com partner contact M2751",
    }
    consent = drafted(given).consent
    assert consent is not None
    assert (consent.express, consent.date) == (False, dt.date(2025, 9, 17))


def test_a_contact_whose_company_has_no_date_is_rejected(spec: MappingSpec) -> None:
    """`consentDate` of the recipe is None then: no day is made up."""
    assert spec.fields["consentDate"] == "{{ PartnerSince }}"
    with pytest.raises(Rejected) as caught:
        drafted({"email": "max@example.com", "relationType": "partners", "consentDate": None, "consentProof": "x"})
    assert (caught.value.field, caught.value.code) == ("consentDate", "missing")
