"""Who may ask, in which format, how often; and how a refusal looks."""

import datetime as dt
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from connectors.impact.sandbox import Book, ImpactSandbox, ImpactSwitches
from tests.impact.test_sandbox.conftest import NOW, List


def parse_xml(content: bytes) -> ET.Element:
    return ET.fromstring(content)  # noqa: S314 - our own server wrote it


@pytest.mark.parametrize("auth", [None, ("IRSandboxAccount00000001", "wrong"), ("wrong", "made-up-auth-token")])
def test_bad_or_missing_credentials_are_401(api: httpx.Client, auth: tuple[str, str] | None) -> None:
    assert httpx.get(f"{api.base_url}Campaigns", auth=auth, trust_env=False).status_code == 401


@pytest.mark.parametrize("header", ["Bearer made-up-auth-token", "Basic ???", "Basic /w==", "Basic"])
def test_an_authorisation_that_is_no_basic_one_is_401(api: httpx.Client, header: str) -> None:
    answer = httpx.get(f"{api.base_url}Campaigns", headers={"Authorization": header}, trust_env=False)
    assert answer.status_code == 401


def test_what_the_tokens_scope_lacks_is_403(sandbox: ImpactSandbox, ask: List) -> None:
    sandbox.switches.forbidden = frozenset({"ActionUpdates"})
    assert ask("ActionUpdates").status_code == 403
    assert ask("Actions").status_code == 200


def test_another_account_is_403(api: httpx.Client) -> None:
    url = f"{api.base_url}Campaigns".replace("IRSandboxAccount00000001", "IRSomebodyElse0000000001")
    assert api.get(url).status_code == 403


@pytest.mark.parametrize(
    "path", ["/Customers", "/Actions/1000.4636.1", "/Campaigns/9", "/Actions/1/Items", "/Actions/1/2/3"]
)
def test_what_is_not_there_is_404(api: httpx.Client, path: str) -> None:
    assert api.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/../../Nothing", "/../../Advertisers"])
def test_a_path_outside_of_the_account_is_404(api: httpx.Client, path: str) -> None:
    assert api.get(path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_is_only_read_is_405_for_other_methods(api: httpx.Client, method: str) -> None:
    assert api.request(method, "/Actions", params={"CampaignId": "1000"}).status_code == 405


# --- format ---


def test_without_accept_a_list_is_xml(api: httpx.Client, book: Book) -> None:
    action = book.create("1000", customer_id="C1", note="a < b & c")
    answer = api.get("/Actions", params={"CampaignId": "1000"}, headers={"Accept": "*/*"})
    assert answer.headers["content-type"].startswith("application/xml")
    root = parse_xml(answer.content)
    assert root.tag == "ImpactRadiusResponse"
    listed = root.find("Actions")
    assert listed is not None
    assert (listed.get("total"), listed.get("nextpageuri")) == ("1", "")
    assert [listed.findtext("Action/Id"), listed.findtext("Action/Note")] == [action.id, "a < b & c"]


@pytest.mark.parametrize(
    ("path", "found"), [("/Campaigns", "Campaigns/Campaign/Id"), ("/Campaigns/1000", "Campaign/Id")]
)
def test_without_accept_campaigns_are_xml(api: httpx.Client, path: str, found: str) -> None:
    root = parse_xml(api.get(path, headers={"Accept": "*/*"}).content)
    assert (root.tag, root.findtext(found)) == ("ImpactRadiusResponse", "1000")


def test_without_accept_a_refusal_is_xml(api: httpx.Client) -> None:
    answer = api.get("/Actions", headers={"Accept": "*/*"})
    root = parse_xml(answer.content)
    assert (answer.status_code, root.tag, root.findtext("Status")) == (400, "ImpactRadiusResponse", "ERROR")
    assert root.findtext("Error/Field") == "CampaignId"


@pytest.mark.parametrize("path", ["/Campaigns.json", "/Campaigns/1000.json", "/Actions.json?CampaignId=1000"])
def test_the_suffix_asks_for_json(api: httpx.Client, path: str) -> None:
    answer = api.get(path, headers={"Accept": "*/*"})
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json(), dict)


def test_an_id_with_dots_may_have_the_suffix(api: httpx.Client, book: Book) -> None:
    action = book.create("1000")
    assert api.get(f"/Actions/{action.id}.json", headers={"Accept": "*/*"}).json()["Id"] == action.id


def test_switched_so_json_is_the_default(api: httpx.Client, sandbox: ImpactSandbox) -> None:
    sandbox.switches.format_without_accept = "json"
    assert "Campaigns" in api.get("/Campaigns", headers={"Accept": "*/*"}).json()


# --- refusals ---


@pytest.mark.parametrize("status", [400, 402])
def test_a_broken_rule_has_the_switched_status(sandbox: ImpactSandbox, ask: List, status: Any) -> None:
    sandbox.switches.rule_status = status
    answer = ask(StartDate="2026-06-01T00:00:00Z")
    assert answer.status_code == status
    assert answer.json()["Status"] == "ERROR"
    assert [entry["Field"] for entry in answer.json()["Errors"]] == ["EndDate"]


def test_texts_of_errors_are_never_the_same(ask: List) -> None:
    first, second = (ask(PageSize="1").json() for _ in range(2))
    assert first["Message"] != second["Message"]
    assert first["Errors"][0]["Message"] != second["Errors"][0]["Message"]


def test_an_error_may_be_empty(sandbox: ImpactSandbox, ask: List) -> None:
    sandbox.switches.error_body = "empty"
    answer = ask(PageSize="1")
    assert (answer.status_code, answer.content) == (400, b"")


def test_an_error_may_be_xml_though_json_was_asked_for(sandbox: ImpactSandbox, ask: List) -> None:
    sandbox.switches.error_body = "xml"
    assert parse_xml(ask(PageSize="1").content).findtext("Status") == "ERROR"


# --- rate limit ---

BRAND = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}
PARTNER = {"x-ratelimit-limit-hour", "x-ratelimit-remaining-hour", "ratelimit-reset"}


@pytest.mark.parametrize(
    ("family", "expected"), [("brand", BRAND), ("partner", PARTNER), ("both", BRAND | PARTNER), ("none", set())]
)
def test_each_answer_tells_the_budget_in_the_switched_family(
    sandbox: ImpactSandbox, api: httpx.Client, family: Any, expected: set[str]
) -> None:
    sandbox.switches.rate_headers = family
    for path in ("/Campaigns", "/Nothing"):
        assert {name for name in api.get(path).headers if "ratelimit" in name} == expected


def test_the_budget_is_counted_by_the_hour(sandbox: ImpactSandbox, api: httpx.Client) -> None:
    assert api.get("/Campaigns").headers["x-ratelimit-remaining"] == "999"
    sandbox.now = lambda: NOW + dt.timedelta(minutes=10)
    answer = api.get("/Campaigns")
    assert (answer.headers["x-ratelimit-remaining"], answer.headers["x-ratelimit-reset"]) == ("998", "3000")
    sandbox.now = lambda: NOW + dt.timedelta(hours=1)
    assert api.get("/Campaigns").headers["x-ratelimit-remaining"] == "999"


def test_the_reset_may_be_an_epoch(sandbox: ImpactSandbox, api: httpx.Client) -> None:
    sandbox.switches.rate_headers = "both"
    sandbox.switches.rate_reset = "epoch"
    headers = api.get("/Campaigns").headers
    ends = str(int((NOW + dt.timedelta(hours=1)).timestamp()))
    assert (headers["x-ratelimit-reset"], headers["ratelimit-reset"]) == (ends, ends)


@pytest.mark.parametrize(("switched", "header"), [(True, "3600"), (False, None)])
def test_over_the_limit_is_429_until_the_hour_is_over(
    sandbox: ImpactSandbox, api: httpx.Client, switched: bool, header: str | None
) -> None:
    sandbox.switches.rate_limit = 2
    sandbox.switches.rate_enforced = True
    sandbox.switches.retry_after = switched
    assert [api.get("/Campaigns").status_code for _ in range(2)] == [200, 200]
    refused = api.get("/Campaigns")
    assert (refused.status_code, refused.headers.get("retry-after")) == (429, header)
    assert refused.headers["x-ratelimit-remaining"] == "0"
    sandbox.now = lambda: NOW + dt.timedelta(hours=1)
    assert api.get("/Campaigns").status_code == 200


def test_over_the_limit_nothing_happens_unless_it_is_enforced(sandbox: ImpactSandbox, api: httpx.Client) -> None:
    sandbox.switches.rate_limit = 1
    assert [api.get("/Campaigns").status_code for _ in range(3)] == [200, 200, 200]


def test_credentials_that_are_refused_cost_nothing(api: httpx.Client) -> None:
    refused = httpx.get(f"{api.base_url}Campaigns", trust_env=False)
    assert "x-ratelimit-remaining" not in refused.headers
    assert api.get("/Campaigns").headers["x-ratelimit-remaining"] == "999"


def test_an_unknown_time_zone_is_no_switch(api: httpx.Client) -> None:
    url = api.base_url.copy_with(raw_path=b"/_sandbox/switches")
    assert api.post(url, json={"timezone": "Mars/Olympus"}).status_code == 422
    assert api.get(url).json() == ImpactSwitches().model_dump(mode="json")
