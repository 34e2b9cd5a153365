"""What is read besides actions: their updates, inquiries, partner companies, their people, and who opted out."""

import datetime as dt
from typing import Any

import httpx
import pytest

from connectors.impact import ImpactConnection
from connectors.impact.sandbox import ImpactSandbox
from syncengine.contracts import Range
from syncengine.errors import AuthError, ProviderError
from tests.clock import NOON, FakeClock
from tests.impact.conftest import Connect
from tests.impact.ledger import Ledger
from tests.impact.provider import DAY
from tests.impact.reading import ids, last_checkpoint, pages
from tests.impact.wire import Wire

HOUR = 3600
ONE_DAY = 86_400
SHAPES = [
    {},
    {"scalars": "schema", "nested_single_item": "object", "nested_empty": "text"},
    {"nested_empty": "null", "single_object": "wrapped", "partner_list_key": "MediaPartners"},
]


@pytest.fixture(params=SHAPES, ids=str)
def shaped(request: pytest.FixtureRequest, sandbox: ImpactSandbox) -> ImpactSandbox:
    for name, value in request.param.items():
        setattr(sandbox.switches, name, value)
    return sandbox


async def read_all(source: ImpactConnection, stream: str, partition: str = "all", **more: Any) -> dict[str, Any]:
    read = await pages(source, Range(NOON - 30 * DAY), stream=stream, partition=partition, fields=None, **more)
    return {record.id: record.values for page in read for record in page.records}


# --- action updates ---


async def test_action_updates_are_read_by_their_date(shaped: ImpactSandbox, source: ImpactConnection) -> None:
    action = shaped.book.create("1000", at=NOON - 50 * DAY)
    shaped.book.modify(action.id, amount="5.00", at=NOON - 10 * DAY)
    shaped.book.reverse(action.id, reason="TEST_ACTION", at=NOON - 2 * DAY)
    past = Range(NOON - 20 * DAY, NOON - DAY)
    inside = await pages(source, past, stream="action_updates", partition="1000", fields=None)
    found = sorted(record for page in inside for record in page.records)
    assert [(record.id, record.moment, record.values["Disposition"]) for record in found] == [
        (f"{action.id}.2", NOON - 10 * DAY, "ORDER_UPDATE"),
        (f"{action.id}.3", NOON - 2 * DAY, "TEST_ACTION"),
    ]
    assert found[0].values["DeltaAmount"] == "-16.99"
    assert all(record.watch is None for record in found)


async def test_action_updates_go_on_from_the_checkpoint(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock
) -> None:
    ledger = Ledger(NOON - 20 * DAY, "action_updates", campaigns=["1000"])
    action = sandbox.book.create("1000", at=NOON - DAY)
    await ledger.sync(source)
    sandbox.book.modify(action.id, amount="5.00")
    clock.move(HOUR)
    wire.requests.clear()
    await ledger.sync(source)
    assert sorted(ledger.seen) == [f"{action.id}.1", f"{action.id}.2"]
    assert wire.count("1000") == 1


async def test_a_single_action_update_can_be_fetched(sandbox: ImpactSandbox, source: ImpactConnection) -> None:
    action = sandbox.book.create("1000", at=NOON - DAY)
    stream: Any = source.streams["action_updates"]
    read = [page async for page in stream.fetch([f"{action.id}.1", "1.2.3.4"], stream.Options(), fields=None)]
    assert ids(read) == {f"{action.id}.1"}


# --- action inquiries ---


async def test_an_inquiry_has_its_fields_whatever_shape_they_come_in(
    shaped: ImpactSandbox, source: ImpactConnection
) -> None:
    asked = shaped.inquiries.inquire("1000", order_id="0077", comment="Where is my sale?", at=NOON - 3 * DAY)
    silent = shaped.inquiries.inquire("1000", at=NOON - 2 * DAY)
    found = await read_all(source, "action_inquiries", "1000/created")
    assert found.keys() == {asked.id, silent.id}
    assert found[asked.id]["OrderId"] == "0077"
    assert found[asked.id]["ResolutionStatus"] == "UNRESOLVED"
    assert [comment["Comment"] for comment in found[asked.id]["Comments"]] == ["Where is my sale?"]
    assert found[silent.id]["Comments"] == []
    assert found[silent.id]["RejectReason"] is None


@pytest.mark.parametrize("resolved", [1, 3, 8])
async def test_a_resolution_of_an_old_inquiry_is_seen_the_next_time(
    shaped: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock, resolved: int
) -> None:
    ledger = Ledger(NOON - 200 * DAY, "action_inquiries", campaigns=["1000"])
    made = [shaped.inquiries.inquire("1000", at=NOON - (100 + number) * DAY) for number in range(10)]
    await ledger.sync(source)
    for inquiry in made[:resolved]:
        shaped.inquiries.resolve(inquiry.id, {"ResolutionStatus": "INCOMPLETE"})
    clock.move(900)
    wire.requests.clear()
    await ledger.sync(source)
    assert {id: row["ResolutionStatus"] for id, row in ledger.seen.items()} == {
        inquiry.id: inquiry.resolution_status for inquiry in made
    }
    assert len(ledger.watched("1000/unresolved")) == 10 - resolved
    assert wire.count("1000") <= 2 + 5
    wire.requests.clear()
    clock.move(900)
    await ledger.sync(source)
    assert wire.count("1000") == 2


async def test_inquiries_without_any_open_one_cost_one_request(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock
) -> None:
    ledger = Ledger(NOON - 200 * DAY, "action_inquiries", campaigns=["1000"])
    old = sandbox.inquiries.inquire("1000", at=NOON - 100 * DAY)
    sandbox.inquiries.resolve(old.id, {"ResolutionStatus": "VALID", "ActionTrackerId": "2240"})
    await ledger.sync(source)
    clock.move(900)
    wire.requests.clear()
    await ledger.sync(source)
    assert wire.count("1000") == 1


async def test_a_single_inquiry_can_be_fetched(shaped: ImpactSandbox, source: ImpactConnection) -> None:
    asked = shaped.inquiries.inquire("1000", at=NOON - 3 * DAY)
    stream: Any = source.streams["action_inquiries"]
    (page,) = [page async for page in stream.fetch([asked.id], stream.Options(), fields=None)]
    listed = await read_all(source, "action_inquiries", "1000/created")
    assert {record.id: record.values for record in page.records} == listed
    assert page.records[0].watch == "1000/unresolved"


# --- partners and their people ---


def staff(sandbox: ImpactSandbox) -> None:
    """Two companies, one in both campaigns; three people, one of them a contact of both campaigns."""
    for partner, name in (("39787", "Acme Reviews"), ("39788", "Café Élan")):
        sandbox.partners.add_partner(partner, name, at=NOON - 400 * DAY)
    sandbox.partners.join("39787", "1000", "Northern Outfitters", at=NOON - 300 * DAY)
    sandbox.partners.join("39787", "2000", "Maison Boréale", at=NOON - 350 * DAY)
    add = sandbox.partners.add_contact
    add("1000", partners=["39787"], first_name="Ada", email_address="Ada@Example.com", labels=["Editor"])
    add("1000", partners=["39787", "39788"], first_name="Zoë", email_address="zoe@example.com", system_made=True)
    add("2000", first_name="Max", email_address="max@example.com")
    sandbox.partners.contacts("2000").update(sandbox.partners.contacts("1000"))
    sandbox.partners.unsubscribe("2000", "ada@example.com", "39787", at=NOON - 5 * DAY)


async def test_media_partners_are_read_whatever_their_list_is_called(
    shaped: ImpactSandbox, source: ImpactConnection
) -> None:
    staff(shaped)
    found = await read_all(source, "media_partners")
    assert {id: row["Name"] for id, row in found.items()} == {"39787": "Acme Reviews", "39788": "Café Élan"}
    assert [program["Name"] for program in found["39787"]["Programs"]] == ["Northern Outfitters", "Maison Boréale"]
    assert found["39788"]["Programs"] == []


async def test_a_partner_contact_comes_once_with_company_and_opt_out(
    shaped: ImpactSandbox, source: ImpactConnection
) -> None:
    staff(shaped)
    read = await pages(source, Range(NOON - DAY), stream="partner_contacts", partition="all", fields=None)
    records = [record for page in read for record in page.records]
    assert sorted(record.id for record in records) == ["2750", "2752", "M2751"]
    people = {record.values["FirstName"]: record.values for record in records}
    assert people["Ada"]["EmailAddress"] == "Ada@Example.com"
    assert (people["Ada"]["PartnerId"], people["Ada"]["PartnerName"]) == ("39787", "Acme Reviews")
    assert dt.datetime.fromisoformat(people["Ada"]["PartnerSince"]) == NOON - 350 * DAY
    assert {name: person["Unsubscribed"] for name, person in people.items()} == {
        "Ada": "true",  # in the other campaign, in other letters
        "Zoë": "false",
        "Max": "false",
    }
    assert people["Ada"]["Labels"] == ["Editor"]
    assert people["Zoë"]["Labels"] == []
    assert (people["Max"]["PartnerId"], people["Max"]["PartnerSince"], people["Max"]["Accounts"]) == (None, None, [])


async def test_what_is_not_asked_for_costs_no_request(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire
) -> None:
    staff(sandbox)
    await pages(source, Range(NOON - DAY), stream="partner_contacts", partition="1000", fields={"EmailAddress"})
    assert wire.asked() == ["Campaigns/1000/Contacts"]


async def test_an_opt_out_list_that_may_not_be_read_is_no_empty_one(
    sandbox: ImpactSandbox, source: ImpactConnection
) -> None:
    staff(sandbox)
    sandbox.switches.forbidden = frozenset({"Campaigns/UnsubscribedContacts"})
    with pytest.raises(AuthError, match="UnsubscribedContacts"):
        await read_all(source, "partner_contacts")


async def test_chosen_campaigns_are_one_partition_of_contacts(source: ImpactConnection) -> None:
    stream = source.streams["partner_contacts"]
    assert await stream.partitions(stream.Options()) == ["all"]
    assert await stream.partitions(stream.Options(campaigns=["2000", 1000])) == ["2000+1000"]


# --- who opted out ---


async def test_unsubscribed_contacts_are_paged_from_zero(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire
) -> None:
    for number in range(2100):
        at = NOON - DAY - dt.timedelta(seconds=number)
        sandbox.partners.unsubscribe("1000", f"person-{number}@example.com", "39787", at=at)
    found = await read_all(source, "unsubscribed_contacts", "1000")
    assert {row["UserEmail"] for row in found.values()} == {f"person-{number}@example.com" for number in range(2100)}
    assert [request.url.params["Page"] for request in wire.requests] == ["0", "1", "2"]
    assert not [id for id in found if "person" in id]


async def test_unsubscribed_contacts_of_a_range_are_those_dated_in_it(
    sandbox: ImpactSandbox, source: ImpactConnection
) -> None:
    for days in (40, 10, 2):
        sandbox.partners.unsubscribe("1000", f"day-{days}@example.com", "39787", at=NOON - days * DAY)
    past = Range(NOON - 30 * DAY, NOON - 5 * DAY)
    read = await pages(source, past, stream="unsubscribed_contacts", partition="1000", fields={"UserEmail"})
    assert [record.values for page in read for record in page.records] == [{"UserEmail": "day-10@example.com"}]
    again = await pages(source, last_checkpoint(read), stream="unsubscribed_contacts", partition="1000")
    assert len(ids(again)) == 1


OPT_OUT = {"UserEmail": "jo@example.com", "PartnerId": 1, "CreatedAt": "2026-07-01"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"NumPages": 1, "Total": 1, "Results": [OPT_OUT]}, "bad_date"),
        ({"NumPages": 1, "Total": 2, "Results": [{**OPT_OUT, "CreatedAt": "2026-07-01T00:00:00Z"}]}, "incomplete"),
        ({"NumPages": 9999, "Total": 9999, "Results": []}, "too_many"),
        ({"NumPages": 1, "Total": 1}, "incomplete"),
        ({}, "incomplete"),
        ({"NumPages": 1, "Total": 0}, "incomplete"),
        ({"NumPages": 1, "Total": 0, "Results": None}, "incomplete"),
        ({"NumPages": 2, "Results": []}, "incomplete"),
        ({"Results": "jo@example.com"}, "not_json"),
    ],
)
async def test_a_list_of_opt_outs_that_is_not_whole_is_an_error_that_names_nobody(
    connect: Connect, body: object, code: str
) -> None:
    answer = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    with pytest.raises(ProviderError) as caught:
        await read_all(connect(answer), "unsubscribed_contacts", "1000")
    assert caught.value.code == code
    assert "example.com" not in repr(caught.value)
