"""Promise 6, restart: a daemon killed again and again at any moment, while people buy, take back and say no."""

import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash.program import daemon, run
from tests.crash.world import ACME, BIRCH, DAY, NOW, World, lately, someone

SECONDS = 12.0
SOAK_SECONDS = float(os.environ.get("SYNCENGINE_SOAK_SECONDS", "180"))
SEED = int(os.environ.get("SYNCENGINE_SEED", "1"))
"""Decides what people do and when the daemon is killed, but not how far it had come by then."""
SHORTEST, LONGEST = 0.05, 0.7
"""Seconds from a start to the kill: from before anything is read to after everything is delivered."""
BATCH_SECONDS = 0.1
"""From taking a batch to its effect."""
PEOPLE = 12
"""At the beginning; others come."""
INTERRUPTED = 3
"""Runs that must have been cut off: kills between runs alone test nothing."""
PATIENCE = 60.0
"""Seconds more than asked for until so many were."""
MOST_PURCHASES = 3
BESIDE = (("status", "--json"), ("runs",), ("rejects", "list"), ("plan", "--json"), ("sync",))
"""What a person may do while the daemon works."""
BUSY = "is being worked on by"
GOOD = {0, 3}


class Market:
    """People who buy, and what is known of them. Nobody's purchases have the same day, so the newest is known."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world = world
        self._rng = rng
        self._number = 0
        self.bought: dict[str, list[str]] = {}
        self.taken_back: set[str] = set()
        self.said_no: set[str] = set()
        self.never: set[str] = set()
        """Those who said no before they bought for the first time."""

    def email(self, customer: str) -> str:
        return f"{customer.lower()}@example.com"

    def happen(self) -> None:
        """One thing."""
        self._rng.choice((self.newcomer, self.newcomer, self._again, self._take_back, self._say_no))()

    def newcomer(self) -> None:
        """Somebody buys for the first time."""
        self._number += 1
        customer = f"C{self._number}"
        if self._rng.random() < 0.15:
            self._world.mail.admin.add(self.email(customer), relation="active-clients", date=NOW.date(), proof="x")
            self._world.mail.admin.unsubscribe(self.email(customer))
            self.never.add(customer)
        self._world.knows(someone(customer, customer.lower()))
        self.bought[customer] = []
        self._buy(customer)

    def _buy(self, customer: str) -> None:
        ago = (len(self.bought[customer]) + 1) * DAY  # later ones are older: they come in out of order
        self.bought[customer].append(self._world.sells(customer, self._rng.choice((ACME, BIRCH)), ago, lately()))

    def _again(self) -> None:
        open_ = [one for one in self.bought if len(self.bought[one]) < MOST_PURCHASES and one not in self.taken_back]
        if open_:
            self._buy(self._rng.choice(open_))

    def _take_back(self) -> None:
        """All that somebody bought."""
        if self.bought:
            customer = self._rng.choice(list(self.bought))
            if customer not in self.taken_back:
                self.taken_back.add(customer)
                for action in self.bought[customer]:
                    self._world.impact.book.reverse(action, at=lately())

    def _say_no(self) -> None:
        there = [one for one in self.bought if self.email(one) in self._world.mail.contacts()]
        if there:
            customer = self._rng.choice(there)
            self._world.mail.admin.unsubscribe(self.email(customer))
            self.said_no.add(customer)


def torment(world: World, market: Market, rng: random.Random, seconds: float) -> None:
    """Kill the daemon again and again, so long and until it was hit at work; the state is whole after each time."""
    interrupted = 0
    started = time.monotonic()
    while (passed := time.monotonic() - started) < seconds or interrupted < INTERRUPTED:
        assert passed < seconds + PATIENCE, f"only {interrupted} runs were interrupted"
        log = world.folder.with_name("daemon.log")
        going = daemon(world.folder, log)
        for _ in range(rng.randint(0, 5)):
            market.happen()
        _wait(world, rng)
        if rng.random() < 0.2:
            beside = run(world.folder, *rng.choice(BESIDE))
            assert beside.code in GOOD or BUSY in beside.err, beside
        going.kill()
        assert going.wait() == -signal.SIGKILL, log.read_text()
        assert "[error" not in log.read_text(), log.read_text()
        interrupted += _cut_off(world.folder / "syncengine.db")


def _cut_off(path: Path) -> int:
    """How many runs were under way, in a file that must be whole; at the very first there may be nothing in it."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as state:
        assert state.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not state.execute("SELECT 1 FROM sqlite_master WHERE name='run'").fetchall():
            return 0
        ((running,),) = state.execute("SELECT count(*) FROM run WHERE state='running'").fetchall()
    return int(running)


def _wait(world: World, rng: random.Random) -> None:
    """Until the kill: any moment, or one just after a request with effect came in."""
    if rng.random() < 0.5:
        time.sleep(rng.uniform(SHORTEST, LONGEST))
        return
    before, until = len(world.mail.write_requests()), time.monotonic() + 2 * LONGEST
    while len(world.mail.write_requests()) == before and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(rng.uniform(0, BATCH_SECONDS))


def check(world: World, market: Market, folder: Path) -> None:
    """Everybody is as somebody is who was never disturbed: a run from nothing, in a new account, says how."""
    for _ in range(2):
        assert run(world.folder, "sync").code in GOOD
    end = world.end()
    assert end.sums.get("pending", 0) == 0
    assert len(set(end.addresses)) == len(end.addresses)
    assert len(set(end.groups)) == len(end.groups)
    for customer in market.never:
        assert world.mail.mentions(market.email(customer)) == []
    for customer in market.said_no | market.never:
        assert end.contacts[market.email(customer)].state == "unsubscribed"
    for customer in market.taken_back - market.said_no:
        known = end.contacts.get(market.email(customer))
        assert known is None or known.groups == frozenset()
    world.mail.clear()
    (folder / "twin").mkdir()
    for name in ("config.toml", "customers.csv"):
        (folder / "twin" / name).write_bytes((world.folder / name).read_bytes())
    run(folder / "twin", "sync")
    world.mail.settle()
    untouched = market.bought.keys() - market.said_no - market.never - market.taken_back
    expected = world.mail.contacts()
    assert {one: end.contacts.get(market.email(one)) for one in untouched} == {
        one: expected[market.email(one)] for one in untouched
    }
    assert untouched


def live(world: World, folder: Path, seconds: float) -> None:
    rng = random.Random(SEED)
    (folder / "daemon").mkdir()
    world.start_over(folder / "daemon")
    world.mail.switches.batch_seconds = BATCH_SECONDS
    world.impact.switches.rate_limit = 10**6  # hours of them
    market = Market(world, rng)
    for _ in range(PEOPLE):
        market.newcomer()
    try:
        torment(world, market, rng, seconds)
        check(world, market, folder)
    except BaseException as error:
        error.add_note(f"SYNCENGINE_SEED={SEED}")
        raise


def test_a_daemon_killed_again_and_again_comes_to_the_same_end(world: World, tmp_path: Path) -> None:
    live(world, tmp_path, SECONDS)


@pytest.mark.slow
def test_a_daemon_killed_for_minutes_comes_to_the_same_end(world: World, tmp_path: Path) -> None:
    live(world, tmp_path, SOAK_SECONDS)
