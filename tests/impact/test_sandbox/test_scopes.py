"""What a scoped token may reach, by path and by method, and budgets of single endpoints."""

import datetime as dt

import httpx
import pytest

from connectors.impact.sandbox import ImpactSandbox
from tests.impact.test_sandbox.conftest import NOW

PATHS = {
    "CompanyInformation": "/CompanyInformation",
    "Campaigns": "/Campaigns",
    "Campaigns/*": "/Campaigns/1000",
    "Contacts": "/Campaigns/1000/Contacts",
    "Unsubscribed": "/Campaigns/1000/UnsubscribedContacts",
    "Actions": "/Actions?CampaignId=1000",
    "ActionUpdates": "/ActionUpdates?CampaignId=1000",
    "ActionInquiries": "/ActionInquiries?CampaignId=1000",
    "MediaPartners": "/MediaPartners",
}


@pytest.mark.parametrize(
    ("scope", "lost"),
    [
        ((), set()),
        (("ActionUpdates",), {"ActionUpdates"}),
        (("Campaigns",), {"Campaigns", "Campaigns/*", "Contacts", "Unsubscribed"}),
        (("Campaigns/Contacts",), {"Contacts"}),
        (("Campaigns/UnsubscribedContacts", "MediaPartners"), {"Unsubscribed", "MediaPartners"}),
        (("GET Actions",), {"Actions"}),
        (("PUT ActionInquiries",), set()),
        (("Action",), set()),
    ],
)
def test_a_scope_lacks_paths_and_what_is_below_them(
    sandbox: ImpactSandbox, api: httpx.Client, scope: tuple[str, ...], lost: set[str]
) -> None:
    sandbox.switches.forbidden = frozenset(scope)
    statuses = {name: api.get(path).status_code for name, path in PATHS.items()}
    assert statuses == {name: 403 if name in lost else 200 for name in PATHS}


def test_a_scope_can_lack_writing_alone(sandbox: ImpactSandbox, api: httpx.Client) -> None:
    made = sandbox.inquiries.inquire("1000")
    sandbox.switches.forbidden = frozenset({"PUT ActionInquiries"})
    form = {"Id": made.id, "ResolutionStatus": "INCOMPLETE"}
    assert api.put("/ActionInquiries", data=form).status_code == 403
    assert api.post("/ActionInquiries?_method=PUT", data=form).status_code == 403
    assert api.get(f"/ActionInquiries/{made.id}").status_code == 200
    assert made.resolution_status == "UNRESOLVED"


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/MediaPartners"), ("POST", "/Campaigns/1000/UnsubscribedContacts"), ("DELETE", "/ActionInquiries")],
)
def test_what_this_account_cannot_write_is_405(api: httpx.Client, method: str, path: str) -> None:
    assert api.request(method, path).status_code == 405


def test_the_scope_is_steered_from_another_process(sandbox: ImpactSandbox, api: httpx.Client) -> None:
    url = api.base_url.copy_with(raw_path=b"/_sandbox/switches")
    assert api.post(url, json={"forbidden": ["ActionUpdates"]}).status_code == 200
    assert api.get(PATHS["ActionUpdates"]).status_code == 403


def test_an_endpoint_can_have_a_lower_budget_of_its_own(sandbox: ImpactSandbox, api: httpx.Client) -> None:
    sandbox.switches.rate_groups = {"Actions": 2}
    sandbox.switches.rate_enforced = True
    answers = [api.get(PATHS["Actions"]) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    other = api.get(PATHS["ActionUpdates"])
    assert (other.status_code, other.headers["x-ratelimit-limit"], other.headers["x-ratelimit-remaining"]) == (
        200,
        "1000",
        "999",
    )
    sandbox.now = lambda: NOW + dt.timedelta(hours=1)
    assert api.get(PATHS["Actions"]).status_code == 200


def test_another_process_uses_the_same_budget(sandbox: ImpactSandbox, api: httpx.Client) -> None:
    sandbox.rates.take(count=600)
    assert api.get("/Campaigns").headers["x-ratelimit-remaining"] == "399"
