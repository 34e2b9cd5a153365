"""Brings a state file to the newest schema: backup first, one transaction, refused if the file is newer."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from syncengine.errors import StateError
from syncengine.state.database import create_private


def script() -> ScriptDirectory:
    """The revisions that this program knows."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def upgrade(engine: Engine, path: Path | None, *, back_up: bool) -> None:
    """Run the missing revisions in one transaction. Raises StateError for a file that a newer program has written.

    `path` names the file in errors; with `back_up` a copy of it is made first.
    """
    revisions = script()
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # before looking: another process may be at it
        context = MigrationContext.configure(
            connection, opts={"fn": lambda rev, _: revisions._upgrade_revs("head", rev), "transactional_ddl": False}
        )
        version = context.get_current_revision()
        if version is not None:
            _refuse_newer(revisions, path, version)
            if back_up and path is not None and version != revisions.get_current_head():
                _back_up(path, version)
        with Operations.context(context):
            context.run_migrations()
        connection.exec_driver_sql("COMMIT")  # without it, giving the connection back undoes everything


def _refuse_newer(revisions: ScriptDirectory, path: Path | None, version: str) -> None:
    if version not in {revision.revision for revision in revisions.walk_revisions()}:
        raise StateError(
            f"{path}: was written by a newer syncengine (schema {version}).",
            hint="Install the newer version again, or restore the backup that it made beside the file.",
            code="newer",
        )


def _back_up(path: Path, version: str) -> None:
    """A consistent copy beside the file, with its mode; nobody else can read it meanwhile."""
    copy = path.with_name(f"{path.name}.backup-{version}")
    create_private(copy)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    shutil.copymode(path, copy)
