"""Contacts by single calls."""

from typing import Any

import httpx
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox

LEA = "lea.roy@example.test"


@pytest.fixture
def groups(sandbox: CyberimpactSandbox) -> list[int]:
    return [sandbox.admin.create_group("One"), sandbox.admin.create_group("Two")]


def post(api: httpx.Client, email: str = LEA, **fields: Any) -> httpx.Response:
    return api.post("/members", json={"email": email, **fields})


def test_created_member_has_the_fields_of_the_page(
    api: httpx.Client, sandbox: CyberimpactSandbox, groups: list[int]
) -> None:
    orders = sandbox.admin.add_custom_field("Orders", "integer")
    answer = post(
        api, firstname="Lea", language="fr_ca", postalCode="H2X 1Y4", country="CA", birthdate="1991-03-08",
        groups=",".join(map(str, groups)), customFields={str(orders): 42}, phone="not in the schema",
    )  # fmt: skip
    assert answer.status_code == 201
    row = answer.json()
    assert row == {
        "id": row["id"], "email": LEA, "firstname": "Lea", "lastname": "", "company": "", "note": "", "gender": "",
        "language": "fr_ca", "postalCode": "H2X 1Y4", "country": "CA", "birthdate": "1991-03-08",
        "joinedOn": "2026-06-10 11:00:00.000", "updatedOn": None, "consentType": "implied",
        "mailingsReceived": 0, "mailingsOpened": 0, "mailingsClicked": 0, "customFields": {str(orders): 42},
    }  # fmt: skip
    assert api.get(f"/members/{row['id']}").json() == row
    assert sandbox.contacts()[LEA].groups == {"One", "Two"}


@pytest.mark.parametrize(
    "fields",
    [
        {"email": None},
        {"email": "not-an-address"},
        {"language": "fr"},
        {"country": "Canada"},
        {"gender": "x"},
        {"birthdate": "1991-02-30"},
        {"birthdate": None},
        {"firstname": 5},
        {"note": "x" * 256},
        {"groups": [1]},
        {"groups": "1,x"},
        {"groups": "999999"},
        {"customFields": {"999": "there is none"}},
        {"customFields": {"name": "x"}},
        {"customFields": []},
    ],
)
def test_invalid_value_is_refused_and_nothing_created(
    api: httpx.Client, sandbox: CyberimpactSandbox, fields: dict[str, Any]
) -> None:
    assert api.post("/members", json={"email": LEA, **fields}).status_code == 422
    assert sandbox.contacts() == {}


def test_email_is_mandatory(api: httpx.Client) -> None:
    assert api.post("/members", json={"firstname": "Lea"}).status_code == 422
    assert api.post("/members", json=[]).status_code == 422


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("integer", [7, "7"], ["seven", 7.5]),
        ("decimal number", [7, 7.5, "7.50"], ["x", "7,5"]),
        ("date", ["2026-01-31"], ["31/01/2026", 7]),
        ("text", ["anything", 7], ["x" * 256]),
    ],
)
def test_custom_values_fit_their_type(
    api: httpx.Client, sandbox: CyberimpactSandbox, kind: Any, good: list[Any], bad: list[Any]
) -> None:
    number = str(sandbox.admin.add_custom_field("Field", kind))
    for index, value in enumerate(good):
        assert post(api, f"good{index}@example.test", customFields={number: value}).status_code == 201
    for index, value in enumerate([*bad, None, True]):
        assert post(api, f"bad{index}@example.test", customFields={number: value}).status_code == 422


@pytest.mark.parametrize("status", [409, 422])
def test_existing_address_is_refused_in_any_case(api: httpx.Client, sandbox: CyberimpactSandbox, status: Any) -> None:
    sandbox.switches.create_existing = status
    post(api, firstname="Lea")
    assert post(api, LEA.upper(), firstname="Other").status_code == status
    assert sandbox.contacts()[LEA].fields == {"firstname": "Lea"}


def test_addresses_by_case_are_two_contacts_by_switch(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    post(api)
    sandbox.switches.email_case = "sensitive"
    assert post(api, LEA.upper()).status_code == 201
    assert set(sandbox.contacts()) == {LEA, LEA.upper()}
    assert api.get("/members/Lea.Roy@example.test").status_code == 404


def test_key_is_percent_encoded(api: httpx.Client) -> None:
    post(api, "a+b/c%d@example.test")
    assert api.get("/members/a%2Bb%2Fc%25d%40example.test").json()["email"] == "a+b/c%d@example.test"
    assert api.get("/members/a+b%2Fc%25d@example.test").status_code == 200


# --- put, patch, delete ---


def test_put_resets_what_it_does_not_name(api: httpx.Client, sandbox: CyberimpactSandbox, groups: list[int]) -> None:
    orders = str(sandbox.admin.add_custom_field("Orders", "integer"))
    post(api, firstname="Lea", lastname="Roy", groups=str(groups[0]), customFields={orders: 1})
    row = api.put(f"/members/{LEA}", json={"email": LEA, "lastname": "Royer"}).json()
    assert (row["firstname"], row["lastname"], row["customFields"]) == ("", "Royer", {})
    assert row["updatedOn"] == "2026-06-10 11:00:00.000"
    assert sandbox.contacts()[LEA].groups == {"One"}
    assert api.put(f"/members/{LEA}", json={"lastname": "Roy"}).status_code == 422


def test_put_drops_groups_by_switch(api: httpx.Client, sandbox: CyberimpactSandbox, groups: list[int]) -> None:
    post(api, groups=str(groups[0]))
    sandbox.switches.put_drops_groups = True
    api.put(f"/members/{LEA}", json={"email": LEA})
    assert sandbox.contacts()[LEA].groups == set()


def test_patch_keeps_what_it_does_not_name_and_wipes_what_is_empty(
    api: httpx.Client, sandbox: CyberimpactSandbox
) -> None:
    orders = str(sandbox.admin.add_custom_field("Orders", "integer"))
    post(api, firstname="Lea", lastname="Roy", customFields={orders: 1})
    row = api.patch(f"/members/{LEA}", json={"lastname": ""}).json()
    assert (row["firstname"], row["lastname"], row["customFields"]) == ("Lea", "", {orders: 1})
    assert api.patch(f"/members/{LEA}", json={"customFields": {orders: ""}}).json()["customFields"] == {}


def test_patch_may_change_the_address_but_consent_stays_with_the_old_one(
    api: httpx.Client, sandbox: CyberimpactSandbox
) -> None:
    sandbox.admin.add(LEA, relation="express-consent", date="2026-01-01")
    post(api, "taken@example.test")
    assert api.patch(f"/members/{LEA}", json={"email": "TAKEN@example.test"}).status_code == 409
    assert api.patch(f"/members/{LEA}", json={"email": "new@example.test"}).json()["consentType"] == "implied"
    assert api.get(f"/members/{LEA}").status_code == 404


def test_delete_echoes_the_key(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    post(api)
    assert api.delete(f"/members/{LEA}").json() == {LEA: "deleted"}
    assert api.delete(f"/members/{LEA}").status_code == 404
    assert sandbox.contacts() == {}


# --- unsubscribed and bounced ---


def test_unsubscribing_is_idempotent(api: httpx.Client) -> None:
    post(api)
    first = api.post(f"/members/unsubscribed/{LEA}").json()
    assert first["isNewUnsubscription"] is True
    assert first["unsubscribedOn"] == "2026-06-10 11:00:00.000"
    assert "id" not in first
    assert api.post(f"/members/unsubscribed/{LEA}").json()["isNewUnsubscription"] is False
    assert api.get(f"/members/unsubscribed/{LEA}").json()["email"] == LEA
    assert api.post("/members/unsubscribed/nobody@example.test").status_code == 404


def test_unsubscribed_one_is_found_by_email_only(api: httpx.Client) -> None:
    number = post(api).json()["id"]
    assert api.get(f"/members/unsubscribed/{LEA}").status_code == 404
    api.post(f"/members/unsubscribed/{number}")
    assert api.get(f"/members/unsubscribed/{number}").status_code == 404


def suppress(sandbox: CyberimpactSandbox, how: str) -> None:
    sandbox.admin.add(LEA, fields={"firstname": "Lea"}, relation="express-consent", date="2026-01-01")
    getattr(sandbox.admin, how)(LEA)


@pytest.mark.parametrize("how", ["unsubscribe", "bounce"])
@pytest.mark.parametrize(
    ("switch", "status", "state", "name"),
    [
        ("refused", 409, "off", "Lea"),
        ("silent", 201, "off", "Lea"),
        ("revives", 201, "subscribed", "New"),
    ],
)
def test_adding_a_suppressed_address(
    api: httpx.Client, sandbox: CyberimpactSandbox, how: str, switch: Any, status: int, state: str, name: str
) -> None:
    suppress(sandbox, how)
    sandbox.switches.add_suppressed = switch
    assert post(api, firstname="New").status_code == status
    known = sandbox.contacts()[LEA]
    assert (known.state == "subscribed") == (state == "subscribed")
    assert known.fields == {"firstname": name}
    assert known.consent.express == (state == "off")


@pytest.mark.parametrize(("switch", "status"), [("hidden", 404), ("shown", 200)])
def test_reading_a_suppressed_member(api: httpx.Client, sandbox: CyberimpactSandbox, switch: Any, status: int) -> None:
    suppress(sandbox, "unsubscribe")
    sandbox.switches.read_suppressed = switch
    paths = ("", "/consent", "/groups")
    assert [api.get(f"/members/{LEA}{path}").status_code for path in paths] == [status] * 3


@pytest.mark.parametrize(
    ("switch", "status", "joined"), [("refused", 422, False), ("silent", 200, False), ("revives", 200, True)]
)
def test_group_call_for_a_suppressed_member(
    api: httpx.Client, sandbox: CyberimpactSandbox, groups: list[int], switch: Any, status: int, joined: bool
) -> None:
    suppress(sandbox, "unsubscribe")
    sandbox.switches.read_suppressed = "shown"
    sandbox.switches.add_suppressed = switch
    assert api.post(f"/members/{LEA}/groups", json={"groups": str(groups[0])}).status_code == status
    known = sandbox.contacts()[LEA]
    assert (known.state, bool(known.groups)) == ("subscribed" if joined else "unsubscribed", joined)


@pytest.mark.parametrize(("forgets", "status"), [(True, 201), (False, 409)])
def test_deleting_forgets_the_unsubscribe_or_not(
    api: httpx.Client, sandbox: CyberimpactSandbox, forgets: bool, status: int
) -> None:
    suppress(sandbox, "unsubscribe")
    sandbox.switches.delete_forgets = forgets
    assert api.delete(f"/members/{LEA}").status_code == 200
    assert post(api).status_code == status
    assert "firstname" not in sandbox.contacts()[LEA].fields


# --- opt-in ---


def test_optin_creates_the_member_when_it_is_confirmed(
    api: httpx.Client, sandbox: CyberimpactSandbox, groups: list[int]
) -> None:
    body = {"email": LEA, "groups": str(groups[0]), "optinConfirmUrl": "https://shop.example.test/thanks"}
    answer = api.post("/members/optins", json=body)
    ((request, word),) = answer.json().items()
    assert (answer.status_code, word) == (201, "created")
    assert sandbox.contacts() == {}
    sandbox.admin.confirm_optin(int(request))
    known = sandbox.contacts()[LEA]
    assert (known.state, sorted(known.groups)) == ("subscribed", ["One"])
    assert known.consent.relation == "express-consent"


def test_optin_creates_the_member_at_once_by_switch(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.switches.optin_creates = "at_once"
    api.post("/members/optins", json={"email": LEA, "firstname": "Lea"})
    assert sandbox.contacts()[LEA].fields == {"firstname": "Lea"}


def test_optin_brings_an_unsubscribed_one_back_only_when_confirmed(
    api: httpx.Client, sandbox: CyberimpactSandbox
) -> None:
    suppress(sandbox, "unsubscribe")
    sandbox.switches.optin_creates = "at_once"
    request = next(iter(api.post("/members/optins", json={"email": LEA}).json()))
    assert sandbox.contacts()[LEA].state == "unsubscribed"
    sandbox.admin.confirm_optin(int(request))
    assert sandbox.contacts()[LEA].state == "subscribed"
