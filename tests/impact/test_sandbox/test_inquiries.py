"""Action inquiries: asked by partners, listed by creation, answered by a PUT, with no date that tells of the answer."""

import datetime as dt
from typing import Any

import httpx
import pytest

from connectors.impact.sandbox import Book, ImpactSandbox, Inquiries, Partner
from tests.impact.test_sandbox.conftest import NOW, Ids, List

DAY = dt.timedelta(days=1)
DOCUMENTED = """
Id CampaignId CampaignName MediaPartnerId MediaPartnerName OrderId TransactionDate TransactionAmount InquiryType
ExpectedPayout ResolutionDeadlineDate Comments TrackingLink ActionId ActionUri AutoApprovalDate ResolutionStatus
RejectReason FinalPayout ResolutionDate CreationDate Uri
"""
UNTRACEABLE = "Transaction cannot be traced"


@pytest.fixture
def inquiries(sandbox: ImpactSandbox) -> Inquiries:
    return sandbox.inquiries


def wire(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def put(api: httpx.Client, **form: str) -> httpx.Response:
    return api.put("/ActionInquiries", data=form)


def test_an_inquiry_has_the_documented_fields(book: Book, inquiries: Inquiries, api: httpx.Client, ask: List) -> None:
    action = book.create("1000", oid="9234")
    made = inquiries.inquire(
        "1000",
        kind="INCORRECT",
        order_id="9234",
        action_id=action.id,
        partner=Partner("7", "Café Élan"),
        comment="Why?",
    )
    row = api.get(f"/ActionInquiries/{made.id}").json()
    assert ask("ActionInquiries").json()["ActionInquiries"] == [row]
    assert sorted(row) == sorted(DOCUMENTED.split())
    assert len(row) == 22
    assert row["Uri"] == f"/Advertisers/IRSandboxAccount00000001/ActionInquiries/{made.id}"
    assert row["ActionUri"] == f"/Advertisers/IRSandboxAccount00000001/Actions/{action.id}"
    assert row["Comments"] == [{"User": "Café Élan", "Comment": "Why?", "Date": "2026-06-15T12:00:00-07:00"}]
    assert (row["ResolutionStatus"], row["ResolutionDate"], row["RejectReason"]) == ("UNRESOLVED", "", "")
    assert (row["OrderId"], row["MediaPartnerId"], row["TransactionAmount"]) == ("9234", "7", "14.00")


def test_an_inquiry_about_nothing_tracked_names_no_action(inquiries: Inquiries, api: httpx.Client) -> None:
    row = api.get(f"/ActionInquiries/{inquiries.inquire('1000').id}").json()
    assert (row["InquiryType"], row["ActionId"], row["ActionUri"], row["Comments"]) == ("UNTRACKED", "", "", [])


def test_scalars_of_inquiries_can_have_the_schemas_types(
    inquiries: Inquiries, sandbox: ImpactSandbox, ask: List
) -> None:
    inquiries.inquire("1000")
    sandbox.switches.scalars = "schema"
    row = ask("ActionInquiries").json()["ActionInquiries"][0]
    assert (row["Id"], row["CampaignId"], row["TransactionAmount"], row["FinalPayout"]) == (778987, 1000, 14.0, "")


def test_the_campaign_must_be_named_for_inquiries(api: httpx.Client) -> None:
    assert api.get("/ActionInquiries").status_code == 400


def test_inquiries_of_other_campaigns_are_not_listed(book: Book, inquiries: Inquiries, ids: Ids) -> None:
    book.add_campaign("2000", "Other")
    mine, other = (inquiries.inquire(campaign).id for campaign in ("1000", "2000"))
    assert (ids("ActionInquiries"), ids("ActionInquiries", CampaignId="2000")) == ([mine], [other])


def test_inquiries_come_newest_first_without_any_default_range(inquiries: Inquiries, ids: Ids) -> None:
    made = [inquiries.inquire("1000", at=NOW - days * DAY).id for days in (400, 2, 100)]
    assert ids("ActionInquiries") == [made[1], made[2], made[0]]


def test_inquiries_are_filtered_by_all_that_is_documented(inquiries: Inquiries, ids: Ids) -> None:
    old = inquiries.inquire("1000", order_id="A", at=NOW - 60 * DAY, transaction=NOW - 70 * DAY).id
    young = inquiries.inquire("1000", order_id="B", partner=Partner("7", "P"), at=NOW - DAY).id
    inquiries.resolve(young, {"ResolutionStatus": "INCOMPLETE"})
    asked: list[tuple[dict[str, str], str]] = [
        ({"StartDate": wire(NOW - 2 * DAY), "EndDate": wire(NOW)}, young),
        ({"StartDate": wire(NOW - 2 * DAY)}, young),
        ({"EndDate": wire(NOW - 2 * DAY)}, old),
        ({"TransactionDateStart": wire(NOW - 71 * DAY), "TransactionDateEnd": wire(NOW - 69 * DAY)}, old),
        ({"MediaPartnerId": "7"}, young),
        ({"OrderId": "A"}, old),
        ({"ResolutionStatus": "UNRESOLVED"}, old),
        ({"ResolutionStatus": "INCOMPLETE"}, young),
    ]
    assert [ids("ActionInquiries", **filters) for filters, _ in asked] == [[expected] for _, expected in asked]


def test_a_resolution_shows_in_no_range_of_dates(inquiries: Inquiries, sandbox: ImpactSandbox, ids: Ids) -> None:
    made = inquiries.inquire("1000", at=NOW - 10 * DAY).id
    assert ids("ActionInquiries", ResolutionStatus="UNRESOLVED") == [made]
    inquiries.resolve(made, {"ResolutionStatus": "INCOMPLETE"})
    assert ids("ActionInquiries", ResolutionStatus="UNRESOLVED") == []
    assert ids("ActionInquiries", StartDate=wire(NOW - DAY), EndDate=wire(NOW)) == []


def test_inquiries_come_in_pages_of_the_general_size(
    inquiries: Inquiries, sandbox: ImpactSandbox, api: httpx.Client, ask: List
) -> None:
    made = [inquiries.inquire("1000", at=NOW - number * DAY).id for number in range(3)]
    sandbox.switches.general_page_size = 2
    first = ask("ActionInquiries", PageSize="20000").json()
    second = api.get(str(api.base_url.copy_with(raw_path=first["@nextpageuri"].encode()))).json()
    assert (first["@pagesize"], first["@total"], second["@nextpageuri"]) == ("2", "3", "")
    assert [row["Id"] for page in (first, second) for row in page["ActionInquiries"]] == made


# --- answering ---


@pytest.mark.parametrize(
    "form",
    [
        {"ResolutionStatus": "VALID", "ActionTrackerId": "2240"},
        {"ResolutionStatus": "DECLINED", "RejectReason": UNTRACEABLE},
        {"ResolutionStatus": "INCOMPLETE"},
    ],
)
def test_an_inquiry_is_resolved_by_a_form(
    inquiries: Inquiries, sandbox: ImpactSandbox, api: httpx.Client, form: dict[str, str]
) -> None:
    made = inquiries.inquire("1000", at=NOW - DAY)
    answer = put(api, Id=made.id, **form)
    uri = f"/Advertisers/IRSandboxAccount00000001/ActionInquiries/{made.id}"
    assert (answer.status_code, answer.json()) == (200, {"Status": "OK", "Uri": uri})
    row = api.get(f"/ActionInquiries/{made.id}").json()
    assert row["ResolutionStatus"] == form["ResolutionStatus"]
    assert row["ResolutionDate"] == "2026-06-15T12:00:00-07:00"
    assert row["RejectReason"] == form.get("RejectReason", "")
    assert row["FinalPayout"] == ("2.80" if form["ResolutionStatus"] == "VALID" else "")


def test_an_answer_can_change_amounts_and_say_something(inquiries: Inquiries, api: httpx.Client) -> None:
    made = inquiries.inquire("1000", at=NOW - DAY)
    put(
        api,
        Id=made.id,
        ResolutionStatus="VALID",
        ActionTrackerId="2240",
        TransactionAmount="10.50",
        FinalPayout="0.28",
        TransactionDate="2026-06-01T00:00:00-07:00",
        ResolutionNotes="Paid & done.",
        CustomerId="C1",
    )
    row = api.get(f"/ActionInquiries/{made.id}").json()
    assert (row["TransactionAmount"], row["FinalPayout"]) == ("10.50", "0.28")
    assert row["TransactionDate"] == "2026-06-01T00:00:00-07:00"
    assert [comment["Comment"] for comment in row["Comments"]] == ["Paid & done."]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"Id": ""}, "Id"),
        ({"ResolutionStatus": ""}, "ResolutionStatus"),
        ({"ResolutionStatus": "UNRESOLVED"}, "ResolutionStatus"),
        ({"ResolutionStatus": "DECLINED"}, "RejectReason"),
        ({"ResolutionStatus": "DECLINED", "RejectReason": "I say so"}, "RejectReason"),
        ({"ResolutionStatus": "VALID"}, "ActionTrackerId"),
        ({"ResolutionStatus": "VALID", "ActionTrackerId": "Sale"}, "ActionTrackerId"),
        ({"TransactionAmount": "14,00"}, "TransactionAmount"),
        ({"FinalPayout": "123456789.00"}, "FinalPayout"),
        ({"TransactionDate": "06/01/2026"}, "TransactionDate"),
        ({"ResolutionNotes": "x" * 256}, "ResolutionNotes"),
    ],
)
def test_an_answer_that_breaks_a_requirement_changes_nothing(
    inquiries: Inquiries, api: httpx.Client, form: dict[str, str], field: str
) -> None:
    made = inquiries.inquire("1000")
    answer = put(api, **{"Id": made.id, "ResolutionStatus": "INCOMPLETE", **form})
    assert (answer.status_code, [entry["Field"] for entry in answer.json()["Errors"]]) == (400, [field])
    assert (made.resolution_status, made.comments) == ("UNRESOLVED", [])


def test_an_answer_to_no_inquiry_is_404(api: httpx.Client) -> None:
    assert put(api, Id="1", ResolutionStatus="INCOMPLETE").status_code == 404


def test_a_json_body_is_not_read_unless_switched(
    inquiries: Inquiries, sandbox: ImpactSandbox, api: httpx.Client
) -> None:
    body = {"Id": int(inquiries.inquire("1000").id), "ResolutionStatus": "INCOMPLETE"}
    assert api.put("/ActionInquiries", json=body).status_code == 400
    sandbox.switches.write_body = "form_or_json"
    assert api.put("/ActionInquiries", json=body).status_code == 200
    headers = {"Content-Type": "application/json"}
    assert api.put("/ActionInquiries", content=b"{", headers=headers).status_code == 400


def test_a_post_can_say_that_it_is_a_put(inquiries: Inquiries, api: httpx.Client) -> None:
    first, second = (inquiries.inquire("1000").id for _ in range(2))
    form = {"ResolutionStatus": "INCOMPLETE"}
    assert api.post("/ActionInquiries?_method=PUT", data={"Id": first, **form}).status_code == 200
    assert api.post("/ActionInquiries", data={"Id": second, "_method": "PUT", **form}).status_code == 200
    assert api.post("/ActionInquiries", data={"Id": second, **form}).status_code == 405
    assert [inquiry.resolution_status for inquiry in inquiries.known.values()] == ["INCOMPLETE", "INCOMPLETE"]


@pytest.mark.parametrize(
    ("switched", "status", "left"), [("accepted", 200, "INCOMPLETE"), ("refused", 400, "DECLINED")]
)
def test_a_second_answer_counts_unless_switched(
    inquiries: Inquiries, sandbox: ImpactSandbox, api: httpx.Client, switched: Any, status: int, left: str
) -> None:
    sandbox.switches.resolve_again = switched
    made = inquiries.inquire("1000")
    inquiries.resolve(made.id, {"ResolutionStatus": "DECLINED", "RejectReason": UNTRACEABLE})
    assert put(api, Id=made.id, ResolutionStatus="INCOMPLETE").status_code == status
    assert made.resolution_status == left


def test_without_accept_inquiries_and_answers_are_xml(inquiries: Inquiries, api: httpx.Client) -> None:
    made = inquiries.inquire("1000", comment="a < b")
    listed = api.get("/ActionInquiries", params={"CampaignId": "1000"}, headers={"Accept": "*/*"}).text
    assert f"<ActionInquiry><Id>{made.id}</Id>" in listed
    assert "<Comments><Comment><User>Acme Partner</User><Comment>a &lt; b</Comment>" in listed
    answer = api.put(
        "/ActionInquiries", data={"Id": made.id, "ResolutionStatus": "INCOMPLETE"}, headers={"Accept": "*/*"}
    )
    assert "<ImpactRadiusResponse><Status>OK</Status><Uri>/Advertisers/" in answer.text


@pytest.mark.parametrize(("kind", "campaign"), [("STRANGE", "1000"), ("UNTRACKED", "9")])
def test_an_impossible_inquiry_is_refused(inquiries: Inquiries, kind: str, campaign: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        inquiries.inquire(campaign, kind=kind)
    assert inquiries.known == {}
