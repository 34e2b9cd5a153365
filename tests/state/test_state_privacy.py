"""Personal data stands in the tables that docs/state.md names, and nowhere else: not in a run, a checkpoint, a lock."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from syncengine.contracts import Suppression
from syncengine.errors import Transient
from syncengine.state import models
from tests.engine.world import World
from tests.state.conftest import ROOT

PERSONAL = {"record", "target", "attemptpart", "membership", "suppression", "former", "reject"}
MARKS = ("example.com", "Joséphine", "Léa")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


async def live(world: World) -> None:
    """Every kind of end once: delivered, suppressed, refused, rejected, waiting, moved, retracted, failed."""
    world.crm.person("C1", "jo@example.com", name="Joséphine")
    world.crm.person("C2", "no@example.com", name="Léa")
    world.crm.person("C3", "bad@example.com", name="Léa")
    world.crm.person("C4", "shop@example.com", opted_out="yes")
    world.crm.person("C5", "two@example.com")
    world.crm.person("C5", "other@example.com")
    world.crm.person("C6", "back@example.com", name="Léa")
    world.mail.unsubscribed.add("no@example.com")
    world.mail.refuses.add("bad@example.com")
    for number in range(1, 8):
        world.buy(str(number), f"C{number}")
    await world.sync()
    world.crm.rows["C2"][0]["email"] = "moved@example.com"
    world.buy("2", "C2", Partner="Other")
    world.buy("6", "C6", State="REVERSED")
    for number in range(4):
        world.buy(f"two-{number}", "C1", partition="two")
    world.stream.faults["two"] = Transient("down")
    await world.sync()
    await world.store.memory("mail").put("group:customers", "7")


def tables(world: World) -> set[str]:
    with closing(sqlite3.connect(world.url.removeprefix("sqlite:///"))) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}


def cells(world: World) -> Iterator[tuple[str, str]]:
    """Every text in every table, with the table's name."""
    with closing(sqlite3.connect(world.url.removeprefix("sqlite:///"))) as connection:
        for table in tables(world):
            for row in connection.execute(f"SELECT * FROM {table}"):
                yield from ((table, cell) for cell in row if isinstance(cell, str))


async def test_personal_data_stands_in_the_named_tables_only(world: World) -> None:
    await live(world)
    found = {table for table, cell in cells(world) if any(mark in cell for mark in MARKS)}
    assert found <= PERSONAL
    assert found >= {"record", "target", "attemptpart", "membership", "suppression", "reject"}  # the test saw some


async def test_no_file_beside_the_state_holds_personal_data(world: World, tmp_path: Path) -> None:
    await live(world)
    world.store.close()
    others = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "state.db"]
    assert [path.name for path in others if "locks" in str(path)]
    for path in others:
        assert not any(mark.encode() in path.read_bytes() for mark in MARKS)
    world.store = type(world.store).open(world.url, world.clock)


async def test_the_list_of_strangers_never_reaches_the_file(world: World, tmp_path: Path) -> None:
    """The provider's lists hold people who never were ours; they are remembered as suppressed and nothing more."""
    world.mail.unsubscribed.add("stranger@example.com")
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    await world.sync()
    assert {table for table, cell in cells(world) if "stranger" in cell} == {"suppression"}
    assert Suppression("stranger@example.com", "unsubscribed") in [each async for each in world.mail.suppressions()]


def test_the_documents_name_the_same_tables() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "state.md").read_text(encoding="utf-8"), re.M))
    assert documented == PERSONAL
    for table in PERSONAL:
        assert f"`{table}`" in (models.__doc__ or "")


def test_every_table_is_one_that_the_models_know(world: World) -> None:
    known = {table.name for table in models.RecordRow.metadata.sorted_tables}
    assert known >= PERSONAL
    assert tables(world) == known | {
        "alembic_version",
        "sqlite_sequence",
    }  # SQLite's own: the highest number of a reject
