"""Says when each mapping is due. APScheduler keeps the time; which times, `schedule.py` says, so `status` agrees.

Nothing runs here: whoever is told that a mapping is due starts the run as a task of its own, because APScheduler
cancels the coroutines of its jobs when it is shut down.
"""

import datetime as dt
import random
from collections.abc import Callable
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from syncengine.schedule import Schedule

__all__ = ["JITTER_DEFERRED", "JITTER_LONGEST", "JITTER_SHARE", "Timetable", "first_due"]

JITTER_SHARE, JITTER_LONGEST = 0.05, dt.timedelta(seconds=30)
"""A turn comes up to a twentieth of its waiting time late, never more than so long: many mappings of one schedule, or
many merchants on the hour, don't ask a provider in the same second."""
JITTER_DEFERRED = dt.timedelta(seconds=10)
"""A turn that was put off comes back up to so much later than asked for (impact.md section 7: add jitter)."""


def first_due(schedule: Schedule, last_good: dt.datetime | None, now: dt.datetime, timezone: ZoneInfo) -> dt.datetime:
    """When a daemon that starts `now` runs a mapping first: at once where a turn has passed since its last good run."""
    if last_good is None:
        return now
    # A clock that was set back must not put the next turn off.
    return max(now, schedule.next_after(min(last_good, now), timezone))


class Timetable:
    """When each mapping is due next. Times are aware UTC."""

    def __init__(self, timezone: ZoneInfo, rng: random.Random) -> None:
        self._timezone = timezone
        self._rng = rng
        self._tell: Callable[[str], None] = lambda name: None
        self._scheduler = AsyncIOScheduler(
            timezone=timezone,
            # Late is better than never, and once is enough after a long sleep. The default gives up after one second.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )

    def add(self, name: str, schedule: Schedule, first: dt.datetime) -> None:
        """Due at `first`, then by its schedule."""
        trigger = _Turns(schedule, self._timezone, self._rng)
        self._scheduler.add_job(self._fire, trigger, args=[name], id=name, name=name, next_run_time=first)

    def start(self, tell: Callable[[str], None]) -> None:
        """Begin, inside a running event loop: `tell` gets the name of each mapping that is due."""
        self._tell = tell
        self._scheduler.start()

    def stop(self) -> None:
        """Nothing is due any more."""
        self._tell = lambda name: None
        self._scheduler.shutdown(wait=False)

    def defer(self, name: str, until: dt.datetime) -> None:
        """Due at `until`, or a little later, instead of its next turn, whichever of the two is later or sooner."""
        self._scheduler.modify_job(name, next_run_time=until + self._rng.random() * JITTER_DEFERRED)

    def next_due(self, name: str) -> dt.datetime | None:
        """When the mapping is due next; None where it isn't known here."""
        job = self._scheduler.get_job(name)
        return None if job is None else job.next_run_time.astimezone(dt.UTC)

    async def _fire(self, name: str) -> None:
        """A coroutine, because APScheduler would call a plain function on another thread."""
        self._tell(name)


class _Turns(BaseTrigger):  # type: ignore[misc]  # APScheduler publishes no types
    """A schedule as APScheduler asks for it. Its own cron trigger counts weekdays differently, and hours in autumn."""

    def __init__(self, schedule: Schedule, timezone: ZoneInfo, rng: random.Random) -> None:
        self._schedule = schedule
        self._timezone = timezone
        self._rng = rng

    def get_next_fire_time(self, previous_fire_time: dt.datetime | None, now: dt.datetime) -> dt.datetime:
        last = previous_fire_time or now
        due = self._schedule.next_after(last, self._timezone)
        return due + self._rng.random() * min(JITTER_LONGEST, JITTER_SHARE * (due - last))

    def __str__(self) -> str:
        return self._schedule.text
