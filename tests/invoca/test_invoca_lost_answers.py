"""POST, PUT and DELETE are harmless when repeated, and the exception is not repeated: an answer got lost."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import httpx
import pytest

from syncengine.contracts import Resumable
from tests.invoca.desk import CAMPAIGN, NUMBER, TAKEN_PART, Desk
from tests.invoca.test_invoca_errors import WRITES, fields

REPEATED = sorted(set(WRITES) - {"promo_numbers"})
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("campaigns", {**CAMPAIGN, "url": "https://tickets.example.test", "state": "live"}),
    ("campaigns", {**CAMPAIGN, "state": "archived"}),
    ("affiliate_campaigns", {**TAKEN_PART, "status": "Approved"}),
]


def lose(when: str, number: int) -> Callable[[str, httpx.Request], None]:
    """The answer to the request with effect of that number doesn't come: it is cut before or after it took effect."""
    left = number

    def trouble(at: str, request: httpx.Request) -> None:
        nonlocal left
        if request.method != "GET" and at == when:
            left -= 1
            if left == 0:
                raise httpx.ReadTimeout("cut", request=request)

    return trouble


def state(desk: Desk) -> Any:
    """All that is at Invoca; numbers that are given out at each try are no difference."""
    objects = deepcopy(desk.network.sandbox.network.objects)
    return {path: {name: value for name, value in each.items() if name != "id"} for path, each in objects.items()}, [
        (row.kind, row.call, row.values, row.custom, row.superseded) for row in desk.network.book.rows
    ]


async def in_one_go(desk: Desk, kind: str, given: dict[str, Any]) -> Any:
    """What is at Invoca after this was written without any trouble; it is taken back again."""
    network, book = desk.network.sandbox.network, desk.network.book
    before, rows = deepcopy(network.objects), list(book.rows)
    assert await desk.statuses(kind, given) == ["delivered"]
    after = state(desk)
    network.objects, book.rows = before, rows
    return after


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", REPEATED)
async def test_a_write_whose_answer_was_lost_is_written_again_and_counts_once(
    campaign: Desk, kind: str, when: str
) -> None:
    given = fields(campaign, kind)
    expected = await in_one_go(campaign, kind, given)
    campaign.network.trouble = lose(when, 1)
    assert await campaign.statuses(kind, given) == ["in_doubt"]
    campaign.network.trouble = lambda at, request: None
    for _ in range(2):
        assert await campaign.statuses(kind, given) == ["delivered"]
    assert state(campaign) == expected


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("kind", "given"), STEPS)
async def test_a_change_of_two_requests_ends_the_same_whichever_answer_was_lost(
    campaign: Desk, kind: str, given: dict[str, Any], number: int, when: str
) -> None:
    expected = await in_one_go(campaign, kind, given)
    campaign.network.trouble = lose(when, number)
    await campaign.statuses(kind, given)
    campaign.network.trouble = lambda at, request: None
    assert await campaign.statuses(kind, given) == ["delivered"]
    assert state(campaign) == expected


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_changed_promo_number_whose_answer_was_lost_is_looked_at_and_changed_once(
    campaign: Desk, when: str
) -> None:
    """That it is there doesn't say that it was changed."""
    await campaign.write("promo_numbers", NUMBER)
    changed = {**NUMBER, "description": "summer poster"}
    campaign.network.trouble = lose(when, 1)
    assert await campaign.statuses("promo_numbers", changed) == ["in_doubt"]
    campaign.network.trouble = lambda at, request: None
    key = "adv-7/c-1/n-1"
    async with campaign.network.connect(allow_writes=True) as connection:
        destination = connection.destinations["promo_numbers"]
        assert isinstance(destination, Resumable)
        settled = await destination.settle(campaign.ledger.receipts[-1], {key})
    assert (settled.confirmed, settled.refuted) == (frozenset(), {key}), "so that it is tried again"
    assert await campaign.statuses("promo_numbers", changed) == ["delivered"]
    [number] = [each for path, each in campaign.network.sandbox.network.objects.items() if "promo_numbers" in path]
    assert number["description"] == "summer poster"
