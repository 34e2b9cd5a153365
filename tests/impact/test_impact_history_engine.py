"""Whatever happens to actions at impact.com, and however processes end: in the end the contacts are as they should be.

The real engine with two mappings over the sandbox's history: what they watch, keep and give is compared with what the
server's actions alone make of it.
"""

import asyncio
import os
from typing import Any

import pytest
import stamina
from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.impact.history import between, happenings, overlaps, switches, waits
from tests.impact.merchant import Merchant, differences

EXAMPLES = int(os.environ.get("IMPACT_EXAMPLES", "1000"))

ends = st.none() | st.none() | st.tuples(st.sampled_from(["kill", "kill", "cancel", "stop"]), st.integers(1, 150))
syncs = st.tuples(st.just("sync"), ends, between)
steps = st.lists(st.one_of(waits, happenings, happenings, syncs), min_size=12, max_size=30)


def check(switched: dict[str, Any], overlap: str, history: list[tuple[Any, ...]]) -> None:
    async def run() -> list[str]:
        merchant = Merchant(switched, overlap)
        try:
            for step in history:
                await merchant.play(step)
            report = await merchant.end()
            note(f"{merchant.requests} requests, {len(merchant.sandbox.book.actions)} actions")
            return [*map(str, report.failures), *differences(merchant)]
        finally:
            merchant.close()

    with stamina.set_testing(True, attempts=2):
        assert asyncio.run(run()) == []


@settings(max_examples=20, deadline=None)
@given(switches, overlaps, steps)
def test_in_the_end_everybody_has_what_the_actions_give(
    switched: dict[str, Any], overlap: str, history: list[tuple[Any, ...]]
) -> None:
    check(switched, overlap, history)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None)
@given(switches, overlaps, steps)
def test_in_the_end_everybody_has_what_the_actions_give_in_a_thousand_histories(
    switched: dict[str, Any], overlap: str, history: list[tuple[Any, ...]]
) -> None:
    check(switched, overlap, history)
