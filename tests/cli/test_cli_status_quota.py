"""`status` tells what is left of a quota and when the next request may leave; and no process asks before that."""

import asyncio
import datetime as dt
import json
import signal

from syncengine.cli.stopping import heed_signals
from syncengine.pacing import STOPPING
from syncengine.sandbox.kit import Fault
from tests.cli.shop import Shop


def test_what_is_left_is_told_with_its_age(shop: Shop) -> None:
    shop("sync")
    told = shop("status").out
    assert "\nimpact\n  quota       " in told
    assert " of 1,000 requests left until 20" in told
    assert " (as of 20" in told
    (quota,) = json.loads(shop("status", "--json").out)["quotas"]
    assert (quota["connection"], quota["limit"], quota["blocked_until"]) == ("impact", 1000, None)
    assert quota["remaining"] == 1000 - len(shop.impact.seen)
    read_at = dt.datetime.fromisoformat(quota["read_at"])
    assert dt.timedelta() < dt.datetime.fromisoformat(quota["resets_at"]) - read_at <= dt.timedelta(hours=1)
    assert dt.datetime.fromisoformat(quota["next_call"]) >= read_at


def test_before_a_used_up_quota_is_back_the_next_process_asks_nothing(shop: Shop) -> None:
    shop.impact.faults.add(Fault(kind="status", status=429, headers={"Retry-After": "1800"}))
    shop("sync")
    asked = len(shop.impact.seen)
    told = shop("status").out
    assert "  last run    deferred, manual, " in told
    assert "  quota       used up: the next request may leave at 20" in told
    (quota,) = json.loads(shop("status", "--json").out)["quotas"]
    assert quota["next_call"] == quota["blocked_until"]
    wait = dt.datetime.fromisoformat(quota["blocked_until"]) - dt.datetime.fromisoformat(quota["read_at"])
    assert dt.timedelta(minutes=29) < wait <= dt.timedelta(minutes=30)
    second = shop("sync")
    assert "deferred until 20" in second.out
    assert "the provider's quota is used up. It can go on at 20" in second.out
    assert len(shop.impact.seen) == asked


async def test_a_command_that_is_asked_to_stop_ends_its_waits_for_quota() -> None:
    with heed_signals() as stopping:
        heeded = STOPPING.get()
        assert heeded is stopping
        assert not heeded()
        signal.raise_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            while not heeded():  # noqa: ASYNC110 - a wait asks, nobody tells it
                await asyncio.sleep(0.01)
    assert STOPPING.get() is None
