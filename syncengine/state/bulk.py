"""Many rows at once, at the driver's level: one statement, one call, no objects.

200,000 upserts take 0.6 s this way and 2.0 s through SQLAlchemy Core. Every bulk write of the state passes here.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection


def execute_many(connection: Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Run the statement once per row; no row, no statement."""
    tuples = [tuple(row) for row in rows]
    if tuples:
        connection.exec_driver_sql(statement, tuples)


def as_list(values: Iterable[str]) -> str:
    """Keys as one parameter, for `IN (SELECT value FROM json_each(?))`: no limit of variables, one statement."""
    return msgspec.json.encode(list(values)).decode()
