"""Promise 5: which of two readings is the newer one is decided by when they were asked for."""

import datetime as dt

from syncengine.contracts import Record
from syncengine.engine.plan import Circumstances, PagePlanner
from syncengine.state import records
from tests.engine.world import World

START = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


async def plan_page(world: World, seq: int, **values: str) -> int:
    """A reading with this number is planned and committed; how many of its records were repeated."""
    at = world.clock.now()
    shown = {"Id": "1", "At": at.isoformat(), "State": "PENDING", "Kind": "NEW", "Customer": "C1", **values}
    known = await world.store.read(records.known, "sales", ["1"])
    planner = PagePlanner(world.mappings["sales"], "one", seq, Circumstances(at, START))
    planned = await planner.plan([Record("1", at, shown)], known)
    await world.store.write(records.commit_page, planned.commit, at)
    return planned.counts["repeated"]


async def test_an_older_reading_never_replaces_a_newer_one(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    await plan_page(world, 7, Partner="New")
    assert await plan_page(world, 5, Partner="Old") == 1
    assert await plan_page(world, 9, Partner="Newer") == 0
    await world.sync()
    assert world.groups("jo@example.com") == {"Customers", "Partner: Newer"}
