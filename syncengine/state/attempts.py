"""Attempts: every request with effect, written down before it leaves, and what became of each of its parts.

Whatever was attempted and not refuted counts as possibly there: a group in which somebody may be is left again when its
reason dies, and is asked for again while it isn't confirmed. While a part is open it says so itself, and its target
waits; the membership is noted when the part is confirmed, or given up.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from mappings.fold import group_identity
from syncengine.contracts import Part, Settled
from syncengine.state.bulk import as_list, execute_many, fetch
from syncengine.state.models import iso
from syncengine.state.suppressions import suppressed
from syncengine.state.targets import better_delivered, delivered_of, keep_delivered

_part = msgspec.json.Decoder(Part)


class OpenAttempt(NamedTuple):
    """A request whose end is not known for these keys."""

    id: int
    receipt: str | None
    sent_at: dt.datetime
    keys: frozenset[str]


def begin(
    connection: Connection, destination: str, parts: Sequence[Part], revisions: Mapping[str, int], now: dt.datetime
) -> tuple[int, dict[str, str]]:
    """Write an attempt down without the parts that may not go. Returns its id, and key → reason of those left out."""
    barred = suppressed(connection, destination, [part.key for part in parts if part.adds])
    going = [part for part in parts if not (part.adds and part.key in barred)]
    if not going:
        return 0, barred
    attempt = connection.exec_driver_sql(
        "INSERT INTO attempt(destination, sent_at) VALUES(?,?) RETURNING id", (destination, iso(now))
    ).scalar_one()
    execute_many(
        connection,
        "INSERT INTO attemptpart(attempt, key, destination, revision, body, state) VALUES(?,?,?,?,?,'open')",
        [(attempt, part.key, destination, revisions[part.key], msgspec.json.encode(part).decode()) for part in going],
    )
    return int(attempt), barred


def drop_suppressed(connection: Connection, destination: str, attempt: int) -> tuple[frozenset[str], dict[str, str]]:
    """Before an attempt is sent again: close the parts that may not go any more. Returns those left, and the barred."""
    parts = _open_parts(connection, attempt)
    barred = suppressed(connection, destination, [key for key, part in parts.items() if part.adds])
    _give_up(connection, destination, attempt, {key: parts[key] for key in barred})  # it may have taken effect before
    return frozenset(parts.keys() - barred.keys()), barred


def give_receipt(connection: Connection, attempt: int, receipt: str) -> None:
    """The provider's name for the request, stored before polling."""
    connection.exec_driver_sql("UPDATE attempt SET receipt=? WHERE id=?", (receipt, attempt))


def settle(connection: Connection, destination: str, attempt: int, settled: Settled) -> None:
    """Write down which parts certainly took effect, and which certainly had none."""
    parts = _open_parts(connection, attempt)
    confirmed = {key: parts[key] for key in settled.confirmed & parts.keys()}
    delivered = delivered_of(connection, destination, confirmed)
    keep_delivered(
        connection, destination, {key: better_delivered(delivered[key], part) for key, part in confirmed.items()}
    )
    execute_many(
        connection,
        "INSERT INTO membership(destination, key, identity, title, state) VALUES(?,?,?,?,'ours')"
        " ON CONFLICT(destination, key, identity) DO UPDATE SET state='ours' WHERE state='maybe'",
        [(destination, key, group_identity(title), title) for key, part in confirmed.items() for title in part.join],
    )
    execute_many(
        connection,
        "DELETE FROM membership WHERE destination=? AND key=? AND identity=? AND state IN ('ours','maybe')",
        [(destination, key, group_identity(title)) for key, part in confirmed.items() for title in part.leave],
    )
    _close(connection, attempt, confirmed, "confirmed")
    _close(connection, attempt, settled.refuted - settled.confirmed, "refuted")


def lose(connection: Connection, destination: str, attempt: int) -> None:
    """Give up on hearing of an attempt: what it set is no longer known, and will be asked for again."""
    parts = _open_parts(connection, attempt)
    _give_up(connection, destination, attempt, parts)
    execute_many(
        connection,
        "UPDATE target SET due_at=NULL WHERE destination=? AND key=?",
        [(destination, key) for key in parts],
    )


def unsettled(connection: Connection, destination: str) -> list[OpenAttempt]:
    """The attempts with parts whose end isn't known, oldest first."""
    found: dict[int, OpenAttempt] = {}
    for id_, receipt, sent_at, key in connection.exec_driver_sql(
        "SELECT a.id, a.receipt, a.sent_at, p.key FROM attempt a JOIN attemptpart p ON p.attempt=a.id"
        " WHERE p.destination=? AND p.state='open' ORDER BY a.id",
        (destination,),
    ):
        before = found[id_].keys if id_ in found else frozenset[str]()
        found[id_] = OpenAttempt(id_, receipt, dt.datetime.fromisoformat(sent_at), before | {key})
    return list(found.values())


def _give_up(connection: Connection, destination: str, attempt: int, parts: Mapping[str, Part]) -> None:
    """The old value of a field that was sent may stand there or the new one, so neither is known. Nor is whether
    somebody is in a group that was to be joined, or still in one that was to be left: if it is asked for, it is joined
    again.
    """
    delivered = delivered_of(connection, destination, parts)
    for key, part in parts.items():
        for name in part.fields:
            delivered[key].fields.pop(name, None)
    keep_delivered(connection, destination, delivered)
    execute_many(
        connection,
        "INSERT OR IGNORE INTO membership(destination, key, identity, title, state) VALUES(?,?,?,?,'maybe')",
        [(destination, key, group_identity(title), title) for key, part in parts.items() for title in part.join],
    )
    execute_many(
        connection,
        "UPDATE membership SET state='maybe' WHERE destination=? AND key=? AND identity=? AND state='ours'",
        [(destination, key, group_identity(title)) for key, part in parts.items() for title in part.leave],
    )
    _close(connection, attempt, parts, "lost")


def _open_parts(connection: Connection, attempt: int) -> dict[str, Part]:
    rows = fetch(connection, "SELECT key, body FROM attemptpart WHERE attempt=? AND state='open'", (attempt,))
    return {key: _part.decode(body) for key, body in rows}


def _close(connection: Connection, attempt: int, keys: Collection[str], state: str) -> None:
    """A closed part keeps no personal data beyond its key."""
    if keys:
        connection.exec_driver_sql(
            "UPDATE attemptpart SET state=?, body=NULL WHERE attempt=? AND state='open'"
            " AND key IN (SELECT value FROM json_each(?))",
            (state, attempt, as_list(keys)),
        )
