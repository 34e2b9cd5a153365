"""Partner companies, the people who work there, and who of them wants no mail."""

import datetime as dt
from typing import Any

import httpx
import pytest

from connectors.impact.sandbox import ImpactSandbox, Partners
from tests.impact.test_sandbox.conftest import NOW

DAY = dt.timedelta(days=1)
ACCOUNT = "/Advertisers/IRSandboxAccount00000001"


@pytest.fixture
def partners(sandbox: ImpactSandbox) -> Partners:
    """With two companies, of which one is in campaign 1000."""
    sandbox.partners.add_partner("39788", "Café Élan", at=NOW - 300 * DAY, website="https://cafe.example.com")
    sandbox.partners.add_partner("39787", "Acme Reviews", at=NOW - 200 * DAY)
    sandbox.partners.join("39787", "1000", "Northern Outfitters", at=NOW - 100 * DAY)
    return sandbox.partners


def wire(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def ids(api: httpx.Client, path: str, key: str, **parameters: str) -> list[str]:
    answer = api.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return [row["Id"] for row in answer.json()[key]]


# --- companies ---


def test_partners_are_listed_by_creation_with_programs_and_people(partners: Partners, api: httpx.Client) -> None:
    partners.add_contact("1000", partners=["39787"], first_name="Ada", last_name="Ng", email_address="ada@example.com")
    rows = api.get("/MediaPartners").json()["Partners"]
    assert [row["Id"] for row in rows] == ["39788", "39787"]
    acme = rows[1]
    assert (acme["Name"], acme["State"], acme["Uri"]) == ("Acme Reviews", "ACTIVE", f"{ACCOUNT}/MediaPartners/39787")
    joined = {"Id": "1000", "Name": "Northern Outfitters", "JoinDate": "2026-03-07T11:00:00-08:00"}
    assert acme["Programs"] == [joined]
    assert acme["Contacts"] == [
        {"FirstName": "Ada", "LastName": "Ng", "Email": "ada@example.com", "IsPrimary": "false"}
    ]
    assert acme["Address"]["Country"] == "CA"
    assert "Relationship" not in acme
    assert api.get("/MediaPartners/39787").json() == acme
    assert api.get("/MediaPartners/1").status_code == 404


def test_the_key_of_partners_is_a_switch(partners: Partners, sandbox: ImpactSandbox, api: httpx.Client) -> None:
    sandbox.switches.partner_list_key = "MediaPartners"
    assert ids(api, "/MediaPartners", "MediaPartners") == ["39788", "39787"]


def test_partners_are_filtered_by_dates_in_lower_case(partners: Partners, api: httpx.Client) -> None:
    lately = {"startDate": wire(NOW - 150 * DAY), "endDate": wire(NOW)}
    assert ids(api, "/MediaPartners", "Partners", **lately) == ["39787"]
    assert ids(api, "/MediaPartners", "Partners", startDate=wire(NOW - 150 * DAY)) == ["39787"]
    assert ids(api, "/MediaPartners", "Partners", endDate=wire(NOW - 150 * DAY)) == ["39788"]
    upper = {"StartDate": wire(NOW - 150 * DAY), "EndDate": wire(NOW)}
    assert ids(api, "/MediaPartners", "Partners", **upper) == ["39788", "39787"]


def test_a_change_of_a_partner_moves_its_date(partners: Partners, api: httpx.Client) -> None:
    partners.update_partner("39788", name="Café Élan Inc.", relationship="INACTIVE", state="CLOSING")
    assert ids(api, "/MediaPartners", "Partners", startDate=wire(NOW - DAY)) == ["39788"]
    assert ids(api, "/MediaPartners", "Partners", RelationshipState="INACTIVE") == ["39788"]
    assert ids(api, "/MediaPartners", "Partners", State="CLOSING") == ["39788"]
    assert api.get("/MediaPartners/39788").json()["DateLastUpdated"] == "2026-06-15T12:00:00-07:00"


@pytest.mark.parametrize(
    ("filters", "found"),
    [({"CampaignId": "1000"}, ["39787"]), ({"Id": "39788,5"}, ["39788"]), ({"Id": "5"}, [])],
)
def test_partners_are_filtered_by_id_and_campaign(
    partners: Partners, api: httpx.Client, filters: dict[str, str], found: list[str]
) -> None:
    assert ids(api, "/MediaPartners", "Partners", **filters) == found


# --- people ---


def test_a_contact_has_the_documented_fields(partners: Partners, api: httpx.Client) -> None:
    made = partners.add_contact(
        "1000",
        partners=["39787", "39788"],
        labels=["VIP", "Tier1"],
        first_name="Zoë",
        last_name="Héroux",
        email_address="Zoe@Example.com",
        title="Editor",
        work_phone_number="5145550100",
        work_phone_number_country="CA",
    )
    path = f"Campaigns/1000/Contacts/{made.id}"
    row = api.get(f"/{path}").json()
    assert row == {
        "Id": made.id,
        "FirstName": "Zoë",
        "LastName": "Héroux",
        "EmailAddress": "Zoe@Example.com",
        "Title": "Editor",
        "ProfileImage": f"{ACCOUNT}/{path}/ProfileImage",
        "WorkPhoneNumberCountry": "CA",
        "WorkPhoneNumber": "5145550100",
        "CellphoneNumberCountry": "",
        "CellphoneNumber": "",
        "Editable": "true",
        "Labels": ["VIP", "Tier1"],
        "Accounts": [{"Id": "39787", "Name": "Acme Reviews"}, {"Id": "39788", "Name": "Café Élan"}],
        "Uri": f"{ACCOUNT}/{path}",
    }
    assert api.get("/Campaigns/1000/Contacts").json()["Contacts"] == [row]


def test_contacts_that_impact_made_have_an_m(partners: Partners, sandbox: ImpactSandbox, api: httpx.Client) -> None:
    made = partners.add_contact("1000", system_made=True, first_name="Ada")
    assert made.id.startswith("M")
    assert api.get(f"/Campaigns/1000/Contacts/{made.id}").json()["Editable"] == "false"
    sandbox.switches.scalars = "schema"
    assert api.get(f"/Campaigns/1000/Contacts/{made.id}").json()["Editable"] is False


@pytest.mark.parametrize(
    ("single", "empty", "one", "none"),
    [
        ("array", "array", [{"Id": "39787", "Name": "Acme Reviews"}], []),
        ("object", "text", {"Account": {"Id": "39787", "Name": "Acme Reviews"}}, ""),
        ("object", "null", {"Account": {"Id": "39787", "Name": "Acme Reviews"}}, None),
    ],
)
def test_a_nested_list_of_one_or_none_may_look_otherwise(
    partners: Partners, sandbox: ImpactSandbox, api: httpx.Client, single: Any, empty: Any, one: Any, none: Any
) -> None:
    partners.add_contact("1000", partners=["39787"])
    partners.add_contact("1000")
    sandbox.switches.nested_single_item = single
    sandbox.switches.nested_empty = empty
    rows = api.get("/Campaigns/1000/Contacts").json()["Contacts"]
    assert [row["Accounts"] for row in rows] == [one, none]


def test_a_contact_changes_without_any_date(partners: Partners, api: httpx.Client) -> None:
    made = partners.add_contact("1000", email_address="old@example.com")
    partners.update_contact("1000", made.id, email_address="new@example.com")
    row = api.get(f"/Campaigns/1000/Contacts/{made.id}").json()
    assert row["EmailAddress"] == "new@example.com"
    assert not [name for name in row if "Date" in name]
    partners.remove_contact("1000", made.id)
    assert ids(api, "/Campaigns/1000/Contacts", "Contacts") == []
    assert api.get(f"/Campaigns/1000/Contacts/{made.id}").status_code == 404
    assert partners.add_contact("1000").id != made.id


def test_contacts_are_filtered_by_account_and_title(partners: Partners, api: httpx.Client) -> None:
    first = partners.add_contact("1000", partners=["39787"], title="Editor").id
    second = partners.add_contact("1000", partners=["39788"], title="Sales").id
    assert ids(api, "/Campaigns/1000/Contacts", "Contacts", AccountId="39788") == [second]
    assert ids(api, "/Campaigns/1000/Contacts", "Contacts", Title="Editor") == [first]


@pytest.mark.parametrize("resource", ["Contacts", "Contacts/2750", "UnsubscribedContacts"])
def test_people_of_no_campaign_are_404(partners: Partners, api: httpx.Client, resource: str) -> None:
    assert api.get(f"/Campaigns/9/{resource}").status_code == 404


def test_without_accept_nested_lists_are_elements(partners: Partners, api: httpx.Client) -> None:
    partners.add_contact("1000", partners=["39787", "39788"])
    text = api.get("/Campaigns/1000/Contacts", headers={"Accept": "*/*"}).text
    assert "<Accounts><Account><Id>39787</Id><Name>Acme Reviews</Name></Account><Account><Id>39788</Id>" in text


@pytest.mark.parametrize("name", ["nonsense", "accounts", "id_"])
def test_a_field_that_a_contact_has_not_is_refused(partners: Partners, name: str) -> None:
    made = partners.add_contact("1000")
    with pytest.raises(ValueError, match=name):
        partners.update_contact("1000", made.id, **{name: "1"})


# --- who wants no mail ---


def unsubscribed(api: httpx.Client, **parameters: str) -> dict[str, Any]:
    answer = api.get("/Campaigns/1000/UnsubscribedContacts", params=parameters)
    assert answer.status_code == 200
    return dict(answer.json())


def test_unsubscribed_contacts_have_an_envelope_of_their_own(partners: Partners, api: httpx.Client) -> None:
    partners.unsubscribe("1000", "ada@example.com", "39787", at=NOW - DAY)
    assert unsubscribed(api) == {
        "Page": 0,
        "NumPages": 1,
        "PageSize": 20,
        "Total": 1,
        "Start": 0,
        "End": 1,
        "Uri": "/UnsubscribedContacts?page=0&size=20",
        "FirstPageUri": "/UnsubscribedContacts?page=0&size=20",
        "PreviousPageUri": "",
        "NextPageUri": "",
        "LastPageUri": "/UnsubscribedContacts?page=0&size=20",
        "Results": [
            {
                "UserEmail": "ada@example.com",
                "PartnerId": 39787,
                "CreatedAt": "2026-06-14T19:00:00Z",
                "UpdatedAt": "2026-06-14T19:00:00Z",
            }
        ],
    }


def test_unsubscribed_contacts_are_paged_from_zero(partners: Partners, api: httpx.Client) -> None:
    made = [f"p{number:02}@example.com" for number in range(45)]
    for email in made:
        partners.unsubscribe("1000", email, "39787")
    pages = [unsubscribed(api, Page=str(number)) for number in range(4)]
    assert [len(page["Results"]) for page in pages] == [20, 20, 5, 0]
    assert [row["UserEmail"] for page in pages for row in page["Results"]] == made
    assert pages[1]["NextPageUri"] == "/UnsubscribedContacts?page=2&size=20"
    assert unsubscribed(api)["Results"] == pages[0]["Results"]
    assert len(unsubscribed(api, PageSize="5000")["Results"]) == 45
    assert unsubscribed(api, PageSize="5000")["PageSize"] == 1000


def test_page_zero_is_a_page_of_unsubscribed_contacts_alone(
    partners: Partners, sandbox: ImpactSandbox, api: httpx.Client
) -> None:
    sandbox.switches.bad_filter = "error"
    assert unsubscribed(api, Page="0")["Page"] == 0
    assert api.get("/MediaPartners", params={"Page": "0"}).status_code == 400


def test_the_links_of_unsubscribed_contacts_lead_nowhere(partners: Partners, api: httpx.Client) -> None:
    for number in range(21):
        partners.unsubscribe("1000", f"p{number}@example.com", "39787")
    following = unsubscribed(api)["NextPageUri"]
    assert api.get(str(api.base_url.copy_with(raw_path=following.encode()))).status_code == 404


def test_unsubscribed_contacts_are_filtered_by_address_and_partner(partners: Partners, api: httpx.Client) -> None:
    for email, partner in (("a@example.com", "39787"), ("b@example.com", "39788")):
        partners.unsubscribe("1000", email, partner)
    found = [unsubscribed(api, **filters) for filters in ({"UserEmail": "b@example.com"}, {"PartnerId": "39788"})]
    assert [[row["UserEmail"] for row in page["Results"]] for page in found] == [["b@example.com"]] * 2


def test_whoever_unsubscribes_twice_is_listed_once(partners: Partners, api: httpx.Client) -> None:
    partners.unsubscribe("1000", "a@example.com", "39787", at=NOW - DAY)
    partners.unsubscribe("1000", "a@example.com", "39787")
    (row,) = unsubscribed(api)["Results"]
    assert (row["CreatedAt"], row["UpdatedAt"]) == ("2026-06-14T19:00:00Z", "2026-06-15T19:00:00Z")


def test_without_accept_unsubscribed_contacts_are_xml(partners: Partners, api: httpx.Client) -> None:
    partners.unsubscribe("1000", "a@example.com", "39787")
    text = api.get("/Campaigns/1000/UnsubscribedContacts", headers={"Accept": "*/*"}).text
    assert "<Results><Result><UserEmail>a@example.com</UserEmail>" in text


# --- the brand ---


def test_the_brand_tells_who_it_is(api: httpx.Client) -> None:
    row = api.get("/CompanyInformation.json", headers={"Accept": "*/*"}).json()
    assert (row["CompanyName"], row["Timezone"]) == ("Northern Outfitters", "America/Los_Angeles")
    assert row["Uri"] == f"{ACCOUNT}/CompanyInformation"
