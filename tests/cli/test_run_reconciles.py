"""The daemon compares everything once a day, by a turn of its own beside those of the mappings."""

import asyncio
import contextlib
import datetime as dt
import os
import signal

import pytest

from syncengine import daemon
from syncengine.config import Settings, load_settings
from syncengine.daemon import serve
from syncengine.state.runs import Run, runs
from syncengine.state.store import Store
from tests.cli.shop import Shop
from tests.clock import FakeClock

NAME = "cyberimpact.contacts"
PATIENCE = 20.0
SOON = 0.5
"""Seconds: much longer than one takes here."""


def settings_of(shop: Shop) -> Settings:
    return load_settings(shop.config, shop.run.environ)


def reconciled(shop: Shop) -> list[Run]:
    with Store.open(f"sqlite:///{shop.state}", FakeClock()) as store:
        return [run for run in store.read_now(runs, NAME, 9) if run.state != "running"]


async def serve_until(shop: Shop, number: int, seconds: float) -> list[Run]:
    """Be the daemon until so many reconciliations are through, or so long."""
    serving = asyncio.create_task(serve(settings_of(shop)))
    async with asyncio.timeout(PATIENCE):
        while signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:  # noqa: ASYNC110 - nobody tells it
            await asyncio.sleep(0.01)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while len(await asyncio.to_thread(reconciled, shop)) < number:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
    return reconciled(shop)


@pytest.fixture
def delivered(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """One contact. What is new needn't go first."""
    shop.knows("C1", "ana@example.com")
    shop.sells("C1")
    assert shop("sync").code == 0
    monkeypatch.setattr(daemon, "LIVE_FIRST", dt.timedelta(0))
    return shop


async def test_the_daemon_finds_who_was_deleted(delivered: Shop) -> None:
    delivered.cyberimpact.admin.delete("ana@example.com")
    (run,) = await serve_until(delivered, 1, PATIENCE)
    assert (run.kind, run.state) == ("reconcile", "done")
    assert (run.counts["verified"], run.counts["deleted"]) == (1, 1)


async def test_it_does_not_where_that_is_off(delivered: Shop) -> None:
    text = delivered.config.read_text(encoding="utf-8")
    delivered.config.write_text(text.replace("[engine]\n", '[engine]\nreconcile = "off"\n'), encoding="utf-8")
    assert await serve_until(delivered, 1, SOON) == []


async def test_it_waits_a_day_after_the_last_good_one(delivered: Shop) -> None:
    assert delivered("reconcile").code == 0
    assert len(await serve_until(delivered, 2, SOON)) == 1
