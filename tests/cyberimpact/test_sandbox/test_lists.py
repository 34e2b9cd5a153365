"""Lists: who is on which, pages, sorts, filters by day."""

import datetime as dt
from typing import Any

import httpx
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox

TORONTO_MIDNIGHT = dt.datetime(2026, 3, 2, 5, 0, tzinfo=dt.UTC)


def emails(answer: httpx.Response) -> list[str]:
    return [row["email"].partition("@")[0] for row in answer.json()["members"]]


@pytest.fixture
def crowd(sandbox: CyberimpactSandbox) -> CyberimpactSandbox:
    """Three in a group, one in none, one who unsubscribed, one who bounced, one who did both."""
    sandbox.admin.create_group("One")
    for name in ("c", "a", "b"):
        sandbox.admin.add(f"{name}@example.test", groups=["One"])
    for name in ("orphan", "gone", "bounced", "both"):
        sandbox.admin.add(f"{name}@example.test")
    sandbox.admin.unsubscribe("gone@example.test")
    sandbox.admin.bounce("bounced@example.test")
    sandbox.admin.bounce("both@example.test")
    sandbox.admin.unsubscribe("both@example.test")
    return sandbox


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/members?sort=email_asc", ["a", "b", "c"]),
        ("/members?sort=email_asc&status=active", ["a", "b", "c"]),
        ("/members?sort=email_asc&status=orphans", ["orphan"]),
        ("/members?sort=email_asc&status=all", ["a", "b", "c", "orphan"]),
        ("/members/unsubscribed?sort=email_asc", ["both", "gone"]),
        ("/members/bounced?sort=email_desc", ["bounced", "both"]),
    ],
)
def test_each_list_holds_its_own(api: httpx.Client, crowd: CyberimpactSandbox, path: str, expected: list[str]) -> None:
    assert emails(api.get(path)) == expected


def test_unknown_status_is_refused(api: httpx.Client) -> None:
    assert api.get("/members?status=everybody").status_code == 422


def test_rows_of_suppressed_lists_have_no_id_and_no_counters(api: httpx.Client, crowd: CyberimpactSandbox) -> None:
    bounced = api.get("/members/bounced").json()["members"][0]
    gone = api.get("/members/unsubscribed").json()["members"][0]
    assert bounced["hardBouncedOn"] == gone["unsubscribedOn"] == "2026-06-10 11:00:00.000"
    assert not {"id", "mailingsReceived", "mailingsOpened", "mailingsClicked"} & (bounced.keys() | gone.keys())
    crowd.switches.bounce_dates = "null"
    assert api.get("/members/bounced").json()["members"][0]["hardBouncedOn"] is None


# --- pages ---


@pytest.fixture
def many(sandbox: CyberimpactSandbox) -> CyberimpactSandbox:
    for number in range(45):
        sandbox.admin.add(f"p{number:02d}@example.test")
    return sandbox


def test_pages_have_twenty_rows_and_say_the_total(api: httpx.Client, many: CyberimpactSandbox) -> None:
    page = api.get("/members?status=all&page=3").json()
    assert (len(page["members"]), page["totalCount"], page["page"], page["limit"], page["sort"]) == (5, 45, 3, 20, "")
    assert api.get("/members?status=all&sort=email_asc").json()["sort"] == "email_asc"


@pytest.mark.parametrize("parameter", ["limit", "items_per_page"])
def test_limit_sets_the_size_of_a_page(api: httpx.Client, many: CyberimpactSandbox, parameter: str) -> None:
    page = api.get(f"/members?status=all&{parameter}=30&page=2&sort=email_asc")
    assert emails(page) == [f"p{number}" for number in range(30, 45)]


def test_page_past_the_last(api: httpx.Client, many: CyberimpactSandbox) -> None:
    assert emails(api.get("/members?status=all&page=4")) == []
    many.switches.past_last_page = "404"
    assert api.get("/members?status=all&page=4").status_code == 404
    assert api.get("/members?status=orphans&joinedOnFrom=2027-01-01").status_code == 200


def test_limit_over_the_maximum(api: httpx.Client, many: CyberimpactSandbox) -> None:
    assert api.get("/members?limit=10001").json()["limit"] == 10_000
    many.switches.over_limit = "422"
    assert api.get("/members?limit=10001").status_code == 422
    assert api.get("/members?limit=10000").status_code == 200


def test_unsorted_list_may_change_its_order_between_pages(api: httpx.Client, many: CyberimpactSandbox) -> None:
    path = "/members?status=all&limit=45"
    assert emails(api.get(path)) == [f"p{number:02d}" for number in range(45)]
    many.switches.unsorted_order = "random"
    assert emails(api.get(path)) != emails(api.get(path))
    assert emails(api.get(f"{path}&sort=email_asc")) == [f"p{number:02d}" for number in range(45)]


# --- sorts ---


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("email", "a"),
        ("language", "b"),
        ("fullname", "b"),
        ("date", "b"),
        ("consent_type", "a"),
        ("consent_date", "a"),
        ("updated", "a"),
    ],
)
def test_members_are_sorted(api: httpx.Client, sandbox: CyberimpactSandbox, sort: str, first: str) -> None:
    start = sandbox.now()
    b = {"language": "en_ca", "firstname": "Same", "lastname": "L"}
    a = {"language": "fr_ca", "firstname": "Same", "lastname": "M"}
    sandbox.admin.add("b@example.test", fields=b, relation="active-clients", date="2026-02-02")
    sandbox.now = lambda: start + dt.timedelta(days=1)
    sandbox.admin.add("a@example.test", fields=a, relation="express-consent", date="2026-01-01")
    sandbox.admin.edit("b@example.test", note="edited")
    assert emails(api.get(f"/members?status=all&sort={sort}_asc"))[0] == first
    assert emails(api.get(f"/members?status=all&sort={sort}_desc"))[1] == first


# --- filters ---


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("joinedOnFrom=2026-03-02", ["first", "last", "next"]),
        ("joinedOnTo=2026-03-01", ["before"]),
        ("joinedOnFrom=2026-03-02&joinedOnTo=2026-03-02", ["first", "last"]),
        ("joinedOnFrom=2026-03-04", []),
    ],
)
def test_filters_take_whole_eastern_days_with_both_ends(
    api: httpx.Client, sandbox: CyberimpactSandbox, query: str, expected: list[str]
) -> None:
    second = dt.timedelta(seconds=1)
    day = dt.timedelta(days=1)
    for name, moment in (
        ("before", TORONTO_MIDNIGHT - second),
        ("first", TORONTO_MIDNIGHT),
        ("last", TORONTO_MIDNIGHT + day - second),
        ("next", TORONTO_MIDNIGHT + day),
    ):
        sandbox.now = lambda moment=moment: moment  # type: ignore[misc]  # bound at once
        sandbox.admin.add(f"{name}@example.test")
    assert emails(api.get(f"/members?status=all&sort=email_asc&{query}")) == expected


@pytest.mark.parametrize("day", ["2026-3-2", "2026-02-30", "20260302", "2026-03-02T00:00:00"])
def test_filter_must_be_a_day(api: httpx.Client, day: str) -> None:
    assert api.get("/members", params={"joinedOnFrom": day}).status_code == 422


@pytest.mark.parametrize(
    ("path", "name"), [("/members/bounced", "bouncedOn"), ("/members/unsubscribed", "unsubscribedOn")]
)
def test_suppressed_lists_are_filtered_by_their_own_date(
    api: httpx.Client, crowd: CyberimpactSandbox, path: str, name: str
) -> None:
    assert len(emails(api.get(path, params={f"{name}From": "2026-06-10", "updatedOnTo": "2026-06-10"}))) == 2
    assert emails(api.get(path, params={f"{name}From": "2026-06-11"})) == []
    assert api.get(path, params={"joinedOnFrom": "2026-06-11"}).status_code == 422


def test_never_updated_contacts_are_missed_by_the_filter_or_not(api: httpx.Client, crowd: CyberimpactSandbox) -> None:
    crowd.admin.edit("b@example.test", note="edited")
    path = "/members?sort=email_asc&updatedOnFrom=2026-06-10"
    assert emails(api.get(path)) == ["b"]
    crowd.switches.null_updated_matches = True
    assert emails(api.get(path)) == ["a", "b", "c"]


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("change", ["group", "consent", "custom"])
def test_what_moves_updated_on(api: httpx.Client, crowd: CyberimpactSandbox, change: str, moves: Any) -> None:
    crowd.switches.updated_moves = moves
    number = crowd.admin.add_custom_field("Orders", "integer")
    group = crowd.admin.create_group("Two")
    match change:
        case "group":
            answer = api.post("/members/a@example.test/groups", json={"groups": str(group)})
        case "consent":
            answer = api.put("/members/a@example.test/consent", json={"relationType": "partners"})
        case _:
            answer = api.patch("/members/a@example.test", json={"customFields": {str(number): 1}})
    assert answer.status_code == 200
    assert (api.get("/members/a@example.test").json()["updatedOn"] is not None) == moves
