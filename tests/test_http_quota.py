"""What is known of an account's quota outlives the process; and whose clock is right."""

import datetime as dt
import io
import json
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
import stamina

from syncengine import http, logs
from syncengine.errors import RateLimited, StateError
from syncengine.http import HttpClient, HttpFactory
from syncengine.pacing import Limiter, Pace
from syncengine.quotas import QUOTA, read_quotas
from syncengine.state.store import Store
from tests.clock import NOON, FakeClock


@pytest.fixture(autouse=True)
def _quick_retries() -> Iterator[None]:
    with stamina.set_testing(True):
        yield


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class Process:
    """One start of the program: a connection with its memory, and the answers that it gets."""

    def __init__(self, clock: FakeClock, store: Store, *answers: httpx.Response, pace: Pace | None = None) -> None:
        self._answers = list(answers)
        self.asked = 0
        self.limiters: dict[str, Limiter] = {}
        self.memory = store.memory("impact")
        transport = httpx.MockTransport(self._answer)
        self.factory = HttpFactory("connections.impact", clock, self.limiters, transport, self.memory)
        self.client: HttpClient = self.factory.client(base_url="https://api.example.test", account="a", pace=pace)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def get(self) -> None:
        await self.client.send("GET", "/", what="list")


def counted(remaining: int) -> httpx.Response:
    """An answer that says how much is left until the next hour."""
    headers = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": "3000"}
    return httpx.Response(200, headers=headers)


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/state.db", clock) as opened:
        yield opened


async def test_a_process_that_starts_after_a_429_does_not_ask_before_it_may(clock: FakeClock, store: Store) -> None:
    first = Process(clock, store, httpx.Response(429, headers={"Retry-After": "1800"}))
    with pytest.raises(RateLimited):
        await first.get()
    second = Process(clock, store, httpx.Response(200))
    await second.factory.quotas.recall()
    clock.move(60)
    with pytest.raises(RateLimited) as caught:
        await second.get()
    assert caught.value.until == NOON + dt.timedelta(seconds=1800)
    assert second.asked == 0


async def test_what_blocked_is_cleared_when_it_has_passed(clock: FakeClock, store: Store) -> None:
    first = Process(clock, store, httpx.Response(429, headers={"Retry-After": "1800"}), httpx.Response(200))
    with pytest.raises(RateLimited):
        await first.get()
    clock.move(1800)
    second = Process(clock, store, httpx.Response(200))
    await second.factory.quotas.recall()
    await second.get()
    assert clock.slept == []
    await second.factory.quotas.remember()
    (kept,) = read_quotas(await second.memory.get(QUOTA)).values()
    assert kept.blocked_until is None


async def test_a_clock_that_was_far_ahead_blocks_nobody_for_longer_than_an_hour(clock: FakeClock, store: Store) -> None:
    ahead = FakeClock(NOON + dt.timedelta(days=400))
    first = Process(ahead, store, httpx.Response(429, headers={"Retry-After": "1800"}))
    with pytest.raises(RateLimited):
        await first.get()
    second = Process(clock, store, httpx.Response(200))
    await second.factory.quotas.recall()
    assert second.client.limiter.blocked_until() == NOON + dt.timedelta(hours=1)


async def test_the_count_goes_on_in_the_next_process(clock: FakeClock, store: Store) -> None:
    told = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "640", "X-RateLimit-Reset": "1200"}
    first = Process(clock, store, httpx.Response(200, headers=told))
    await first.get()
    await first.factory.quotas.remember()
    (kept,) = read_quotas(await first.memory.get(QUOTA)).values()
    assert (kept.at, kept.limit, kept.remaining) == (NOON, 1000, 640)
    assert kept.resets_at == NOON + dt.timedelta(seconds=1200)
    second = Process(clock, store, httpx.Response(200))
    await second.factory.quotas.recall()
    assert second.client.limiter.remaining() == 640
    clock.move(1200)
    assert second.client.limiter.remaining() is None


async def test_the_documented_limit_is_kept_across_processes_where_no_header_comes(
    clock: FakeClock, store: Store
) -> None:
    first = Process(clock, store, httpx.Response(200), pace=Pace(10, 3600))
    for _ in range(7):
        await first.get()
    await first.factory.quotas.remember()
    second = Process(clock, store, httpx.Response(200), pace=Pace(10, 3600))
    await second.factory.quotas.recall()
    assert second.client.limiter.remaining() == 3


async def test_a_process_that_asked_nothing_forgets_nothing(clock: FakeClock, store: Store) -> None:
    first = Process(clock, store, httpx.Response(200, headers={"X-RateLimit-Remaining": "640"}))
    await first.get()
    await first.factory.quotas.remember()
    before = await first.memory.get(QUOTA)
    clock.move(60)
    await Process(clock, store, httpx.Response(200)).factory.quotas.remember()
    assert await first.memory.get(QUOTA) == before


async def test_a_process_that_ends_later_does_not_lose_what_another_was_told(clock: FakeClock, store: Store) -> None:
    first = Process(clock, store, httpx.Response(200), pace=Pace(1000, 3600))
    await first.get()
    clock.move(60)
    second = Process(clock, store, httpx.Response(429, headers={"Retry-After": "1800"}), pace=Pace(1000, 3600))
    with pytest.raises(RateLimited):
        await second.get()
    clock.move(60)
    await first.factory.quotas.remember()
    third = Process(clock, store, httpx.Response(200))
    await third.factory.quotas.recall()
    assert third.client.limiter.blocked_until() == NOON + dt.timedelta(seconds=60 + 1800)


async def test_the_newer_count_of_two_processes_is_kept_whichever_ends_first(clock: FakeClock, store: Store) -> None:
    early = Process(clock, store, counted(640))
    await early.get()
    clock.move(60)
    late = Process(clock, store, counted(12))
    await late.get()
    await late.factory.quotas.remember()
    clock.move(60)
    await early.factory.quotas.remember()
    (kept,) = read_quotas(await early.memory.get(QUOTA)).values()
    assert (kept.at, kept.remaining) == (NOON + dt.timedelta(seconds=60), 12)
    await early.get()
    await early.factory.quotas.remember()
    (kept,) = read_quotas(await early.memory.get(QUOTA)).values()
    assert (kept.at, kept.remaining) == (NOON + dt.timedelta(seconds=120), 640)


async def test_what_a_clock_ahead_of_ours_stored_is_replaced(clock: FakeClock, store: Store) -> None:
    ahead = FakeClock(NOON + dt.timedelta(days=400))
    with pytest.raises(RateLimited):
        await Process(ahead, store, httpx.Response(429, headers={"Retry-After": "1800"})).get()
    process = Process(clock, store, counted(640))
    await process.get()
    await process.factory.quotas.remember()
    (kept,) = read_quotas(await process.memory.get(QUOTA)).values()
    assert (kept.at, kept.remaining, kept.blocked_until) == (NOON, 640, None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 3}', '{"a": {"at": "yesterday"}}'])
async def test_a_memory_that_makes_no_sense_is_no_quota(clock: FakeClock, store: Store, text: str) -> None:
    process = Process(clock, store, httpx.Response(200))
    await process.memory.put(QUOTA, text)
    await process.factory.quotas.recall()
    await process.get()
    assert process.asked == 1


async def test_the_quota_of_another_account_is_not_ours(clock: FakeClock, store: Store) -> None:
    first = Process(clock, store, httpx.Response(429, headers={"Retry-After": "1800"}))
    with pytest.raises(RateLimited):
        await first.get()
    second = Process(clock, store, httpx.Response(200))
    other = second.factory.client(base_url="https://api.example.test", account="b")
    await second.factory.quotas.recall()
    assert (await other.send("GET", "/", what="list")).good


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    logs.configure("info", format="json", stream=stream)
    return stream


def dated(ahead: float) -> httpx.Response:
    return httpx.Response(200, headers={"Date": format_datetime(NOON + dt.timedelta(seconds=ahead), usegmt=True)})


@pytest.mark.parametrize(("ahead", "told"), [(-300, "ahead"), (300, "behind"), (-60, None), (0, None)])
async def test_a_clock_that_differs_from_the_providers_is_told_once(
    clock: FakeClock, store: Store, log: io.StringIO, ahead: float, told: str | None
) -> None:
    process = Process(clock, store, dated(ahead))
    assert process.client.skew is None
    await process.get()
    await process.get()
    assert process.client.skew == dt.timedelta(seconds=ahead)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["state"] for line in lines] == ([told] if told else [])
    if told:
        assert lines[0]["event"] == "The clock of this machine differs from the provider's"
        assert (lines[0]["connection"], lines[0]["seconds"], lines[0]["level"]) == ("impact", 300, "warning")
        assert "NTP" in lines[0]["hint"]


@pytest.mark.parametrize("date", [None, "", "noon", "Tue, 99 Jul 2026 12:00:00 GMT"])
async def test_without_a_date_nobody_knows_how_the_clocks_differ(
    clock: FakeClock, store: Store, log: io.StringIO, date: str | None
) -> None:
    process = Process(clock, store, httpx.Response(200, headers={"Date": date} if date is not None else {}))
    await process.get()
    assert process.client.skew is None
    assert log.getvalue() == ""


async def test_certificates_are_read_once_for_all_clients(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    made = []
    monkeypatch.setattr(http.httpx, "create_ssl_context", lambda: made.append(1) or True)
    http._tls.cache_clear()
    factory = HttpFactory("connections.a", clock, {}, httpx.MockTransport(lambda _: httpx.Response(200)))
    for name in ("a", "b", "c"):
        await factory.client(base_url="https://api.example.test", account=name).__aexit__(None, None, None)
    http._tls.cache_clear()
    assert made == [1]


async def test_a_state_that_can_not_be_written_hides_nothing_that_a_run_has_to_tell(
    clock: FakeClock, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    logs.configure("info", format="json", stream=stream)
    process = Process(clock, store, httpx.Response(429, headers={"Retry-After": "1800"}))

    async def refuse(key: str, value: str) -> None:
        raise StateError("The disk is full.")

    monkeypatch.setattr(process.memory, "put", refuse)
    with pytest.raises(RateLimited):
        await process.get()
    (line,) = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["event"], line["connection"], line["code"]) == ("Quotas not kept", "impact", "state")
