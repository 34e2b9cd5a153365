"""Who must not be written to, and why.

What a provider's list said once stays until the provider says *subscribed* again: absence from a list lifts nothing.
"""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection

from syncengine.contracts import Suppression
from syncengine.state.bulk import as_list, execute_many, fetch
from syncengine.state.models import iso

_ADD: Final = "INSERT INTO suppression(destination, key, reason, since)"
_BESIDE: Final = (
    "ON CONFLICT(destination, key) DO UPDATE SET said=excluded.reason"
    " WHERE reason NOT IN ('unsubscribed','bounced') AND said IS NULL"
)
"""Who is suppressed already stays so for the same reason. Only one that a person may lift doesn't cover what the
provider says.
"""


def start_lists(connection: Connection, destination: str) -> None:
    """Make room for a fresh reading of the provider's lists."""
    _make_room(connection)
    connection.exec_driver_sql("DELETE FROM listed WHERE destination=?", (destination,))


def _make_room(connection: Connection) -> None:
    """Where the lists are while they are fresh: in memory, never in the file."""
    connection.exec_driver_sql(
        "CREATE TEMP TABLE IF NOT EXISTS listed(destination TEXT, key TEXT, reason TEXT, PRIMARY KEY(destination, key))"
        " WITHOUT ROWID"
    )


def add_listed(connection: Connection, destination: str, rows: Sequence[Suppression]) -> None:
    """Some more of the lists being read; where an address is on both, unsubscribed counts."""
    execute_many(
        connection,
        "INSERT INTO listed(destination, key, reason) VALUES(?,?,?)"
        " ON CONFLICT(destination, key) DO UPDATE SET reason='unsubscribed' WHERE excluded.reason='unsubscribed'",
        [(destination, row.key, row.reason) for row in rows],
    )


def take_lists(connection: Connection, destination: str, now: dt.datetime) -> int:
    """The lists were read to their end: remember whoever is new on them. Returns how many that are."""
    return connection.exec_driver_sql(
        f"{_ADD} SELECT destination, key, reason, ? FROM listed WHERE destination=? {_BESIDE}",  # noqa: S608 - as above
        (iso(now), destination),
    ).rowcount


def suppressed(connection: Connection, destination: str, keys: Collection[str]) -> dict[str, str]:
    """Which of these keys must not be written to, with the reason.

    An address counts as its owner does: where an earlier address of the same person said no, so does this one.
    """
    wanted = as_list(keys)
    found = {
        key: "earlier_address"
        for (key,) in fetch(
            connection,
            # CROSS JOIN keeps SQLite to this order: from the few keys asked for outwards, never over all records. The
            # indexes of `record` hold all that is read here, so no record is touched.
            "SELECT r.key FROM record r CROSS JOIN former f CROSS JOIN suppression s"
            " WHERE r.destination=? AND r.key IN (SELECT value FROM json_each(?))"
            " AND f.person=r.person AND f.destination=r.destination AND f.key<>r.key"
            " AND s.destination=f.destination AND s.key=f.key"
            " UNION ALL SELECT r.key FROM record r CROSS JOIN record e CROSS JOIN suppression s"
            " WHERE r.destination=? AND r.key IN (SELECT value FROM json_each(?))"
            " AND e.person=r.person AND e.destination=r.destination AND e.key<>r.key"
            " AND s.destination=e.destination AND s.key=e.key",
            (destination, wanted, destination, wanted),
        )
    }
    found.update(
        (key, reason)
        for key, reason in fetch(
            connection,
            "SELECT key, reason FROM suppression WHERE destination=? AND key IN (SELECT value FROM json_each(?))",
            (destination, wanted),
        )
    )
    return found


def listed(connection: Connection, destination: str, keys: Collection[str]) -> list[Suppression]:
    """Which of these keys stand on the provider's lists as they were read last in this process."""
    _make_room(connection)
    rows = connection.exec_driver_sql(
        "SELECT key, reason FROM listed WHERE destination=? AND key IN (SELECT value FROM json_each(?))",
        (destination, as_list(keys)),
    )
    return [Suppression(key, reason) for key, reason in rows]


def to_confirm(connection: Connection, destination: str, limit: int) -> list[str]:
    """Targets that a list kept from us and that are on no list now: whether they are subscribed again must be asked."""
    _make_room(connection)  # a destination may have no lists at all
    return [
        row[0]
        for row in connection.exec_driver_sql(
            "SELECT s.key FROM suppression s JOIN target t ON t.destination=s.destination AND t.key=s.key"
            " WHERE s.destination=? AND s.reason IN ('unsubscribed','bounced') AND t.state IN ('pending','suppressed')"
            " AND NOT EXISTS (SELECT 1 FROM listed l WHERE l.destination=s.destination AND l.key=s.key) LIMIT ?",
            (destination, limit),
        )
    ]


def lift(connection: Connection, destination: str, keys: Collection[str]) -> None:
    """The provider says *subscribed*: what waits for these addresses may be sent.

    So may what waits for later addresses of the same people; whoever else said no is found to have done so again.
    """
    if not keys:
        return
    execute_many(
        connection,
        "DELETE FROM suppression WHERE destination=? AND key=? AND reason IN ('unsubscribed','bounced')",
        [(destination, key) for key in keys],
    )
    execute_many(
        connection,
        "UPDATE target SET state='pending', code=NULL, due_at=NULL"
        " WHERE destination=? AND key=? AND state='suppressed'",
        [(destination, key) for key in keys],
    )
    connection.exec_driver_sql(
        "UPDATE target SET state='pending', code=NULL, due_at=NULL"
        " WHERE destination=? AND state='suppressed' AND code='earlier_address'",
        (destination,),
    )


def suppress(connection: Connection, destination: str, rows: Sequence[Suppression], now: dt.datetime) -> None:
    """Remember what the provider said of single addresses."""
    execute_many(
        connection,
        f"{_ADD} VALUES(?,?,?,?) {_BESIDE}",
        [(destination, row.key, row.reason, iso(now)) for row in rows],
    )


def lift_decided(connection: Connection, destination: str, key: str, reason: str) -> bool:
    """A person lifts a reason that only a person may; what the provider says beside it stands from then on. False where
    it isn't suppressed for that reason.
    """
    lifted = [
        connection.exec_driver_sql(statement, (destination, key, reason)).rowcount
        for statement in (
            "UPDATE suppression SET reason=said, said=NULL"
            " WHERE destination=? AND key=? AND reason=? AND said IS NOT NULL",
            "DELETE FROM suppression WHERE destination=? AND key=? AND reason=?",
        )
    ]
    return any(lifted)
