"""What is told of people at partner companies when the lists about them are not as they should be."""

import asyncio
import datetime as dt
import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from connectors.impact import ImpactConnection, opt_outs, roster
from connectors.impact.sandbox import ImpactSandbox
from syncengine.contracts import NOTHING_OPEN, Range
from syncengine.errors import ProviderError
from tests.clock import NOON, FakeClock
from tests.impact.conftest import KeptMemory, connection
from tests.impact.provider import DAY
from tests.impact.reading import pages
from tests.impact.wire import Wire

Rewrite = Callable[[dict[str, Any]], object]
COLUMNS = ("FirstName", "PartnerSince", "Unsubscribed")


class Office:
    """Two people of one company, read again and again by connections that share a memory."""

    def __init__(self, sandbox: ImpactSandbox, clock: FakeClock) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.memory = KeptMemory()
        self.rewrite: dict[str, Rewrite] = {}
        people = sandbox.partners
        people.add_partner("39787", "Acme Reviews", at=NOON - 400 * DAY)
        people.join("39787", "1000", "Northern Outfitters", at=NOON - 300 * DAY)
        people.join("39787", "2000", "Maison Boréale", at=NOON - 350 * DAY)
        for name in ("Ada", "Zoe"):
            people.add_contact("1000", partners=["39787"], first_name=name, email_address=f"{name}@example.com")

    def opt_out(self, address: str) -> None:
        self.sandbox.partners.unsubscribe("1000", address, "39787", at=NOON - DAY)

    def connect(self) -> ImpactConnection:
        wire = Wire(self.sandbox)

        async def answer(request: httpx.Request) -> httpx.Response:
            response = await wire.handle_async_request(request)
            rewrite = self.rewrite.get(request.url.path.rpartition("/")[2])
            if rewrite is None:
                return response
            return httpx.Response(200, json=rewrite(json.loads(await response.aread())))

        return connection(self.clock, httpx.MockTransport(answer), self.memory, **self.sandbox.settings())

    async def read(self, source: ImpactConnection | None = None) -> dict[str, Mapping[str, Any]]:
        """By first name, as a connection reads it that was only just made."""
        read = await pages(
            source or self.connect(), Range(NOON - DAY), stream="partner_contacts", partition="all", fields=COLUMNS
        )
        return {record.values["FirstName"]: record.values for page in read for record in page.records}

    async def left(self, **more: Any) -> dict[str, Mapping[str, Any]]:
        """What is told of those without a name, because they are no contacts any more: by their ids."""
        wanted = {"fields": (*COLUMNS, "EmailAddress"), "partition": "all", **more}
        read = await pages(self.connect(), Range(NOON - DAY), stream="partner_contacts", **wanted)
        found = {record.id: record.values for page in read for record in page.records}
        return {id: row for id, row in found.items() if row.get("FirstName") is None}

    async def opted_out(self, source: ImpactConnection | None = None) -> dict[str, str]:
        return {name: row["Unsubscribed"] for name, row in (await self.read(source)).items()}


@pytest.fixture
def office(sandbox: ImpactSandbox, clock: FakeClock) -> Office:
    return Office(sandbox, clock)


# --- who opted out ---


async def test_an_answer_without_a_list_of_opt_outs_is_an_error_and_undoes_none(office: Office) -> None:
    office.opt_out("ada@example.com")
    assert await office.opted_out() == {"Ada": "true", "Zoe": "false"}
    office.rewrite["UnsubscribedContacts"] = lambda _: {}
    with pytest.raises(ProviderError) as caught:
        await office.read()
    assert caught.value.code == "incomplete"


async def test_an_opt_out_stays_when_the_list_is_empty_one_day(office: Office) -> None:
    office.opt_out(" ADA@example.com ")
    source = office.connect()
    assert await office.opted_out(source) == {"Ada": "true", "Zoe": "false"}
    office.rewrite["UnsubscribedContacts"] = lambda body: {**body, "Total": 0, "NumPages": 1, "Results": []}
    assert await office.opted_out(source) == {"Ada": "true", "Zoe": "false"}
    assert await office.opted_out() == {"Ada": "true", "Zoe": "false"}  # by another process
    office.rewrite.clear()
    office.opt_out("zoe@example.com")
    assert await office.opted_out() == {"Ada": "true", "Zoe": "true"}


async def test_an_opt_out_without_an_address_is_nobodys(office: Office) -> None:
    office.opt_out(" ")
    office.sandbox.partners.add_contact("1000", first_name="Max")
    assert await office.opted_out() == {"Ada": "false", "Zoe": "false", "Max": "false"}


async def test_what_is_remembered_shows_no_address_and_is_bounded(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.impact.opt_outs.MOST", 3)
    for number in range(4):
        office.opt_out(f"person-{number}@example.com")
    office.opt_out("zoe@example.com")
    assert await office.opted_out() == {"Ada": "false", "Zoe": "true"}  # the list itself is never cut short
    assert office.memory.values.keys() == {opt_outs.KEY, roster.KEY}
    assert len(json.loads(office.memory.values[opt_outs.KEY])) == 3
    assert "example" not in str(office.memory.values).lower()


# --- who opted out and is no contact any more, or has another address ---

ADA = "2750"
GONE = {"EmailAddress": "ada@example.com", "FirstName": None, "PartnerSince": None, "Unsubscribed": "true"}


async def test_an_opt_out_of_somebody_who_is_no_contact_any_more_comes_by_the_id_that_they_had(office: Office) -> None:
    assert await office.opted_out() == {"Ada": "false", "Zoe": "false"}
    office.sandbox.partners.remove_contact("1000", ADA)
    assert await office.left() == {}
    office.opt_out("Ada@Example.com ")
    assert await office.left() == {ADA: GONE}
    assert await office.left(partition="2000") == {ADA: GONE}  # whichever campaigns a mapping reads
    office.rewrite["UnsubscribedContacts"] = lambda body: {**body, "Total": 0, "NumPages": 1, "Results": []}
    assert await office.left() == {ADA: {**GONE, "EmailAddress": None}}  # its list has forgotten it


async def test_who_leaves_after_the_opt_out_stays_opted_out(office: Office) -> None:
    office.opt_out("ada@example.com")
    assert await office.opted_out() == {"Ada": "true", "Zoe": "false"}
    office.sandbox.partners.remove_contact("1000", ADA)
    assert await office.left() == {ADA: GONE}


@pytest.mark.parametrize("said_no", ["ada@example.com", "ada@example.org"])
async def test_an_opt_out_of_an_earlier_address_speaks_for_the_new_one(office: Office, said_no: str) -> None:
    for address in ("ada@example.org", "ada@example.net"):
        assert await office.opted_out() == {"Ada": "false", "Zoe": "false"}
        office.sandbox.partners.update_contact("1000", ADA, email_address=address)
    office.opt_out(said_no)
    assert await office.opted_out() == {"Ada": "true", "Zoe": "false"}


async def test_who_was_never_told_of_is_not_told_of_by_an_opt_out(office: Office) -> None:
    office.opt_out("stranger@example.com")
    assert await office.left() == {}
    office.sandbox.partners.remove_contact("1000", ADA)
    office.opt_out("ada@example.com")
    assert await office.left() == {ADA: GONE}


async def test_a_contact_is_remembered_before_anybody_is_told_of_it(office: Office) -> None:
    """Whoever stops reading after the first page has told of it all the same."""
    stream = office.connect().streams["partner_contacts"]
    reading = stream.read("all", Range(NOON - DAY), fields=frozenset(COLUMNS), open=NOTHING_OPEN)
    async with aclosing(reading) as read:  # type: ignore[type-var]  # every stream here is a generator
        await anext(read)
    office.sandbox.partners.remove_contact("1000", ADA)
    office.opt_out("ada@example.com")
    assert await office.left() == {ADA: GONE}


async def test_two_who_read_at_once_forget_nobody_for_each_other() -> None:
    class Slow(KeptMemory):
        async def get(self, key: str) -> str | None:
            stored = await super().get(key)
            await asyncio.sleep(0)
            return stored

    people = roster.Roster(Slow())
    told = [[{"Id": id, "EmailAddress": f"{id}@example.com"}] for id in ("1", "2", "3")]
    await asyncio.gather(*map(people.add, told))
    assert (await people.add(())).keys() == {"1", "2", "3"}


async def test_nobody_is_remembered_where_opt_outs_are_not_asked_for(office: Office) -> None:
    await office.left(fields=("EmailAddress",))
    assert office.memory.values == {}


async def test_the_latest_contacts_are_remembered_and_the_log_says_that_others_are_not(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.impact.roster.MOST", 1)
    with capture_logs() as lines:
        await office.read()
    assert [line["event"] for line in lines] == ["more partner contacts than are remembered"]
    assert list(json.loads(office.memory.values[roster.KEY])) == ["2751"]


# --- since when a company is a partner ---


def joined(*dates: str) -> Rewrite:
    """The dates of the company's programs, in their order, instead of the true ones."""

    def rewrite(body: dict[str, Any]) -> dict[str, Any]:
        for program, date in zip(body["Partners"][0]["Programs"], dates, strict=False):
            program["JoinDate"] = date
        return body

    return rewrite


@pytest.mark.parametrize("date", ["2025-01-17", "2025-01-17T05:00:00", "soon"])
async def test_a_day_of_joining_without_an_offset_is_not_told(office: Office, date: str) -> None:
    office.rewrite["MediaPartners"] = joined(date)
    people = await office.read()
    assert dt.datetime.fromisoformat(people["Ada"]["PartnerSince"]) == NOON - 350 * DAY  # of the other program
    office.rewrite["MediaPartners"] = joined(date, date)
    people = await office.read()
    assert {name: person["PartnerSince"] for name, person in people.items()} == {"Ada": None, "Zoe": None}
