"""Consent as the vendor computes it."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.cyberimpact.sandbox.consent import add_months

RunBatch = Callable[..., dict[str, Any]]

LEA = "lea.roy@example.test"
PATH = f"/members/{LEA}/consent"


def put(api: httpx.Client, relation: str, date: str | None = "2026-01-20", proof: str = "Order 8841") -> httpx.Response:
    return api.put(PATH, json={"relationType": relation, "consentDate": date, "consentProof": proof})


@pytest.mark.parametrize(
    ("relation", "kind", "expires"),
    [
        ("express-consent", "express", None),
        ("active-clients", "implied", "2028-01-20 00:00:00.000"),
        ("information-request", "implied", "2026-07-20 00:00:00.000"),
        ("inactive-clients", "implied", None),
        ("association-members", "implied", None),
        ("business-card", "implied", None),
        ("web-contacts", "implied", None),
        ("partners", "implied", None),
        ("employees", "implied", None),
        ("mixed-list", "implied", None),
        ("contest-participants", "express", None),
        ("purchased-list", "express", None),
    ],
)
def test_type_and_expiry_follow_from_the_relation(
    api: httpx.Client, sandbox: CyberimpactSandbox, relation: str, kind: str, expires: str | None
) -> None:
    sandbox.admin.add(LEA)
    answer = put(api, relation)
    assert answer.json() == {
        "consentType": kind, "relationType": relation, "consentDate": "2026-01-20 00:00:00.000",
        "consentExpiration": expires, "consentProof": "Order 8841",
    }  # fmt: skip
    assert api.get(PATH).json() == answer.json()
    assert api.get(f"/members/{LEA}").json()["consentType"] == kind


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [("2024-02-29", 24, "2026-02-28"), ("2026-08-31", 6, "2027-02-28"), ("2026-12-15", 24, "2028-12-15")],
)
def test_terms_end_on_a_real_day(day: str, months: int, expected: str) -> None:
    assert add_months(dt.date.fromisoformat(day), months).isoformat() == expected


def test_created_member_has_an_implied_consent_without_basis(api: httpx.Client) -> None:
    api.post("/members", json={"email": LEA})
    assert api.get(PATH).json() == {
        "consentType": "implied", "relationType": None, "consentDate": None, "consentExpiration": None,
        "consentProof": "",
    }  # fmt: skip
    assert put(api, "active-clients").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"relationType": "friends"},
        {"relationType": "partners", "consentDate": "20 January"},
        {"relationType": "partners", "consentProof": "x" * 256},
        {"relationType": "partners", "consentProof": None},
    ],
)
def test_invalid_consent_is_refused(api: httpx.Client, sandbox: CyberimpactSandbox, body: dict[str, Any]) -> None:
    sandbox.admin.add(LEA)
    assert api.put(PATH, json=body).status_code == 422


def test_null_date_is_today(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.admin.add(LEA)
    sandbox.now = lambda: dt.datetime(2026, 6, 11, 2, 0, tzinfo=dt.UTC)
    assert put(api, "partners", None).json()["consentDate"] == "2026-06-10 00:00:00.000"


def test_express_is_not_overridden_by_implied(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.admin.add(LEA, relation="contest-participants", date="2025-01-01")
    assert put(api, "active-clients").status_code == 422
    assert put(api, "express-consent").status_code == 200
    assert sandbox.contacts()[LEA].consent.relation == "express-consent"


@pytest.mark.parametrize("date", ["2026-01-19", "2026-01-21"])
def test_implied_over_implied_is_taken_or_refused(api: httpx.Client, sandbox: CyberimpactSandbox, date: str) -> None:
    sandbox.admin.add(LEA, relation="active-clients", date="2026-01-20")
    assert put(api, "active-clients", date).status_code == 200
    assert str(sandbox.contacts()[LEA].consent.date) == date
    sandbox.switches.implied_over_implied = "refused"
    assert put(api, "active-clients", date).status_code == 422
    assert put(api, "express-consent", date).status_code == 200


# --- in batches ---


def consent(sandbox: CyberimpactSandbox) -> tuple[str | None, str, str]:
    known = sandbox.contacts()[LEA].consent
    return known.relation, str(known.date), known.proof


def test_rows_own_date_and_proof_go_before_the_defaults(sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    defaults = {"defaultConsentDate": "2026-02-03", "defaultConsentProof": "Export"}
    add_members({"email": LEA}, **defaults)
    assert consent(sandbox) == ("active-clients", "2026-02-03", "Export")
    add_members({"email": LEA, "consentDate": "2026-03-04", "consentProof": "Order 1"}, **defaults)
    assert consent(sandbox) == ("active-clients", "2026-03-04", "Order 1")


def test_undated_consent_is_todays_or_has_no_date(sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    add_members({"email": LEA})
    assert consent(sandbox) == ("active-clients", "2026-06-10", "")
    sandbox.switches.undated_consent = "none"
    add_members({"email": LEA})
    assert consent(sandbox) == ("active-clients", "None", "")


def test_batch_sets_an_earlier_date_as_told(sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    """So that a client that moves dates back is caught by its own tests."""
    sandbox.admin.add(LEA, relation="active-clients", date="2026-05-05", proof="Order 2")
    add_members({"email": LEA, "consentDate": "2026-01-01", "consentProof": "Order 1"})
    assert consent(sandbox) == ("active-clients", "2026-01-01", "Order 1")


def test_weaker_consent_is_a_row_error_without_effect(sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    sandbox.admin.add(LEA, relation="express-consent", date="2025-01-01", proof="Form")
    result = add_members({"email": LEA, "firstname": "Lea"})
    assert (len(result["errors"]), result["successes"]) == (1, [])
    assert sandbox.contacts()[LEA].fields == {}
    assert consent(sandbox) == ("express-consent", "2025-01-01", "Form")


def test_weaker_consent_is_silently_kept_by_switch(sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    sandbox.switches.weaker_consent = "kept"
    sandbox.admin.add(LEA, relation="express-consent", date="2025-01-01", proof="Form")
    assert add_members({"email": LEA, "firstname": "Lea"})["successes"] == [LEA]
    assert sandbox.contacts()[LEA].fields == {"firstname": "Lea"}
    assert consent(sandbox) == ("express-consent", "2025-01-01", "Form")


def test_express_replaces_implied(sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    sandbox.admin.add(LEA, relation="active-clients", date="2026-05-05")
    add_members({"email": LEA, "consentDate": "2026-01-01"}, relationType="express-consent")
    assert consent(sandbox) == ("express-consent", "2026-01-01", "")
