"""The made-up account has some of everything, and all of it can be steered from another process."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.impact.sandbox import ImpactSandbox
from syncengine.sandbox.kit import people
from tests.impact.test_sandbox.conftest import NOW


@pytest.fixture
def populated(sandbox: ImpactSandbox, api: httpx.Client) -> httpx.Client:
    """The account that `syncengine sandbox` serves."""
    sandbox.reset()
    sandbox.populate(people(200, 1), 1, NOW)
    return api


def rows(api: httpx.Client, path: str, key: str, **parameters: str) -> list[dict[str, Any]]:
    return list(api.get(path, params=parameters).json()[key])


def test_there_are_actions_of_every_state(populated: httpx.Client, sandbox: ImpactSandbox) -> None:
    states = Counter(row["State"] for row in sandbox.every_action().values())
    assert set(states) == {"PENDING", "APPROVED", "REVERSED"}
    assert min(states.values()) >= 5


def test_there_are_inquiries_of_every_kind_and_answer(populated: httpx.Client, sandbox: ImpactSandbox) -> None:
    found = [
        row
        for campaign in sandbox.book.campaigns
        for row in rows(populated, "/ActionInquiries", "ActionInquiries", CampaignId=campaign)
    ]
    assert {row["InquiryType"] for row in found} == {"UNTRACKED", "INCORRECT", "DECLINED"}
    assert Counter(row["ResolutionStatus"] for row in found) == {
        "UNRESOLVED": 3,
        "VALID": 1,
        "DECLINED": 1,
        "INCOMPLETE": 1,
    }
    about = [populated.get(f"/Actions/{row['ActionId']}").json() for row in found if row["ActionId"]]
    assert [row["Oid"] for row in about] == [row["OrderId"] for row in found if row["ActionId"]]


def test_every_partner_of_an_action_is_a_company(populated: httpx.Client, sandbox: ImpactSandbox) -> None:
    companies = {row["Id"]: row["Name"] for row in rows(populated, "/MediaPartners", "Partners")}
    named = {(row["MediaPartnerId"], row["MediaPartnerName"]) for row in sandbox.every_action().values()}
    assert named == set(companies.items())


def test_there_are_easy_and_difficult_people_at_partners(populated: httpx.Client) -> None:
    contacts = rows(populated, "/Campaigns/1000/Contacts", "Contacts")
    assert {row["Id"][0] == "M" for row in contacts} == {True, False}
    assert {len(row["Accounts"]) for row in contacts} == {0, 1, 2}
    assert any(row["EmailAddress"] == "" for row in contacts)
    opted_out = [
        row["UserEmail"]
        for page in ("0", "1")
        for row in rows(populated, "/Campaigns/1000/UnsubscribedContacts", "Results", Page=page)
    ]
    assert len(opted_out) == len(set(opted_out)) == 26
    assert {row["EmailAddress"] for row in contacts} & set(opted_out)
    assert all(email.endswith("example.com") for email in opted_out)


def test_a_small_account_is_populated_too(sandbox: ImpactSandbox, api: httpx.Client) -> None:
    sandbox.reset()
    sandbox.populate(people(1, 1), 1, NOW)
    assert len(sandbox.inquiries.known) == 6


def test_everything_is_steered_from_another_process(
    sandbox: ImpactSandbox, api: httpx.Client, control: Callable[..., httpx.Response]
) -> None:
    def do(step: str, **arguments: Any) -> dict[str, Any]:
        answer = control("POST", "admin", json={"do": step, **arguments})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    asked = do("inquire", campaign_id="1000", order_id="7", at="2026-06-01T00:00:00Z")
    answer = {"ResolutionStatus": "INCOMPLETE"}
    assert do("resolve", inquiry_id=asked["Id"], form=answer)["ResolutionStatus"] == "INCOMPLETE"
    assert do("add_partner", partner_id="5", name="Five")["Name"] == "Five"
    assert do("join", partner_id="5", campaign_id="1000", name="N")["Programs"][0]["Id"] == "1000"
    assert do("update_partner", partner_id="5", name="Cinq")["Name"] == "Cinq"
    contact = do("add_contact", campaign_id="1000", partners=["5"], email_address="a@example.com")
    changed = do("update_contact", campaign_id="1000", contact_id=contact["Id"], email_address="b@example.com")
    assert changed["EmailAddress"] == "b@example.com"
    assert do("unsubscribe", campaign_id="1000", email="b@example.com", partner_id="5")["PartnerId"] == 5
    do("remove_contact", campaign_id="1000", contact_id=contact["Id"])
    assert sandbox.partners.contacts("1000") == {}


@pytest.mark.parametrize(
    "step",
    [
        {"do": "resolve", "inquiry_id": "1", "form": {"ResolutionStatus": "INCOMPLETE"}},
        {"do": "resolve", "inquiry_id": "1", "form": {}},
        {"do": "join", "partner_id": "none", "campaign_id": "1000", "name": "N"},
        {"do": "add_contact", "campaign_id": "1000", "nonsense": "1"},
    ],
)
def test_a_step_that_cannot_be_is_refused(
    sandbox: ImpactSandbox, control: Callable[..., httpx.Response], step: dict[str, Any]
) -> None:
    assert control("POST", "admin", json=step).status_code == 422


def test_reset_leaves_nobody(sandbox: ImpactSandbox) -> None:
    sandbox.populate(people(10, 1), 1, NOW)
    sandbox.reset()
    assert (sandbox.partners.accounts, sandbox.inquiries.known) == ({}, {})
    assert sandbox.partners.contacts("1000") == {}
    assert sandbox.partners.unsubscribed("1000") == []
