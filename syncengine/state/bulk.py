"""Many rows at once, at the driver's level: one statement, one call, no objects.

200,000 upserts take 0.6 s this way and 2.0 s through SQLAlchemy Core; 20,000 rows read as plain tuples take a third of
the time that its own rows take. Whatever the state writes or reads by the thousand passes here.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

import msgspec
from sqlalchemy import Connection


def execute_many(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> int:
    """Run the statement once per row. Returns how many rows of the table it changed."""
    with closing(connection.connection.cursor()) as cursor:
        cursor.executemany(statement, rows)
        return cursor.rowcount


def fetch(connection: Connection, statement: str, parameters: Sequence[Any]) -> list[Any]:
    """All rows of a query, as plain tuples."""
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()  # type: ignore[return-value]  # the driver's rows are tuples in a list


def as_list(values: Iterable[str]) -> str:
    """Keys as one parameter, for `IN (SELECT value FROM json_each(?))`: no limit of variables, one statement."""
    return msgspec.json.encode(list(values)).decode()
