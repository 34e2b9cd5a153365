"""What nobody can tell, and must not be sent twice, is put among the rejects for a person to decide."""

from collections.abc import Collection

import pytest

from syncengine.contracts import Settled
from syncengine.engine.report import RunReport
from syncengine.state import rejects
from tests.engine.world import Killed, World

JO, ANA = "jo@example.com", "ana@example.com"
HOURS_25 = 25 * 3600


@pytest.fixture
async def unsure(world: World) -> World:
    """The request for Jo got lost without an answer, and the destination may not be sent it twice."""
    world.mail.repeatable = False
    world.mail.silent = True
    world.crm.person("C1", JO)
    world.crm.person("C2", ANA)
    world.buy("1", "C1", days_ago=3)
    report = await world.sync()
    assert [error.code for error in report.failures] == ["in_doubt"]
    world.mail.silent = False
    world.mail.contacts.clear()
    return world


def codes(world: World, *, dismissed: bool = False) -> list[str]:
    return [reject.code for reject in world.store.read_now(rejects.rejects, dismissed=dismissed)]


def doubts(report: RunReport) -> tuple[int, int]:
    """How many are in doubt, and how many of them no run will end."""
    (delivery,) = report.deliveries
    return delivery.revisions["in_doubt"], delivery.counts["left_in_doubt"]


def decide(world: World, how: str) -> None:
    (reject,) = world.store.read_now(rejects.rejects)
    world.store.write_now(getattr(rejects, how), [reject.id], world.clock.now())


async def test_a_doubt_that_nobody_can_end_is_rejected_once_and_fails_no_later_run(unsure: World) -> None:
    for rejected in (1, 0, 0):
        unsure.restart()
        report = await unsure.sync()
        assert (report.failures, report.rejected, doubts(report)) == ([], rejected, (1, 1))
    assert codes(unsure) == ["in_doubt"]
    assert len(unsure.mail.requests) == 1


async def test_a_kill_before_the_answer_leaves_the_same(world: World) -> None:
    def kill(part: object) -> None:
        raise Killed

    world.mail.repeatable = False
    world.crm.person("C1", JO)
    world.buy("1", "C1")
    world.mail.after_effect = kill
    with pytest.raises(Killed):
        await world.sync()
    world.mail.after_effect = lambda part: None
    world.restart()
    assert (await world.sync()).rejected == 1
    assert (len(world.mail.requests), codes(world)) == (1, ["in_doubt"])


async def test_the_plan_tells_of_the_doubt_and_keeps_nothing(unsure: World) -> None:
    report, items = await unsure.plan()
    assert (report.failures, items, codes(unsure)) == ([], [], [])
    assert report.deliveries[0].counts["left_in_doubt"] == 1


async def test_what_a_person_retries_is_sent_again(unsure: World) -> None:
    await unsure.sync()
    decide(unsure, "retry")
    report = await unsure.sync()
    assert (report.failures, report.rejected, doubts(report)) == ([], 0, (0, 0))
    assert (len(unsure.mail.requests), codes(unsure)) == (2, [])


async def test_what_a_person_dismisses_is_left_whatever_comes_up_since(unsure: World) -> None:
    await unsure.sync()
    decide(unsure, "dismiss")
    unsure.buy("2", "C1", Partner="Other")
    for _ in range(2):
        report = await unsure.sync()
        assert (report.failures, report.rejected, doubts(report)) == ([], 0, (1, 1))
    assert (codes(unsure), codes(unsure, dismissed=True)) == ([], ["in_doubt"])
    assert len(unsure.mail.requests) == 1


async def test_a_new_version_asks_no_second_time_for_a_decision(unsure: World) -> None:
    await unsure.sync()
    unsure.buy("2", "C1", Partner="Other")
    assert (await unsure.sync()).rejected == 0
    assert codes(unsure) == ["in_doubt"]


async def test_another_doubt_still_fails_its_run(unsure: World) -> None:
    await unsure.sync()
    unsure.buy("2", "C2")
    unsure.mail.silent = True
    report = await unsure.sync()
    assert [error.code for error in report.failures] == ["in_doubt"]
    assert doubts(report) == (2, 1)
    assert "in doubt: 1." in str(report.failures[0])


async def test_a_doubt_that_may_be_sent_again_after_all_is_no_reject_any_more(unsure: World) -> None:
    await unsure.sync()
    unsure.mail.repeatable = True
    report = await unsure.sync()
    assert (report.failures, codes(unsure), len(unsure.mail.requests)) == ([], [], 2)


@pytest.mark.parametrize("dismissed", [False, True])
async def test_a_receipt_is_asked_for_a_day_before_a_person_is_and_may_still_end_it(
    world: World, monkeypatch: pytest.MonkeyPatch, dismissed: bool
) -> None:
    told: set[str] = set()

    async def settle(receipt: str, keys: Collection[str]) -> Settled:
        return Settled(confirmed=frozenset(keys) & told)

    async def kill(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(world.mail, "settle", settle)
    world.mail.repeatable = False
    world.crm.person("C1", JO)
    world.buy("1", "C1")
    with monkeypatch.context() as once:
        once.setattr("syncengine.engine.book.Book.settle", kill)  # after the receipt
        with pytest.raises(Killed):
            await world.sync()
    world.restart()
    for _ in range(2):
        assert [error.code for error in (await world.sync()).failures] == ["in_doubt"]
    world.clock.move(HOURS_25)
    report = await world.sync()
    assert (report.failures, report.rejected, codes(world)) == ([], 1, ["in_doubt"])
    if dismissed:
        decide(world, "dismiss")
    told.add(JO)
    report = await world.sync()
    assert (report.failures, doubts(report)) == ([], (0, 0))
    assert codes(world) + codes(world, dismissed=True) == []
    assert len(world.mail.requests) == 1
