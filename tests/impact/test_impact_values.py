"""What a mapping gets to see of an action: text or None, spelt as on the wire."""

import datetime as dt
import json
from typing import Any

import httpx
import pytest

from connectors.impact.kinds import ACTION_FIELDS
from syncengine.contracts import Range, Record
from syncengine.errors import ProviderError
from tests.clock import NOON
from tests.impact.conftest import Connect
from tests.impact.provider import DAY, SID, FakeImpact
from tests.impact.reading import pages

SINCE = Range(NOON - 3 * DAY)


async def only(provider: FakeImpact, connect: Connect, fields: set[str] | None, **others: Any) -> Record:
    provider.add("1000.1.1", NOON - DAY, others=others)
    (page,) = await pages(connect(), SINCE, fields=fields)
    (record,) = page.records
    return record


async def test_only_the_fields_asked_for_are_handed_over(provider: FakeImpact, connect: Connect) -> None:
    record = await only(provider, connect, {"Oid", "State"}, Oid="0077", State="PENDING", CustomerId="C1")
    assert record.values == {"Oid": "0077", "State": "PENDING"}
    assert record.id == "1000.1.1"
    assert record.moment == NOON - DAY
    assert record.moment.tzinfo is dt.UTC


async def test_no_field_at_all_may_be_asked_for(provider: FakeImpact, connect: Connect) -> None:
    assert (await only(provider, connect, set())).values == {}


async def test_all_fields_are_the_39_documented_ones_and_a_new_one_changes_nothing(
    provider: FakeImpact, connect: Connect
) -> None:
    record = await only(provider, connect, None)
    assert set(record.values) == ACTION_FIELDS
    assert len(ACTION_FIELDS) == 39


@pytest.mark.parametrize("missing", ["", "n/a", "NA", "null", None])
async def test_every_way_to_say_nothing_is_none(provider: FakeImpact, connect: Connect, missing: Any) -> None:
    record = await only(provider, connect, {"CustomerCity", "Note"}, CustomerCity=missing)
    assert record.values == {"CustomerCity": None, "Note": None}


@pytest.mark.parametrize("text", ["NATIONAL", "Nullify", "0", "false", " ", "n/a."])
async def test_a_value_that_only_looks_like_nothing_is_kept(provider: FakeImpact, connect: Connect, text: str) -> None:
    assert (await only(provider, connect, {"Note"}, Note=text)).values == {"Note": text}


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ('"0.8800"', "0.8800"),
        ("0.8800", "0.8800"),
        ("1e2", "1e2"),
        ("1000", "1000"),
        ("-3", "-3"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ('{"Account": {"Id": 7, "Name": "n/a", "Rate": 0.10}}', {"Account": {"Id": "7", "Name": None, "Rate": "0.10"}}),
        ('[1, "", true]', ["1", None, "true"]),
    ],
)
async def test_native_types_become_the_text_that_they_were(
    provider: FakeImpact, connect: Connect, wire: str, text: Any
) -> None:
    """The v14 schema declares numbers and booleans, live answers are text (impact.md section 2)."""
    provider.add("1000.1.1", NOON - DAY, others={"Amount": "PLACE"})

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=provider(request).text.replace('"PLACE"', wire))

    (page,) = await pages(connect(httpx.MockTransport(answer)), SINCE, fields={"Amount"})
    assert page.records[0].values == {"Amount": text}


async def test_native_ids_are_text_too(provider: FakeImpact, connect: Connect) -> None:
    record = await only(provider, connect, {"CampaignId", "Id"}, CampaignId=1000, Id=77)
    assert (record.id, record.values) == ("77", {"CampaignId": "1000", "Id": "77"})


async def test_a_uri_does_not_change_with_the_token(provider: FakeImpact, connect: Connect) -> None:
    record = await only(provider, connect, {"Uri"}, Uri=f"/Advertisers/{SID}/Actions/1000.1.1")
    assert record.values == {"Uri": "/Actions/1000.1.1"}


@pytest.mark.parametrize(
    "spelling",
    ["2026-07-13T12:00:00Z", "2026-07-13T05:00:00-07:00", "2026-07-13T17:30:00+0530", "2026-07-13T12:00:00+00:00"],
)
async def test_dates_of_any_offset_are_the_same_moment(provider: FakeImpact, connect: Connect, spelling: str) -> None:
    record = await only(provider, connect, {"EventDate"}, EventDate=spelling, CreationDate=spelling)
    assert record.moment == NOON - DAY
    assert record.values["EventDate"] == spelling


@pytest.mark.parametrize("field", ["EventDate", "CreationDate"])
@pytest.mark.parametrize(
    "bad", ["", None, 7, "2026-07-13T12:00:00", "2026-07-13", "yesterday", "07/13/2026 12:00:00 PM -0700"]
)
async def test_a_date_without_an_offset_or_sense_is_an_error_that_names_field_and_action(
    provider: FakeImpact, connect: Connect, field: str, bad: Any
) -> None:
    with pytest.raises(ProviderError, match=rf"{field} of 1000\.1\.1 ") as caught:
        await only(provider, connect, {"Id"}, **{field: bad})
    assert caught.value.code == "bad_date"


async def test_an_action_without_an_id_is_an_error(provider: FakeImpact, connect: Connect) -> None:
    with pytest.raises(ProviderError, match="no Id"):
        await only(provider, connect, {"Oid"}, Id="")


async def test_a_campaign_has_all_its_fields_and_the_moment_of_reading(provider: FakeImpact, connect: Connect) -> None:
    provider.campaigns = json.loads(
        '[{"Id": 1000, "Name": "Acme", "Rate": 0.5, "Uri": ""},'
        f' {{"Id": "2000", "State": "CLOSED", "TrackingUri": "/Advertisers/{SID}/Campaigns/2000"}}]'
    )
    (page,) = await pages(connect(), SINCE, partition="all", stream="campaigns", fields=None)
    assert page.records == [
        Record("1000", NOON, {"Id": "1000", "Name": "Acme", "Rate": "0.5", "Uri": None}),
        Record("2000", NOON, {"Id": "2000", "State": "CLOSED", "TrackingUri": "/Campaigns/2000"}),
    ]
    assert page.checkpoint is not None
    (chosen,) = await pages(connect(), page.checkpoint, partition="all", stream="campaigns", fields={"State"})
    assert [record.values for record in chosen.records] == [{"State": None}, {"State": "CLOSED"}]
