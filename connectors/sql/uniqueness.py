"""What is unique in a table: a row is to be found by its key, and by nothing else.

MySQL's `ON DUPLICATE KEY UPDATE` changes the row that any unique index finds (MySQL manual, "INSERT ... ON DUPLICATE
KEY UPDATE Statement"), so a second unique column could lead it to another person's row.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy.engine.reflection import Inspector

MYSQL_NAMES = frozenset({"mysql", "mariadb"})
"""SQLAlchemy's names of the databases whose upsert goes by any unique index."""


class Unique(NamedTuple):
    """`alone`: the columns that are unique by themselves, whole and in all rows. `groups`: those of each index."""

    alone: frozenset[str]
    groups: Sequence[frozenset[str]]

    def misleading(self, key: str, written: Collection[str], dialect: str) -> list[str]:
        """The columns that are written and by which this database's upsert could find another row than the key's."""
        if dialect not in MYSQL_NAMES:
            return []
        others = {column for group in self.groups if key not in group for column in group}
        return [column for column in written if column in others]


def find_unique(inspector: Inspector, table: str, schema: str | None) -> Unique:
    """Read it from the database."""
    indexes = [each for each in inspector.get_indexes(table, schema) if each["unique"]]
    partly = {each["name"] for each in indexes if _is_partial(each.get("dialect_options", {}))}
    named: list[tuple[str | None, Sequence[str | None]]] = [
        (None, inspector.get_pk_constraint(table, schema)["constrained_columns"]),
        *((each["name"], each["column_names"]) for each in inspector.get_unique_constraints(table, schema)),
        *((each["name"], each["column_names"]) for each in indexes),
    ]
    whole = [columns for name, columns in named if name is None or name not in partly]
    return Unique(
        frozenset(columns[0] for columns in whole if len(columns) == 1 and columns[0] is not None),
        [frozenset(column for column in columns if column is not None) for _, columns in named],
    )


def _is_partial(options: Mapping[str, Any]) -> bool:
    """Whether an index holds for some rows only (a condition), or for the beginning of a text (MySQL)."""
    return any(name.endswith("_where") or (name.endswith("_length") and options[name]) for name in options)
