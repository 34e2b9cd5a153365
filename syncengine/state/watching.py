"""What each mapping's records leave open: a sale that is still pending may change without showing up in any other way.

Kept for every record read, also for those that the mapping filters: tomorrow it may want them. Rows that say the same
as before are not touched.
"""

import datetime as dt
from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from syncengine.state.bulk import as_list, execute_many
from syncengine.state.models import iso


def watch(connection: Connection, mapping: str, seq: int, rows: Sequence[tuple[str, str, str]]) -> None:
    """Remember (id, partition, moment as stored) of records that stay open, as the reading `seq` found them."""
    execute_many(
        connection,
        "INSERT INTO watch(mapping, seq, id, partition, moment) VALUES(?,?,?,?,?) ON CONFLICT(mapping, id) DO UPDATE"
        " SET partition=excluded.partition, moment=excluded.moment, seq=excluded.seq"
        " WHERE excluded.seq > seq AND (partition, moment) <> (excluded.partition, excluded.moment)",
        [(mapping, seq, *row) for row in rows],
    )


def unwatch(connection: Connection, mapping: str, seq: int, ids: Collection[str]) -> None:
    """Forget records that the reading `seq` found finished."""
    if ids:
        connection.exec_driver_sql(
            "DELETE FROM watch WHERE mapping=? AND seq<=? AND id IN (SELECT value FROM json_each(?))",
            (mapping, seq, as_list(ids)),
        )


def oldest_watched(connection: Connection, mapping: str, partition: str) -> dt.datetime | None:
    """The moment of the oldest record that this partition watches; None where there are none."""
    (moment,) = connection.exec_driver_sql(
        "SELECT min(moment) FROM watch WHERE mapping=? AND partition=?", (mapping, partition)
    ).one()
    return dt.datetime.fromisoformat(moment) if moment else None


def watched_within(
    connection: Connection, mapping: str, partition: str, since: dt.datetime, until: dt.datetime
) -> frozenset[str]:
    """The ids of the records that this partition watches, dated from `since` on, up to before `until`."""
    rows = connection.exec_driver_sql(
        "SELECT id FROM watch WHERE mapping=? AND partition=? AND moment>=? AND moment<?",
        (mapping, partition, iso(since), iso(until)),
    )
    return frozenset(row[0] for row in rows)
