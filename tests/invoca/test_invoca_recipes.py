"""The recipes about calls pass their own tests against the real destinations."""

import datetime as dt
import tomllib
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.cyberimpact.contact_fields import ContactFields
from connectors.cyberimpact.fields import Calendar
from connectors.cyberimpact.fields import make_draft as make_contact
from connectors.impact.calls_fields import CallFields, make_draft
from mappings.recipes import recipe_text
from mappings.testing import run_tests
from tests.invoca.recipes import compiled, recipe

ANONYMOUS = "{{ default(calling_phone_number, '000-000-0000') }}"
CALENDAR = Calendar(ZoneInfo("America/Toronto"), dt.date(2026, 7, 14))


def test_calls_to_impact_passes_its_own_tests() -> None:
    spec, rule = compiled("invoca-calls-to-impact", CallFields, "CallSessionId")

    def draft(fields: dict[str, Any]) -> dict[str, Any]:
        return dict(make_draft(fields, any_postal_code=False).fields)

    results = run_tests(rule, spec.tests, draft)
    assert len(results) == 5
    assert [result.differences for result in results] == [()] * 5


def test_callers_to_cyberimpact_passes_its_own_tests() -> None:
    spec, rule = compiled("callers-to-cyberimpact", ContactFields, "email")

    def draft(fields: dict[str, Any]) -> dict[str, Any]:
        made = make_contact(fields, CALENDAR)
        assert made.consent is not None
        consent = {"relationType": made.consent.basis, "consentDate": made.consent.date}
        return {"email": made.key, "groups": made.groups, **made.fields, **consent}

    results = run_tests(rule, spec.tests, draft)
    assert len(results) == 5
    assert [result.differences for result in results] == [()] * 5


def test_a_call_is_consent_for_six_months_and_never_express() -> None:
    fields = recipe("callers-to-cyberimpact")["fields"]
    made = make_contact(
        {
            "email": "jo@example.com",
            "relationType": fields["relationType"],
            "consentDate": "2026-06-02T10:00:00-07:00",
            "consentProof": "Invoca call 1",
        },
        CALENDAR,
    )
    assert made.consent is not None
    assert (made.consent.express, made.consent.expires) == (False, dt.date(2026, 12, 2))


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"connect_duration": "1", "hangup_cause": "IVR: Hang-up"}, "ANSWER"),
        ({"hangup_cause": "Destination: No Answer"}, "CANCEL"),
        ({"hangup_cause": "Destination: Error (503 or Fast Busy)"}, "CONGESTION"),
        ({"hangup_cause": "Destination: Number Not In Service"}, "INCOMPLETE"),
        ({"hangup_cause": "IVR: Hang-up"}, "IVR_DROPOFF"),
        ({"hangup_cause": "Caller: Hang-up", "ivr_duration": "20"}, "IVR_DROPOFF"),
        ({"hangup_cause": "Caller: Hang-up", "ivr_duration": "5"}, "CANCEL"),
        ({"hangup_cause": "Unknown: Unknown Cause"}, "FAILURE"),
        ({"hangup_cause": None}, "FAILURE"),
        ({"hangup_cause": None, "destination_phone_number": None}, "NO_TRANSFER_ATTEMPT"),
        ({"hangup_cause": None, "calling_phone_number": None}, "UNKNOWN_CALLERID"),
    ],
)
def test_every_ending_of_a_call_has_a_status(values: dict[str, Any], status: str) -> None:
    _, rule = compiled("invoca-calls-to-impact", CallFields, "CallSessionId")
    numbers = {"calling_phone_number": "866-555-0134", "destination_phone_number": "866-555-0199"}
    call = {"complete_call_id": "1", "duration": "20", "signals": [], "connect_duration": None, **numbers, **values}
    fields, _ = rule.fields(call, {})
    assert fields["CallStatus"] == status


def test_an_anonymous_caller_is_reported_where_that_is_wanted() -> None:
    """As the recipe says it in a comment."""
    fields = {**recipe("invoca-calls-to-impact")["fields"], "CallerId": ANONYMOUS}
    where = "affiliate_id_from_network and destination_phone_number"
    _, rule = compiled("invoca-calls-to-impact", CallFields, "CallSessionId", where=where, fields=fields)
    call = {
        "complete_call_id": "1",
        "affiliate_id_from_network": "39787",
        "start_time_xml": "2026-02-03T06:43:15-08:00",
        "destination_phone_number": "866-555-0199",
        "duration": "20",
        "connect_duration": "0",
        "signals": [],
    }
    made, _ = rule.fields(call, {})
    draft = make_draft(made, any_postal_code=False)
    assert (draft.fields["CallerId"], draft.fields["CallStatus"]) == ("000-000-0000", "UNKNOWN_CALLERID")
    assert ANONYMOUS in recipe_text("invoca-calls-to-impact")


def test_callers_whom_the_shop_does_not_know_are_taken_by_their_reported_address_alone() -> None:
    """As the recipe says it in a comment."""
    lines = recipe_text("callers-to-cyberimpact").splitlines()
    told = "\n".join(line.removeprefix("#   ") for line in lines if line.startswith("#   "))
    table = tomllib.loads(told[told.index("[mappings.callers-by-reported-address]") :])
    beside = table["mappings"]["callers-by-reported-address"]
    name = beside.pop("use")
    _, rule = compiled(name, ContactFields, "email", **beside)
    call = {
        "complete_call_id": "1",
        "start_time_xml": "2026-06-02T10:00:00-07:00",
        "email_address": "Jo@Example.com",
    }
    made, _ = rule.fields(call, {})
    contact = make_contact(made, CALENDAR)
    assert (contact.key, contact.groups) == ("jo@example.com", ("Callers",))
    assert contact.consent is not None
    assert contact.consent.basis == "information-request"
