"""A CSV file as an index that answers by key without holding the file in memory.

The index is an SQLite file in the connection's cache folder. It holds the rows themselves, not their places in the CSV
file: while that is being written or replaced, the index still answers. It is built aside and moved into place, so a
crash or another process never leaves half of one.
"""

import errno
import fcntl
import json
import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path

import msgspec

from connectors.csv.table import Table
from syncengine.contracts import Memory, Row
from syncengine.errors import StateError, Transient

FORMAT = 1
"""Changes whenever an older index must not be believed any more."""
SUFFIX = ".index"
ASIDE = ".building"


class Fingerprint(msgspec.Struct, frozen=True, array_like=True):
    """By what a change of a file shows, without reading it: size in bytes, time of modification, inode."""

    size: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Fingerprint":
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


class Summary(msgspec.Struct, frozen=True):
    """What an index was made from: the settings, the state of the file, and what was found in it."""

    format: int
    identity: list[str | None]
    fingerprint: Fingerprint
    columns: list[str]
    rows: int
    keyless: int
    encoding: str
    delimiter: str


class Index:
    """The index of one lookup. Blocking: call it in a thread."""

    def __init__(self, memory: Memory, name: str) -> None:
        self._memory = memory
        self._name = name

    @cached_property
    def _folder(self) -> Path:
        """Asked for late: a connection is made without touching the disk."""
        return self._memory.folder

    @property
    def path(self) -> Path:
        return self._folder / f"{self._name}{SUFFIX}"

    @property
    def _building(self) -> Path:
        return self._folder / f"{self._name}{ASIDE}"

    @property
    def _lock(self) -> Path:
        return self._folder / f"{self._name}.lock"

    def summary(self, identity: list[str | None]) -> Summary | None:
        """What the index was made from; None: there is none, or none for these settings."""
        with suppress(sqlite3.Error, msgspec.MsgspecError), closing(self._open()) as database:
            summary = _summary(database)
            if summary.format == FORMAT and summary.identity == identity:
                return summary
        return None

    def find(self, keys: Collection[str]) -> dict[str, list[Row]]:
        """The rows of these keys; equal rows once. Raises Transient where the index is damaged: it is built again."""
        # Half a surrogate pair, or a NUL, is in no file that could be read.
        asked = json.dumps([key for key in keys if "\0" not in key and not _has_surrogate(key)])
        found: dict[str, list[Row]] = {}
        try:
            with closing(self._open()) as database:
                columns = _summary(database).columns
                query = "SELECT key, cells FROM line WHERE key IN (SELECT value FROM json_each(?)) ORDER BY rowid"
                for key, cells in database.execute(query, (asked,)):
                    row = dict(zip(columns, msgspec.json.decode(cells, type=list[str]), strict=True))
                    rows = found.setdefault(key, [])
                    if row not in rows:
                        rows.append(row)
        except (sqlite3.Error, msgspec.MsgspecError):
            self.path.unlink(missing_ok=True)
            message = f"The index {self.path} was damaged; it is built again at the next try."
            raise Transient(message, code="index") from None
        return found

    @contextmanager
    def building(self) -> Iterator[None]:
        """One process builds, the others wait. The lock goes with the process that holds it."""
        with self._writing():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def build(self, table: Table, identity: list[str | None], fingerprint: Fingerprint) -> Summary:
        """Write an index aside, under `building`; nobody sees it before `publish`. Raises what the table raises."""
        with self._writing():
            self._building.unlink(missing_ok=True)
            os.close(os.open(self._building, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            with closing(sqlite3.connect(self._building, isolation_level=None)) as database:
                # Nothing to protect while it stands aside: it is thrown away if anything happens.
                database.execute("PRAGMA journal_mode = OFF")
                database.execute("PRAGMA synchronous = OFF")
                database.execute("BEGIN")
                database.execute("CREATE TABLE line (key TEXT NOT NULL, cells BLOB NOT NULL)")
                encode = msgspec.json.Encoder().encode
                lines = ((key, encode(row)) for key, row in table.rows())
                rows = database.executemany("INSERT INTO line VALUES (?, ?)", lines).rowcount
                database.execute("CREATE INDEX line_key ON line (key)")
                summary = Summary(
                    FORMAT,
                    identity,
                    fingerprint,
                    table.columns,
                    max(0, rows),
                    table.keyless,
                    table.encoding,
                    table.delimiter,
                )
                database.execute("CREATE TABLE summary (value BLOB NOT NULL)")
                database.execute("INSERT INTO summary VALUES (?)", (encode(summary),))
                database.execute("COMMIT")
        return summary

    def publish(self) -> None:
        """Put the index that was built in the place of the old one, at once and for good."""
        with self._writing():
            _sync(self._building)
            self._building.replace(self.path)
            _sync(self._folder)

    def discard(self) -> None:
        """Forget an index that stands aside."""
        self._building.unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A full disk and a folder that can't be written are errors of the state, named once."""
        try:
            yield
        except (OSError, sqlite3.OperationalError) as error:
            code = error.errno if isinstance(error, OSError) else error.sqlite_errorcode
            if code == (errno.ENOSPC if isinstance(error, OSError) else sqlite3.SQLITE_FULL):
                reason, hint = "the disk is full", "It needs about twice the size of the CSV file."
            else:
                reason, hint = "the folder can't be written", "Give this user the right to write there."
            raise StateError(f"The index {self.path} can't be made: {reason}.", hint=hint) from None


def remove_others(folder: Path, names: Collection[str]) -> None:
    """Remove the indexes of lookups that are no longer configured: they hold people's data."""
    for path in (*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*{ASIDE}")):
        if path.stem not in names:
            path.unlink(missing_ok=True)


def _summary(database: sqlite3.Connection) -> Summary:
    row = database.execute("SELECT value FROM summary").fetchone()
    return msgspec.json.decode(row[0] if row else b"", type=Summary)


def _has_surrogate(key: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in key)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
