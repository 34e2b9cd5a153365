"""Outcomes are written down many at once where they come fast, and soon where somebody has to wait for them."""

import pytest

from syncengine.engine import deliver
from syncengine.engine.report import Progress
from tests.engine.world import World

PEOPLE = 8


@pytest.mark.parametrize(("seconds", "together"), [(0.0, [6, 8]), (deliver.SLOW_SECONDS / 2, [2, 4, 6, 8])])
async def test_outcomes_that_come_slowly_are_written_down_by_fewer(
    world: World, monkeypatch: pytest.MonkeyPatch, seconds: float, together: list[int]
) -> None:
    monkeypatch.setattr(deliver, "KEEP_AT_ONCE", 6)
    monkeypatch.setattr(deliver, "KEEP_WHEN_SLOW", 2)
    for number in range(PEOPLE):
        world.crm.person(f"C{number}", f"jo{number}@example.com")
        world.buy(str(number), f"C{number}")
    world.mail.before_effect = lambda part: world.clock.move(seconds)
    told: list[int] = []

    def watch(progress: Progress) -> None:
        if progress.scope == "delivering":
            told.append(progress.counts["delivered"])

    await world.sync(watch=watch)
    assert [number for number in dict.fromkeys(told) if number] == together
