"""Opens the state file: modes, transactions, migrations, and errors that a person can act on.

Writers begin immediate, readers plain: a reader that begins immediate would be locked out while a writer works.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from syncengine.errors import StateError

HEAD = "0001"
"""The newest revision in `migrations/versions`, as a test makes sure; so a start needs no Alembic."""
VERSION_TABLE = "alembic_version"
"""Where Alembic keeps the schema's revision."""
BUSY_SECONDS = 30
"""How long a writer waits for another; no transaction of ours takes more than a second."""
OWNER_ONLY = 0o600
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "wal_autocheckpoint=4000",
    "temp_store=MEMORY",
    "cache_size=-32768",
)
"""Durable at every commit; temporary tables and 32 MB of pages in memory. 16 MB of log before it is written back to the
file: a page that many commits change is written back once (a fifth of the time of a large run, measured)."""
KNOWN_TROUBLE = {
    "readonly": ("can't be written to", "Give the user who runs syncengine write access to the file and its folder."),
    "disk is full": ("the disk is full", "Free some space; nothing of the unfinished step was kept, run again."),
    "unable to open": ("can't be opened", "Check that the folder exists and may be written to (engine.database)."),
    "not a database": ("is not a state file", "Point engine.database at another file, or restore a backup."),
    "malformed": ("is damaged", "Stop the daemon and put your newest backup in its place."),
    "locked": ("is in use by another program", "See what holds it, then run again."),
    "disk I/O": ("can't be read or written", "Check the disk, then run again; nothing half done was kept."),
}
"""What SQLite's messages contain → what that means, and what to do."""


class Database:
    """The state file, opened and at the newest schema. One connection, used by one thread at a time."""

    def __init__(self, engine: Engine, path: Path | None) -> None:
        self._engine = engine
        self.path = path

    @classmethod
    def open(cls, url: str) -> "Database":
        """Open or create. Raises StateError: newer than the program, not ours, read-only, damaged, no such folder."""
        path = sqlite_path(url)
        with explained(path):
            if path is not None:
                create_private(path)
            engine = _engine(url)
            try:
                _migrate(engine, path, back_up=path is not None)
            except BaseException:
                engine.dispose()
                raise
        return cls(engine, path)

    @classmethod
    def copy(cls, url: str) -> "Database":
        """A copy in memory, for `plan`: the file is opened to read, and not even made where it isn't there yet.

        Raises StateError, as `open`.
        """
        path = sqlite_path(url)
        engine = _engine("sqlite://")
        with explained(path):
            if path is not None and path.exists():
                with engine.connect() as connection, closing(_read_only(path)) as source:
                    memory = connection.connection.dbapi_connection
                    assert isinstance(memory, sqlite3.Connection)  # noqa: S101 - tells mypy; the engine is SQLite's
                    source.backup(memory)
            _migrate(engine, path, back_up=False)
        return cls(engine, None)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one moment and writes nothing."""
        with explained(self.path), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """One unit of work: all of it is committed, or none.

        What is not committed is undone when the connection is given back, by a rollback that the driver leaves out
        where SQLite has undone the transaction itself (a full disk): a second one would fail and hide the reason.
        """
        with explained(self.path), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.exec_driver_sql("COMMIT")

    def close(self) -> None:
        self._engine.dispose()


def _migrate(engine: Engine, path: Path | None, *, back_up: bool) -> None:
    with engine.connect() as connection:
        version = _version(connection)
    if version == HEAD:
        return
    from syncengine.state.migrations import upgrade  # Alembic costs a third of a second; only a new file needs it

    upgrade(engine, path, back_up=back_up)


def sqlite_path(url: str) -> Path | None:
    """The file behind a SQLite URL; None for a database in memory."""
    name = url.removeprefix("sqlite:///")
    return None if name in {url, "", ":memory:"} else Path(name)


@contextlib.contextmanager
def explained(path: Path | None) -> Iterator[None]:
    """Turn what the driver says into one sentence with a next step; no statement, no values."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        raise _explain(error, path) from None
    except PermissionError:
        raise StateError(f"{path}: no permission.", hint="Give the user who runs syncengine access to it.") from None
    except FileNotFoundError:
        raise StateError(
            f"{path}: the folder does not exist.", hint="Create it, or change engine.database.", code="no_folder"
        ) from None


def _explain(error: DBAPIError | sqlite3.Error, path: Path | None) -> StateError:
    reason = str(error.orig if isinstance(error, DBAPIError) else error)
    for mark, (what, hint) in KNOWN_TROUBLE.items():
        if mark in reason:
            return StateError(f"{path or 'the state'}: {what}.", hint=hint, code=mark.replace(" ", "_"))
    return StateError(f"{path or 'the state'}: {reason.splitlines()[0]}", hint="Run with --debug to see where.")


def create_private(path: Path) -> None:
    """Make the file ours alone before anything stands in it (umask is not trusted).

    Raises StateError, and where the folder is missing or closed to us what `explained` makes one of.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY))
    except FileExistsError:
        return
    except (PermissionError, FileNotFoundError):
        raise  # `explained` knows better what to do about these
    except OSError as error:
        what = (error.strerror or type(error).__name__).lower()
        hint = "The folder of engine.database must be one that can be written to, on a disk with room."
        raise StateError(f"{path}: the file can't be made: {what}.", hint=hint, code="not_made") from None


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def _engine(url: str) -> Engine:
    path = sqlite_path(url)
    engine = create_engine(
        url,
        poolclass=StaticPool,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _: Any) -> None:
        _refuse_foreign(connection, path)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _refuse_foreign(connection: sqlite3.Connection, path: Path | None) -> None:
    """Raise StateError for somebody else's database, before anything in it is changed (even its journal mode)."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if tables and VERSION_TABLE not in tables:
        what, hint = KNOWN_TROUBLE["not a database"]
        raise StateError(f"{path}: {what}: it holds tables of another program.", hint=hint, code="not_a_state_file")


def _version(connection: Connection) -> str | None:
    """The schema's revision; None for an empty file."""
    tables = connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name=?", (VERSION_TABLE,)).fetchall()
    if not tables:
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])
