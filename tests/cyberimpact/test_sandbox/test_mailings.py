"""Mailings and templates of the sandbox: sent by the clock, refused as strictly as can be known, switches included."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from tests.cyberimpact.test_sandbox.conftest import NOW

LEA, ZOE = "lea@example.test", "zoe@example.test"


@pytest.fixture
def group(sandbox: CyberimpactSandbox) -> Iterator[int]:
    number = sandbox.admin.create_group("Clients")
    for address in (LEA, ZOE):
        sandbox.admin.add(address, groups=["Clients"])
    yield number
    sandbox.now = lambda: NOW


def mailing(group: int, **more: Any) -> dict[str, Any]:
    return {"subject": "Offer", "groups": str(group), "bodyText": "Hello", **more}


def test_a_mailing_waits_for_its_time_and_then_goes_to_who_is_there(
    api: httpx.Client, sandbox: CyberimpactSandbox, group: int
) -> None:
    posted = api.post("/mailings", json=mailing(group, sendAt="2026-06-10 12:00:00")).json()
    assert (posted["status"], posted["scheduledOn"]) == ("scheduled", "2026-06-10 12:00:00")
    assert "emailsStopped" not in posted
    sandbox.admin.unsubscribe(ZOE)
    sandbox.now = lambda: NOW + dt.timedelta(hours=2)
    sent = api.get(f"/mailings/{posted['id']}").json()
    assert (sent["status"], sent["startedOn"], sent["recipientsCount"]) == ("sent", "2026-06-10 12:00:00.000", 1)
    assert api.get(f"/members/{LEA}").json()["mailingsReceived"] == 1
    assert api.get("/groups").json()["groups"][0]["mailingsCount"] == 1


def test_the_zone_of_the_time_is_a_switch(api: httpx.Client, sandbox: CyberimpactSandbox, group: int) -> None:
    sandbox.switches.send_at_zone = "utc"
    posted = api.post("/mailings", json=mailing(group, sendAt="2026-06-10 16:00:00")).json()
    assert posted["scheduledOn"] == "2026-06-10 12:00:00"


@pytest.mark.parametrize(
    "more",
    [
        {"groups": ""},
        {"groups": "999999"},
        {"groups": [14]},
        {"subject": ""},
        {"bodyText": ""},
        {"language": "fr"},
        {"sendAt": "2026-06-10"},
        {"mailFrom": "somebody@example.test"},
        {"replyTo": "nobody"},
        {"mailingStatistics": "some"},
        {"googleAnalytics": "yes"},
    ],
)
def test_a_mailing_that_means_nothing_is_refused(
    api: httpx.Client, sandbox: CyberimpactSandbox, group: int, more: dict[str, Any]
) -> None:
    assert api.post("/mailings", json=mailing(group, **more)).status_code == 422
    assert sandbox.account.mailings == {}


def test_a_sender_and_a_time_are_refused_by_switches(
    api: httpx.Client, sandbox: CyberimpactSandbox, group: int
) -> None:
    sandbox.switches.send_at_missing = "refused"
    assert api.post("/mailings", json=mailing(group)).status_code == 422
    sandbox.switches.unknown_sender = "taken"
    wishes = mailing(group, mailFrom="somebody@example.test", sendAt="2026-07-01 08:00:00")
    assert api.post("/mailings", json=wishes).status_code == 201


@pytest.mark.parametrize("status", [409, 422])
def test_what_has_gone_out_can_not_be_cancelled(
    api: httpx.Client, sandbox: CyberimpactSandbox, group: int, status: int
) -> None:
    sandbox.switches.cancel_sent = status  # type: ignore[assignment]  # the values are those of the switch
    number = api.post("/mailings", json=mailing(group)).json()["id"]
    assert api.delete(f"/mailings/{number}").status_code == status
    assert sandbox.admin.order({"do": "receive", "mailing": number, "email": LEA, "event": "clicked"}) is None
    counters = api.get(f"/members/{LEA}").json()
    assert (counters["mailingsOpened"], counters["mailingsClicked"]) == (1, 1)


def test_nonsense_of_the_administration_is_an_error(sandbox: CyberimpactSandbox, group: int) -> None:
    number = sandbox.admin.send_mailing("Offer", ["Clients"])
    with pytest.raises(ValueError, match="no such event"):
        sandbox.admin.receive(number, LEA, "eaten")
    with pytest.raises(LookupError):
        sandbox.admin.receive(number + 1, LEA, "opened")


def test_members_can_be_chosen_by_group_among_recipients(
    api: httpx.Client, sandbox: CyberimpactSandbox, group: int
) -> None:
    number = sandbox.admin.send_mailing("Offer", ["Clients"])
    sandbox.admin.leave_group(ZOE, "Clients")
    rows = api.get(f"/mailings/{number}/recipients", params={"idGroup": group}).json()["recipients"]
    assert [row["email"] for row in rows] == [LEA]
    assert api.get(f"/mailings/{number}/recipients", params={"idGroup": "x"}).status_code == 422
    assert api.get(f"/mailings/{number}/recipients/eaten").status_code == 404


def test_templates_need_a_title_and_a_body(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    assert api.post("/templates", json={"title": "Welcome"}).status_code == 422
    assert api.post("/templates", json={"bodyText": "Hello"}).status_code == 422
    page = {"title": "Welcome", "bodyText": "Hello"}
    assert api.post("/templates", json=page).status_code == 201
    assert api.post("/templates", json=page).status_code == 201
    sandbox.switches.template_title_taken = "refused"
    assert api.post("/templates", json=page).status_code == 422
    assert api.patch("/templates/1001", json=page).status_code == 405


def test_a_server_may_give_fewer_rows_or_one_page_for_ever(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    for number in range(5):
        sandbox.admin.create_group(f"Group {number}")
    sandbox.switches.most_rows = 2
    asked = {"limit": 10_000, "page": 2, "sort": "group_asc"}
    assert [row["title"] for row in api.get("/groups", params=asked).json()["groups"]] == ["Group 2", "Group 3"]
    sandbox.switches.page_ignored = True
    assert [row["title"] for row in api.get("/groups", params=asked).json()["groups"]] == ["Group 0", "Group 1"]
