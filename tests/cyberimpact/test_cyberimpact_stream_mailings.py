"""The streams of mailings, of their recipients and of templates: how long they are read, and what costs a request."""

import datetime as dt
from collections.abc import Callable

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from tests.clock import NOON, FakeClock
from tests.cyberimpact.reading import DAY, EVERYTHING, LEA, ZOE, Reader, ids, reader

__all__ = ["reader"]


@pytest.fixture
def send(vendor: CyberimpactSandbox) -> Callable[..., int]:
    """Sends a mailing to two readers, so many days ago."""
    vendor.admin.create_group("Clients")
    for address in (LEA, ZOE):
        vendor.admin.add(address, groups=["Clients"])

    def _send(days_ago: float, now: dt.datetime = NOON) -> int:
        return vendor.admin.send_mailing("Offer", ["Clients"], now - dt.timedelta(days=days_ago))

    return _send


async def test_a_mailing_keeps_its_id_from_list_to_list_and_has_statistics(
    reader: Reader, vendor: CyberimpactSandbox, clock: FakeClock, send: Callable[..., int]
) -> None:
    number = send(-2)
    (waiting,) = await reader.read("mailings", EVERYTHING)
    assert (waiting.id, waiting.values["list"], waiting.values["startedOn"]) == (str(number), "scheduled", None)
    assert waiting.moment == NOON + dt.timedelta(days=2)
    clock.move(3 * DAY)
    (sent,) = await reader.read("mailings")
    vendor.admin.receive(number, LEA, "opened")
    (opened,) = await reader.read("mailings")
    assert [each.values["views"] for each in (sent, opened)] == ["0", "1"]
    assert opened.values["recipientGroups"] == [{"id": waiting.values["recipientGroups"][0]["id"], "title": "Clients"}]
    vendor.admin.archive_mailing(number)
    (archived,) = await reader.read("mailings")
    assert (archived.id, archived.values["list"]) == (str(number), "archived")
    assert len({each.moment for each in (waiting, sent, opened, archived)}) == 1


async def test_old_mailings_are_not_asked_for_again_until_they_are_archived(
    reader: Reader, vendor: CyberimpactSandbox, send: Callable[..., int]
) -> None:
    old, young = send(45), send(5)
    assert set(ids(await reader.read("mailings", EVERYTHING))) == {str(old), str(young)}
    assert ids(await reader.read("mailings")) == [str(young)]
    vendor.admin.archive_mailing(old)
    assert set(ids(await reader.read("mailings"))) == {str(old), str(young)}


async def test_statistics_cost_a_request_only_where_they_are_asked_for(
    reader: Reader, vendor: CyberimpactSandbox, send: Callable[..., int]
) -> None:
    for days in (1, 2, 3):
        send(days)
    before = len(vendor.seen)
    records = await reader.read("mailings", EVERYTHING, frozenset({"subject", "list"}), lists=["sent"])
    assert len(vendor.seen) - before == 1
    assert [record.values for record in records] == [{"list": "sent", "subject": "Offer"}] * 3


async def test_recipients_are_records_of_mailing_list_and_address(
    reader: Reader, vendor: CyberimpactSandbox, clock: FakeClock, send: Callable[..., int]
) -> None:
    number = send(3)
    vendor.admin.archive_mailing(number)
    vendor.admin.receive(number, LEA, "clicked", NOON - dt.timedelta(days=1))
    vendor.admin.receive(number, ZOE, "hard-bounced", NOON)
    records = {record.id: record for record in await reader.read("mailing_recipients", EVERYTHING)}
    assert set(records) == {
        f"{number}/delivered/{LEA.lower()}", f"{number}/opened/{LEA.lower()}", f"{number}/clicked/{LEA.lower()}",
        f"{number}/hard-bounced/{ZOE}",
    }  # fmt: skip
    clicked = records[f"{number}/clicked/{LEA.lower()}"]
    assert clicked.moment == NOON - dt.timedelta(days=1)
    assert clicked.values["mailingSubject"] == "Offer"
    assert clicked.values["idMember"]
    assert records[f"{number}/delivered/{LEA.lower()}"].moment == NOON - dt.timedelta(days=3)


async def test_an_open_of_later_comes_with_a_later_reading(
    reader: Reader, vendor: CyberimpactSandbox, clock: FakeClock, send: Callable[..., int]
) -> None:
    number = send(3)
    assert await reader.read("mailing_recipients", EVERYTHING, lists=["opened"]) == []
    clock.move(20 * DAY)
    vendor.admin.receive(number, ZOE, "opened")
    assert ids(await reader.read("mailing_recipients", lists=["opened"])) == [f"{number}/opened/{ZOE}"]
    clock.move(20 * DAY)
    assert len(await reader.read("mailing_recipients", lists=["opened"])) == 1, "it was young at the last reading"
    assert await reader.read("mailing_recipients", lists=["opened"]) == [], "43 days old: it is read no more"
    chosen = await reader.read("mailing_recipients", EVERYTHING, lists=["opened"], mailings=[number])
    assert ids(chosen) == [f"{number}/opened/{ZOE}"]


async def test_a_recipient_who_was_deleted_has_no_number(
    reader: Reader, vendor: CyberimpactSandbox, send: Callable[..., int]
) -> None:
    number = send(1)
    vendor.admin.delete(ZOE)
    records = await reader.read("mailing_recipients", EVERYTHING, lists=["delivered"], mailings=[str(number)])
    assert {record.values["email"]: record.values["idMember"] is None for record in records} == {LEA: False, ZOE: True}


async def test_template_bodies_cost_a_request_only_where_they_are_asked_for(
    reader: Reader, vendor: CyberimpactSandbox
) -> None:
    vendor.admin.make_template("Welcome", "<p>Hello</p>")
    before = len(vendor.seen)
    (bare,) = await reader.read("templates", EVERYTHING, frozenset({"title"}))
    assert (bare.values, len(vendor.seen) - before) == ({"title": "Welcome"}, 1)
    (whole,) = await reader.read("templates", EVERYTHING)
    assert (whole.values["bodyHtml"], whole.values["bodyText"]) == ("<p>Hello</p>", None)
