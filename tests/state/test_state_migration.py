"""Bringing a state to a newer schema: a backup first, all of it or nothing, and never twice."""

import os
import shutil
import signal
import sqlite3
import stat
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from syncengine.errors import StateError
from syncengine.state import database as database_module
from syncengine.state import migrations, models
from syncengine.state.database import HEAD, Database
from tests.state.conftest import Python

ADDS_A_COLUMN = 'op.add_column("memory", sa.Column("added", sa.String(), nullable=True))'
Extend = Callable[..., None]


def test_the_schema_that_the_program_expects_is_the_newest_one() -> None:
    assert migrations.script().get_current_head() == HEAD


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    assert models.RecordRow.metadata is SQLModel.metadata
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_keys_and_partial_indexes_are_those_of_the_models(database: Database) -> None:
    """What Alembic doesn't compare: tables without row numbers, unique and partial indexes."""
    fresh = create_engine("sqlite://")
    SQLModel.metadata.create_all(fresh)
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version' ORDER BY name"
    with fresh.connect() as expected, database.read() as found:
        assert [(name, " ".join(sql.split())) for name, sql in found.exec_driver_sql(query)] == [
            (name, " ".join(sql.split())) for name, sql in expected.exec_driver_sql(query)
        ]
    fresh.dispose()


@pytest.fixture
def extend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Extend:
    """Makes the program a newer one, with a second revision that runs this code."""

    def extend(code: str) -> None:
        folder = tmp_path / "newer"
        shutil.copytree(Path(migrations.__file__).parent / "versions", folder / "versions", dirs_exist_ok=True)
        head = 'import os, signal\nimport sqlalchemy as sa\nfrom alembic import op\nrevision = "next"\n'
        body = f"down_revision = {HEAD!r}\n\n\ndef upgrade() -> None:\n{textwrap.indent(code, '    ')}\n"
        (folder / "versions" / "next.py").write_text(head + body)
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        monkeypatch.setattr(migrations, "script", lambda: ScriptDirectory.from_config(config))
        monkeypatch.setattr(database_module, "HEAD", "next")

    return extend


@pytest.fixture
def used(database: Database) -> None:
    """A state with something in it, as an older program left it."""
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO memory(connection, name, value) VALUES('mail', 'group', '7')")
    database.close()


def columns(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute("PRAGMA table_info(memory)")]


def remembered(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return connection.execute("SELECT connection, name, value FROM memory").fetchall()


@pytest.mark.usefixtures("used")
def test_an_older_state_is_backed_up_and_brought_up(path: Path, url: str, extend: Extend) -> None:
    extend(ADDS_A_COLUMN)
    Database.open(url).close()
    backup = path.with_name(f"state.db.backup-{HEAD}")
    assert columns(path) == ["connection", "name", "value", "added"]
    assert columns(backup) == ["connection", "name", "value"]
    assert remembered(path) == remembered(backup) == [("mail", "group", "7")]
    assert {each.name for each in path.parent.iterdir() if each.is_file()} == {path.name, backup.name}


@pytest.mark.usefixtures("used")
def test_an_up_to_date_state_is_neither_backed_up_nor_touched(path: Path, url: str) -> None:
    before = path.read_bytes()
    Database.open(url).close()
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_backup_is_private_from_its_first_byte_and_gets_the_files_mode(
    path: Path, url: str, extend: Extend, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    extend(ADDS_A_COLUMN)
    path.chmod(mode)
    first: list[int] = []

    def note(source: Path, target: Path) -> None:
        first.append(stat.S_IMODE(target.stat().st_mode))
        target.chmod(stat.S_IMODE(source.stat().st_mode))

    monkeypatch.setattr(shutil, "copymode", note)
    before = os.umask(0)
    try:
        Database.open(url).close()
    finally:
        os.umask(before)
    assert first == [0o600]
    assert stat.S_IMODE(path.with_name(f"state.db.backup-{HEAD}").stat().st_mode) == mode


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize(
    "code", [f"{ADDS_A_COLUMN}\n{ADDS_A_COLUMN}", f"{ADDS_A_COLUMN}\nop.execute('SELECT * FROM nowhere')"]
)
def test_a_migration_that_fails_changes_nothing(path: Path, url: str, extend: Extend, code: str) -> None:
    extend(code)
    before = path.read_bytes()
    with pytest.raises(StateError, match=r"state\.db"):
        Database.open(url)
    assert path.read_bytes() == before
    assert remembered(path) == [("mail", "group", "7")]


NEWER = """\
import sys
from alembic.config import Config
from alembic.script import ScriptDirectory
from syncengine.state import database, migrations
config = Config()
config.set_main_option("script_location", sys.argv[1])
config.set_main_option("path_separator", "os")
migrations.script = lambda: ScriptDirectory.from_config(config)
database.HEAD = "next"
database.Database.open(sys.argv[2])
"""


@pytest.mark.usefixtures("used")
def test_a_migration_that_is_killed_leaves_the_older_program_its_state(
    path: Path, url: str, extend: Extend, monkeypatch: pytest.MonkeyPatch, python: Python
) -> None:
    extend(f"{ADDS_A_COLUMN}\nos.kill(os.getpid(), signal.SIGKILL)")
    monkeypatch.undo()
    ended = python(NEWER, str(path.parent / "newer"), url)
    assert ended.code == -signal.SIGKILL
    Database.open(url).close()  # as the older program does
    assert columns(path) == ["connection", "name", "value"]
    assert remembered(path) == [("mail", "group", "7")]
    extend(ADDS_A_COLUMN)
    Database.open(url).close()  # and the newer one, the next time
    assert columns(path) == ["connection", "name", "value", "added"]


@pytest.mark.usefixtures("used")
def test_who_comes_second_does_not_back_up_what_is_new_already(
    path: Path, url: str, extend: Extend, monkeypatch: pytest.MonkeyPatch
) -> None:
    extend(ADDS_A_COLUMN)
    upgrade = migrations.upgrade

    def overtaken(*arguments: object, **options: object) -> None:
        """Between looking at the version and upgrading, another process does all of it."""
        monkeypatch.setattr(migrations, "upgrade", upgrade)
        Database.open(url).close()
        upgrade(*arguments, **options)  # type: ignore[arg-type]  # whatever it takes

    monkeypatch.setattr(migrations, "upgrade", overtaken)
    Database.open(url).close()
    assert columns(path.with_name(f"state.db.backup-{HEAD}")) == ["connection", "name", "value"]
    assert columns(path) == ["connection", "name", "value", "added"]


OPEN_AT = """\
import sys
from syncengine.state import migrations  # so that all come at the same moment
from syncengine.state.database import Database
print("ready", flush=True)
sys.stdin.readline()
with Database.open("sqlite:///" + sys.argv[1]).write() as connection:
    connection.exec_driver_sql(
        "INSERT INTO counter(name, value) VALUES('seq', 1) ON CONFLICT(name) DO UPDATE SET value = value + 1"
    )
"""


def test_several_processes_that_make_the_file_at_once_make_one(path: Path, python: Python) -> None:
    processes = [python.start(OPEN_AT, str(path)) for _ in range(5)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    ended = [(*process.communicate("go\n", timeout=60), process.returncode) for process in processes]
    assert ended == [("", "", 0)] * 5
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM counter").fetchall() == [(5,)]
