"""Whatever happens to calls, to Invoca and to us: each reportable call is at impact.com exactly once."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.invoca.history import DISTURBED, STEPS, History

FEW, MANY = 10, 1000
PLAIN = [step for step in STEPS if step not in DISTURBED]
RESULTS = frozenset({"reported", "changed", "two sales"})
FEWEST_STEPS, SOME_STEPS, MOST_STEPS = 8, 16, 30
# A failure is made small in a minute or so: one of them, and without the search for lines that always fail with it.
BRISK = settings(report_multiple_bugs=False, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink])


def live(data: st.DataObject, most_steps: int, alphabet: Sequence[str] = STEPS) -> History:
    """Run one history to its end."""
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder), data.draw)
        try:
            steps = data.draw(st.lists(st.sampled_from(alphabet), min_size=FEWEST_STEPS, max_size=most_steps))
            asyncio.run(history.run(steps))
            history.verify()
        finally:
            history.journey.close()
    return history


@settings(BRISK, max_examples=FEW)
@given(data=st.data())
def test_every_reportable_call_arrives_exactly_once(data: st.DataObject) -> None:
    live(data, SOME_STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [PLAIN, STEPS], ids=["plain", "troubled"])
def test_every_reportable_call_arrives_exactly_once_in_a_thousand_histories(steps: Sequence[str]) -> None:
    met: Counter[str] = Counter()

    @settings(max_examples=MANY)
    @given(data=st.data())
    def histories(data: st.DataObject) -> None:
        met.update(live(data, MOST_STEPS, steps).met)

    histories()
    tried = frozenset(steps) - {"sync"} | RESULTS
    assert {name for name in tried if met[name] < FEW} == set(), "a thousand histories must have tried it"
