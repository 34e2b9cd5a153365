"""What could not go through: to look at, to try again, or to put aside."""

import datetime as dt
from collections.abc import Collection
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from syncengine.state.attempts import give_up
from syncengine.state.delivered import NOTHING_DELIVERED
from syncengine.state.doubts import IN_DOUBT
from syncengine.state.models import iso
from syncengine.state.reconciling import lift_deleted


class Reject(NamedTuple):
    """One reject. `record` is None where a whole target was refused; `values` are a record's own, as read."""

    id: int
    destination: str
    mapping: str | None
    record: str | None
    key: str | None
    code: str
    field: str | None
    message: str
    at: dt.datetime
    dismissed_at: dt.datetime | None
    values: dict[str, Any] | None


def rejects(
    connection: Connection,
    *,
    mapping: str | None = None,
    dismissed: bool = False,
    id: int | None = None,
    limit: int = -1,
) -> list[Reject]:
    """The open rejects, or the dismissed ones, newest first; or the one with that number."""
    rows = connection.exec_driver_sql(
        "SELECT j.id, j.destination, j.mapping, j.record, j.key, j.code, j.field, j.message, j.at, j.dismissed_at,"
        " CASE WHEN r.state='rejected' THEN r.body END FROM reject j"
        " LEFT JOIN record r ON r.mapping=j.mapping AND r.id=j.record"
        " WHERE (?1 IS NULL OR j.mapping=?1)"
        " AND CASE WHEN ?3 IS NULL THEN (j.dismissed_at IS NOT NULL)=?2 ELSE j.id=?3 END ORDER BY j.id DESC LIMIT ?4",
        (mapping, dismissed, id, limit),
    )
    return [
        Reject(
            id_,
            destination,
            name,
            record,
            key,
            code,
            field,
            message,
            dt.datetime.fromisoformat(at),
            dt.datetime.fromisoformat(gone) if gone else None,
            msgspec.json.decode(body) if body else None,
        )
        for id_, destination, name, record, key, code, field, message, at, gone, body in rows
    ]


def retry(connection: Connection, ids: Collection[int], now: dt.datetime) -> int:
    """Let the next run try these again. Returns how many there were."""
    done = 0
    for id_ in ids:
        found = rejects(connection, id=id_)
        if not found:
            continue
        _release(connection, found[0], now)
        connection.exec_driver_sql("DELETE FROM reject WHERE id=?", (id_,))
        done += 1
    return done


def dismiss(connection: Connection, ids: Collection[int], now: dt.datetime) -> int:
    """Put these aside: they stay left out, and are not listed any more. Returns how many there were."""
    done = 0
    for id_ in ids:
        done += connection.exec_driver_sql(
            "UPDATE reject SET dismissed_at=? WHERE id=? AND dismissed_at IS NULL", (iso(now), id_)
        ).rowcount
    return done


def _release(connection: Connection, reject: Reject, now: dt.datetime) -> None:
    if reject.record is not None:
        # a record that still has a standing draft has no values here: the empty digest makes its next reading count
        connection.exec_driver_sql(
            "UPDATE record SET state='waiting', due_at=? WHERE mapping=? AND id=? AND state='rejected'",
            (iso(now), reject.mapping, reject.record),
        )
        connection.exec_driver_sql(
            "UPDATE record SET digest='' WHERE mapping=? AND id=?", (reject.mapping, reject.record)
        )
        return
    if reject.code == IN_DOUBT and reject.key is not None:  # a person says that it had no effect, or may have a second
        give_up(connection, reject.destination, reject.key)
    if reject.code == "gone" and reject.key is not None:  # a person says that it is to be there again: begin anew
        lift_deleted(connection, reject.destination, reject.key)
        connection.exec_driver_sql(
            "UPDATE target SET delivered=? WHERE destination=? AND key=?",
            (NOTHING_DELIVERED, reject.destination, reject.key),
        )
        connection.exec_driver_sql(
            "DELETE FROM membership WHERE destination=? AND key=?", (reject.destination, reject.key)
        )
    connection.exec_driver_sql(
        "UPDATE target SET state='pending', due_at=NULL, code=NULL WHERE destination=? AND key=? AND state='rejected'",
        (reject.destination, reject.key),
    )
