"""When mappings are due: at the start, by their schedule, late, and put off."""

import asyncio
import datetime as dt
import random
import threading
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncengine.due import JITTER_DEFERRED, JITTER_LONGEST, JITTER_SHARE, Timetable, first_due
from syncengine.due import _Turns as Turns
from syncengine.schedule import Every, parse_schedule

TORONTO = ZoneInfo("America/Toronto")
NOW = dt.datetime(2026, 7, 14, 12, 3, tzinfo=dt.UTC)
QUICK = Every("every 50 ms", 0.05)
SLOW = parse_schedule("every 1 hour")
HOUR = dt.timedelta(hours=1)


class Heard:
    """Notes what is due, and on which thread."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.threads: set[int] = set()
        self._news = asyncio.Event()

    def __call__(self, name: str) -> None:
        self.names.append(name)
        self.threads.add(threading.get_ident())
        self._news.set()

    async def reaches(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.names) < count:
                await self._news.wait()
                self._news.clear()


@pytest.fixture
async def heard() -> Heard:
    return Heard()


@pytest.fixture
async def timetable() -> AsyncIterator[Timetable]:
    made = Timetable(TORONTO, random.Random(1))
    yield made
    if made._scheduler.running:
        made.stop()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("schedule", "last_good", "due"),
    [
        ("every 15 minutes", None, NOW),
        ("every 15 minutes", NOW - dt.timedelta(minutes=16), NOW),
        ("every 15 minutes", NOW - dt.timedelta(days=40), NOW),
        ("every 15 minutes", NOW - dt.timedelta(minutes=5), NOW + dt.timedelta(minutes=10)),
        ("every 15 minutes", NOW + dt.timedelta(days=1), NOW + dt.timedelta(minutes=15)),
        ("0 * * * *", NOW - dt.timedelta(minutes=4), NOW),
        ("0 * * * *", NOW - dt.timedelta(minutes=2), NOW.replace(hour=13, minute=0)),
        ("0 9 * * 0", NOW - dt.timedelta(days=1), dt.datetime(2026, 7, 19, 13, 0, tzinfo=dt.UTC)),
    ],
)
def test_a_mapping_whose_turn_was_missed_is_due_at_once_and_another_at_its_turn(
    schedule: str, last_good: dt.datetime | None, due: dt.datetime
) -> None:
    assert first_due(parse_schedule(schedule), last_good, NOW, TORONTO) == due


@given(
    schedule=st.sampled_from(
        ["every second", "every 15 minutes", "every 2 days", "*/5 * * * *", "30 2 * * 0", "0 0 29 2 *"]
    ),
    last=st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2027, 1, 1), timezones=st.just(dt.UTC)),  # noqa: DTZ001 - bounds
    seed=st.integers(0, 1000),
)
def test_a_turn_comes_when_the_schedule_says_and_only_a_little_late(
    schedule: str, last: dt.datetime, seed: int
) -> None:
    parsed = parse_schedule(schedule)
    exact = parsed.next_after(last, TORONTO)
    turn = Turns(parsed, TORONTO, random.Random(seed)).get_next_fire_time(last, last)
    assert exact <= turn <= exact + min(JITTER_LONGEST, JITTER_SHARE * (exact - last))


def test_turns_of_one_schedule_spread() -> None:
    rng = random.Random(1)
    turns = {Turns(SLOW, TORONTO, rng).get_next_fire_time(NOW, NOW) for _ in range(20)}
    assert len(turns) == 20
    assert max(turns) - min(turns) > dt.timedelta(seconds=10)


async def test_what_is_due_is_told_on_the_loops_own_thread_again_and_again(timetable: Timetable, heard: Heard) -> None:
    timetable.add("new-customers", QUICK, dt.datetime.now(dt.UTC))
    timetable.start(heard)
    await heard.reaches(3)
    assert set(heard.names) == {"new-customers"}
    assert heard.threads == {threading.get_ident()}


async def test_a_turn_that_is_hours_late_is_taken_and_only_once(timetable: Timetable, heard: Heard) -> None:
    now = dt.datetime.now(dt.UTC)
    timetable.add("late", SLOW, now - 5 * HOUR)
    timetable.start(heard)
    await heard.reaches(1)
    await asyncio.sleep(0.1)
    assert heard.names == ["late"]
    due = timetable.next_due("late")
    assert due is not None
    assert now < due <= now + HOUR + JITTER_LONGEST


@pytest.mark.parametrize("hours", [0.5, 3])
async def test_a_mapping_that_is_put_off_is_due_then_whatever_its_schedule_says(
    timetable: Timetable, heard: Heard, hours: float
) -> None:
    until = dt.datetime.now(dt.UTC) + hours * HOUR
    timetable.add("limited", SLOW, dt.datetime.now(dt.UTC) + HOUR)
    timetable.start(heard)
    timetable.defer("limited", until)
    comes_back = timetable.next_due("limited")
    assert comes_back is not None
    assert until <= comes_back < until + JITTER_DEFERRED


async def test_a_mapping_that_is_not_known_is_due_never(timetable: Timetable) -> None:
    assert timetable.next_due("unknown") is None


async def test_nothing_is_due_after_the_stop(timetable: Timetable, heard: Heard) -> None:
    timetable.add("quick", QUICK, dt.datetime.now(dt.UTC))
    timetable.start(heard)
    await heard.reaches(1)
    timetable.stop()
    told = len(heard.names)
    await asyncio.sleep(0.2)
    assert len(heard.names) == told
