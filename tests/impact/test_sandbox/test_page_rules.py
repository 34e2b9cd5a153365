"""Sizes of pages where documents disagree, and lists that move while they are read."""

import datetime as dt
from typing import Any

import httpx

from connectors.impact.sandbox import Book, ImpactSandbox
from tests.impact.test_sandbox.conftest import NOW, List

MINUTE = dt.timedelta(minutes=1)


def fill(book: Book, count: int) -> list[str]:
    """That many actions of the last hours, newest first."""
    return [book.create("1000", at=NOW - (count - number) * MINUTE).id for number in range(count)][::-1]


def walk(api: httpx.Client, resource: str, **parameters: Any) -> list[str]:
    answer = api.get(f"/{resource}", params={"CampaignId": "1000", **parameters}).json()
    found = list(answer[resource])
    while answer["@nextpageuri"]:
        answer = api.get(str(api.base_url.copy_with(raw_path=answer["@nextpageuri"].encode()))).json()
        found += answer[resource]
    return [row["Id"] for row in found]


def test_the_server_can_make_smaller_pages_than_asked(
    book: Book, sandbox: ImpactSandbox, api: httpx.Client, ask: List
) -> None:
    made = fill(book, 7)
    sandbox.switches.max_page_size = 3
    answer = ask(PageSize="20000").json()
    assert (answer["@pagesize"], answer["@numpages"]) == ("3", "3")
    assert walk(api, "Actions", PageSize="20000") == made
    assert [row.removesuffix(".1") for row in walk(api, "ActionUpdates")] == made


def test_more_than_ten_small_pages_are_refused_too(book: Book, sandbox: ImpactSandbox, ask: List) -> None:
    fill(book, 31)
    sandbox.switches.max_page_size = 3
    assert ask().status_code == 400
    sandbox.switches.max_page_size = 4
    assert ask().status_code == 200


def test_updates_may_have_no_rules_for_pages(book: Book, sandbox: ImpactSandbox, ask: List) -> None:
    fill(book, 3)
    assert ask("ActionUpdates").json()["@pagesize"] == "20000"
    assert ask("ActionUpdates", PageSize="2").status_code == 400
    sandbox.switches.updates_have_page_rules = False
    assert ask("ActionUpdates").json()["@pagesize"] == "1000"
    assert ask("ActionUpdates", PageSize="20000").json()["@pagesize"] == "1000"
    assert ask("ActionUpdates", PageSize="2").json()["@numpages"] == "2"
    assert ask("Actions", PageSize="2").status_code == 400


def test_the_general_size_of_a_page_is_a_switch(sandbox: ImpactSandbox, api: httpx.Client) -> None:
    assert api.get("/MediaPartners").json()["@pagesize"] == "1000"
    sandbox.switches.general_page_size = 100
    assert api.get("/MediaPartners", params={"PageSize": "20000"}).json()["@pagesize"] == "100"


def test_an_action_tracked_between_pages_shifts_a_list_up_to_now(
    book: Book, sandbox: ImpactSandbox, api: httpx.Client
) -> None:
    made = fill(book, 4)
    sandbox.switches.max_page_size = 2
    sandbox.switches.page_drift = "create"
    assert walk(api, "Actions") == [*made[:2], *made[1:3], *made[2:]]
    assert len(book.actions) == 6


def test_an_action_tracked_between_pages_is_in_no_range_of_the_past(
    book: Book, sandbox: ImpactSandbox, api: httpx.Client
) -> None:
    made = fill(book, 4)
    sandbox.switches.max_page_size = 2
    sandbox.switches.page_drift = "create"
    past = {"StartDate": "2026-06-15T00:00:00Z", "EndDate": "2026-06-15T18:59:30Z"}
    assert walk(api, "Actions", **past) == made
    assert len(book.actions) == 5
