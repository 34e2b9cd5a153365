"""A state file that any released version wrote opens in this one, with everything that stood in it."""

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from syncengine.state import migrations
from syncengine.state.database import HEAD, Database
from tests.crash.program import run
from tests.crash.releases import FOLDER
from tests.crash.world import World

RELEASED = sorted(path.stem for path in FOLDER.glob("*.sql"))
SCHEMA = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
TABLES = "SELECT name FROM sqlite_master WHERE type='table' AND name <> 'alembic_version' ORDER BY name"


def load(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as state:
        state.executescript((FOLDER / f"{revision}.sql").read_text(encoding="utf-8"))
    path.chmod(0o600)


def content(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as state:
        assert state.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        names = [name for (name,) in state.execute(TABLES)]
        return {name: state.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def schema(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as state:
        return {name: " ".join(sql.split()) for name, sql in state.execute(SCHEMA)}


def test_every_schema_has_a_state_written_under_it() -> None:
    assert {revision.revision for revision in migrations.script().walk_revisions()} == set(RELEASED)


def test_the_newest_state_has_the_schema_that_the_program_makes(tmp_path: Path) -> None:
    """Where this fails, a migration was changed: before its release, write the state again; later, add a migration."""
    load(tmp_path / "state.db", HEAD)
    Database.open(f"sqlite:///{tmp_path / 'fresh.db'}").close()
    assert schema(tmp_path / "state.db") == schema(tmp_path / "fresh.db")


@pytest.mark.parametrize("revision", RELEASED)
def test_a_state_of_a_released_schema_opens_with_all_that_is_in_it(world: World, tmp_path: Path, revision: str) -> None:
    world.start_over(tmp_path)
    path = tmp_path / "syncengine.db"
    load(path, revision)
    before = content(path)
    assert all(before[name] for name in ("record", "target", "attempt", "membership", "checkpoint", "run", "reject"))
    status = run(tmp_path, "status", "--json")
    assert status.code in {0, 3}, status
    (destination,) = json.loads(status.out)["destinations"]
    revisions = destination["revisions"]
    assert revisions.pop("revisions") == sum(revisions.values()) == world.sums()["revisions"] > 0
    assert content(path).items() >= before.items()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    explained = run(tmp_path, "explain", "ana@example.com")
    assert explained.code == 0, explained
    assert "Partner: Acme" in explained.out
