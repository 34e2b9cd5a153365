"""A table as it really is: whether it has the columns that are configured, and what each of them holds."""

import datetime as dt
import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Connection, MetaData, Table, bindparam, inspect, select
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import Integer, TypeEngine

from connectors.sql.fitting import bound_as, fit, fit_of
from connectors.sql.rendering import render
from connectors.sql.settings import SqlDestinationSettings
from connectors.sql.uniqueness import MYSQL_NAMES, find_unique
from syncengine.contracts import Change
from syncengine.errors import ConfigError, Problem, Rejected

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
"""A key of this form is an e-mail address, and is written as addresses are everywhere: in lower case."""
MOST_NAMES_SHOWN = 15
"""A hint that lists more choices than this is not read."""


class TableRow(NamedTuple):
    """One row to write: the values that change, without the key's. `create`: it is not known to be there."""

    key: str
    key_value: Any
    values: Mapping[str, Any]
    create: bool


@dataclass(frozen=True)
class Target:
    """A table as far as it is configured. `kinds` are the columns that are written, `names` all that are there."""

    name: str
    settings: SqlDestinationSettings
    table: Table
    kinds: Mapping[str, TypeEngine[Any]]
    names: frozenset[str]
    needed: Sequence[str]
    """Columns that are not written here and can't be left out of a new row."""

    @property
    def key(self) -> str:
        return self.settings.key

    def row(self, change: Change, zone: ZoneInfo) -> TableRow:
        """The row for a change. Raises Rejected for a text that a column can't hold."""
        values = {
            name: fit(name, str(value), self.kinds[name], zone)
            for name, value in change.fields.items()
            if name != self.key
        }
        return TableRow(change.key, self._key_value(change.key, zone), values, change.create)

    def _key_value(self, key: str, zone: ZoneInfo) -> Any:
        value = fit(self.key, key, self.kinds[self.key], zone)
        if fit_of(self.kinds[self.key]) is not None and render(value) != key:
            # "7" and "7.0" would be two targets, and one row.
            raise Rejected("The key is not written as its column shows it.", field=self.key, code="key_form")
        return value


def find_table(connection: Connection, name: str, settings: SqlDestinationSettings) -> Target:
    """The table of a destination, read from the database. Raises ConfigError with all that is wrong."""
    place = f"destinations.{name}"
    schema, _, table_name = settings.table.rpartition(".")
    inspector = inspect(connection)
    try:
        columns = {column["name"]: column for column in inspector.get_columns(table_name, schema or None)}
    except NoSuchTableError:
        hint = suggest(table_name, inspector.get_table_names(schema or None))
        raise ConfigError([Problem(f"{place}.table", f'there is no table "{settings.table}"', hint)]) from None
    problems = [
        Problem(
            f"{place}.{'key' if column == settings.key else 'columns'}",
            f'the table {settings.table} has no column "{column}"',
            suggest(column, columns),
        )
        for column in settings.names
        if column not in columns
    ]
    unique = find_unique(inspector, table_name, schema or None)
    if settings.key in columns and settings.key not in unique.alone:
        hint = f"CREATE UNIQUE INDEX … ON {settings.table} ({settings.key})"
        problems.append(Problem(f"{place}.key", f'the column "{settings.key}" is not unique by itself', hint))
    for column in unique.misleading(settings.key, settings.names, connection.dialect.name):
        hint = "Take it out of `columns`: this database would change the row that it finds by any unique column."
        problems.append(Problem(f"{place}.columns", f'the column "{column}" is unique too', hint))
    if problems:
        raise ConfigError(problems)
    kinds = {column: columns[column]["type"] for column in settings.names}
    made = [Column(column, bound_as(kind)) for column, kind in kinds.items()]
    return Target(
        name=name,
        settings=settings,
        table=Table(table_name, MetaData(), *made, schema=schema or None),
        kinds=kinds,
        names=frozenset(columns),
        needed=[
            column for column in columns if column not in kinds and not _fills_itself(columns[column], unique.alone)
        ],
    )


def shown_keys(connection: Connection, target: Target, rows: Sequence[TableRow]) -> set[str]:
    """The keys of those of these rows that are there, as their column shows them, blanks at the end apart."""
    column = target.table.columns[target.key]
    # With the column's own type: of what isn't known here the database itself reads the text.
    keys = bindparam("keys", [row.key_value for row in rows], type_=column.type, expanding=True)
    query = select(column).where(column.in_(keys))
    if connection.dialect.name in MYSQL_NAMES:
        query = query.with_for_update(read=True)  # else it would read as of the transaction's first reading
    return {_shown(value) for (value,) in connection.execute(query)}


def _shown(value: Any) -> str:
    """A stored key as a text. A moment is shown in UTC, whatever zone the connection has."""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = value.astimezone(dt.UTC)
    return str(render(value)).rstrip(" ")


def suggest(name: str, choices: Collection[str]) -> str:
    """A hint at what was probably meant."""
    near = difflib.get_close_matches(name, choices, n=1)
    if near:
        return f'Did you mean "{near[0]}"?'
    return f"There is: {', '.join(sorted(choices))}." if 0 < len(choices) <= MOST_NAMES_SHOWN else ""


def _fills_itself(column: ReflectedColumn, unique: Collection[str]) -> bool:
    """Whether a new row may leave it out. A whole number that is unique is taken for a counter."""
    counts = column["name"] in unique and isinstance(column["type"], Integer)
    return bool(
        column["nullable"]
        or column.get("default") is not None
        or column.get("identity")
        or column.get("computed")
        or counts
    )
