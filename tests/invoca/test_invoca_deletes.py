"""Objects are deleted only where that is meant, and harmlessly often; what can't be deleted is told."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from syncengine.contracts import Resumable
from syncengine.errors import AuthError, Rejected
from syncengine.sandbox.kit import Fault
from tests.invoca.desk import ADVERTISER, CAMPAIGN, NUMBER, TAKEN_PART, Desk

ALL = ["advertisers", "affiliates", "promo_numbers"]
AFFILIATE = {"id_from_network": "aff-9", "name": "Birch Reviews"}
KEY = "adv-7/c-1/n-1"


def gone(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "state": "deleted"}


def cut(when: str) -> Callable[[str, httpx.Request], None]:
    """The connection breaks before or after a DELETE takes effect."""

    def trouble(at: str, request: httpx.Request) -> None:
        if request.method == "DELETE" and at == when:
            raise httpx.ReadTimeout("cut", request=request)

    return trouble


@pytest.mark.parametrize(
    ("kind", "fields", "path"),
    [
        ("advertisers", {"id_from_network": "adv-9", "name": "Birch"}, "adv-9"),
        ("affiliates", AFFILIATE, "aff-9"),
        ("promo_numbers", NUMBER, "n-1"),
    ],
)
async def test_deleting_twice_is_deleting_once(campaign: Desk, kind: str, fields: dict[str, Any], path: str) -> None:
    await campaign.write(kind, fields)
    before = len(campaign.network.sandbox.network.objects)
    campaign.writes()
    for _ in range(2):
        assert await campaign.statuses(kind, gone(fields), allow_deletes=ALL) == ["delivered"]
    assert campaign.writes() == [("DELETE", path)]
    assert len(campaign.network.sandbox.network.objects) == before - 1


@pytest.mark.parametrize(
    ("kind", "fields"), [("advertisers", ADVERTISER), ("affiliates", AFFILIATE), ("promo_numbers", NUMBER)]
)
async def test_nothing_is_deleted_unless_that_kind_is_allowed(desk: Desk, kind: str, fields: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        await desk.write(kind, gone(fields), allow_deletes=[other for other in ALL if other != kind])
    assert (caught.value.field, caught.value.code) == ("state", "deletes")
    assert desk.writes() == []


async def test_what_can_be_deleted_at_invoca_and_what_cannot(desk: Desk) -> None:
    """No DELETE is documented for campaigns: they are archived, and parts in them end by their status."""
    for kind, fields in (("campaigns", CAMPAIGN), ("affiliate_campaigns", {**TAKEN_PART, "status": "Applied"})):
        with pytest.raises(Rejected) as caught:
            await desk.write(kind, gone(fields), allow_deletes=ALL)
        assert caught.value.field == "state"


@pytest.mark.parametrize("status", [403, 404, 409])
async def test_an_object_that_invoca_keeps_is_rejected_whatever_the_status(campaign: Desk, status: int) -> None:
    campaign.network.switches.delete_with_campaigns = status
    await campaign.write("affiliate_campaigns", {**TAKEN_PART, "status": "Applied"})
    for kind, id, name in (("advertisers", "adv-7", "Maple Tickets"), ("affiliates", "aff-1", "Acme Reviews")):
        fields = gone({"id_from_network": id, "name": name})
        [outcome] = await campaign.write(kind, fields, allow_deletes=ALL)
        assert (outcome.status, outcome.code) == ("rejected", "not_deleted")
        assert campaign.network.sandbox.network.objects[(kind, id)]


async def test_somebody_else_deleting_it_just_before_is_fine(desk: Desk) -> None:
    await desk.write("affiliates", AFFILIATE)
    fault = Fault(kind="status", status=404, method="DELETE")
    desk.network.sandbox.faults.add(fault)

    def first(at: str, request: httpx.Request) -> None:
        if request.method == "DELETE" and at == "before":
            desk.network.sandbox.network.objects.clear()

    desk.network.trouble = first
    assert await desk.statuses("affiliates", gone(AFFILIATE), allow_deletes=ALL) == ["delivered"]
    assert desk.network.sandbox.faults.injected == [fault]


async def test_a_token_that_is_refused_stops_before_anything_is_deleted(desk: Desk) -> None:
    await desk.write("affiliates", AFFILIATE)
    desk.network.sandbox.faults.add(Fault(kind="status", status=401, method="DELETE"))
    with pytest.raises(AuthError):
        await desk.write("affiliates", gone(AFFILIATE), allow_deletes=ALL)
    assert desk.ledger.refuted == {"aff-9"}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_answer_to_a_delete_is_a_doubt_that_the_next_try_ends(desk: Desk, when: str) -> None:
    await desk.write("affiliates", AFFILIATE)
    desk.network.trouble = cut(when)
    assert await desk.statuses("affiliates", gone(AFFILIATE), allow_deletes=ALL) == ["in_doubt"]
    assert not desk.ledger.refuted
    desk.network.trouble = lambda at, request: None
    assert await desk.statuses("affiliates", gone(AFFILIATE), allow_deletes=ALL) == ["delivered"]
    assert desk.network.sandbox.network.objects == {}


async def test_trouble_at_invoca_while_it_deletes_is_a_doubt(desk: Desk) -> None:
    await desk.write("affiliates", AFFILIATE)
    body = '{"errors": {"class": "InternalServiceError", "invalid_data": "handle 17"}}'
    for status in (500, 200):
        desk.network.sandbox.faults.add(Fault(kind="status", status=status, method="DELETE", body=body))
        assert await desk.statuses("affiliates", gone(AFFILIATE), allow_deletes=ALL) == ["in_doubt"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_delete_of_a_promo_number_is_read_back(campaign: Desk, when: str) -> None:
    await campaign.write("promo_numbers", NUMBER)

    campaign.network.trouble = cut(when)
    assert await campaign.statuses("promo_numbers", gone(NUMBER), allow_deletes=ALL) == ["in_doubt"]
    campaign.network.trouble = lambda at, request: None
    receipt = campaign.ledger.receipts[-1]
    async with campaign.network.connect(allow_writes=True) as connection:
        destination = connection.destinations["promo_numbers"]
        assert isinstance(destination, Resumable)
        settled = await destination.settle(receipt, {KEY})
    assert settled.confirmed == (set() if when == "before" else {KEY})
    assert settled.refuted == ({KEY} if when == "before" else set())


async def test_a_draft_that_deletes_says_nothing_else(desk: Desk) -> None:
    """A name that changes later would make it again."""
    async with desk.network.connect(allow_writes=True, allow_deletes=ALL) as connection:
        draft = connection.destinations["promo_numbers"].draft(gone(NUMBER))
    assert draft.key == KEY
    assert draft.fields == {"advertiser": "adv-7", "campaign": "c-1", "id_from_network": "n-1", "state": "deleted"}


@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [("advertisers", ADVERTISER, "name"), ("campaigns", CAMPAIGN, "name"), ("promo_numbers", NUMBER, "description")],
)
async def test_what_somebody_deleted_is_not_made_again_out_of_a_difference(
    campaign: Desk, kind: str, fields: dict[str, Any], name: str
) -> None:
    await campaign.write(kind, fields)
    campaign.network.sandbox.network.objects.clear()
    campaign.writes()
    [outcome] = await campaign.rewrite(kind, {**fields, name: "Another"}, name)
    assert (outcome.status, outcome.code) == ("rejected", "gone")
    assert campaign.writes() == []
