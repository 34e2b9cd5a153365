"""States that change without "last updated", what may happen when, and that the history is exact."""

import datetime as dt
from typing import Any

import httpx
import pytest

from connectors.impact.sandbox import Book, ImpactSandbox
from tests.impact.test_sandbox.conftest import NOW, Ids, List

DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)


def wire(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def locking(start: dt.datetime, end: dt.datetime) -> dict[str, str]:
    return {"LockingDateStart": wire(start), "LockingDateEnd": wire(end)}


def updated(start: dt.datetime, end: dt.datetime) -> dict[str, str]:
    return {"StartDate": wire(start), "EndDate": wire(end)}


def test_an_approval_by_date_shows_by_its_locking_date_alone(book: Book, sandbox: ImpactSandbox, ids: Ids) -> None:
    action = book.create("1000", at=NOW - 29 * DAY, locking_days=30)
    sandbox.now = lambda: NOW + 2 * DAY
    book.approve_due()
    assert action.state == "APPROVED"
    assert ids(**updated(NOW - 10 * DAY, NOW + 2 * DAY)) == []
    assert ids("ActionUpdates", **updated(NOW - 10 * DAY, NOW + 2 * DAY)) == []
    assert ids(**locking(NOW - DAY, NOW + 2 * DAY)) == [action.id]


def test_an_early_approval_shows_in_no_range_that_ends_now(book: Book, ids: Ids) -> None:
    action = book.create("1000", at=NOW - 10 * DAY, locking_days=30)
    book.approve(action.id)
    assert ids(**updated(NOW - DAY, NOW)) == ids(**locking(NOW - DAY, NOW)) == []
    assert ids(ActionDateStart=wire(NOW - 11 * DAY), State="APPROVED") == [action.id]


@pytest.mark.parametrize(
    ("switched", "expected"),
    [("kept", "2026-07-05T00:00:00-07:00"), ("moved", "2026-06-15T00:00:00-07:00"), ("empty", "")],
)
def test_an_early_approval_keeps_its_locking_date_unless_switched(
    book: Book, sandbox: ImpactSandbox, switched: Any, expected: str
) -> None:
    sandbox.switches.early_approval_date = switched
    action = book.create("1000", at=NOW - 10 * DAY, locking_days=30)
    book.approve(action.id)
    assert sandbox.every_action()[action.id]["LockingDate"] == expected


def test_an_approval_in_time_leaves_the_locking_date_whatever_is_switched(book: Book, sandbox: ImpactSandbox) -> None:
    sandbox.switches.early_approval_date = "empty"
    action = book.create("1000", at=NOW - 31 * DAY, locking_days=30)
    before = action.locking_date
    assert book.approve_due() == [action]
    assert action.locking_date == before


def test_locking_can_be_open_ended(book: Book, sandbox: ImpactSandbox) -> None:
    action = book.create("1000", locking_days=None)
    assert sandbox.every_action()[action.id]["LockingDate"] == ""
    book.approve(action.id)
    assert sandbox.every_action()[action.id]["State"] == "APPROVED"


def test_switched_so_a_request_finds_approved_what_has_locked(book: Book, sandbox: ImpactSandbox, ids: Ids) -> None:
    action = book.create("1000", at=NOW - DAY, locking_days=3)
    sandbox.switches.approves_by_date = True
    assert ids(State="APPROVED") == []
    sandbox.now = lambda: NOW + 4 * DAY
    assert ids(State="APPROVED") == [action.id]


def test_the_clock_changing_moves_no_locking_date(book: Book, sandbox: ImpactSandbox) -> None:
    before = dt.datetime(2026, 10, 20, 19, tzinfo=dt.UTC)
    action = book.create("1000", at=before, locking_days=30)
    assert sandbox.every_action()[action.id]["LockingDate"] == "2026-11-19T00:00:00-08:00"
    assert sandbox.every_action()[action.id]["CreationDate"] == "2026-10-20T12:00:00-07:00"


@pytest.mark.parametrize("step", ["modify", "reverse", "reset"])
def test_switched_so_a_locked_action_changes_no_more(book: Book, sandbox: ImpactSandbox, step: str) -> None:
    sandbox.switches.change_after_locking = "refused"
    locked = book.create("1000", at=NOW - 31 * DAY, locking_days=30)
    opened = book.create("1000", at=NOW - 31 * DAY, locking_days=None)
    with pytest.raises(ValueError, match="locked"):
        getattr(book, step)(locked.id)
    getattr(book, step)(locked.id, at=NOW - 30 * DAY)
    getattr(book, step)(opened.id)
    assert book.approve(locked.id).state == "APPROVED"


@pytest.mark.parametrize(
    ("step", "arguments", "disposition"),
    [
        ("modify", {}, "ORDER_UPDATE"),
        ("reverse", {}, "ITEM_RETURNED"),
        ("reset", {}, "RESET"),
        ("reverse", {"reason": "TEST_ACTION"}, "TEST_ACTION"),
    ],
)
def test_an_update_says_why(
    book: Book, api: httpx.Client, step: str, arguments: dict[str, str], disposition: str
) -> None:
    action = book.create("1000", at=NOW - DAY)
    getattr(book, step)(action.id, **arguments)
    found = [api.get(f"/ActionUpdates/{action.id}.{number}").json()["Disposition"] for number in (1, 2)]
    assert found == ["IR_BLANK", disposition]


def test_every_action_is_listed_as_it_would_be_read(book: Book, sandbox: ImpactSandbox, ask: List) -> None:
    made = [book.create("1000", at=NOW - number * DAY).id for number in range(1, 6)]
    book.approve(made[0])
    book.reverse(made[1])
    book.reverse(made[2])
    book.reset(made[2])
    book.modify(made[3], amount="5")
    read = {row["Id"]: row for row in ask(ActionDateStart=wire(NOW - 7 * DAY)).json()["Actions"]}
    assert sandbox.every_action() == read
    assert [read[action]["State"] for action in made] == ["APPROVED", "REVERSED", "PENDING", "PENDING", "PENDING"]
    assert read[made[2]]["Amount"] == read[made[4]]["Amount"]


def test_an_action_can_be_gone(book: Book, api: httpx.Client, ids: Ids) -> None:
    gone, left = (book.create("1000", at=NOW - HOUR).id for _ in range(2))
    assert sorted(ids()) == [gone, left]
    book.remove(gone)
    assert (ids(), ids("ActionUpdates")) == ([left], [f"{left}.1"])
    assert api.get(f"/Actions/{gone}").status_code == api.get(f"/ActionUpdates/{gone}.1").status_code == 404
    assert book.create("1000").id not in {gone, left}
