"""A lookup in a database: a page of keys becomes as few queries as possible, and one bad key fails alone."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from connectors.sql.databases import FORMS
from connectors.sql.rendering import render
from connectors.sql.source import Answer, KeyRefusedError, Source
from connectors.sql.statement import Statement
from syncengine.contracts import Found, Row
from syncengine.errors import ConfigError, Problem

MOST_PARAMETERS = 999
"""Parameters of one query. The smallest limit among the databases: SQLite's before 3.32 (sqlite.org/limits.html,
SQLITE_MAX_VARIABLE_NUMBER); Oracle takes 1,000 items in a list, SQL Server 2,100 parameters, PostgreSQL 65,535."""

KEY = "key"
"""The name of the column with the key."""


class SqlLookup:
    """One query over the merchant's tables. Keys are text in and out, compared exactly: "007" is not "7".

    A database may be laxer (case, padding of a CHAR column, numbers): a row counts for a key only if the text of its
    column `key` is that key, blanks at the end apart.
    """

    def __init__(self, name: str, statement: Statement, source: Source) -> None:
        self._name = name
        self._statement = statement
        self._source = source
        self._described: Answer | None = None

    async def columns(self) -> frozenset[str]:
        """The names its rows have, from the database. Raises ConfigError where it refuses the query."""
        return frozenset((await asyncio.to_thread(self._describe)).names)

    async def find(self, keys: Collection[str]) -> Found:
        """The rows of all these keys. Raises ConfigError, AuthError, Transient, ProviderError."""
        return await asyncio.to_thread(self._find, dict.fromkeys(keys)) if keys else Found({})

    def _find(self, keys: Collection[str]) -> Found:
        described = self._described or self._describe()
        database = self._source.database
        form = database.types.get(described.types[_key_index(described.names, self._name)])
        reason = f"the key's column holds {FORMS[form]}" if form else ""
        refused: dict[str, str] = {}
        askable: list[str] = []
        for key in keys:
            if not is_text(key):
                refused[key] = "the key holds characters that no text of a database can"
            elif form and not form.fullmatch(key):
                refused[key] = reason
            else:
                askable.append(key)
        size = max(1, MOST_PARAMETERS // (database.copies * self._statement.mentions))
        found: dict[str, list[Row]] = {}
        for start in range(0, len(askable), size):
            for answer in self._ask(askable[start : start + size], refused):
                self._collect(answer, keys, found)
        return Found(found, refused)

    def _describe(self) -> Answer:
        answer = self._source.describe(self._statement, self._name)
        _key_index(answer.names, self._name)
        if twice := sorted({name for name in answer.names if answer.names.count(name) > 1}):
            message = f"the result has several columns {twice[0]!r}"
            hint = "Name the columns one by one, with AS."
            raise ConfigError([Problem(f"lookups.{self._name}.query", message, hint)])
        self._described = answer
        return answer

    def _ask(self, keys: Sequence[str], refused: dict[str, str]) -> Iterator[Answer]:
        """Ask for these keys; if the database refuses one of them, halve them until it stands alone."""
        try:
            yield self._source.ask(self._statement, keys, self._name)
        except KeyRefusedError:
            if len(keys) == 1:
                refused[keys[0]] = "the database refuses this key: the column has another type"
                return
            middle = len(keys) // 2
            yield from self._ask(keys[:middle], refused)
            yield from self._ask(keys[middle:], refused)

    def _collect(self, answer: Answer, keys: Collection[str], found: dict[str, list[Row]]) -> None:
        index = _key_index(answer.names, self._name)
        for values in answer.rows:
            key = render(values[index])
            for spelling in _spellings(key):
                if spelling in keys:
                    row: Mapping[str, Any] = dict(zip(answer.names, map(render, values), strict=True))
                    rows = found.setdefault(spelling, [])
                    # A join may give one person several times over: only a different row makes a key ambiguous.
                    if row not in rows:
                        rows.append(row)


def _spellings(key: Any) -> tuple[str, ...]:
    """The asked texts that a row's key answers: its own, and, from a CHAR column, that without the padding."""
    if not isinstance(key, str):
        return ()
    bare = key.rstrip(" ")
    return (key,) if bare == key else (key, bare)


def is_text(key: str) -> bool:
    """Whether a database can be asked for it: PostgreSQL knows no NUL, and half a surrogate pair has no encoding."""
    return "\0" not in key and not any("\ud800" <= character <= "\udfff" for character in key)


def _key_index(names: Sequence[str], lookup: str) -> int:
    """Where the column with the key stands. Oracle makes capitals of it."""
    for index, name in enumerate(names):
        if name.lower() == KEY:
            return index
    message = "the result has no column `key`"
    hint = "Name the column that is compared with `:keys`: SELECT customer_id AS key, …"
    raise ConfigError([Problem(f"lookups.{lookup}.query", message, hint)])
