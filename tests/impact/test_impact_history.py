"""Whatever happens to actions at impact.com, and wherever reading breaks off: in the end we know what the server knows.

Hypothesis drives the history of the sandbox's actions, also between the pages of a read, and syncs and kills between.
"""

import asyncio
import datetime as dt
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import stamina
from hypothesis import given, note, settings
from hypothesis import strategies as st

from connectors.impact.decoding import read_row
from connectors.impact.kinds import ACTION_FIELDS
from syncengine.errors import SyncError
from tests.impact.conftest import connection
from tests.impact.history import CAMPAIGNS, DAY, START, History, between, happenings, overlaps, switches, waits
from tests.impact.ledger import Killed, Ledger
from tests.impact.wire import Wire

EXAMPLES = int(os.environ.get("IMPACT_EXAMPLES", "1000"))

syncs = st.tuples(st.just("sync"), st.none() | st.none() | st.integers(0, 25), between)
"""With the number of pages until it dies."""
steps = st.lists(st.one_of(waits, happenings, happenings, syncs), min_size=15, max_size=50)


class Followed(History):
    """Followed by the passes alone, with a memory as the engine's."""

    def __init__(self, switched: dict[str, Any], overlap: str) -> None:
        super().__init__(switched, overlap)
        self.ledger = Ledger(START - dt.timedelta(days=60))

    async def sync(self, ends: int | None, between: list[tuple[int, tuple[Any, ...]]]) -> None:
        """A new process reads on; it may die, or meet a list that never rests."""
        self.plan_between(between)
        own = connection(self.clock, Wire(self.sandbox, self.sent), **self.settings)
        with suppress(Killed, SyncError):
            async with own:
                await self.ledger.sync(own, pages=ends)

    async def end(self) -> None:
        """Time passes, the sweep is due, and nothing happens meanwhile.

        A sweep is due a day after the first sync that got so far; one comes first if none has.
        """
        self.sandbox.switches.page_drift = "off"
        own = connection(self.clock, Wire(self.sandbox), **self.settings)
        async with own:
            if not {f"{campaign}/open" for campaign in CAMPAIGNS} <= self.ledger.checkpoints.keys():
                await self.ledger.sync(own)
            self.clock.move(2 * DAY)
            await self.ledger.sync(own)

    def differences(self) -> Iterator[str]:
        """Where what we know isn't what the server knows."""
        server = self.sandbox.every_action()
        for id in sorted(server.keys() | self.ledger.seen.keys()):
            theirs = {name: read_row(server.get(id, {})).get(name) for name in sorted(ACTION_FIELDS)}
            ours = self.ledger.seen.get(id, {})
            if wrong := [name for name in theirs if theirs[name] != ours.get(name)]:
                yield f"{id}: {wrong} ({theirs.get('State')} there, {ours.get('State')} here)"


def check(switched: dict[str, Any], overlap: str, history: list[tuple[Any, ...]]) -> None:
    async def run() -> list[str]:
        told = Followed(switched, overlap)
        for step in history:
            await told.play(step)
        await told.end()
        note(f"{told.requests} requests, {len(told.sandbox.book.actions)} actions")
        return list(told.differences())

    with stamina.set_testing(True, attempts=2):
        assert asyncio.run(run()) == []


@settings(max_examples=40, deadline=None)
@given(switches, overlaps, steps)
def test_in_the_end_every_action_is_known_as_the_server_knows_it(
    switched: dict[str, Any], overlap: str, history: list[tuple[Any, ...]]
) -> None:
    check(switched, overlap, history)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None)
@given(switches, overlaps, steps)
def test_in_the_end_every_action_is_known_in_a_thousand_histories(
    switched: dict[str, Any], overlap: str, history: list[tuple[Any, ...]]
) -> None:
    check(switched, overlap, history)
