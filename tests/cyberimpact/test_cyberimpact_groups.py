"""Groups that are missing are created, with as few looks at the list as that takes, and never twice."""

from typing import Literal

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.errors import ProviderError
from syncengine.sandbox.kit import Fault
from tests.clock import FakeClock
from tests.cyberimpact.attempts import Book
from tests.cyberimpact.conftest import Connect, active, change, connection, contacts_of, deliver
from tests.cyberimpact.scripted import Scripted

MANY = [f"Partner: {number:02d}" for number in range(12)]


def looks(vendor: CyberimpactSandbox) -> int:
    return sum(seen.method == "GET" and seen.path == "/groups" for seen in vendor.seen)


async def test_the_list_is_read_twice_however_many_groups_are_created(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    await deliver(connect(), [change("a@example.test", join=MANY, consent=active())], book)
    assert vendor.writes()["POST /groups"] == len(MANY)
    assert looks(vendor) == 2


async def test_the_list_is_read_once_where_all_groups_are_there(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    for title in MANY:
        vendor.admin.create_group(title)
    await deliver(connect(), [change("a@example.test", join=MANY, consent=active())], book)
    assert (vendor.writes()["POST /groups"], looks(vendor)) == (0, 1)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_each_group_is_made_once_although_an_answer_was_lost(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, kind: Literal["drop_before", "drop_after"]
) -> None:
    vendor.faults.add(Fault(kind=kind, method="POST", path="^/groups$", after=3))
    await deliver(connect(), [change("a@example.test", join=MANY, consent=active())], book)
    assert vendor.faults.injected
    assert sorted(vendor.groups()) == MANY
    assert vendor.contacts()["a@example.test"].groups == frozenset(MANY)


async def test_a_group_that_the_list_does_not_show_stops_the_delivery(clock: FakeClock, book: Book) -> None:
    """Its number is not known, so nobody can be put in it; a guess would put people elsewhere."""
    empty = Scripted(groups=lambda request: 201 if request.method == "POST" else {"groups": [], "totalCount": 0})
    with pytest.raises(ProviderError) as caught:
        await deliver(
            contacts_of(connection(clock, empty)), [change("a@example.test", join=["New"], consent=active())], book
        )
    assert caught.value.code == "group_missing"
