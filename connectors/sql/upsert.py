"""The statements that write: of the databases' own kinds of upsert where there is one, in two steps elsewhere.

A change carries what differs, so a row that is known to be there is updated and never inserted: a column that has to be
filled, and was before, would stop an insert although the row is there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, Update, bindparam, false, insert, select, update
from sqlalchemy.dialects import mysql, postgresql, sqlite

from connectors.sql.table import TableRow, Target

KEY = "key_of_the_row"
"""The parameter for the key of an update; a column may have the key's own name."""
OWN_UPSERT = frozenset({"sqlite", "postgresql", "mysql", "mariadb"})


def upsert(target: Target, rows: Sequence[TableRow], dialect: str) -> Insert:
    """Insert these rows, which have the same columns; change those that are there. One statement."""
    table, changed = target.table, list(rows[0].values)
    itself = {} if changed else {target.key: table.columns[target.key]}  # an upsert changes something, or is none
    values = [{target.key: row.key_value, **row.values} for row in rows]
    match dialect:
        case "sqlite":
            lite = sqlite.insert(table).values(values)
            news = {name: lite.excluded[name] for name in changed}
            return lite.on_conflict_do_update(index_elements=[target.key], set_=news | itself)
        case "postgresql":
            post = postgresql.insert(table).values(values)
            news = {name: post.excluded[name] for name in changed}
            return post.on_conflict_do_update(index_elements=[target.key], set_=news | itself)
        case "mysql" | "mariadb":
            my = mysql.insert(table).values(values)
            return my.on_duplicate_key_update({name: my.inserted[name] for name in changed} | itself)
        case _:
            return insert(table).values(values)


def change_rows(connection: Connection, target: Target, rows: Sequence[TableRow]) -> int:
    """Update these rows, which have the same columns. Gives how many were there."""
    changed = list(rows[0].values)
    parameters: list[Mapping[str, Any]] = [
        {KEY: row.key_value, **{_parameter(place): row.values[name] for place, name in enumerate(changed)}}
        for row in rows
    ]
    found = connection.execute(_update(target, changed), parameters).rowcount
    return int(found)


def rehearse(connection: Connection, target: Target) -> None:
    """Write no row: whoever may not write, or can't, hears of it by a statement that has no value in it."""
    table = target.table
    nothing = select(*table.columns).where(false())
    connection.execute(insert(table).from_select(list(table.columns.keys()), nothing, include_defaults=False))
    changed = {name: column for name, column in table.columns.items() if name != target.key}
    connection.execute(update(table).values(changed or {target.key: table.columns[target.key]}).where(false()))


def _update(target: Target, changed: Sequence[str]) -> Update:
    columns = target.table.columns
    values: dict[str, Any] = {
        name: bindparam(_parameter(place), type_=columns[name].type) for place, name in enumerate(changed)
    }
    key = columns[target.key]
    statement = update(target.table).where(key == bindparam(KEY, type_=key.type))
    return statement.values(values or {target.key: key})  # nothing to change: only whether it is there


def _parameter(place: int) -> str:
    return f"value_{place}"
