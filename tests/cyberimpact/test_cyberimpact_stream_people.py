"""The streams of people: which records come, by which id, with which values, and which come again later."""

import datetime as dt

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.cyberimpact.streams.people import ContactStream
from syncengine.contracts import Fetching, Range
from tests.clock import NOON, FakeClock
from tests.cyberimpact.reading import DAY, EVERYTHING, LEA, ZOE, Reader, ids, reader

__all__ = ["reader"]


async def test_a_contact_is_a_record_by_its_address_with_custom_fields_by_name(
    reader: Reader, vendor: CyberimpactSandbox
) -> None:
    vendor.admin.add_custom_field("Orders", "integer")
    vendor.admin.add(LEA, fields={"firstname": "Lea", "Orders": 42})
    (record,) = await reader.read("contacts", EVERYTHING)
    assert record.id == LEA.lower()
    assert record.moment == NOON
    assert record.values["email"] == LEA
    assert record.values["customFields"] == {"Orders": "42"}
    assert record.values["lastname"] is None
    assert record.values["mailingsReceived"] == "0"


async def test_an_orphan_comes_by_default_and_a_choice_leaves_it_out(
    reader: Reader, vendor: CyberimpactSandbox
) -> None:
    vendor.admin.create_group("Clients")
    vendor.admin.add(LEA, groups=["Clients"])
    vendor.admin.add(ZOE)
    assert ids(await reader.read("contacts", EVERYTHING)) == [LEA.lower(), ZOE]
    assert ids(await reader.read("contacts", EVERYTHING, status="active")) == [LEA.lower()]
    assert ids(await reader.read("contacts", EVERYTHING, status="orphans")) == [ZOE]


async def test_after_a_checkpoint_the_new_and_the_updated_come_and_others_do_not(
    reader: Reader, vendor: CyberimpactSandbox, clock: FakeClock
) -> None:
    for name in ("a", "b"):
        vendor.admin.add(f"{name}@example.test")
    clock.move(10 * DAY)
    assert len(await reader.read("contacts", EVERYTHING)) == 2
    clock.move(5 * DAY)
    vendor.admin.edit("b@example.test", firstname="Bea")
    vendor.admin.add("c@example.test")
    clock.move(3600)
    assert set(ids(await reader.read("contacts"))) == {"b@example.test", "c@example.test"}
    clock.move(5 * DAY)
    assert ids(await reader.read("contacts")) == ["c@example.test", "b@example.test"], "the same day is read again"
    clock.move(5 * DAY)
    assert ids(await reader.read("contacts")) == []


async def test_a_change_just_before_midnight_is_not_missed_by_whole_days(
    reader: Reader, vendor: CyberimpactSandbox, clock: FakeClock
) -> None:
    clock.move(16 * 3600 - 120)  # 03:58 UTC is 23:58 in Toronto
    await reader.read("contacts", EVERYTHING)
    vendor.admin.add(LEA)
    clock.move(300)
    before = len(vendor.seen)
    assert ids(await reader.read("contacts")) == [LEA.lower()]
    asked = [dict(seen.query) for seen in vendor.seen[before:] if seen.path == "/members"]
    assert [query.get("joinedOnFrom") for query in asked] == ["2026-07-13", None], "a day before the day in Toronto"
    assert [query.get("updatedOnFrom") for query in asked] == [None, "2026-07-13"]


async def test_who_said_no_comes_with_the_day_of_it(
    reader: Reader, vendor: CyberimpactSandbox, clock: FakeClock
) -> None:
    for address in (LEA, ZOE):
        vendor.admin.add(address)
    clock.move(DAY)
    vendor.admin.unsubscribe(LEA)
    vendor.admin.bounce(ZOE)
    (gone,) = await reader.read("unsubscribed", EVERYTHING)
    (bounced,) = await reader.read("bounced", EVERYTHING)
    assert (gone.id, gone.moment) == (LEA.lower(), clock.now())
    assert (bounced.id, bounced.moment) == (ZOE, clock.now())
    assert await reader.read("unsubscribed", Range(NOON, NOON + dt.timedelta(hours=1))) == []


async def test_a_bounce_without_a_date_has_that_of_its_update(reader: Reader, vendor: CyberimpactSandbox) -> None:
    vendor.switches.bounce_dates = "null"
    vendor.admin.add(ZOE)
    vendor.admin.bounce(ZOE)
    (record,) = await reader.read("bounced", EVERYTHING)
    assert record.moment == NOON
    assert record.values["hardBouncedOn"] is None


async def test_single_contacts_can_be_asked_for(reader: Reader, vendor: CyberimpactSandbox) -> None:
    for address in (LEA, ZOE):
        vendor.admin.add(address)
    vendor.admin.unsubscribe(ZOE)
    stream = reader.opened.streams["contacts"]
    assert isinstance(stream, Fetching)
    assert isinstance(stream, ContactStream)
    asked = [LEA.lower(), ZOE, "nobody@example.test"]
    found = [record async for page in stream.fetch(asked, fields=None) for record in page.records]
    assert ids(found) == [LEA.lower()]
