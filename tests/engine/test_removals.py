"""A run that would take very many out of groups stops before the first of them, and all else goes on."""

import pytest

from syncengine.engine.limits import SHARE_OF_REMOVALS, Limit
from syncengine.errors import Unconfirmed
from tests.engine.world import World

MOST = 3
MANY = 6
FORMER = {"Customers", "Partner: Acme"}


@pytest.fixture
async def shop(world: World) -> World:
    """Six customers are contacts; more than three may not be taken out of groups at once."""
    world.most_removals = MOST
    for at in range(MANY):
        world.crm.person(f"C{at}", f"c{at}@example.com")
        world.buy(str(at), f"C{at}")
    await world.sync()
    return world


def reverse(world: World, number: int) -> None:
    """So many of the sales are reversed."""
    for record in list(world.stream.changes["one"])[:number]:
        world.stream.put(record.id, record.moment, **{**dict(record.values), "Id": record.id, "State": "REVERSED"})


def left(world: World) -> list[str]:
    return [part.key for part in world.mail.requests if part.leave]


async def test_too_many_removals_stop_before_the_first_and_say_what_to_do(shop: World) -> None:
    reverse(shop, MOST + 1)
    report = await shop.sync()
    (error,) = report.failures
    assert isinstance(error, Unconfirmed)
    assert error.code == "too_many_removals"
    assert "4 of 6 contacts" in error.message
    assert "syncengine sync --yes" in error.hint
    assert left(shop) == []
    assert report.mappings[0].state == "failed"
    assert report.deliveries[0].revisions["pending"] == MOST + 1


async def test_what_is_added_goes_on_being_delivered(shop: World) -> None:
    reverse(shop, MOST + 1)
    shop.crm.person("NEW", "new@example.com")
    shop.buy("new", "NEW")
    report = await shop.sync()
    assert shop.groups("new@example.com") == FORMER
    assert report.deliveries[0].counts["delivered"] == 1
    assert left(shop) == []


async def test_it_fails_each_time_until_a_person_says_yes(shop: World) -> None:
    reverse(shop, MOST + 1)
    for _ in range(2):
        assert [error.code for error in (await shop.sync()).failures] == ["too_many_removals"]
    report = await shop.sync(confirmed=True)
    assert report.failures == []
    assert len(left(shop)) == MOST + 1
    assert (await shop.sync()).failures == []


async def test_as_many_as_are_allowed_need_no_yes(shop: World) -> None:
    reverse(shop, MOST)
    assert (await shop.sync()).failures == []
    assert len(left(shop)) == MOST


async def test_a_mapping_that_was_changed_counts_as_a_reversal_does(shop: World) -> None:
    shop.add_mapping("sales", fields={**shop.mappings["sales"].spec.fields, "groups": ["Buyers"]})
    for record in list(shop.stream.changes["one"]):
        shop.stream.put(record.id, record.moment, **{**dict(record.values), "State": "APPROVED"})
    report = await shop.sync()
    assert [error.code for error in report.failures] == ["too_many_removals"]
    assert {frozenset(shop.groups(key)) for key in shop.mail.contacts} == {frozenset(FORMER)}
    await shop.sync(confirmed=True)
    assert {frozenset(shop.groups(key)) for key in shop.mail.contacts} == {frozenset({"Buyers"})}


async def test_another_spelling_of_a_group_is_no_removal(shop: World) -> None:
    shop.add_mapping("sales", fields={**shop.mappings["sales"].spec.fields, "groups": ["CUSTOMERS", "partner: acme"]})
    for record in list(shop.stream.changes["one"]):
        shop.stream.put(record.id, record.moment, **{**dict(record.values), "State": "APPROVED"})
    assert (await shop.sync()).failures == []
    assert left(shop) == []


async def test_plan_shows_that_it_would_stop_and_whom_it_is_about(shop: World) -> None:
    reverse(shop, MOST + 1)
    report, items = await shop.plan()
    assert [error.code for error in report.failures] == ["too_many_removals"]
    assert [(item.verdict.change, item.verdict.withheld) for item in items] == [(None, "unconfirmed")] * (MOST + 1)


async def test_a_sale_that_is_reset_meanwhile_needs_no_yes_any_more(shop: World) -> None:
    old = list(shop.stream.changes["one"])
    reverse(shop, MOST + 1)
    await shop.sync()
    for record in old:
        shop.stream.put(record.id, record.moment, **{**dict(record.values), "Id": record.id, "State": "APPROVED"})
    assert (await shop.sync()).failures == []
    assert left(shop) == []
    assert {frozenset(shop.groups(key)) for key in shop.mail.contacts} == {frozenset(FORMER)}


@pytest.mark.parametrize(
    ("number", "total", "passed"), [(100, 100, False), (101, 1010, False), (101, 1009, True), (500, 100_000, False)]
)
def test_both_the_number_and_the_share_must_be_passed(number: int, total: int, passed: bool) -> None:
    assert Limit(100, SHARE_OF_REMOVALS).passed(number, total) is passed
