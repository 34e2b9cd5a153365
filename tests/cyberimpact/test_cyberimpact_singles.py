"""Requests about one contact: written down, repeated and settled like batches are."""

from typing import Any

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Change
from syncengine.sandbox.kit import Fault
from tests.cyberimpact.attempts import Book
from tests.cyberimpact.conftest import Connect, active, change, deliver

KEY = "express@example.test"


def furnish(vendor: CyberimpactSandbox) -> Change:
    """Somebody with better consent, so that fields and groups go by single requests after the batch's error row."""
    for title in ("A", "Old"):
        vendor.admin.create_group(title)
    vendor.admin.add(KEY, relation="express-consent", date="2020-01-01", groups=["Old"])
    return change(KEY, join=["A"], leave=["Old"], fields={"firstname": "Ed"}, consent=active(), create=False)


SINGLE = [("PATCH", "/members/"), ("POST", "/members/"), ("DELETE", "/members/")]


@pytest.mark.parametrize(("method", "path"), SINGLE)
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status"])
async def test_one_without_an_answer_is_sent_again(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, method: str, path: str, kind: Any
) -> None:
    asked = furnish(vendor)
    vendor.faults.add(Fault(kind=kind, method=method, path=path))
    outcomes = await deliver(connect(), [asked], book)
    assert outcomes[KEY].status == "delivered"
    assert vendor.faults.injected
    known = vendor.contacts()[KEY]
    assert (known.groups, known.fields) == ({"A"}, {"firstname": "Ed"})
    assert not book.in_doubt()


@pytest.mark.parametrize(("method", "path"), SINGLE)
@pytest.mark.parametrize(
    ("status", "outcome", "doubt"), [(422, "rejected", False), (429, "retry", False), (500, "in_doubt", True)]
)
async def test_one_that_fails_for_good_ends_the_change(
    vendor: CyberimpactSandbox,
    connect: Connect,
    book: Book,
    method: str,
    path: str,
    status: int,
    outcome: str,
    doubt: bool,
) -> None:
    asked = furnish(vendor)
    vendor.faults.add(Fault(kind="status", status=status, method=method, path=path, times=99))
    outcomes = await deliver(connect(), [asked], book)
    assert outcomes[KEY].status == outcome
    assert bool(book.in_doubt()) == doubt


@pytest.mark.parametrize("method", ["PATCH", "POST"])
async def test_a_contact_that_goes_away_meanwhile_is_tried_again(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, method: str
) -> None:
    asked = furnish(vendor)
    vendor.faults.add(Fault(kind="status", status=404, method=method, path="/members/"))
    outcomes = await deliver(connect(), [asked], book)
    assert (outcomes[KEY].status, outcomes[KEY].code) == ("retry", "gone")
    assert not book.in_doubt()


async def test_groups_that_an_error_row_joined_all_the_same_are_confirmed_and_not_joined_twice(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    asked = furnish(vendor)
    vendor.admin.join_group(KEY, "A")
    body = f'{{"id":1,"status":"COMPLETED","result":{{"successes":[],"errors":[{{"id":"{KEY}"}}]}}}}'
    vendor.faults.add(Fault(kind="status", status=200, body=body, method="GET", path="/batches", times=9))
    outcomes = await deliver(connect(), [asked], book)
    assert outcomes[KEY].status == "delivered"
    assert book.entries[0].states == {KEY: "confirmed"}
    assert [seen.method for seen in vendor.write_requests()] == ["POST", "PATCH", "DELETE"]


async def test_who_is_barred_from_the_first_ride_is_on_no_other(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    book.barred = {"no@example.test"}
    changes = [
        change("no@example.test", join=["All", "P1", "P2"], leave=["Old"], consent=active()),
        *[change(f"{number}@example.test", join=["All", f"P{number}"], consent=active()) for number in (1, 2)],
    ]
    outcomes = await deliver(connect(), changes, book)
    assert "no@example.test" not in outcomes
    assert sum("no@example.test" in entry.parts for entry in book.entries) == 1
    assert not vendor.mentions("no@example.test")
