"""A promo number is bought once: it is the one object that is never written again blindly."""

import httpx
import pytest

from syncengine.contracts import Resumable
from syncengine.errors import Rejected
from tests.invoca.desk import NUMBER, Desk
from tests.invoca.world import records


@pytest.mark.parametrize("repeated", ["new", "upsert", "403"])
async def test_a_promo_number_is_bought_once(campaign: Desk, repeated: str) -> None:
    campaign.network.switches.repeated_own_number = repeated
    for description in ("spring poster", "spring poster", "summer poster"):
        assert await campaign.statuses("promo_numbers", {**NUMBER, "description": description}) == ["delivered"]
    assert campaign.writes() == [("POST", "promo_numbers_by_id"), ("PUT", "n-1")]
    [number] = records(await campaign.network.pages("promo_numbers"))
    assert number.values["description"] == "summer poster"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_purchase_without_an_answer_is_read_back_and_not_repeated(campaign: Desk, when: str) -> None:
    def cut(at: str, request: httpx.Request) -> None:
        if request.method == "POST" and at == when:
            raise httpx.ReadTimeout("cut", request=request)

    campaign.network.trouble = cut
    assert await campaign.statuses("promo_numbers", NUMBER) == ["in_doubt"]
    campaign.network.trouble = lambda at, request: None
    assert campaign.writes() == [("POST", "promo_numbers_by_id")] * (when == "after")
    key = "adv-7/c-1/n-1"
    assert campaign.ledger.receipts == [f"buy {key}"]
    async with campaign.network.connect(allow_writes=True) as connection:
        destination = connection.destinations["promo_numbers"]
        assert not destination.repeatable
        assert isinstance(destination, Resumable)
        settled = await destination.settle(f"buy {key}", {key})
    assert settled.confirmed == ({key} if when == "after" else set())
    assert settled.refuted == (set() if when == "after" else {key})


async def test_a_media_type_outside_invocas_list_is_refused_by_its_name(campaign: Desk) -> None:
    with pytest.raises(Rejected) as caught:
        await campaign.write("promo_numbers", {**NUMBER, "media_type": "Poster"})
    assert caught.value.field == "media_type"


async def test_a_receipt_of_somebody_else_tells_nothing(campaign: Desk) -> None:
    async with campaign.network.connect(allow_writes=True) as connection:
        destination = connection.destinations["promo_numbers"]
        assert isinstance(destination, Resumable)
        settled = await destination.settle("no-such-receipt", {"adv-7/c-1/n-1"})
    assert not settled.confirmed | settled.refuted
