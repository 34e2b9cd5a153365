"""A record can unsubscribe somebody or erase them; from then on nothing is added to them by anything."""

import pytest

from syncengine.errors import Unconfirmed
from tests.engine.world import SPEC, Contact, Killed, World

JO = "jo@example.com"
STOPS = {
    "where": "Kind == 'STOP' and State != 'REVERSED'",
    "lookup": [{"from": "crm.customers", "key": "{{ Customer }}", "as": "customer"}],
    "suppress": None,
}


@pytest.fixture
async def shop(world: World) -> World:
    """Jo is a contact, and another mapping stops people."""
    stops(world, "unsubscribe")
    world.crm.person("C1", JO)
    world.buy("1", "C1", days_ago=3)
    await world.sync()
    return world


def stops(world: World, kind: str) -> None:
    world.add_mapping("stops", **STOPS, fields={"email": "{{ customer.email }}", "stop": kind})


def sent(world: World) -> list[tuple[str, str]]:
    return [(part.key, part.stop) for part in world.mail.requests if part.stop]


async def test_who_is_unsubscribed_stays_so_whatever_is_bought_later(shop: World) -> None:
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync()
    assert shop.mail.unsubscribed == {JO}
    before = len(shop.mail.requests)
    shop.buy("2", "C1", Partner="Other")
    shop.mail.unsubscribed.clear()  # they come back by themselves: that is between them and the provider
    for _ in range(2):
        await shop.sync()
    assert shop.mail.requests[before:] == []
    assert sent(shop) == [(JO, "unsubscribe")]


async def test_the_stop_holds_from_the_page_that_brings_it(shop: World) -> None:
    """Also where the stop itself can't be sent."""
    shop.mail.refuses.add(JO)
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync("stops")
    shop.mail.refuses.clear()
    adds = len(shop.mail.adds)
    shop.buy("2", "C1", Partner="Other")
    await shop.sync("sales")
    assert len(shop.mail.adds) == adds


async def test_somebody_whom_we_never_delivered_is_stopped_too(world: World) -> None:
    stops(world, "unsubscribe")
    world.mail.contacts[JO] = Contact()
    world.crm.person("C1", JO)
    world.buy("9", "C1", Kind="STOP")
    await world.sync()
    assert world.mail.unsubscribed == {JO}
    world.buy("1", "C1")
    await world.sync()
    assert world.mail.adds == []


async def test_who_is_unsubscribed_already_is_not_unsubscribed_again(shop: World) -> None:
    shop.mail.unsubscribed.add(JO)
    shop.buy("9", "C1", Kind="STOP")
    report = await shop.sync()
    assert sent(shop) == []
    assert report.failures == []


@pytest.mark.parametrize("listed", ["unsubscribed", "bounced", None])
async def test_who_is_erased_is_gone_and_not_taken_for_deleted_by_hand(shop: World, listed: str | None) -> None:
    if listed:
        getattr(shop.mail, listed).add(JO)
    stops(shop, "delete")
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync()
    assert shop.mail.contacts == {}
    report, findings = await shop.reconcile()
    assert report.failures == []
    assert findings is not None
    assert findings.deleted == []
    shop.buy("2", "C1", Partner="Other")
    await shop.sync()
    assert shop.mail.contacts == {}


async def test_a_stronger_stop_follows_and_the_same_one_does_not(shop: World) -> None:
    shop.buy("8", "C1", Kind="STOP")
    await shop.sync()
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync()
    assert sent(shop) == [(JO, "unsubscribe")]
    stops(shop, "delete")
    shop.buy("7", "C1", Kind="STOP")
    await shop.sync()
    shop.buy("6", "C1", Kind="STOP")
    await shop.sync()
    assert sent(shop) == [(JO, "unsubscribe"), (JO, "delete")]


async def test_a_new_stop_is_sent_where_somebody_had_come_back(shop: World) -> None:
    shop.buy("8", "C1", Kind="STOP")
    await shop.sync()
    shop.mail.unsubscribed.clear()
    await shop.sync()
    assert len(sent(shop)) == 1  # nothing new was said
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync()
    assert sent(shop) == [(JO, "unsubscribe")] * 2


async def test_taking_a_stop_back_sends_nothing_and_lifts_nothing(shop: World) -> None:
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync()
    adds = len(shop.mail.adds)
    shop.mail.unsubscribed.clear()
    shop.buy("9", "C1", Kind="STOP", State="REVERSED")
    shop.buy("2", "C1", Partner="Other")
    await shop.sync()
    assert len(shop.mail.adds) == adds
    assert len(sent(shop)) == 1


async def test_only_a_person_lifts_a_stop_and_not_while_a_record_says_so(shop: World) -> None:
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync()
    assert await shop.allow(JO) == 0
    shop.buy("9", "C1", Kind="STOP", State="REVERSED")
    shop.mail.unsubscribed.clear()
    await shop.sync()
    assert await shop.allow(JO) == 1
    shop.buy("2", "C1", Partner="Other")
    await shop.sync()
    assert shop.groups(JO) >= {"Customers", "Partner: Other"}


async def test_a_person_cannot_lift_the_shops_own_no_while_it_stands(world: World) -> None:
    world.crm.person("C1", JO, opted_out="yes")
    world.buy("1", "C1")
    await world.sync()
    assert await world.allow(JO) == 0


async def test_a_stop_whose_answer_is_lost_is_sent_again(shop: World) -> None:
    def kill(part: object) -> None:
        raise Killed

    shop.buy("9", "C1", Kind="STOP")
    shop.mail.before_effect = kill
    with pytest.raises(Killed):
        await shop.sync()
    shop.mail.before_effect = lambda part: None
    shop.restart()
    await shop.sync()
    assert shop.mail.unsubscribed == {JO}


async def test_another_address_of_the_same_record_is_not_written_to_either(shop: World) -> None:
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync()
    shop.crm.rows["C1"][0]["email"] = "new@example.com"
    shop.buy("9", "C1", Kind="STOP", State="APPROVED")
    shop.crm.person("C2", "new@example.com")
    shop.buy("2", "C2")
    await shop.sync()
    assert "new@example.com" not in shop.mail.contacts


async def test_too_many_stops_wait_for_a_yes_and_each_kind_is_told(world: World) -> None:
    world.most_removals = 3
    stops(world, "unsubscribe")
    world.add_mapping(
        "erases", **{**STOPS, "where": "Kind == 'ERASE'"}, fields={"email": "{{ customer.email }}", "stop": "delete"}
    )
    for at in range(8):
        world.crm.person(f"C{at}", f"c{at}@example.com")
        world.buy(str(at), f"C{at}")
    await world.sync()
    for at in range(2):
        world.buy(f"s{at}", f"C{at}", Kind="STOP")
        world.buy(f"e{at}", f"C{at + 2}", Kind="ERASE")
    world.buy("4", "C4", State="REVERSED")
    report = await world.sync()
    (error,) = report.failures
    assert isinstance(error, Unconfirmed)
    assert "5 of 8 contacts would be removed (2 unsubscribed, 2 deleted, 1 taken out of groups)" in error.message
    assert not sent(world)
    planned, items = await world.plan()
    assert [each.code for each in planned.failures] == ["too_many_removals"]
    assert [item.verdict.withheld for item in items] == ["unconfirmed"] * 5
    assert (await world.sync(confirmed=True)).failures == []
    assert len(sent(world)) == 4


async def test_stops_of_people_who_are_not_there_need_no_yes(world: World) -> None:
    world.most_removals = 3
    stops(world, "unsubscribe")
    for at in range(5):
        world.crm.person(f"C{at}", f"c{at}@example.com")
        world.buy(f"s{at}", f"C{at}", Kind="STOP")
    assert (await world.sync()).failures == []


async def test_who_unsubscribed_before_they_were_erased_stays_so_whoever_lifts_the_stop(shop: World) -> None:
    """Erasing makes the provider forget it, so that it is on no list any more."""
    stops(shop, "delete")
    shop.mail.unsubscribed.add(JO)
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync()
    assert (JO in shop.mail.contacts, shop.mail.unsubscribed) == (False, set())
    shop.buy("9", "C1", Kind="STOP", State="REVERSED")
    await shop.sync()
    before = len(shop.mail.adds)
    assert await shop.allow(JO) == 1
    shop.buy("2", "C1", Partner="Other")
    await shop.sync()
    assert shop.mail.adds[before:] == []


async def test_who_unsubscribed_after_a_record_said_no_stays_so_too(shop: World) -> None:
    stops(shop, "delete")
    shop.mail.refuses.add(JO)
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync()
    shop.mail.unsubscribed.add(JO)
    shop.clock.move(61)
    shop.crm.person("C2", "max@example.com")
    shop.buy("3", "C2")
    await shop.sync()
    shop.buy("9", "C1", Kind="STOP", State="REVERSED")
    await shop.sync()
    shop.mail.stop(JO, "delete")  # somebody erases them by hand
    before = len(shop.mail.adds)
    assert await shop.allow(JO) == 1
    shop.buy("2", "C1", Partner="Other")
    await shop.sync()
    assert shop.mail.adds[before:] == []


async def test_a_group_that_somebody_left_stays_left_when_their_stop_is_lifted(shop: World) -> None:
    del shop.mail.contacts[JO].groups["customers"]
    await shop.reconcile()
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync()
    shop.buy("9", "C1", Kind="STOP", State="REVERSED")
    await shop.sync()
    shop.mail.unsubscribed.clear()
    assert await shop.allow(JO) == 1
    shop.buy("2", "C1", Partner="Other")
    await shop.sync()
    assert shop.groups(JO) == {"Partner: Acme", "Partner: Other"}


async def test_a_stop_is_sent_also_where_the_shop_says_no(shop: World) -> None:
    fields = {**SPEC["fields"], "stop": "{{ 'unsubscribe' if yes(customer.opted_out) else '' }}"}
    shop.add_mapping("sales", fields=fields)
    shop.crm.rows["C1"][0]["opted_out"] = "yes"
    shop.buy("1", "C1", Partner="Other", days_ago=3)
    await shop.sync()
    assert shop.mail.unsubscribed == {JO}


@pytest.mark.parametrize("fault", [{"name": "{{ number(Partner) }}"}, {"email": "{{ Order }}"}])
async def test_the_shops_no_is_heeded_whatever_else_is_wrong_with_the_record(
    shop: World, fault: dict[str, str]
) -> None:
    shop.add_mapping("sales", fields={**SPEC["fields"], **fault})
    shop.crm.rows["C1"][0]["opted_out"] = "yes"
    shop.buy("1", "C1", Partner="Other", days_ago=3, Order=None)
    await shop.sync()
    assert shop.groups(JO) == set()
    assert await shop.allow(JO) == 0
