"""What a sync costs when nothing has happened, as the run says it, and how soon what nothing tells of is noticed."""

import datetime as dt
import json
import math
from collections.abc import Iterator

import pytest

from tests.impact.history import CAMPAIGNS, DAY
from tests.impact.merchant import SPECS, Life, Merchant, address
from tests.impact.wire import Wire

HOUR = 3600
WINDOW = 44
"""The days of a window (impact.md section 5.1)."""
LIST_OF_CAMPAIGNS = 1
BOTH_PASSES = 2


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    made = Merchant({"latency": 0.0}, "1 hour")
    yield made
    made.close()


async def sync(merchant: Merchant) -> tuple[dict[str, int], Wire]:
    """The requests of each mapping, and the wire that they went over."""
    wire = Wire(merchant.sandbox)
    report = await merchant.run(Life(None), wire)
    assert report.failures == []
    assert sum(part.requests["impact"] for part in report.mappings) == len(wire.requests)
    kept = merchant.rows("SELECT mapping, counts FROM run ORDER BY id DESC LIMIT 2")
    for part in report.mappings:
        assert part.requests.keys() == {"impact"}
        assert json.loads(dict(kept)[part.mapping])["requests_to_impact"] == part.requests["impact"]
    return {part.mapping: part.requests["impact"] for part in report.mappings}, wire


async def test_a_sync_with_nothing_new_costs_two_requests_per_campaign_and_those_of_what_is_open(
    merchant: Merchant,
) -> None:
    for days in (0, 50, 45):  # one open action in each of three windows
        merchant.clock.move(days * DAY)
        for campaign in CAMPAIGNS:
            merchant.happen(("create", campaign, 0, None))
    await sync(merchant)
    merchant.clock.move(2 * DAY)
    await sync(merchant)
    merchant.clock.move(2 * DAY)
    oldest = min(action.event_date for action in merchant.sandbox.book.actions.values())
    most = BOTH_PASSES + math.ceil((merchant.clock.now() - oldest) / dt.timedelta(days=WINDOW))
    swept, wire = await sync(merchant)
    assert swept == dict.fromkeys(SPECS, LIST_OF_CAMPAIGNS + len(CAMPAIGNS) * most)
    assert {wire.count(campaign) for campaign in CAMPAIGNS} == {most * len(SPECS)}
    merchant.clock.move(HOUR)
    idle, wire = await sync(merchant)
    assert idle == dict.fromkeys(SPECS, LIST_OF_CAMPAIGNS + len(CAMPAIGNS) * BOTH_PASSES)
    assert {wire.count(campaign) for campaign in CAMPAIGNS} == {BOTH_PASSES * len(SPECS)}


async def test_an_early_approval_right_after_the_first_sync_is_noticed_one_sweep_later(merchant: Merchant) -> None:
    merchant.sandbox.switches.early_approval_date = "kept"  # a date that moves to today shows by itself
    merchant.happen(("create", CAMPAIGNS[0], 0, 30))
    merchant.clock.move(3 * HOUR)  # beyond what the next sync reads once more
    await sync(merchant)
    (id,) = merchant.sandbox.book.actions
    merchant.sandbox.book.approve(id)
    merchant.clock.move(DAY - HOUR)
    await sync(merchant)
    assert merchant.groups(0) == {"Customers", "Campaign 1000"}
    merchant.clock.move(HOUR)
    await sync(merchant)
    assert merchant.groups(0) == {"Customers", "Campaign 1000", "Approved"}
    assert merchant.mail.contacts.keys() == {address(0)}
