"""Which partitions a mapping has: freshness is that of those which are read, and of none that once was."""

import datetime as dt
from collections.abc import Collection

from sqlalchemy import Connection

from syncengine.state.bulk import as_list
from syncengine.state.models import iso

__all__ = ["name_partitions"]


def name_partitions(connection: Connection, mapping: str, partitions: Collection[str], now: dt.datetime) -> None:
    """Note those that the stream names now. A new one counts as never read; one that isn't named any more is retired.

    Its checkpoint stays: where it is named again, reading goes on from there. A stream that names none retires none.
    """
    if not partitions:
        return
    named = as_list(partitions)
    connection.exec_driver_sql(
        "INSERT OR IGNORE INTO checkpoint(mapping, partition) SELECT ?, value FROM json_each(?)", (mapping, named)
    )
    connection.exec_driver_sql(
        "UPDATE checkpoint SET retired_at=NULL WHERE mapping=? AND retired_at IS NOT NULL"
        " AND partition IN (SELECT value FROM json_each(?))",
        (mapping, named),
    )
    connection.exec_driver_sql(
        "UPDATE checkpoint SET retired_at=? WHERE mapping=? AND retired_at IS NULL"
        " AND partition NOT IN (SELECT value FROM json_each(?))",
        (iso(now), mapping, named),
    )
