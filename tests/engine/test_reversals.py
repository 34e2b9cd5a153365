"""A record that is taken back, and back again: what was ours goes and returns, what is theirs stays theirs."""

import datetime as dt

import pytest

from syncengine.state import reports
from syncengine.state.reports import RecordNote
from tests.engine.world import World

DAY = 86_400.0
GROUPS = {"Customers", "Partner: Acme"}


@pytest.fixture
def customer(world: World) -> World:
    """Jo has bought, and is a contact."""
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1", days_ago=3)
    return world


async def reverse(world: World, state: str = "REVERSED") -> None:
    """The sale changes its state, a day later, and is read."""
    world.clock.move(DAY)
    old = next(record for record in world.stream.changes["one"] if record.id == "1")
    world.stream.put("1", old.moment, **{**dict(old.values), "Id": "1", "State": state})
    await world.sync()


def told(world: World) -> RecordNote:
    (record,) = world.store.read_now(reports.explain, "jo@example.com").records
    return record


async def test_what_the_person_left_by_themselves_is_not_joined_again(customer: World) -> None:
    await customer.sync()
    customer.mail.contacts["jo@example.com"].groups.pop("customers")
    await reverse(customer)
    assert customer.groups("jo@example.com") == set()
    await reverse(customer, "PENDING")
    assert customer.groups("jo@example.com") == {"Partner: Acme"}


async def test_a_group_of_another_spelling_is_the_same_group(customer: World) -> None:
    await customer.sync()
    customer.mail.contacts["jo@example.com"].groups["customers"] = "CUSTOMERS"
    await reverse(customer)
    assert customer.groups("jo@example.com") == set()
    await reverse(customer, "PENDING")
    assert customer.groups("jo@example.com") == GROUPS


async def test_what_another_purchase_gives_stays(customer: World) -> None:
    customer.buy("2", "C1", Partner="Other")
    await customer.sync()
    await reverse(customer)
    assert customer.groups("jo@example.com") == {"Customers", "Partner: Other"}
    await reverse(customer, "PENDING")
    assert customer.groups("jo@example.com") == {*GROUPS, "Partner: Other"}


async def test_who_unsubscribed_meanwhile_is_not_brought_back(customer: World) -> None:
    await customer.sync()
    await reverse(customer)
    customer.mail.unsubscribed.add("jo@example.com")
    sent = len(customer.mail.adds)
    await reverse(customer, "PENDING")
    assert len(customer.mail.adds) == sent
    assert customer.groups("jo@example.com") == set()


async def test_it_can_be_taken_back_and_reset_again_and_again(customer: World) -> None:
    await customer.sync()
    for _ in range(2):
        await reverse(customer)
        assert customer.groups("jo@example.com") == set()
        await reverse(customer, "PENDING")
        assert customer.groups("jo@example.com") == GROUPS


async def test_explain_knows_when_it_was_taken_back_and_when_it_was_back(customer: World) -> None:
    begun = customer.clock.now()
    day = dt.timedelta(days=1)
    await customer.sync()
    assert (told(customer).state, told(customer).since, told(customer).retracted_at) == ("live", begun, None)
    await reverse(customer)
    assert (told(customer).state, told(customer).since) == ("retracted", begun + day)
    assert told(customer).retracted_at == begun + day
    await reverse(customer, "PENDING")
    assert (told(customer).state, told(customer).since) == ("live", begun + 2 * day)
    assert told(customer).retracted_at == begun + day


async def test_another_version_of_what_is_taken_back_was_not_taken_back_later(customer: World) -> None:
    begun = customer.clock.now()
    customer.add_mapping("sales", retract="State == 'REVERSED' or State == 'VOID'")
    await customer.sync()
    await reverse(customer)
    await reverse(customer, "VOID")
    assert told(customer).retracted_at == told(customer).since == begun + dt.timedelta(days=1)
