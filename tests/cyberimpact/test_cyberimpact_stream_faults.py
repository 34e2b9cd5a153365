"""What a stream of people does with strange checkpoints, rows that can't be placed, and lists that move."""

from typing import Any

import pytest

from syncengine.contracts import Checkpoint
from syncengine.errors import ProviderError, StateError
from tests.clock import FakeClock
from tests.cyberimpact.conftest import connection
from tests.cyberimpact.reading import EVERYTHING, LEA, Reader, ids, reader
from tests.cyberimpact.scripted import Scripted, page_of

__all__ = ["reader"]


@pytest.mark.parametrize("checkpoint", ["", "{}", "7", '{"read": "2026-01-01T00:00:00"}', '{"updated": "x"}'])
async def test_a_strange_checkpoint_is_refused(reader: Reader, checkpoint: str) -> None:
    reader.checkpoints["contacts:all"] = Checkpoint(checkpoint)
    with pytest.raises(StateError, match="checkpoint of Cyberimpact"):
        await reader.read("contacts")


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"email": LEA, "joinedOn": None}, "bad_date"),
        ({"email": LEA, "joinedOn": "yesterday"}, "bad_date"),
        ({"email": LEA, "joinedOn": 1767225600}, "bad_date"),
        ({"email": " ", "joinedOn": "2026-07-01T00:00:00-0400"}, "no_id"),
        ({"joinedOn": "2026-07-01T00:00:00-0400"}, "no_id"),
    ],
)
async def test_a_row_that_can_not_be_placed_stops_the_reading(clock: FakeClock, row: dict[str, Any], code: str) -> None:
    server = Scripted(
        members=lambda request: page_of([row], "members", request), customfields=lambda _: {"customFields": []}
    )
    async with connection(clock, server) as opened:
        with pytest.raises(ProviderError) as raised:
            await Reader(opened).read("contacts", EVERYTHING)
    assert raised.value.code == code
    assert "lea" not in str(raised.value).lower()


async def test_a_list_shorter_than_it_says_has_no_checkpoint(clock: FakeClock) -> None:
    rows = [{"email": f"{number:03}@example.test", "joinedOn": "2026-07-01T00:00:00-0400"} for number in range(5)]
    server = Scripted(
        members=lambda request: {**page_of(rows, "members", request), "totalCount": 6},
        customfields=lambda _: {"customFields": []},
    )
    async with connection(clock, server) as opened:
        reader = Reader(opened)
        with pytest.raises(ProviderError):
            await reader.read("contacts", EVERYTHING)
    assert not reader.checkpoints


async def test_a_list_that_never_stands_still_has_no_checkpoint(clock: FakeClock) -> None:
    rows = [{"email": f"{number:03}@example.test", "joinedOn": "2026-07-01T00:00:00-0400"} for number in range(40)]
    calls = 0

    def members(request: Any) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        return page_of(rows[calls:], "members", request, most=10)

    server = Scripted(members=members, customfields=lambda _: {"customFields": []})
    async with connection(clock, server) as opened:
        reader = Reader(opened)
        with pytest.raises(ProviderError, match="changed under each"):
            await reader.read("contacts", EVERYTHING)
    assert not reader.checkpoints


async def test_a_row_that_moved_to_an_earlier_page_is_found_by_reading_again(clock: FakeClock) -> None:
    rows = [{"email": f"{number:03}@example.test", "joinedOn": "2026-07-01T00:00:00-0400"} for number in range(25)]
    calls = 0

    def members(request: Any) -> dict[str, Any]:
        nonlocal calls, rows
        calls += 1
        if calls == 2:
            rows = [*rows[1:], {**rows[0], "email": "zzz@example.test"}]  # one gone, one new: the count stays
        return page_of(rows, "members", request, most=10)

    server = Scripted(members=members, customfields=lambda _: {"customFields": []})
    async with connection(clock, server) as opened:
        found = await Reader(opened).read("contacts", EVERYTHING)
    assert {row["email"] for row in rows} <= set(ids(found))
