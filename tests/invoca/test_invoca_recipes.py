"""The recipes about calls pass their own tests against the real destinations."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from connectors.cyberimpact.fields import Calendar, ContactFields
from connectors.cyberimpact.fields import make_draft as make_contact
from connectors.impact.calls_fields import CallFields, make_draft
from mappings.testing import run_tests
from tests.invoca.recipes import compiled, recipe

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


def test_every_ending_of_a_call_has_a_status() -> None:
    _, rule = compiled("invoca-calls-to-impact", CallFields, "CallSessionId")
    base = {"complete_call_id": "1", "duration": "20", "signals": [], "connect_duration": None}
    found = {}
    for cause, ivr in [
        ("Destination: No Answer", None),
        ("Destination: Error (503 or Fast Busy)", None),
        ("Destination: Number Not In Service", None),
        ("IVR: Hang-up", None),
        ("Caller: Hang-up", "20"),
        ("Caller: Hang-up", "5"),
        ("Unknown: Unknown Cause", None),
        (None, None),
    ]:
        fields, _ = rule.fields({**base, "hangup_cause": cause, "ivr_duration": ivr}, {})
        found[cause, ivr] = fields["CallStatus"]
    assert list(found.values()) == [
        "CANCEL", "CONGESTION", "INCOMPLETE", "IVR_DROPOFF", "IVR_DROPOFF", "CANCEL", "FAILURE", "FAILURE",
    ]  # fmt: skip
    answered, _ = rule.fields({**base, "connect_duration": "1", "hangup_cause": "IVR: Hang-up"}, {})
    assert answered["CallStatus"] == "ANSWER"
