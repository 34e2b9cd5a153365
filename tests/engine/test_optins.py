"""Somebody who isn't there can be asked by mail: once, ever."""

import datetime as dt
from typing import Any

import pytest

from mappings.fold import Consent
from syncengine.state import rejects
from tests.engine.world import Contact, Killed, World

JO = "jo@example.com"
ASKS = {
    "where": "Kind == 'ASK' and State != 'REVERSED'",
    "suppress": None,
    "lookup": [{"from": "crm.customers", "key": "{{ Customer }}", "as": "customer"}],
    "fields": {
        "email": "{{ customer.email }}",
        "name": "{{ customer.name }}",
        "groups": ["News: {{ Partner }}"],
        "ask": "true",
    },
}
HALF_A_DAY = 12 * 3600


@pytest.fixture
async def shop(world: World) -> World:
    """Jo has asked to be asked."""
    world.add_mapping("asks", **ASKS)
    world.crm.person("C1", JO, name="Jo")
    world.buy("1", "C1", Kind="ASK", days_ago=3)
    return world


def questions(world: World) -> list[str]:
    return [part.key for part in world.mail.requests if part.ask]


async def test_somebody_is_asked_once_however_often_it_comes_up(shop: World) -> None:
    for id in ("2", "3", "4"):
        report = await shop.sync()
        assert report.failures == []
        shop.buy(id, "C1", Kind="ASK", Partner=id)
        shop.clock.move(HALF_A_DAY)
    assert questions(shop) == [JO]
    assert shop.mail.contacts == {}


async def test_who_says_yes_gets_what_came_up_since(shop: World) -> None:
    await shop.sync()
    shop.buy("2", "C1", Kind="ASK", Partner="Other")
    await shop.sync()
    shop.mail.confirm(JO)
    shop.clock.move(HALF_A_DAY)
    await shop.sync()
    assert shop.groups(JO) == {"News: Acme", "News: Other"}
    assert shop.mail.contacts[JO].fields == {"name": "Jo"}
    assert shop.mail.contacts[JO].consent is not None
    assert shop.mail.contacts[JO].consent.express


async def test_a_group_of_the_question_is_left_when_its_record_is_taken_back(shop: World) -> None:
    await shop.sync()
    shop.mail.confirm(JO)
    shop.clock.move(HALF_A_DAY)
    await shop.sync()
    shop.buy("1", "C1", Kind="ASK", State="REVERSED")
    await shop.sync()
    assert shop.groups(JO) == set()


async def test_who_is_there_already_is_not_asked_and_is_added_to_on_the_consent_there(shop: World) -> None:
    contact = shop.mail.contacts[JO] = Contact()
    contact.consent = Consent("form", shop.clock.now().date(), "theirs", None, True)
    await shop.sync()
    assert questions(shop) == []
    assert shop.groups(JO) == {"News: Acme"}


async def test_who_is_there_on_no_consent_is_neither_asked_nor_added_to(shop: World) -> None:
    shop.mail.contacts[JO] = Contact()
    await shop.sync()
    assert shop.mail.requests == []
    assert [reject.code for reject in shop.store.read_now(rejects.rejects)] == ["no_consent"]


async def test_who_has_bought_is_not_asked(shop: World) -> None:
    shop.buy("2", "C1")
    await shop.sync()
    assert questions(shop) == []
    assert shop.groups(JO) == {"News: Acme", "Customers", "Partner: Acme"}


@pytest.mark.parametrize("listed", ["unsubscribed", "bounced"])
async def test_who_said_no_is_not_asked(shop: World, listed: str) -> None:
    getattr(shop.mail, listed).add(JO)
    await shop.sync()
    assert questions(shop) == []


async def test_who_was_deleted_by_hand_is_not_asked(shop: World) -> None:
    await shop.sync()
    shop.mail.confirm(JO)
    shop.clock.move(HALF_A_DAY)
    await shop.sync()
    del shop.mail.contacts[JO]
    shop.buy("2", "C1", Kind="ASK", Partner="Other")
    await shop.sync()
    assert questions(shop) == [JO]


async def test_who_was_asked_is_not_taken_for_deleted_by_hand(shop: World) -> None:
    await shop.sync()
    _, findings = await shop.reconcile()
    assert findings is not None
    assert findings.deleted == []


def die(world: World, where: str) -> None:
    def kill(part: Any) -> None:
        raise Killed

    setattr(world.mail, where, kill)


@pytest.mark.parametrize("where", ["before_effect", "after_effect"])
async def test_a_question_in_doubt_is_never_sent_again(shop: World, where: str) -> None:
    die(shop, where)
    with pytest.raises(Killed):
        await shop.sync()
    sent = len(questions(shop))
    setattr(shop.mail, where, lambda part: None)
    shop.restart()
    for rejected in (1, 0, 0):
        report = await shop.sync()
        assert report.deliveries[0].revisions["in_doubt"] == 1
        assert (report.failures, report.rejected) == ([], rejected)
        shop.clock.move(dt.timedelta(days=2).total_seconds())
    assert len(questions(shop)) == sent
    assert [reject.code for reject in shop.store.read_now(rejects.rejects)] == ["in_doubt"]


async def test_a_question_in_doubt_is_sent_again_where_a_person_retries_it(shop: World) -> None:
    die(shop, "before_effect")
    with pytest.raises(Killed):
        await shop.sync()
    shop.mail.before_effect = lambda part: None
    shop.restart()
    await shop.sync()
    (reject,) = shop.store.read_now(rejects.rejects)
    shop.store.write_now(rejects.retry, [reject.id], shop.clock.now())
    for _ in range(2):
        assert (await shop.sync()).failures == []
    assert questions(shop) == [JO]
    assert shop.store.read_now(rejects.rejects) == []


async def test_a_person_may_have_somebody_asked_again(shop: World) -> None:
    die(shop, "before_effect")
    with pytest.raises(Killed):
        await shop.sync()
    shop.mail.before_effect = lambda part: None
    shop.restart()
    assert await shop.allow(JO) == 1
    await shop.sync()
    assert questions(shop) == [JO]
    assert await shop.allow(JO) == 1
    await shop.sync()
    assert questions(shop) == [JO, JO]


async def test_a_doubt_ends_when_the_person_has_answered(shop: World) -> None:
    die(shop, "after_effect")
    with pytest.raises(Killed):
        await shop.sync()
    shop.mail.after_effect = lambda part: None
    shop.restart()
    await shop.sync()
    shop.mail.confirm(JO)
    report = await shop.sync()
    assert shop.store.read_now(rejects.rejects) == []
    assert report.deliveries[0].revisions.get("in_doubt", 0) == 0
    assert shop.mail.contacts[JO].fields == {"name": "Jo"}


async def test_a_doubt_does_not_stand_in_the_way_of_a_stop(shop: World) -> None:
    shop.add_mapping(
        "stops",
        where="Kind == 'STOP'",
        lookup=ASKS["lookup"],
        suppress=None,
        fields={"email": "{{ customer.email }}", "stop": "unsubscribe"},
    )
    die(shop, "after_effect")
    with pytest.raises(Killed):
        await shop.sync()
    shop.mail.after_effect = lambda part: None
    shop.restart()
    shop.buy("9", "C1", Kind="STOP")
    await shop.sync()
    assert [part.stop for part in shop.mail.requests if part.stop] == ["unsubscribe"]


async def test_a_question_that_is_refused_can_be_tried_again_by_a_person(shop: World) -> None:
    shop.mail.refuses.add(JO)
    report = await shop.sync()
    assert report.deliveries[0].counts["rejected"] == 1
    shop.mail.refuses.clear()
    (reject,) = shop.store.read_now(rejects.rejects)
    shop.store.write_now(rejects.retry, [reject.id], shop.clock.now())
    await shop.sync()
    assert questions(shop) == [JO, JO]
    assert JO in shop.mail.asked
