"""Writes down what a state file of the present schema holds after a real run, so that later versions must open it.

`python -m tests.crash.releases` adds the one of a new schema, or replaces it as long as no release has it; those of
released schemas are never written again.
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from syncengine.state.database import HEAD
from tests.crash.program import run
from tests.crash.world import World, opened

FOLDER = Path(__file__).parent / "released"


def write(world: World, folder: Path) -> None:
    """Dump the state after the first act: every kind of record, target, attempt and suppression stands in it."""
    world.start_over(folder)
    world.first_act()
    run(folder, "sync")
    with closing(sqlite3.connect(folder / "syncengine.db")) as state:
        (FOLDER / f"{HEAD}.sql").write_text("\n".join(state.iterdump()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with opened() as world, tempfile.TemporaryDirectory() as name:
        write(world, Path(name))
