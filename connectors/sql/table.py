"""A table as it really is: whether it has the columns that are configured, and what each of them holds."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Connection, MetaData, Table, inspect
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import Integer, TypeEngine

from connectors.sql.fitting import bound_as, fit, fit_of
from connectors.sql.rendering import render
from connectors.sql.settings import SqlDestinationSettings
from syncengine.contracts import Change
from syncengine.errors import ConfigError, Problem, Rejected

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
    unique = _unique_columns(inspector, table_name, schema or None)
    if settings.key in columns and settings.key not in unique:
        hint = f"CREATE UNIQUE INDEX … ON {settings.table} ({settings.key})"
        problems.append(Problem(f"{place}.key", f'the column "{settings.key}" is not unique by itself', hint))
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
        needed=[column for column in columns if column not in kinds and not _fills_itself(columns[column], unique)],
    )


def suggest(name: str, choices: Collection[str]) -> str:
    """A hint at what was probably meant."""
    near = difflib.get_close_matches(name, choices, n=1)
    if near:
        return f'Did you mean "{near[0]}"?'
    return f"There is: {', '.join(sorted(choices))}." if 0 < len(choices) <= MOST_NAMES_SHOWN else ""


def _unique_columns(inspector: Inspector, table: str, schema: str | None) -> set[str]:
    """The columns that are unique by themselves, in all rows."""
    groups: list[Sequence[str | None]] = [inspector.get_pk_constraint(table, schema)["constrained_columns"]]
    groups += [each["column_names"] for each in inspector.get_unique_constraints(table, schema)]
    groups += [
        each["column_names"]
        for each in inspector.get_indexes(table, schema)
        # An index with a condition holds for some rows only.
        if each["unique"] and not any(option.endswith("_where") for option in each.get("dialect_options", {}))
    ]
    return {group[0] for group in groups if len(group) == 1 and group[0] is not None}


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
