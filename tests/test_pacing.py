"""An account's quota is kept, spread out near its end, and corrected by what the provider says."""

import asyncio
import datetime as dt
from collections import Counter

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncengine.errors import RateLimited
from syncengine.pacing import LONGEST_SPREAD, Limiter, Pace, Quota, count_request, spending, stated_wait
from tests.clock import NOON, FakeClock

EPOCH = NOON.timestamp()


def headers(**values: object) -> httpx.Headers:
    return httpx.Headers({name.replace("_", "-"): str(value) for name, value in values.items()})


async def test_without_a_limit_nothing_waits_and_nothing_is_known() -> None:
    clock = FakeClock()
    limiter = Limiter("a", None, clock)
    for _ in range(1000):
        await limiter.take()
    assert limiter.remaining() is None
    assert limiter.waited == 0
    assert clock.slept == []


async def test_calls_well_inside_the_limit_never_wait() -> None:
    clock = FakeClock()
    limiter = Limiter("a", Pace(100, 3600), clock)
    for _ in range(90):
        await limiter.take()
    assert clock.slept == []
    assert limiter.remaining() == 10


async def test_the_last_tenth_is_slowed_down_but_never_put_to_sleep() -> None:
    clock = FakeClock()
    limiter = Limiter("a", Pace(100, 600), clock)
    for _ in range(100):
        await limiter.take()
    spread = sum(clock.slept)
    assert 40 <= spread <= 50
    assert limiter.waited == spread
    assert max(clock.slept) <= LONGEST_SPREAD


async def test_a_used_up_quota_is_waited_for_if_that_is_short() -> None:
    clock = FakeClock()
    limiter = Limiter("a", Pace(1, 60), clock)
    await limiter.take()
    await limiter.take()
    assert sum(clock.slept) == 60


async def test_a_used_up_quota_defers_the_run_if_waiting_is_long() -> None:
    limiter = Limiter("connections.a", Pace(1, 3600), FakeClock())
    await limiter.take()
    with pytest.raises(RateLimited, match=r"connections\.a.*13:00:00 UTC") as caught:
        await limiter.take()
    assert caught.value.until == NOON + dt.timedelta(hours=1)


async def test_places_come_free_one_by_one() -> None:
    clock = FakeClock()
    limiter = Limiter("a", Pace(20, 100), clock)
    await limiter.take()
    clock.move(50)
    await limiter.take()
    clock.move(51)
    assert limiter.remaining() == 19


@settings(deadline=None)  # a busy machine is no counterexample
@given(
    limit=st.integers(1, 20),
    seconds=st.floats(1, 100),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=60),
)
def test_no_window_ever_holds_more_calls_than_the_limit(limit: int, seconds: float, pauses: list[float]) -> None:
    async def run() -> list[float]:
        clock = FakeClock()
        limiter = Limiter("a", Pace(limit, seconds), clock)
        sent: list[float] = []
        for pause in pauses:
            clock.move(pause)
            await limiter.take()
            sent.append(clock.monotonic())
        return sent

    sent = asyncio.run(run())
    for first, later in zip(sent, sent[limit:], strict=False):
        assert later - first >= seconds - 1e-6


async def test_callers_at_the_same_time_share_one_quota() -> None:
    clock = FakeClock()
    limiter = Limiter("a", Pace(2, 60), clock)
    await asyncio.gather(*(limiter.take() for _ in range(6)))
    assert clock.monotonic() - 1000 >= 120


@pytest.mark.parametrize(
    "given",
    [
        headers(X_RateLimit_Remaining=7, X_RateLimit_Reset=600),
        headers(X_RateLimit_Remaining_hour=7, RateLimit_Reset=600),
        headers(X_RateLimit_Remaining=7, X_RateLimit_Reset=int(EPOCH) + 600),
        headers(RateLimit_Remaining="7", RateLimit_Reset="600"),
        headers(X_RateLimit_Remaining=7, X_RateLimit_Remaining_hour=9, X_RateLimit_Reset=600, RateLimit_Reset=700),
    ],
)
async def test_both_header_families_correct_the_count_until_the_reset(given: httpx.Headers) -> None:
    clock = FakeClock()
    limiter = Limiter("a", Pace(1000, 3600), clock)
    limiter.learn(given)
    assert limiter.remaining() == 7
    await limiter.take()
    assert limiter.remaining() == 6
    clock.move(700)
    assert limiter.remaining() == 999


async def test_a_full_quota_does_not_hide_one_that_is_used_up() -> None:
    """Some of a provider's endpoints have a lower limit; each answer tells the count of its own."""
    limiter = Limiter("a", Pace(1000, 3600), FakeClock())
    limiter.learn(headers(X_RateLimit_Limit=500, X_RateLimit_Remaining=3, X_RateLimit_Reset=600))
    limiter.learn(headers(X_RateLimit_Limit=1000, X_RateLimit_Remaining=990, X_RateLimit_Reset=600))
    assert limiter.remaining() == 3
    limiter.learn(headers(X_RateLimit_Limit_hour=500, X_RateLimit_Remaining_hour=499, RateLimit_Reset=3600))
    assert limiter.remaining() == 499


async def test_the_last_tenth_of_a_stated_limit_is_slowed_down_where_none_is_documented() -> None:
    clock = FakeClock()
    limiter = Limiter("a", None, clock)
    limiter.learn(headers(X_RateLimit_Limit=100, X_RateLimit_Remaining=9, X_RateLimit_Reset=18))
    for _ in range(5):
        await limiter.take()
    assert clock.slept == pytest.approx([2.25] * 4)  # 18 seconds for the 8 that are left after the first


async def test_an_account_that_may_do_more_than_is_documented_does() -> None:
    clock = FakeClock()
    limiter = Limiter("a", Pace(10, 3600), clock)
    limiter.learn(headers(X_RateLimit_Limit=50, X_RateLimit_Remaining=50, X_RateLimit_Reset=3600))
    for _ in range(40):
        await limiter.take()
    assert clock.slept == []


@pytest.mark.parametrize("text", ["", "many", "nan", "inf", "-"])
async def test_headers_without_a_number_change_nothing(text: str) -> None:
    limiter = Limiter("a", Pace(10, 60), FakeClock())
    limiter.learn(headers(X_RateLimit_Remaining=text))
    assert limiter.remaining() == 10


async def test_nothing_left_by_the_provider_waits_for_its_reset() -> None:
    clock = FakeClock()
    limiter = Limiter("a", None, clock)
    limiter.learn(headers(X_RateLimit_Remaining=0, X_RateLimit_Reset=45))
    await limiter.take()
    assert sum(clock.slept) == 45


async def test_a_block_holds_every_caller_to_the_second() -> None:
    clock = FakeClock()
    limiter = Limiter("a", None, clock)
    limiter.block(30)
    assert limiter.blocked_until() == NOON + dt.timedelta(seconds=30)
    await limiter.take()
    assert clock.slept == [30]
    assert limiter.blocked_until() is None


async def test_a_stated_wait_outranks_the_count_that_came_with_it() -> None:
    """Retry-After: 2 beside a quota that is reset in an hour means two seconds."""
    clock = FakeClock()
    limiter = Limiter("a", None, clock)
    limiter.learn(headers(X_RateLimit_Remaining=0, X_RateLimit_Reset=3600))
    limiter.block(2)
    await limiter.take()
    assert clock.slept == [2]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("older", "newer", "ago"), [(900, 0, 60), (3, 499, 60), (900, 0, 0)])
async def test_of_two_memories_of_one_account_the_newer_counts_in_any_order(
    order: int, older: int, newer: int, ago: int
) -> None:
    resets = NOON + dt.timedelta(seconds=3000)
    limiter = Limiter("a", Pace(1000, 3600), FakeClock())
    memories = [Quota(NOON - dt.timedelta(seconds=ago), 1000, older, resets), Quota(NOON, 1000, newer, resets)]
    for memory in memories[::order]:
        limiter.restore(memory)
    assert limiter.remaining() == newer
    assert limiter.quota().at == NOON


async def test_what_is_remembered_is_of_the_moment_when_the_account_was_asked() -> None:
    clock = FakeClock()
    limiter = Limiter("a", Pace(10, 3600), clock)
    await limiter.take()
    clock.move(600)
    assert limiter.quota() == Quota(NOON, 10, 9, NOON + dt.timedelta(hours=1))


@pytest.mark.parametrize(
    ("status", "given", "wait"),
    [
        (429, headers(Retry_After=30), 30),
        (429, headers(Retry_After=0), 1),
        (429, headers(Retry_After=-5), 1),
        (429, headers(Retry_After=99_999), 3600),
        (429, headers(Retry_After="Tue, 14 Jul 2026 12:00:30 GMT"), 30),
        (429, headers(Retry_After="Tue, 14 Jul 2026 11:00:00 GMT"), 1),
        (429, headers(Retry_After=20, X_RateLimit_Reset=900), 20),
        (429, headers(Retry_After="soon", X_RateLimit_Reset=900), 900),
        (429, headers(X_RateLimit_Reset=int(EPOCH) + 90), 90),
        (429, headers(RateLimit_Reset=90), 90),
        (429, headers(), None),
        (503, headers(Retry_After=30), 30),
        (503, headers(X_RateLimit_Reset=900), None),
        (500, headers(Retry_After=30), None),
    ],
)
def test_how_long_to_wait_is_what_the_answer_says_between_a_second_and_an_hour(
    status: int, given: httpx.Headers, wait: float | None
) -> None:
    assert stated_wait(status, given, Limiter("a", None, FakeClock())) == wait


async def test_requests_are_counted_for_whoever_has_them_sent_whatever_runs_beside() -> None:
    async def work(label: str, number: int) -> Counter[str]:
        spent: Counter[str] = Counter()
        with spending(spent):
            for _ in range(number):
                await asyncio.sleep(0)
                await asyncio.create_task(ask(label))  # as a page that is fetched ahead
        count_request("connections.afterwards")
        return spent

    async def ask(label: str) -> None:
        count_request(f"connections.{label}")

    assert await asyncio.gather(work("impact", 3), work("mail", 2)) == [{"impact": 3}, {"mail": 2}]
