"""Records can take people out of groups, whoever put them there, and say that some groups are all there may be."""

from typing import Any

import pytest

from tests.engine.world import SPEC, Contact, World

JO = "jo@example.com"


@pytest.fixture
async def shop(world: World) -> World:
    """Jo is in a group of somebody else's."""
    world.crm.person("C1", JO)
    contact = world.mail.contacts[JO] = Contact()
    contact.groups["theirs"] = "Theirs"
    return world


def leaving(world: World, *titles: str) -> None:
    fields = {**SPEC["fields"], "groups": [], "leave": list(titles)}
    world.add_mapping("leaves", where="Kind == 'LEAVE' and State != 'REVERSED'", fields=fields)


def replacing(world: World, *titles: str) -> None:
    world.add_mapping("sales", fields={**SPEC["fields"], "groups": list(titles), "exact": "true"})


def left(world: World) -> list[tuple[str, ...]]:
    return [part.leave for part in world.mail.requests if part.leave]


def replaced(world: World) -> list[Any]:
    return [part.exact for part in world.mail.requests if part.exact is not None]


async def test_somebody_leaves_a_group_whoever_put_them_there(shop: World) -> None:
    leaving(shop, "theirs")
    shop.buy("9", "C1", Kind="LEAVE")
    await shop.sync()
    assert shop.groups(JO) == set()


async def test_what_was_left_once_is_not_left_again(shop: World) -> None:
    leaving(shop, "Theirs")
    shop.buy("9", "C1", Kind="LEAVE")
    await shop.sync()
    shop.mail.contacts[JO].groups["theirs"] = "Theirs"  # an administrator puts them in again
    shop.buy("1", "C1")
    await shop.sync()
    assert shop.groups(JO) == {"Theirs", "Customers", "Partner: Acme"}
    assert left(shop) == [("Theirs",)]


async def test_who_is_not_in_the_group_needs_no_request(shop: World) -> None:
    leaving(shop, "Others")
    shop.buy("9", "C1", Kind="LEAVE")
    shop.crm.person("C2", "new@example.com")
    shop.buy("8", "C2", Kind="LEAVE")
    await shop.sync()
    assert left(shop) == []


async def test_it_is_left_again_where_it_is_said_again(shop: World) -> None:
    leaving(shop, "Theirs")
    for _ in range(2):
        shop.mail.contacts[JO].groups["theirs"] = "Theirs"
        shop.buy("9", "C1", Kind="LEAVE")
        await shop.sync()
        shop.buy("9", "C1", Kind="LEAVE", State="REVERSED")
        await shop.sync()
    assert left(shop) == [("Theirs",)] * 2


async def test_the_newest_record_decides_between_leaving_and_joining(shop: World) -> None:
    leaving(shop, "Customers")
    shop.buy("1", "C1", days_ago=9)
    await shop.sync()
    shop.buy("9", "C1", Kind="LEAVE", days_ago=5)
    await shop.sync()
    assert shop.groups(JO) == {"Theirs", "Partner: Acme"}
    shop.buy("2", "C1", days_ago=1)
    await shop.sync()
    assert shop.groups(JO) == {"Theirs", "Partner: Acme", "Customers"}
    shop.buy("2", "C1", days_ago=1, State="REVERSED")
    await shop.sync()
    assert shop.groups(JO) == {"Theirs", "Partner: Acme"}


async def test_a_group_that_was_there_before_us_is_joined_again_after_it_was_left(shop: World) -> None:
    shop.add_mapping("sales", fields={**SPEC["fields"], "groups": ["Theirs"]})
    leaving(shop, "Theirs")
    shop.buy("1", "C1", days_ago=9)
    await shop.sync()
    shop.buy("9", "C1", Kind="LEAVE", days_ago=5)
    await shop.sync()
    assert shop.groups(JO) == set()
    shop.buy("2", "C1", days_ago=1)
    await shop.sync()
    assert shop.groups(JO) == {"Theirs"}


async def test_groups_that_are_all_there_may_be_replace_the_others(shop: World) -> None:
    replacing(shop, "Customers")
    shop.buy("1", "C1")
    await shop.sync()
    assert shop.groups(JO) == {"Customers"}
    assert replaced(shop) == [("Customers",)]


async def test_they_are_replaced_once_and_again_when_they_differ(shop: World) -> None:
    replacing(shop, "Customers", "Partner: {{ Partner }}")
    shop.buy("1", "C1", days_ago=9)
    await shop.sync()
    shop.mail.contacts[JO].groups["theirs"] = "Theirs"
    shop.buy("2", "C1", days_ago=5)
    await shop.sync()
    assert len(replaced(shop)) == 1
    assert shop.groups(JO) == {"Customers", "Partner: Acme", "Theirs"}
    shop.buy("3", "C1", days_ago=1, Partner="Other")
    await shop.sync()
    assert len(replaced(shop)) == 2
    assert shop.groups(JO) == {"Customers", "Partner: Acme", "Partner: Other"}


async def test_who_left_a_group_is_not_put_back_by_a_replacement(shop: World) -> None:
    replacing(shop, "Customers", "Partner: {{ Partner }}")
    shop.buy("1", "C1", days_ago=9)
    await shop.sync()
    del shop.mail.contacts[JO].groups["customers"]
    shop.buy("2", "C1", days_ago=1, Partner="Other")
    await shop.sync()
    assert shop.groups(JO) == {"Partner: Acme", "Partner: Other"}


async def test_groups_of_who_said_no_are_not_replaced(shop: World) -> None:
    replacing(shop, "Customers")
    shop.mail.unsubscribed.add(JO)
    shop.buy("1", "C1")
    await shop.sync()
    assert replaced(shop) == []


async def test_the_last_record_of_a_replacement_leaves_what_it_gave(shop: World) -> None:
    replacing(shop, "Customers")
    shop.buy("1", "C1")
    await shop.sync()
    shop.buy("1", "C1", State="REVERSED")
    await shop.sync()
    assert shop.groups(JO) == set()


async def test_many_replacements_of_strangers_wait_for_a_yes_and_those_of_new_people_do_not(world: World) -> None:
    world.most_removals = 3
    replacing(world, "Customers")
    for at in range(6):
        world.crm.person(f"C{at}", f"c{at}@example.com")
        world.buy(str(at), f"C{at}")
    assert (await world.sync()).failures == []
    for at in range(10, 16):
        world.crm.person(f"C{at}", f"c{at}@example.com")
        world.mail.contacts[f"c{at}@example.com"] = Contact()
        world.buy(str(at), f"C{at}")
    (error,) = (await world.sync()).failures
    assert "6 of 6 contacts would be taken out of groups" in error.message


async def test_many_who_are_not_in_the_group_need_no_yes_to_leave_it(world: World) -> None:
    world.most_removals = 3
    leaving(world, "Theirs")
    for at in range(6):
        world.crm.person(f"C{at}", f"c{at}@example.com")
        world.buy(str(at), f"C{at}", Kind="LEAVE")
    assert (await world.sync()).failures == []


async def test_a_group_from_before_us_that_somebody_left_is_not_given_back_by_a_replacement(shop: World) -> None:
    replacing(shop, "Theirs", "Partner: {{ Partner }}")
    shop.buy("1", "C1")
    await shop.sync()
    del shop.mail.contacts[JO].groups["theirs"]
    shop.buy("2", "C1", Partner="Other")
    await shop.sync()
    assert shop.groups(JO) == {"Partner: Acme", "Partner: Other"}
