"""Whatever administrators and people do to groups between the syncs, and however often partners change their names."""

import asyncio
import itertools
import os
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from connectors.cyberimpact.bindings import NAME, Binding
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.cyberimpact.sandbox.account import Group
from tests.cyberimpact.shop import BOUND, TITLE, shop_at
from tests.quick import QUICK

LIVES = {"dev": 6, "ci": 20, "nightly": 500, "vacuity": 30}
"""How many histories are played through, by HYPOTHESIS_PROFILE."""
STEPS = 25
KEYS = ("lea@example.test", "max@example.test")
people = st.sampled_from(KEYS)
numbers = st.sampled_from(["7", "8"])
names = st.sampled_from(["Acme", "Acme", "Same"])
OURS = ("Partner: Same", "Partner: Acme 7", "Partner: Acme 8")
"""Titles that a mapping may come to use."""
places = st.integers(0, 9)


class History(RuleBasedStateMachine):
    """One shop against the sandbox. Its mapping calls groups by keys, or changes over from titles at some time."""

    vendor: ClassVar[CyberimpactSandbox]
    url: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.vendor.reset()
        self.folder = tempfile.TemporaryDirectory(dir=QUICK, prefix="group-history-")
        self.loop = asyncio.new_event_loop()
        self.shop = shop_at(Path(self.folder.name), self.vendor, self.url, [BOUND])
        self.bound = self.always = True
        self.ids = itertools.count(1)
        self.live: dict[str, tuple[str, str]] = {}
        """(contact, number of the partner) of sales that were not reversed."""
        self.known: set[tuple[str, int]] = set()
        """(contact, group) as we put them in or saw them there."""
        self.left: set[tuple[str, int]] = set()
        """The same of those who have left since, or were taken out by hand."""
        self.deleted: set[str] = set()
        """Partners whose group was deleted: who was in it is in none."""

    @initialize(by_title=st.booleans())
    def begin(self, by_title: bool) -> None:
        if by_title:
            self.bound = self.always = False
            self.shop.set_groups([TITLE])

    def teardown(self) -> None:
        self.run(self.shop.close())
        self.loop.close()
        self.folder.cleanup()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    # --- the shop ---

    @rule(key=people, number=numbers, name=names, synced=st.booleans())
    def sell(self, key: str, number: str, name: str, synced: bool) -> None:
        """Two partners of one name are one by their titles, and two by their keys."""
        id = str(next(self.ids))
        self.shop.clock.move(60)
        self.shop.sell(id, key, name if self.always and name == "Same" else f"{name} {number}", number)
        self.live[id] = (key, number)
        if synced:
            self.sync()

    @precondition(lambda self: self.live)
    @rule(at=places)
    def reverse(self, at: int) -> None:
        id = sorted(self.live)[at % len(self.live)]
        key, _ = self.live.pop(id)
        values = next(each.values for each in reversed(self.shop.stream.changes["one"]) if each.id == id)
        self.shop.sell(id, key, values["Partner"], values["Order"], State="REVERSED")

    @precondition(lambda self: not self.bound)
    @rule(again=st.booleans(), synced=st.booleans())
    def change_over(self, again: bool, synced: bool) -> None:
        """Sales that were read keep the title until they are read again."""
        self.bound = True
        self.shop.set_groups([BOUND])
        if again:
            self.shop.read_again()
        if synced:
            self.sync()

    # --- administrators and people ---

    def groups(self) -> list[Group]:
        return sorted(self.vendor.account.groups.values(), key=lambda group: group.id)

    @precondition(lambda self: self.groups())
    @rule(at=places, to=st.sampled_from([*OURS, "VIP", "Old"]))
    def rename(self, at: int, to: str) -> None:
        """To a title that no group has; where titles count, or did, to none that means another group then."""
        group = self.groups()[at % len(self.groups())]
        if to not in self.vendor.groups() and (self.always or to not in OURS):
            self.vendor.admin.rename_group(group.title, to)

    @precondition(lambda self: self.groups())
    @rule(at=places)
    def delete(self, at: int) -> None:
        group = self.groups()[at % len(self.groups())]
        self.deleted |= {number for number, each in self.bindings().items() if each == group.id}
        self.vendor.admin.delete_group(group.title)

    @precondition(lambda self: self.groups())
    @rule(key=people, at=places)
    def leave(self, key: str, at: int) -> None:
        inside = [group for group in self.groups() if group.title in self.groups_of(key)]
        if inside:
            group = inside[at % len(inside)]
            self.vendor.admin.leave_group(key, group.title)
            self.left |= self.known & {(key, group.id)}

    @precondition(lambda self: self.groups())
    @rule(key=people, at=places)
    def join(self, key: str, at: int) -> None:
        group = self.groups()[at % len(self.groups())]
        if key in self.vendor.contacts():
            self.vendor.admin.join_group(key, group.title)
            self.left.discard((key, group.id))

    # --- the engine ---

    @rule()
    def reconcile(self) -> None:
        self.run(self.shop.reconcile())

    @rule()
    def sync(self) -> None:
        titles = {group.id: group.title for group in self.groups()}
        report = self.run(self.shop.sync())
        assert report.failures == []
        now = {group.id: group.title for group in self.groups()}
        assert titles.items() <= now.items(), "a group was renamed or deleted by us"
        inside = {(key, group.id) for key in KEYS for group in self.groups() if group.title in self.groups_of(key)}
        assert not inside & self.left, "somebody who left was put in again"
        self.known |= inside
        self.check_bindings()

    def check_bindings(self) -> None:
        bindings = self.bindings()
        there = [number for number in bindings.values() if number in self.vendor.account.groups]
        assert len(there) == len(set(there)), "two partners have one group"
        if not self.bound or self.mixed():
            return
        for key, number in self.live.values():
            group = self.vendor.account.groups.get(bindings[number])
            if group is not None and number not in self.deleted and (key, group.id) not in self.left:
                assert group.title in self.groups_of(key), f"{key} is not in the group of partner {number}"

    def mixed(self) -> bool:
        """Whether some sale in effect was read by its partner's title: that group may be another one."""
        rows = self.shop.store.read_now(
            lambda state: state.exec_driver_sql(
                "SELECT 1 FROM record WHERE state='live' AND NOT instr(body, 'u001fpartner:')"
            ).all()
        )
        return bool(rows)

    def bindings(self) -> dict[str, int]:
        """Partner to group, as the memory of the connection has it."""
        kept = self.run(self.shop.store.memory("mail").get(NAME))
        found = msgspec.json.decode(kept or "{}", type=dict[str, Binding])
        return {key.removeprefix("partner:"): binding.number for key, binding in found.items()}

    def groups_of(self, key: str) -> frozenset[str]:
        known = self.vendor.contacts().get(key)
        return known.groups if known else frozenset()


@pytest.fixture
def played(vendor_server: tuple[CyberimpactSandbox, str], vendor: CyberimpactSandbox) -> type[History]:
    return type("Played", (History,), {"vendor": vendor, "url": vendor_server[1]})


def play(history: type[History], lives: int) -> None:
    chosen = settings(max_examples=lives, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(history, settings=chosen)


def test_who_left_stays_out_and_a_partner_has_one_group_whatever_happens(played: type[History]) -> None:
    play(played, LIVES[os.environ.get("HYPOTHESIS_PROFILE", "dev")])


@pytest.mark.slow
def test_who_left_stays_out_and_a_partner_has_one_group_for_long(played: type[History]) -> None:
    play(played, int(os.environ.get("HISTORIES", "300")))
