"""Whole-batch refusals cost a bounded number of requests, and never a good row."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cyberimpact.halving import deliver_halving
from syncengine.errors import ProviderError


class Server:
    """Takes batches of up to `most` rows without a bad one."""

    def __init__(self, bad: set[int], most: int = 10**9) -> None:
        self.bad, self.most = bad, most
        self.sizes: list[int] = []
        self.taken: list[int] = []
        self.refused: list[int] = []

    async def accept(self, rows: Sequence[int]) -> bool:
        self.sizes.append(len(rows))
        if len(rows) > self.most or self.bad.intersection(rows):
            return False
        self.taken += rows
        return True


async def run(server: Server, count: int) -> int | None:
    return await deliver_halving(range(count), server.accept, server.refused.append)


@given(st.integers(1, 600), st.data())
async def test_every_good_row_is_delivered_once_and_bad_rows_cost_log_n(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1), max_size=min(7, count)))
    server = Server(bad)
    assert await run(server, count) is None
    assert sorted(server.taken) == sorted(set(range(count)) - bad)
    assert sorted(server.refused) == sorted(bad)
    assert len(server.sizes) <= 1 + len(bad) * (math.ceil(math.log2(count)) + 3)


async def test_37_bad_rows_of_10_000_in_batches_of_500_cost_at_most_37_log2() -> None:
    bad = {number * 269 for number in range(37)}
    sent = 0
    for start in range(0, 10_000, 500):
        server = Server({number - start for number in bad if start <= number < start + 500})
        await run(server, 500)
        sent += len(server.sizes)
    assert sent - 20 <= 37 * math.log2(10_000)


async def test_a_limit_of_size_is_learned_and_no_row_blamed() -> None:
    server = Server(set(), most=100)
    limit = await run(server, 500)
    assert sorted(server.taken) == list(range(500))
    assert not server.refused
    assert limit is not None
    assert 50 <= limit <= 100
    assert len(server.sizes) < 25


async def test_bad_rows_side_by_side_are_no_reason_to_give_up() -> None:
    server = Server(set(range(40, 52)))
    await run(server, 100)
    assert sorted(server.refused) == list(range(40, 52))


async def test_when_everything_is_refused_it_stops() -> None:
    server = Server(set(range(500)))
    with pytest.raises(ProviderError):
        await run(server, 500)
    assert len(server.sizes) < 100
