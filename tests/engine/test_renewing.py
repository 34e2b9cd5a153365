"""A later purchase of somebody whom `where` leaves out renews the consent of a contact that is ours, and no more."""

import datetime as dt
from pathlib import Path

import pytest

from mappings.fold import Consent
from syncengine.contracts import Draft
from syncengine.state import rejects, targets
from tests.engine.world import SPEC, TORONTO, YEARS_2, Contact, MemoryDestination, World

JO = "jo@example.com"
RENEW = "Kind == 'OLD' and State != 'REVERSED'"
GROUPS = {"Customers", "Partner: Acme"}
DAY = 86_400.0


@pytest.fixture
def shop(world: World) -> World:
    """Jo is in the directory; whoever bought before renews."""
    world.add_mapping("sales", renew=RENEW)
    world.crm.person("C1", JO, name="Jo")
    return world


def consent_of(world: World, days_ago: float) -> Consent:
    day = (world.clock.now() - dt.timedelta(days=days_ago)).astimezone(TORONTO).date()
    return Consent("client", day, f"proof of {day}", day + YEARS_2)


def change(world: World, id: str, **values: str) -> None:
    old = next(record for record in reversed(world.stream.changes["one"]) if record.id == id)
    world.stream.put(id, old.moment, **{**dict(old.values), "Id": id, **values})


async def test_a_renewing_purchase_alone_creates_nobody_and_is_no_target(shop: World) -> None:
    shop.buy("2", "C1", Kind="OLD")
    report = await shop.sync()
    assert shop.mail.contacts == {}
    assert shop.mail.requests == []
    assert (report.mappings[0].counts["drafted"], report.mappings[0].counts["renewals"]) == (1, 1)
    assert report.deliveries[0].revisions.get("revisions", 0) == 0


async def test_it_renews_the_consent_of_a_contact_of_ours_and_touches_nothing_else(shop: World) -> None:
    shop.buy("1", "C1", days_ago=300)
    await shop.sync()
    shop.mail.contacts[JO].fields["name"] = "Joanne"
    shop.mail.contacts[JO].groups.pop("customers")
    shop.buy("2", "C1", days_ago=10, Kind="OLD", Partner="Other")
    await shop.sync()
    contact = shop.mail.contacts[JO]
    assert contact.consent == consent_of(shop, 10)
    assert (contact.fields, set(contact.groups.values())) == ({"name": "Joanne"}, {"Partner: Acme"})
    assert (shop.mail.requests[-1].fields, shop.mail.requests[-1].join) == ({}, ())


async def test_it_counts_once_the_first_purchase_comes_however_late(shop: World) -> None:
    shop.buy("2", "C1", days_ago=10, Kind="OLD")
    await shop.sync()
    shop.buy("1", "C1", days_ago=300)
    await shop.sync()
    assert shop.mail.contacts[JO].consent == consent_of(shop, 10)
    assert shop.groups(JO) == GROUPS


async def test_an_older_one_moves_no_date_back(shop: World) -> None:
    shop.buy("1", "C1", days_ago=10)
    await shop.sync()
    shop.buy("2", "C1", days_ago=300, Kind="OLD")
    await shop.sync()
    assert shop.mail.contacts[JO].consent == consent_of(shop, 10)
    assert len(shop.mail.requests) == 1


async def test_once_it_is_taken_back_it_counts_no_more(shop: World) -> None:
    shop.buy("1", "C1", days_ago=300)
    shop.buy("2", "C1", days_ago=10, Kind="OLD")
    change(shop, "2", State="REVERSED")
    await shop.sync()
    assert shop.mail.contacts[JO].consent == consent_of(shop, 300)


async def test_when_the_last_real_purchase_is_taken_back_nothing_is_asked_for(shop: World) -> None:
    shop.buy("1", "C1", days_ago=300)
    shop.buy("2", "C1", days_ago=10, Kind="OLD")
    await shop.sync()
    change(shop, "1", State="REVERSED")
    shop.buy("3", "C1", days_ago=1, Kind="OLD")
    await shop.sync()
    contact = shop.mail.contacts[JO]
    assert (contact.groups, contact.consent) == ({}, consent_of(shop, 10))


async def test_nobody_who_said_no_is_written_to_for_it(shop: World) -> None:
    shop.buy("1", "C1", days_ago=300)
    await shop.sync()
    shop.mail.unsubscribed.add(JO)
    shop.buy("2", "C1", days_ago=10, Kind="OLD")
    await shop.sync()
    assert len(shop.mail.requests) == 1
    assert shop.mail.contacts[JO].consent == consent_of(shop, 300)


async def test_a_contact_that_is_not_ours_is_left_alone(shop: World) -> None:
    shop.mail.contacts[JO] = Contact()
    shop.buy("2", "C1", Kind="OLD")
    await shop.sync()
    assert shop.mail.requests == []
    assert shop.mail.contacts[JO].consent is None


async def test_the_shops_own_no_counts_of_such_a_purchase_too(shop: World) -> None:
    shop.crm.rows["C1"][0]["opted_out"] = "yes"
    shop.buy("2", "C1", Kind="OLD")
    report = await shop.sync()
    assert report.mappings[0].counts["suppressed"] == 1
    shop.crm.rows["C1"][0]["opted_out"] = None
    shop.buy("1", "C1")
    await shop.sync()
    assert shop.mail.contacts == {}


async def test_what_a_purchase_gave_stays_when_it_turns_out_to_be_no_first_one(shop: World) -> None:
    shop.buy("1", "C1", days_ago=3)
    await shop.sync()
    shop.crm.rows.clear()  # and nobody is looked up for it
    change(shop, "1", Kind="OLD")
    report = await shop.sync()
    assert report.mappings[0].counts["filtered"] == 1
    assert shop.groups(JO) == GROUPS
    assert len(shop.mail.requests) == 1


async def test_a_renewing_purchase_that_turns_out_to_be_the_first_makes_a_contact(shop: World) -> None:
    shop.buy("1", "C1", days_ago=3, Kind="OLD")
    await shop.sync()
    change(shop, "1", Kind="NEW")
    await shop.sync()
    assert shop.groups(JO) == GROUPS


async def test_whom_the_directory_does_not_know_even_later_is_nobody_of_ours(shop: World) -> None:
    shop.buy("2", "C2", Kind="OLD")
    assert (await shop.sync()).mappings[0].counts["waiting"] == 1
    shop.clock.move(4 * DAY)
    counts = (await shop.sync()).mappings[0].counts
    assert (counts["filtered"], counts["rejected"]) == (1, 0)
    assert not shop.store.read_now(rejects.rejects)


async def test_without_a_consent_there_is_nothing_to_renew(tmp_path: Path) -> None:
    class WithoutConsent(MemoryDestination):
        def draft(self, fields: object) -> Draft:
            return Draft(JO, {"name": "Jo"})

    world = World(tmp_path)
    world.mail = WithoutConsent(world.clock)
    world.add_mapping("sales", renew=RENEW)
    world.crm.person("C1", JO)
    world.buy("2", "C1", Kind="OLD")
    await world.sync()
    (reject,) = world.store.read_now(rejects.rejects)
    assert (reject.field, reject.code) == ("renew", "no_consent")
    world.store.close()


async def test_plan_is_the_truth_about_it(shop: World) -> None:
    shop.buy("1", "C1", days_ago=300)
    await shop.sync()
    shop.buy("2", "C1", days_ago=10, Kind="OLD")
    report, items = await shop.plan()
    assert report.mappings[0].counts["renewals"] == 1
    (item,) = items
    assert item.verdict.change is not None
    assert (item.verdict.change.create, item.verdict.change.renew) == (False, True)
    assert (item.verdict.change.fields, item.verdict.change.join) == ({}, frozenset())


async def test_a_mapping_that_renews_no_more_takes_back_nothing_by_itself(shop: World) -> None:
    shop.buy("1", "C1", days_ago=300)
    shop.buy("2", "C1", days_ago=10, Kind="OLD")
    await shop.sync()
    shop.add_mapping("sales", renew=None, where=SPEC["where"])
    change(shop, "2", State="APPROVED")
    report = await shop.sync()
    assert report.mappings[0].counts["filtered"] == 1
    assert shop.mail.contacts[JO].consent == consent_of(shop, 10)


async def test_what_should_be_is_the_fold_of_all_drafts_however_they_came(shop: World) -> None:
    """New records that only renew move the target without a look at its other drafts; that look changes nothing."""
    for day in range(9, 0, -1):
        shop.buy(f"{day}", "C1", days_ago=day, Kind="NEW" if day in {7, 3} else "OLD")
        await shop.sync()
    change(shop, "1", State="REVERSED")
    await shop.sync()
    shop.buy("0", "C1", days_ago=2.5, Kind="OLD")
    await shop.sync()
    assert shop.store.write_now(targets.refold, SPEC["destination"], {JO}, shop.clock.now()) == 0
    assert shop.mail.contacts[JO].consent == consent_of(shop, 1)  # what was delivered doesn't go back


async def test_a_no_in_such_a_purchase_is_a_no(shop: World) -> None:
    fields = {**SPEC["fields"], "stop": "{{ 'unsubscribe' if Kind == 'OLD' else None }}"}
    shop.add_mapping("sales", renew=RENEW, fields=fields)
    shop.buy("1", "C1", days_ago=300)
    await shop.sync()
    shop.buy("2", "C1", days_ago=10, Kind="OLD")
    await shop.sync()
    assert shop.mail.unsubscribed == {JO}
