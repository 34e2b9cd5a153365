"""Whatever the history and the sizes of pages and windows: every action is handed over, in its latest version."""

import asyncio
import datetime as dt

import httpx
import stamina
from hypothesis import given, settings
from hypothesis import strategies as st

from syncengine.contracts import Checkpoint, Range
from tests.clock import FakeClock
from tests.impact.conftest import connection
from tests.impact.provider import FakeImpact
from tests.impact.reading import pages

START = dt.datetime(2025, 9, 1, tzinfo=dt.UTC)
MINUTES = 300 * 24 * 60
"""Two changes of the clocks, and several windows."""

# (minute of the event, minutes until it is created, minutes until its last update)
histories = st.lists(st.tuples(st.integers(0, MINUTES), st.integers(0, 300), st.integers(0, 100_000)), max_size=60)


@settings(deadline=None)  # a busy machine is no counterexample
@given(
    history=histories,
    page_size=st.integers(1, 7),
    reads=st.lists(st.integers(1, 100_000), min_size=1, max_size=8),
    lag=st.integers(0, 90),
)
def test_every_action_is_handed_over_in_its_latest_version(
    history: list[tuple[int, int, int]], page_size: int, reads: list[int], lag: int
) -> None:
    """Actions come and change while several reads follow each other, each from the checkpoint of the one before."""
    with stamina.set_testing(True, attempts=1):
        asyncio.run(_read_all(history, page_size, reads, lag))


async def _read_all(history: list[tuple[int, int, int]], page_size: int, reads: list[int], lag: int) -> None:
    clock = FakeClock(START)
    provider = FakeImpact(clock.now, page_size=page_size)
    minute = dt.timedelta(minutes=1)
    source = connection(clock, httpx.MockTransport(provider), lag=f"{lag} minutes")
    seen: dict[str, str] = {}
    position: Checkpoint | Range = Range(START)
    end = 60 * (MINUTES + 300 + 100_000 + 91)
    for pause in [*(60 * minutes for minutes in reads), end]:
        clock.move(pause)
        provider.events = []
        for number, (event, delay, change) in enumerate(history):
            dated = START + event * minute
            created = dated + delay * minute
            changed = created + change * minute
            if created <= clock.now():
                version = "changed" if changed <= clock.now() else "created"
                updated = changed if version == "changed" else created
                provider.add(str(number), dated, created=created, updated=updated, others={"Note": version})
        for page in await pages(source, position, fields={"Note"}):
            seen.update({record.id: str(record.values["Note"]) for record in page.records})
            position = page.checkpoint or position
    assert seen == {str(number): "changed" for number in range(len(history))}
