"""By which names `explain` finds what concerns a person, also after things have changed."""

from typing import NoReturn

import pytest

from syncengine.errors import Transient
from syncengine.state import reports
from syncengine.state.reports import Explanation
from tests.engine.world import World

OLD, NEW = "jo@example.com", "jo.new@example.com"


def find(world: World, key: str) -> Explanation:
    return world.store.read_now(reports.explain, key)


async def unreachable(*asked: object) -> NoReturn:
    message = "nobody is there"
    raise Transient(message)


async def move(world: World) -> None:
    """Jo's address changes in the directory, and the purchase is read again."""
    world.crm.rows["C1"] = [{"email": NEW, "name": None, "opted_out": None}]
    world.buy("1", "C1", days_ago=3, Partner="Other")
    await world.sync()


@pytest.fixture
async def bought(world: World) -> World:
    """Jo has bought; nothing is synced yet."""
    world.crm.person("C1", OLD)
    world.buy("1", "C1", days_ago=3, Order="77")
    return world


async def test_a_record_that_stays_with_its_address_is_found_by_the_new_one_too(bought: World) -> None:
    world = bought
    await world.sync()
    await move(world)
    found = find(world, NEW.upper())
    assert [(record.id, record.note) for record in found.records] == [("1", f"address changed to {NEW}")]
    assert [target.key for target in found.targets] == [OLD]
    assert found.moved == [("mail.contacts", OLD)]
    assert find(world, OLD).moved == []


async def test_a_record_that_moved_before_anything_was_delivered_is_found_by_its_earlier_address_too(
    bought: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = bought
    with monkeypatch.context() as patched:
        patched.setattr(world.mail, "standing", unreachable)
        await world.sync()
    await move(world)
    found = find(world, OLD)
    assert [(record.id, record.key) for record in found.records] == [("1", NEW)]
    assert found.moved == [("mail.contacts", NEW)]


async def test_a_purchase_that_was_taken_back_is_found_by_its_proof_and_says_what_it_gave(bought: World) -> None:
    world = bought
    await world.sync()
    world.buy("1", "C1", days_ago=3, Order="77", State="REVERSED")
    await world.sync()
    date = str(world.stream.changes["one"][0].moment.date())
    (record,) = find(world, date).records  # the proof here names the day
    assert record.state == "retracted"
    assert record.draft is not None
    assert record.draft.groups == ("Customers", "Partner: Acme")
    assert [target.key for target in find(world, "C1").targets] == [OLD]


async def test_a_record_that_waited_and_was_taken_back_is_found_by_what_it_was_read_with(world: World) -> None:
    world.buy("1", "C9", days_ago=3)
    await world.sync()
    world.buy("1", "C9", days_ago=3, State="REVERSED")
    await world.sync()
    (record,) = find(world, "C9").records
    assert (record.state, record.draft) == ("retracted", None)


async def test_a_part_of_a_word_is_another_word(bought: World) -> None:
    world = bought
    await world.sync()
    date = str(world.stream.changes["one"][0].moment.date())
    assert find(world, date).records
    assert not find(world, date[:-1]).records
    assert not find(world, date[1:]).records
