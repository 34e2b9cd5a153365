"""Lists: filters, windows, pages, and every way in which they may misbehave."""

import datetime as dt
from typing import Any

import httpx
import pytest

from connectors.impact.sandbox import Book, ImpactSandbox
from tests.impact.test_sandbox.conftest import NOW, Ids, List

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
BOTH = pytest.mark.parametrize("resource", ["Actions", "ActionUpdates"])
LATER_PAGES = 2_000


def wire(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def window(start: dt.datetime, end: dt.datetime = NOW) -> dict[str, str]:
    return {"StartDate": wire(start), "EndDate": wire(end)}


def fill(book: Book, count: int, at: dt.datetime = NOW - HOUR) -> list[str]:
    """That many actions, one a microsecond; their ids, newest first."""
    made = [book.create("1000", at=at + dt.timedelta(microseconds=number)).id for number in range(count)]
    return made[::-1]


# --- campaigns ---


def test_campaigns_are_sorted_by_id(book: Book, api: httpx.Client) -> None:
    book.add_campaign("300", "Old Shop", "CLOSED")
    answer = api.get("/Campaigns").json()
    assert [(row["Id"], row["Name"], row["State"]) for row in answer["Campaigns"]] == [
        ("300", "Old Shop", "CLOSED"),
        ("1000", "Northern Outfitters", "ACTIVE"),
    ]
    assert (answer["@total"], answer["@pagesize"], answer["@nextpageuri"]) == ("2", "1000", "")
    assert api.get("/Campaigns/300").json() == answer["Campaigns"][0]


@pytest.mark.parametrize("filters", [{"State": "CLOSED"}, {"Name": "Old Shop"}])
def test_campaigns_are_filtered_by_name_and_state(book: Book, api: httpx.Client, filters: dict[str, str]) -> None:
    book.add_campaign("300", "Old Shop", "CLOSED")
    assert [row["Id"] for row in api.get("/Campaigns", params=filters).json()["Campaigns"]] == ["300"]


def test_campaigns_come_in_pages(book: Book, api: httpx.Client) -> None:
    for number in range(4):
        book.add_campaign(str(2000 + number), "Shop")
    first = api.get("/Campaigns", params={"PageSize": "2"}).json()
    second = api.get(f"{origin(api)}{first['@nextpageuri']}").json()
    assert [row["Id"] for page in (first, second) for row in page["Campaigns"]] == ["1000", "2000", "2001", "2002"]
    assert second["@numpages"] == "3"


def origin(api: httpx.Client) -> str:
    return str(api.base_url.copy_with(raw_path=b"")).rstrip("/")


# --- which rows ---


@BOTH
@pytest.mark.parametrize("campaign", [None, "", "abc"])
def test_the_campaign_must_be_named(api: httpx.Client, resource: str, campaign: str | None) -> None:
    parameters = {} if campaign is None else {"CampaignId": campaign}
    assert api.get(f"/{resource}", params=parameters).status_code == 400


@BOTH
def test_a_campaign_without_rows_is_an_empty_list(ask: List, resource: str) -> None:
    answer = ask(resource, CampaignId="77").json()
    assert (answer[resource], answer["@total"], answer["@nextpageuri"]) == ([], "0", "")


@BOTH
def test_without_dates_the_last_seven_days_are_answered(book: Book, ids: Ids, resource: str) -> None:
    book.create("1000", at=NOW - 7 * DAY - HOUR)
    young = book.create("1000", at=NOW - 7 * DAY)
    assert [row.removesuffix(".1") for row in ids(resource)] == [young.id]


def test_rows_come_newest_creation_first(book: Book, ids: Ids) -> None:
    first, second, third = (book.create("1000", at=NOW - hours * HOUR).id for hours in (3, 2, 1))
    book.modify(first)
    assert ids() == [third, second, first]


def test_start_and_end_mean_last_updated_for_actions(book: Book, ids: Ids) -> None:
    old = book.create("1000", at=NOW - 60 * DAY)
    assert ids(**window(NOW - DAY)) == []
    book.modify(old.id, at=NOW - HOUR)
    assert ids(**window(NOW - DAY)) == [old.id]
    assert ids(**window(NOW - 61 * DAY, NOW - 59 * DAY)) == []


def test_start_and_end_mean_the_update_date_for_updates(book: Book, ids: Ids) -> None:
    old = book.create("1000", at=NOW - 60 * DAY)
    book.modify(old.id, at=NOW - HOUR)
    assert ids("ActionUpdates", **window(NOW - DAY)) == [f"{old.id}.2"]
    assert ids("ActionUpdates", **window(NOW - 61 * DAY, NOW - 59 * DAY)) == [f"{old.id}.1"]


@BOTH
def test_action_dates_filter_by_the_event(book: Book, ids: Ids, resource: str) -> None:
    late = book.create("1000", event=NOW - 30 * DAY, at=NOW - HOUR)
    book.create("1000", at=NOW - HOUR)
    found = ids(resource, ActionDateStart=wire(NOW - 31 * DAY), ActionDateEnd=wire(NOW - 29 * DAY))
    assert [row.removesuffix(".1") for row in found] == [late.id]


@BOTH
def test_locking_dates_filter_by_the_locking_date(book: Book, ids: Ids, resource: str) -> None:
    locked = book.create("1000", at=NOW - 40 * DAY, locking_days=30)
    book.create("1000", at=NOW - HOUR)
    book.create("1000", at=NOW - 40 * DAY, locking_days=None)
    found = ids(resource, LockingDateStart=wire(NOW - 12 * DAY), LockingDateEnd=wire(NOW))
    assert [row.removesuffix(".1") for row in found] == [locked.id]


def test_several_filters_hold_together(book: Book, ids: Ids) -> None:
    both = book.create("1000", event=NOW - 30 * DAY, at=NOW - HOUR)
    book.create("1000", event=NOW - 30 * DAY, at=NOW - 20 * DAY)
    book.create("1000", at=NOW - HOUR)
    asked = {"ActionDateStart": wire(NOW - 31 * DAY), "ActionDateEnd": wire(NOW - 29 * DAY)}
    assert ids(**window(NOW - DAY), **asked) == [both.id]


@BOTH
@pytest.mark.parametrize(("state", "found"), [("REVERSED", 1), ("PENDING", 2), ("APPROVED", 0)])
def test_rows_are_filtered_by_state(book: Book, ids: Ids, resource: str, state: str, found: int) -> None:
    gone = book.create("1000", at=NOW - DAY)
    book.create("1000", at=NOW - HOUR)
    book.reverse(gone.id)
    expected = found - 1 if (resource, state) == ("Actions", "PENDING") else found
    assert len(ids(resource, State=state)) == expected


def test_an_open_action_date_range_reaches_to_the_present(book: Book, ids: Ids) -> None:
    action = book.create("1000", at=NOW - 20 * DAY)
    assert ids(ActionDateStart=wire(NOW - 21 * DAY)) == [action.id]


def test_ends_are_inclusive_unless_switched(book: Book, sandbox: ImpactSandbox, ids: Ids) -> None:
    action = book.create("1000", at=NOW - HOUR)
    assert ids(**window(NOW - DAY, NOW - HOUR)) == [action.id] == ids(**window(NOW - HOUR))
    sandbox.switches.window_ends = "exclusive"
    assert ids(**window(NOW - DAY, NOW - HOUR)) == []
    assert ids(**window(NOW - HOUR)) == [action.id]


@pytest.mark.parametrize("spelling", ["2026-06-15T11:00:00-07:00", "2026-06-15T18:00:00+00:00"])
def test_a_date_may_have_an_offset(book: Book, ids: Ids, spelling: str) -> None:
    action = book.create("1000", at=NOW - HOUR)
    assert ids(StartDate=spelling, EndDate=spelling) == [action.id]


# --- rules of windows ---


@BOTH
@pytest.mark.parametrize("alone", ["StartDate", "EndDate", "ActionDateEnd", "LockingDateEnd"])
def test_half_a_range_is_refused(ask: List, resource: str, alone: str) -> None:
    assert ask(resource, **{alone: wire(NOW - DAY)}).status_code == 400


@BOTH
@pytest.mark.parametrize(("start", "end"), [("StartDate", "EndDate"), ("ActionDateStart", "ActionDateEnd")])
def test_a_window_has_at_most_45_days(ask: List, resource: str, start: str, end: str) -> None:
    begin = NOW - 100 * DAY
    fits = ask(resource, **{start: wire(begin), end: wire(begin + 45 * DAY)})
    broken = ask(resource, **{start: wire(begin), end: wire(begin + 45 * DAY + dt.timedelta(seconds=1))})
    assert (fits.status_code, broken.status_code) == (200, 400)


@BOTH
@pytest.mark.parametrize(("start", "end"), [("StartDate", "EndDate"), ("LockingDateStart", "LockingDateEnd")])
def test_a_window_begins_at_most_three_years_back(ask: List, resource: str, start: str, end: str) -> None:
    border = NOW.replace(year=2023)
    fits = ask(resource, **{start: wire(border), end: wire(border + DAY)})
    broken = ask(resource, **{start: wire(border - dt.timedelta(seconds=1)), end: wire(border + DAY)})
    assert (fits.status_code, broken.status_code) == (200, 400)


def test_three_years_before_a_leap_day_is_the_28th(sandbox: ImpactSandbox, ask: List) -> None:
    sandbox.now = lambda: dt.datetime(2028, 2, 29, tzinfo=dt.UTC)
    border = dt.datetime(2025, 2, 28, tzinfo=dt.UTC)
    assert ask(**window(border, border + DAY)).status_code == 200
    assert ask(**window(border - DAY, border)).status_code == 400


@pytest.mark.parametrize("kind", ["ActionDate", "LockingDate"])
def test_the_rules_for_other_dates_can_be_switched_off(sandbox: ImpactSandbox, ask: List, kind: str) -> None:
    wide = {f"{kind}Start": wire(NOW - 1500 * DAY), f"{kind}End": wire(NOW)}
    assert ask(**wide).status_code == 400
    sandbox.switches.window_rules_on_other_dates = False
    assert ask(**wide).status_code == 200
    assert ask(**window(NOW - 1500 * DAY)).status_code == 400


@pytest.mark.parametrize("kind", ["ActionDate", "LockingDate"])
def test_other_dates_replace_the_seven_days_unless_switched(
    book: Book, sandbox: ImpactSandbox, ids: Ids, kind: str
) -> None:
    action = book.create("1000", at=NOW - 20 * DAY, locking_days=10)
    asked = {f"{kind}Start": wire(NOW - 21 * DAY), f"{kind}End": wire(NOW)}
    assert ids(**asked) == [action.id]
    sandbox.switches.other_dates_replace_default = False
    assert ids(**asked) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"ActionDateStart": "06/01/2026", "ActionDateEnd": "06/14/2026"},
        {"ActionDateStart": "2026-06-01", "ActionDateEnd": "2026-06-14"},
        {"ActionDateStart": "2026-02-31T00:00:00Z"},
        {"StartDat": "2026-06-01T00:00:00Z"},
        {"startDate": "2026-06-01T00:00:00Z"},
        {"State": "OPEN"},
        {"Page": "0"},
        {"Page": "two"},
    ],
)
def test_a_bad_filter_is_ignored_unless_switched(
    book: Book, sandbox: ImpactSandbox, ids: Ids, ask: List, bad: dict[str, str]
) -> None:
    book.create("1000", at=NOW - 10 * DAY)
    young = book.create("1000", at=NOW - HOUR)
    assert ids(**bad) == [young.id]
    sandbox.switches.bad_filter = "error"
    answer = ask(**bad)
    assert answer.status_code == 400
    assert answer.json()["Errors"][0]["Field"] in bad


def test_a_good_filter_is_ignored_where_switched(book: Book, sandbox: ImpactSandbox, ids: Ids) -> None:
    young = book.create("1000", at=NOW - HOUR)
    asked = {"ActionDateStart": wire(NOW - 30 * DAY), "ActionDateEnd": wire(NOW - 20 * DAY)}
    assert ids(**asked) == []
    sandbox.switches.ignored_filters = frozenset(asked)
    assert ids(**asked) == [young.id]


def test_rows_can_be_late_to_be_seen(book: Book, sandbox: ImpactSandbox, ids: Ids) -> None:
    action = book.create("1000", at=NOW)
    sandbox.switches.latency = 60
    assert ids() == []
    assert ids("ActionUpdates") == []
    sandbox.now = lambda: NOW + dt.timedelta(seconds=60)
    assert ids() == [action.id]


@pytest.mark.parametrize(
    ("switched", "day", "days"),
    [
        ("off", [200, 200], 200),
        ("once", [504, 200], 504),
        ("wide", [200, 200], 504),
        ("always", [504, 504], 504),
    ],
)
def test_locking_dates_can_time_out(
    sandbox: ImpactSandbox, ask: List, switched: Any, day: list[int], days: int
) -> None:
    sandbox.switches.locking_504 = switched
    one = {"LockingDateStart": wire(NOW - DAY), "LockingDateEnd": wire(NOW)}
    assert [ask(**one).status_code for _ in range(2)] == day
    assert ask(LockingDateStart=wire(NOW - 2 * DAY), LockingDateEnd=wire(NOW)).status_code == days
    assert ask(**window(NOW - 2 * DAY)).status_code == 200


def test_a_time_out_is_a_gateways_html(sandbox: ImpactSandbox, ask: List) -> None:
    sandbox.switches.locking_504 = "always"
    answer = ask(LockingDateStart=wire(NOW - DAY))
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<html>")


# --- pages ---


def pages(api: httpx.Client, resource: str = "Actions", most: int = 10, **parameters: Any) -> list[dict[str, Any]]:
    """Follows the next URIs, at most so many."""
    asked = {
        "CampaignId": "1000",
        "PageSize": LATER_PAGES,
        **window(NOW - DAY, NOW - dt.timedelta(minutes=1)),
        **parameters,
    }
    answer = api.get(f"/{resource}", params=asked).json()
    found = [answer]
    while answer["@nextpageuri"] and len(found) < most:
        answer = api.get(f"{origin(api)}{answer['@nextpageuri']}").json()
        found.append(answer)
    return found


def rows(found: list[dict[str, Any]], resource: str = "Actions") -> list[str]:
    return [row["Id"] for page in found for row in page[resource]]


@BOTH
def test_pages_together_hold_every_row_once(book: Book, api: httpx.Client, resource: str) -> None:
    made = fill(book, 4_100)
    found = pages(api, resource)
    assert [row.removesuffix(".1") for row in rows(found, resource)] == made
    numbers = [
        [page[f"@{name}"] for name in ("page", "numpages", "pagesize", "total", "start", "end")] for page in found
    ]
    assert numbers == [
        ["1", "3", "2000", "4100", "0", "1999"],
        ["2", "3", "2000", "4100", "2000", "3999"],
        ["3", "3", "2000", "4100", "4000", "4099"],
    ]


def test_links_are_host_relative_and_keep_the_query(book: Book, api: httpx.Client) -> None:
    fill(book, 2_001)
    first, second = pages(api, IrVersion="14")
    account = "/Advertisers/IRSandboxAccount00000001/Actions?CampaignId=1000&PageSize=2000&StartDate="
    assert first["@nextpageuri"].startswith(account)
    assert first["@nextpageuri"].endswith("&IrVersion=14&Page=2")
    assert first["@nextpageuri"] == first["@lastpageuri"] == second["@uri"] == second["@lastpageuri"]
    assert first["@firstpageuri"] == second["@firstpageuri"] == second["@previouspageuri"]
    assert first["@previouspageuri"] == second["@nextpageuri"] == ""


def test_the_page_size_is_twenty_thousand_and_never_more(ask: List) -> None:
    assert ask().json()["@pagesize"] == "20000"
    assert ask(PageSize="50000").json()["@pagesize"] == "20000"


@BOTH
def test_a_small_page_size_is_refused_raised_or_accepted(sandbox: ImpactSandbox, ask: List, resource: str) -> None:
    assert ask(resource, PageSize="1999").status_code == 400
    assert ask(resource, PageSize="2000").status_code == 200
    sandbox.switches.small_page_size = "clamp"
    assert ask(resource, PageSize="10").json()["@pagesize"] == "2000"
    sandbox.switches.small_page_size = "accept"
    assert ask(resource, PageSize="10").json()["@pagesize"] == "10"


@BOTH
def test_more_than_ten_pages_are_refused(book: Book, sandbox: ImpactSandbox, ask: List, resource: str) -> None:
    sandbox.switches.small_page_size = "accept"
    fill(book, 30)
    assert ask(resource, PageSize="3").json()["@numpages"] == "10"
    book.create("1000")
    assert ask(resource, PageSize="3").status_code == 400
    assert ask(resource, PageSize="4").status_code == 200


def test_a_page_behind_the_last_is_empty(book: Book, ids: Ids) -> None:
    fill(book, 3)
    assert ids(Page="2") == []


@pytest.mark.parametrize(
    ("switched", "walk", "ends"),
    [
        ("clean", ["1", "2", "3"], True),
        ("repeats_once", ["1", "1", "2", "2", "3"], True),
        ("self_loop", ["1", "1", "1", "1", "1", "1", "1"], False),
        ("cycle", ["1", "2", "3", "1", "2", "3", "1"], False),
    ],
)
def test_the_next_uri_can_go_astray(
    book: Book, sandbox: ImpactSandbox, api: httpx.Client, switched: Any, walk: list[str], ends: bool
) -> None:
    fill(book, 4_001)
    sandbox.switches.next_uri = switched
    found = pages(api, most=7)
    assert [page["@page"] for page in found] == walk
    assert (found[-1]["@nextpageuri"] == "") is ends


def test_the_next_uri_can_lose_the_suffix(book: Book, sandbox: ImpactSandbox, api: httpx.Client) -> None:
    fill(book, 2_001)
    asked = {"CampaignId": "1000", "PageSize": str(LATER_PAGES)}
    assert "Actions.json?" in api.get("/Actions.json", params=asked).json()["@nextpageuri"]
    sandbox.switches.next_uri = "drops_json"
    following = api.get("/Actions.json", params=asked).json()["@nextpageuri"]
    assert "Actions?" in following
    assert api.get(f"{origin(api)}{following}", headers={"Accept": "*/*"}).content.startswith(b"<?xml")


@BOTH
def test_a_row_inserted_between_pages_repeats_one(
    book: Book, sandbox: ImpactSandbox, api: httpx.Client, resource: str
) -> None:
    made = fill(book, 2_001)
    sandbox.switches.page_drift = "insert"
    found = [row.removesuffix(".1") for row in rows(pages(api, resource), resource)]
    assert set(found) == set(made)
    assert found.count(made[1_999]) == 2
    assert len(book.actions) == 2_002


def test_a_row_leaving_between_pages_hides_one(book: Book, sandbox: ImpactSandbox, api: httpx.Client) -> None:
    made = fill(book, 2_002)
    book.approve(made[0])
    sandbox.switches.page_drift = "leave"
    found = rows(pages(api))
    assert set(made) - set(found) == {made[2_000]}
    assert book.actions[made[1]].changed == NOW


def test_updates_never_leave_their_range(book: Book, sandbox: ImpactSandbox, api: httpx.Client) -> None:
    made = fill(book, 2_002)
    sandbox.switches.page_drift = "leave"
    assert len(set(rows(pages(api, "ActionUpdates"), "ActionUpdates"))) == len(made)


def test_edge_rows_can_come_twice(book: Book, sandbox: ImpactSandbox, api: httpx.Client) -> None:
    made = fill(book, 2_001)
    sandbox.switches.edge_rows_twice = True
    assert rows(pages(api)) == [*made[:2_000], made[1_999], made[2_000]]


def test_an_empty_list_is_an_array_absent_or_null(sandbox: ImpactSandbox, ask: List) -> None:
    assert ask().json()["Actions"] == []
    sandbox.switches.empty_list = "absent"
    answer = ask().json()
    assert (answer["@total"], "Actions" in answer) == ("0", False)
    sandbox.switches.empty_list = "null"
    assert ask().json() is None


def test_the_list_key_can_be_absent_though_there_are_rows(book: Book, sandbox: ImpactSandbox, ask: List) -> None:
    fill(book, 1)
    sandbox.switches.list_key = "absent"
    answer = ask().json()
    assert (answer["@total"], "Actions" in answer) == ("1", False)
