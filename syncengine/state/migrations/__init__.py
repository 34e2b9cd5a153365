"""Brings a state file to the newest schema: backup first, one transaction, refused if the file is newer."""

import shutil
import sqlite3
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from syncengine.errors import StateError


def script() -> ScriptDirectory:
    """The revisions that this program knows."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def upgrade(engine: Engine, path: Path | None, version: str | None) -> None:
    """Run the missing revisions in one transaction. Raises StateError for a file that a newer program has written."""
    revisions = script()
    known = {revision.revision for revision in revisions.walk_revisions()}
    if version is not None and version not in known:
        raise StateError(
            f"{path}: was written by a newer syncengine (schema {version}).",
            hint="Install the newer version again, or restore the backup that it made beside the file.",
            code="newer",
        )
    if version is not None and path is not None:
        _back_up(path, version)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            context = MigrationContext.configure(
                connection, opts={"fn": lambda rev, _: revisions._upgrade_revs("head", rev), "transactional_ddl": False}
            )
            with Operations.context(context):
                context.run_migrations()
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def _back_up(path: Path, version: str) -> None:
    """A consistent copy beside the file, with its mode."""
    copy = path.with_name(f"{path.name}.backup-{version}")
    with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
    shutil.copymode(path, copy)
