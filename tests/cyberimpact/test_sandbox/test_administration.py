"""What people do meanwhile, what is there before, and what a test can read."""

import datetime as dt
import unicodedata
from typing import Any

import httpx
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.cyberimpact.sandbox.population import CASED_GROUP, DECOMPOSED_GROUP, DYNAMIC_GROUP
from syncengine.sandbox.kit import people

NOW = dt.datetime(2026, 6, 10, 15, 0, tzinfo=dt.UTC)
LEA = "lea.roy@example.test"


def order(api: httpx.Client, do: str, **arguments: Any) -> httpx.Response:
    return api.post("/_sandbox/admin", json={"do": do, **arguments})


def test_every_order_works_over_http(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    def known() -> Any:
        return api.get("/_sandbox/contacts").json()[LEA]

    order(api, "create_group", title="Old")
    order(api, "add_custom_field", name="Orders", kind="integer")
    added = order(
        api, "add", email=LEA, fields={"firstname": "Lea", "Orders": 3}, groups=["Old"], relation="active-clients",
        date="2026-01-20", proof="Order 1",
    )  # fmt: skip
    assert added.json() == {"done": api.get(f"/members/{LEA}").json()["id"]}
    assert known() == {
        "state": "subscribed",
        "fields": {"firstname": "Lea", "Orders": 3},
        "consent": {"relation": "active-clients", "date": "2026-01-20", "proof": "Order 1"},
        "groups": ["Old"],
    }
    order(api, "edit", email=LEA, firstname="", Orders=4)
    order(api, "rename_group", title="Old", to="Renamed")
    assert (known()["fields"], known()["groups"]) == ({"Orders": 4}, ["Renamed"])
    order(api, "leave_group", email=LEA, title="Renamed")
    assert known()["groups"] == []
    order(api, "join_group", email=LEA, title="Renamed")
    assert known()["groups"] == ["Renamed"]
    order(api, "make_group_dynamic", title="Renamed")
    assert api.get("/groups").json()["groups"][0]["isDynamic"] is True
    order(api, "delete_group", title="Renamed")
    assert (known()["groups"], sandbox.groups()) == ([], {})
    for do, state in (("bounce", "bounced"), ("unsubscribe", "unsubscribed"), ("resubscribe", "subscribed")):
        assert order(api, do, email=LEA).status_code == 200
        assert known()["state"] == state
    assert known()["consent"]["relation"] == "express-consent"
    order(api, "delete", email=LEA)
    assert api.get("/_sandbox/contacts").json() == {}
    order(api, "revoke_token", token=sandbox.settings()["token"])
    assert api.get("/ping").status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"do": "explode"},
        {"do": ["add"]},
        {"do": "add_custom_field", "name": "Flag", "kind": "boolean"},
        {"do": "_contact", "email": LEA},
        {"do": "unsubscribe"},
        {"do": "unsubscribe", "email": "nobody@example.test"},
        {"do": "add", "email": LEA, "groups": ["Unknown"]},
        {"do": "add", "email": LEA, "relation": "friends"},
        {"do": "add", "email": LEA, "fields": {"phone": "none"}},
        {"do": "unsubscribe", "email": LEA, "before": {"when": "later"}},
    ],
)
def test_nonsense_is_refused(api: httpx.Client, wrong: dict[str, Any]) -> None:
    assert api.post("/_sandbox/admin", json=wrong).status_code == 422
    assert api.post("/_sandbox/admin", content=b"{").status_code == 422


def test_refused_order_changes_nothing(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    assert order(api, "add", email=LEA, fields={"phone": "none"}).status_code == 422
    assert sandbox.contacts() == {}


def test_order_waits_for_the_request_before_which_it_is_due(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.admin.add(LEA)
    before = {"method": "GET", "path": "/members/unsubscribed", "after": 1}
    order(api, "unsubscribe", email=LEA, before=before)
    api.get("/members/bounced")
    assert api.get("/members/unsubscribed").json()["totalCount"] == 0
    assert api.get("/members/unsubscribed").json()["totalCount"] == 1


def test_writes_are_counted_when_they_have_an_effect(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    for _ in range(2):
        api.post("/members", json={"email": LEA})
    api.get("/members")
    api.delete(f"/members/{LEA}")
    assert sandbox.writes() == {"POST /members": 1, "DELETE /members/{key}": 1}
    assert api.get("/_sandbox/writes").json() == {"POST /members": 1, "DELETE /members/{key}": 1}
    assert [seen.status for seen in sandbox.write_requests()] == [201, 409, 200]


def test_mentions_finds_an_address_in_body_or_path_of_writes(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.admin.add(LEA)
    api.get(f"/members/{LEA}")
    members = [{"email": "other@example.test"}, {"email": LEA.upper()}]
    api.post("/batches", json={"batchType": "addMembers", "relationType": "partners", "members": members})
    api.post("/batches", json={"batchType": "unsubscribe", "ids": ["not." + LEA]})
    api.delete(f"/members/{LEA}")
    assert [seen.method for seen in sandbox.mentions(LEA)] == ["POST", "DELETE"]
    assert sandbox.mentions("nobody@example.test") == []


def test_reset_forgets_everything(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.admin.add(LEA)
    api.delete(f"/members/{LEA}")
    sandbox.switches.batch_polls = 7
    assert api.post("/_sandbox/reset").status_code == 200
    assert (sandbox.contacts(), sandbox.groups(), sandbox.writes(), sandbox.seen) == ({}, {}, {}, [])
    assert sandbox.switches.batch_polls == 2
    assert api.get("/ping").status_code == 200


# --- populate ---


@pytest.fixture
def populated(sandbox: CyberimpactSandbox) -> CyberimpactSandbox:
    sandbox.populate(people(300, 1), 1, NOW)
    return sandbox


def test_population_is_deterministic(populated: CyberimpactSandbox) -> None:
    first = populated.contacts()
    populated.reset()
    populated.populate(people(300, 1), 1, NOW)
    assert populated.contacts() == first
    populated.reset()
    populated.populate(people(300, 2), 2, NOW)
    assert populated.contacts() != first


def test_some_people_are_there_already_in_every_state(populated: CyberimpactSandbox) -> None:
    known = populated.contacts()
    states = [one.state for one in known.values()]
    assert min(states.count(state) for state in ("subscribed", "unsubscribed", "bounced")) >= 5
    consents = [one.consent for one in known.values() if one.state == "subscribed"]
    assert any(consent.express for consent in consents)
    dates = [consent.date for consent in consents if not consent.express and consent.date]
    assert (min(dates) < NOW.date() - dt.timedelta(days=365), max(dates)) == (True, NOW.date())
    lower = {person.email.lower() for person in people(300, 1)}
    assert 0 < len(lower & {email.lower() for email in known}) < len(lower)
    assert len({email.lower() for email in known}) == len(known)


def test_first_of_the_people_is_there_in_another_case(populated: CyberimpactSandbox) -> None:
    first = people(300, 1)[0].email
    known = populated.contacts()
    assert first not in known
    assert first.lower() in {email.lower() for email in known}


def test_groups_made_by_hand_are_spelt_differently(populated: CyberimpactSandbox) -> None:
    titles = populated.groups()
    assert {CASED_GROUP, DECOMPOSED_GROUP, DYNAMIC_GROUP} <= titles.keys()
    assert CASED_GROUP.strip().casefold() == "affiliate customers"
    assert CASED_GROUP != "Affiliate customers"
    assert unicodedata.normalize("NFC", DECOMPOSED_GROUP) != DECOMPOSED_GROUP
    assert titles[CASED_GROUP] is False


def test_custom_fields_of_every_type_are_there(api: httpx.Client, populated: CyberimpactSandbox) -> None:
    types = {row["type"] for row in api.get("/customfields").json()["customFields"]}
    assert types == {"text", "date", "integer", "decimal number"}
