"""A contact is in exactly the groups that are asked for, once it is there."""

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.sandbox.kit import Fault
from tests.cyberimpact.attempts import Book
from tests.cyberimpact.conftest import Connect, active, change, deliver

LEA = "lea.roy@example.test"
REPLACE = "PUT /members/{key}/groups"


async def test_a_contact_is_taken_out_of_all_other_groups_after_its_joins(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.create_group("Old")
    vendor.admin.add(LEA, groups=["Old"], relation="active-clients", date="2026-01-01")
    asked = change(LEA, join=["New"], consent=active(), create=False, exact=frozenset({"New"}))
    outcomes = await deliver(connect(), [asked], book)
    assert outcomes[LEA].status == "delivered"
    assert vendor.contacts()[LEA].groups == {"New"}
    assert [(part.join, part.exact) for part in book.confirmed(LEA)] == [(("New",), None), ((), ("New",))]


async def test_a_contact_can_be_in_no_group_at_all(vendor: CyberimpactSandbox, connect: Connect, book: Book) -> None:
    vendor.admin.create_group("Old")
    vendor.admin.add(LEA, groups=["Old"])
    asked = change(LEA, create=False, renew=False, exact=frozenset())
    assert (await deliver(connect(), [asked], book))[LEA].status == "delivered"
    assert vendor.contacts()[LEA].groups == set()


async def test_a_group_that_is_not_there_is_not_among_those_that_were_made_all(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.create_group("Kept")
    vendor.admin.add(LEA, groups=["Kept"])
    asked = change(LEA, create=False, renew=False, exact=frozenset({"Kept", "Deleted"}))
    await deliver(connect(), [asked], book)
    assert [part.exact for part in book.confirmed(LEA)] == [("Kept",)]


async def test_groups_are_not_replaced_where_what_was_to_be_added_is_refused(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.create_group("Old")
    vendor.admin.add(LEA, groups=["Old"], relation="active-clients", date="2026-01-01")
    vendor.faults.add(Fault(kind="status", status=422, method="POST", path="/batches", times=2))
    asked = change(LEA, join=["New"], consent=active(), create=False, exact=frozenset({"New"}))
    outcomes = await deliver(connect(), [asked], book)
    assert outcomes[LEA].status == "rejected"
    assert vendor.contacts()[LEA].groups == {"Old"}


async def test_who_went_away_meanwhile_is_looked_at_again(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.create_group("New")
    outcomes = await deliver(connect(), [change(LEA, create=False, renew=False, exact=frozenset({"New"}))], book)
    assert (outcomes[LEA].status, outcomes[LEA].code) == ("retry", "gone")
    assert vendor.contacts() == {}
