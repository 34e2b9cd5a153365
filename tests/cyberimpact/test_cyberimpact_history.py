"""Whatever records say and administrators do, in any order: nobody is added, asked or put back against their will.

The engine's deliveries and the connector stand before the sandbox, in one process; nothing goes wrong on the wire.
"""

import asyncio
import json
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import hypothesis.strategies as st
import msgspec
import pytest
import stamina
from hypothesis import given, settings

from connectors.cyberimpact.connection import CyberimpactConnection
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from mappings.fold import Draft
from syncengine.engine.book import SuppressionLists
from syncengine.engine.deliver import Delivery
from syncengine.sandbox.kit import Seen
from syncengine.state import records
from syncengine.state.records import Kept, PageCommit
from syncengine.state.store import Store
from tests.clock import FakeClock
from tests.cyberimpact.conftest import TORONTO, active, connection, contacts_of
from tests.quick import QUICK
from tests.state.pages import kept, rows

MAIL = "mail.contacts"
JO, LEA = "jo@example.test", "lea@example.test"
HALF_A_DAY = 12 * 3600
DRAFTS: dict[str, dict[str, Any]] = {
    "buys A": {"groups": ("A",), "consent": active()},
    "buys B": {"groups": ("B",), "consent": active("2026-06-09")},
    "leaves A": {"groups": ("C",), "leave": ("A",), "consent": active()},
    "only B": {"groups": ("B",), "exact": True, "consent": active()},
    "is asked": {"groups": ("C",), "ask": True},
    "unsubscribes": {"stop": "unsubscribe"},
    "is erased": {"stop": "delete"},
    "is taken back": {},
}
ACTS = ("unsubscribe", "bounce", "resubscribe", "delete", "confirm", "join A", "join B", "leave A", "leave B", "add")
people = st.sampled_from((JO, LEA))
says = st.tuples(st.just("record"), people, st.sampled_from("12"), st.sampled_from(sorted(DRAFTS)))
acts = st.tuples(st.just("admin"), people, st.sampled_from(ACTS))
histories = st.lists(says | acts | st.just(("deliver",)), min_size=4, max_size=14)


class History:
    """What happened, and what therefore must not happen any more."""

    def __init__(
        self, store: Store, clock: FakeClock, vendor: CyberimpactSandbox, opened: CyberimpactConnection
    ) -> None:
        self.store, self.clock, self.vendor = store, clock, vendor
        self.contacts = contacts_of(opened)
        self.no: set[str] = set()
        """Who said no to the provider, or was stopped by a record."""
        self.stopped: set[str] = set()
        self.known: dict[str, set[str]] = defaultdict(set)
        """In which groups we know that somebody is."""
        self.left: set[tuple[str, str]] = set()
        self.gone: set[str] = set()
        self.asked: Counter[str] = Counter()

    async def play(self, step: tuple[str, ...]) -> None:
        if step[0] == "record":
            self.record(*step[1:])
        elif step[0] == "admin":
            self.act(*step[1:])
        else:
            await self.deliver()

    def record(self, key: str, id: str, what: str) -> None:
        self.clock.move(60)
        draft = Draft(key, **DRAFTS[what])
        row: Kept = kept(f"{key} {id}", key)._replace(
            destination=MAIL,
            moment=self.clock.now().isoformat(),
            state="live" if DRAFTS[what] else "retracted",
            body=msgspec.json.encode(draft).decode(),
        )
        page = PageCommit("sales", MAIL, [row], touched={key})
        if draft.stop:
            page.refused_by_shop, page.stopped = {key}, {key}
            self.stopped.add(key)
        self.store.write_now(records.commit_page, page, self.clock.now())

    def act(self, key: str, what: str) -> None:
        admin, there = self.vendor.admin, self.vendor.contacts().get(key)
        verb, _, title = what.partition(" ")
        if verb == "confirm":
            for request in [number for number, (email, _) in self.vendor.account.optins.items() if email == key]:
                admin.confirm_optin(request)
                self.gone.discard(key)
                self.no.discard(key)
        elif verb == "add":
            if there is None:
                admin.add(key, groups=["A"])
                self.gone.discard(key)
                self.left -= {(key, "A")}
        elif there is None:
            return
        elif verb in {"unsubscribe", "bounce", "resubscribe", "delete"}:
            getattr(admin, verb)(key)
            (self.no.discard if verb in {"resubscribe", "delete"} else self.no.add)(key)
            if verb == "delete" and self.known[key]:
                self.gone.add(key)
        elif verb == "join":
            admin.join_group(key, title)
            self.left.discard((key, title))
        elif title in there.groups:
            admin.leave_group(key, title)
            if title in self.known[key]:
                self.left.add((key, title))

    async def deliver(self) -> None:
        self.clock.move(HALF_A_DAY)
        before = len(self.vendor.seen)
        lists = SuppressionLists(self.store, MAIL, self.contacts)
        await Delivery(self.store, MAIL, self.contacts, lists, TORONTO, lambda: False).run(lambda number: None)
        for seen in self.vendor.seen[before:]:
            self.check(seen)
        for key, there in self.vendor.contacts().items():
            assert key not in self.gone, f"{key} was deleted by hand, and is there again"
            for title in there.groups:
                assert (key, title) not in self.left, f"{key} left {title}, and is in it again"
        for key, title in rows(self.store, "SELECT key, title FROM membership WHERE state IN ('ours','before')"):
            self.known[key].add(title)
        assert not rows(self.store, "SELECT key FROM attemptpart WHERE state='open'")

    def check(self, seen: Seen) -> None:
        """No request adds to who said no; nobody is asked twice."""
        for key in adds(seen):
            assert key not in self.no | self.stopped, f"{seen.method} {seen.path} adds to {key}, who said no"
        if seen.method == "POST" and seen.path == "/members/optins":
            (key,) = adds(seen)
            self.asked[key] += 1
            assert self.asked[key] == 1, f"{key} was asked twice"


def adds(seen: Seen) -> list[str]:
    """Whom a request could create, revive or add to."""
    if seen.method not in {"POST", "PUT", "PATCH"} or not seen.path.startswith(("/members", "/batches")):
        return []
    body = json.loads(seen.body)
    if seen.path == "/batches":
        return [row["email"] for row in body.get("members", ())]
    if seen.path == "/members/optins":
        return [body["email"]]
    return [] if body.get("groups") == "" else [unquote(seen.path.split("/")[2])]


async def live(history: list[tuple[str, ...]], folder: Path) -> None:
    clock = FakeClock()
    vendor = CyberimpactSandbox(now=clock.now)
    for title in "ABC":
        vendor.admin.create_group(title)
    account = {"token": vendor.settings()["token"], "base_url": "http://vendor.example.test", "allow_sending": True}
    opened = connection(clock, httpx.ASGITransport(app=vendor.app), **account)
    with Store.open(f"sqlite:///{folder / 'state.db'}", clock) as store:
        async with opened:
            told = History(store, clock, vendor, opened)
            for step in [*history, ("deliver",), ("deliver",)]:
                await told.play(step)


def play(history: list[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory(dir=QUICK) as folder, stamina.set_testing(True, attempts=2, cap=True):
        asyncio.run(live(history, Path(folder)))


@settings(max_examples=50)
@given(histories)
def test_no_history_of_records_and_administrators_ends_against_somebodys_will(history: list[tuple[str, ...]]) -> None:
    play(history)


@pytest.mark.slow
@settings(max_examples=500)
@given(histories)
def test_no_long_search_for_such_a_history_finds_one(history: list[tuple[str, ...]]) -> None:
    play(history)
