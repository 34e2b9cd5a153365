"""What is told of people at partner companies when the lists about them are not as they should be."""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from connectors.impact import ImpactConnection
from connectors.impact.opt_outs import KEY
from connectors.impact.sandbox import ImpactSandbox
from syncengine.contracts import Range
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
    assert list(office.memory.values) == [KEY]
    stored = office.memory.values[KEY]
    assert len(json.loads(stored)) == 3
    assert "example" not in stored


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
