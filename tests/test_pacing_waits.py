"""Who waits for quota: background work before live work, and nobody once the program was asked to stop."""

import asyncio
import datetime as dt
from collections.abc import Iterator

import httpx
import pytest

from syncengine.errors import RateLimited
from syncengine.pacing import BACKGROUND, LIVE_SHARE, STOPPING, Limiter, Pace
from tests.clock import NOON, FakeClock


@pytest.fixture
def background() -> Iterator[None]:
    token = BACKGROUND.set(True)
    yield
    BACKGROUND.reset(token)


async def take_all(limiter: Limiter) -> int:
    """How many calls leave before the run is deferred."""
    number = 0
    while True:
        try:
            await limiter.take()
        except RateLimited:
            return number
        number += 1


async def test_background_work_leaves_live_work_its_share() -> None:
    limiter = Limiter("a", Pace(100, 3600), FakeClock())
    token = BACKGROUND.set(True)
    assert await take_all(limiter) == 100 * (1 - LIVE_SHARE)
    BACKGROUND.reset(token)
    assert await take_all(limiter) == 100 * LIVE_SHARE


async def test_background_work_leaves_its_share_of_what_other_processes_left(background: None) -> None:
    limiter = Limiter("a", None, FakeClock())
    told = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "252", "X-RateLimit-Reset": "3600"}
    limiter.learn(httpx.Headers(told))
    assert await take_all(limiter) == 2


async def test_what_background_work_waits_for_is_told_apart_from_a_used_up_quota(background: None) -> None:
    limiter = Limiter("connections.a", Pace(100, 3600), FakeClock())
    await take_all(limiter)
    with pytest.raises(
        RateLimited, match=r"connections\.a: the rest .* for live work until 2026-07-14 13:00:00"
    ) as kept:
        await limiter.take()
    assert kept.value.code == "reserved"
    assert kept.value.until == NOON + dt.timedelta(hours=1)
    limiter.block(1800)
    limiter.learn(httpx.Headers({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3600"}))
    with pytest.raises(RateLimited) as used_up:
        await limiter.take()
    assert used_up.value.code == "rate_limited"


async def test_background_work_goes_on_when_places_come_free(background: None) -> None:
    clock = FakeClock()
    limiter = Limiter("a", Pace(100, 3600), clock)
    await take_all(limiter)
    clock.move(3600)
    assert await take_all(limiter) == 75


async def test_a_wait_for_quota_ends_when_the_program_is_asked_to_stop() -> None:
    clock = FakeClock()
    limiter = Limiter("a", None, clock)
    limiter.block(100)
    STOPPING.set(lambda: clock.now() >= NOON + dt.timedelta(seconds=10))
    with pytest.raises(RateLimited) as stopped:
        await limiter.take()
    assert 10 <= sum(clock.slept) < 11
    assert stopped.value.until == NOON + dt.timedelta(seconds=100)


async def test_a_wait_of_a_moment_is_finished_so_that_the_batch_in_hand_is() -> None:
    clock = FakeClock()
    limiter = Limiter("a", None, clock)
    limiter.block(4)
    STOPPING.set(lambda: True)
    await limiter.take()
    assert sum(clock.slept) == pytest.approx(4)


async def test_a_wait_that_nobody_stops_is_as_long_as_stated() -> None:
    clock = FakeClock()
    limiter = Limiter("a", None, clock)
    limiter.block(100)
    STOPPING.set(lambda: False)
    await limiter.take()
    assert sum(clock.slept) == pytest.approx(100)


async def test_callers_of_one_account_wait_by_their_own_rules() -> None:
    """A resync and a live run share the limiter, at the same time."""
    limiter = Limiter("a", Pace(8, 3600), FakeClock())

    async def work(is_background: bool) -> int:
        BACKGROUND.set(is_background)
        return await take_all(limiter)

    assert await asyncio.create_task(work(True)) == 6
    assert await asyncio.create_task(work(False)) == 2
