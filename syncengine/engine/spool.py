"""Holds an input that can be read only once, so that all of it is looked at before any of it is used.

It stands in a database of SQLite without a name: a private file (mode 0600) that no folder shows, and that the system
removes with the process. Memory stays flat, however long the input is.
"""

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, Final, NamedTuple, Self

import msgspec

from syncengine.errors import StateError

__all__ = ["LONGEST_LINE", "Spool", "Spooled"]

LONGEST_LINE: Final = 16_000_000
"""Bytes of a line: some pages of a template fit in, and memory stays flat where an input has no line ends at all."""
AT_ONCE: Final = 1_000
BYTES_AT_ONCE: Final = 8_000_000
"""So many lines, or bytes of them, are held in memory together."""


class Spooled(NamedTuple):
    """A line: its number in the input, from 1, and its bytes; None where it is longer than `LONGEST_LINE`.

    `id`: of what it speaks, once that is known.
    """

    number: int
    body: bytes | None
    id: str = ""


class Spool:
    """The lines of one input. Close it, or use it as a context manager."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=OFF",  # nobody reads it after a crash
            "PRAGMA synchronous=OFF",
            "CREATE TABLE line(number INTEGER PRIMARY KEY, body BLOB)",
            "CREATE TABLE last(id TEXT PRIMARY KEY, key TEXT NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID",
            "BEGIN",
        ):
            self._file.execute(statement)
        self.number = 0
        """How many lines there are; empty ones don't count."""

    def fill(self, source: BinaryIO) -> None:
        """Read an input to its end. Raises StateError where there is no room for it."""
        with _room():
            self._file.executemany("INSERT INTO line(number, body) VALUES(?,?)", _lines(source))
            ((self.number,),) = self._file.execute("SELECT count(*) FROM line")

    def lines(self) -> Iterator[list[Spooled]]:
        """All lines in their order, a handy number at a time."""
        return self._slices("SELECT number, body, '' FROM line WHERE number>? ORDER BY number LIMIT ?")

    def keep(self, named: Sequence[tuple[str, str, int]]) -> None:
        """Note of what lines speak: (id, key, number). Of several lines with one id the last counts."""
        with _room():
            self._file.executemany("INSERT OR REPLACE INTO last(id, key, number) VALUES(?,?,?)", named)

    def last_lines(self) -> Iterator[list[Spooled]]:
        """As `lines`, those that count only: nothing more may be kept after that."""
        with _room():
            self._file.execute("CREATE INDEX IF NOT EXISTS last_number ON last(number)")
        return self._slices(
            "SELECT l.number, l.body, s.id FROM last s JOIN line l ON l.number=s.number WHERE s.number>?"
            " ORDER BY s.number LIMIT ?"
        )

    def named(self) -> Iterator[list[tuple[str, str, int]]]:
        """(id, key, number) of the lines that count, ordered by id."""
        after = ""
        statement = "SELECT id, key, number FROM last WHERE id>? ORDER BY id LIMIT ?"
        while rows := self._file.execute(statement, (after, AT_ONCE)).fetchall():
            yield rows
            after = rows[-1][0]

    def numbers(self, ids: Collection[str]) -> dict[str, int]:
        """The lines that count of these ids."""
        rows = self._file.execute(
            "SELECT id, number FROM last WHERE id IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(list(ids)).decode(),),
        )
        return dict(rows.fetchall())

    def _slices(self, statement: str) -> Iterator[list[Spooled]]:
        after = 0
        while True:
            found: list[Spooled] = []
            size = 0
            for row in self._file.execute(statement, (after, AT_ONCE)):
                found.append(Spooled(*row))
                size += len(row[1] or b"")
                if size >= BYTES_AT_ONCE:
                    break
            if not found:
                return
            after = found[-1].number
            yield found

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    number = 0
    while line := source.readline(LONGEST_LINE):
        number += 1
        whole = line.endswith(b"\n") or len(line) < LONGEST_LINE
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")  # a byte order mark, as some editors put it first
        if not whole:
            while (rest := source.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield number, None
        elif line.strip():
            yield number, line


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError:
        hint = "Make room in the folder for temporary files ($TMPDIR), or write the input in parts."
        raise StateError("There is no room to hold the input.", hint=hint, code="no_room") from None
