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
from syncengine.state import doubts
from syncengine.state.bulk import as_list, execute_many, fetch
from syncengine.state.delivered import better_delivered, delivered_of, identities, keep_delivered
from syncengine.state.models import iso
from syncengine.state.suppressions import suppressed

_part = msgspec.json.Decoder(Part)


class OpenAttempt(NamedTuple):
    """A request whose end is not known for these keys. `asks`: those whom it may have asked: never repeated."""

    id: int
    receipt: str | None
    sent_at: dt.datetime
    keys: frozenset[str]
    asks: frozenset[str] = frozenset()


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
    out = _to_be_left(connection, destination, [key for key, part in confirmed.items() if part.leave])
    keep_delivered(
        connection,
        destination,
        {key: better_delivered(delivered[key], part, out.get(key, ())) for key, part in confirmed.items()},
    )
    _keep_memberships(connection, destination, confirmed, out)
    _close(connection, attempt, confirmed, "confirmed")
    _close(connection, attempt, (settled.refuted & parts.keys()) - settled.confirmed, "refuted")


def lose(connection: Connection, destination: str, attempt: int) -> None:
    """Give up on hearing of an attempt: what it set is no longer known, and will be asked for again.

    Who may have been asked by it stays in doubt: a second question would be a second mail.
    """
    parts = {key: part for key, part in _open_parts(connection, attempt).items() if not part.ask}
    _give_up(connection, destination, attempt, parts)
    _look_again(connection, destination, parts)


def give_up(connection: Connection, destination: str, key: str) -> None:
    """A person decides that what is in doubt for this key is sent again, also a question."""
    for (attempt,) in fetch(
        connection,
        "SELECT attempt FROM attemptpart WHERE destination=? AND key=? AND state='open'",
        (destination, key),
    ):
        _give_up(connection, destination, attempt, {key: _open_parts(connection, attempt)[key]})
    _look_again(connection, destination, [key])


def unsettled(connection: Connection, destination: str) -> list[OpenAttempt]:
    """The attempts with parts whose end isn't known, oldest first."""
    found: dict[int, OpenAttempt] = {}
    for id_, receipt, sent_at, key, asks in connection.exec_driver_sql(
        "SELECT a.id, a.receipt, a.sent_at, p.key, json_extract(p.body, '$.ask')"
        " FROM attempt a JOIN attemptpart p ON p.attempt=a.id"
        " WHERE p.destination=? AND p.state='open' ORDER BY a.id",
        (destination,),
    ):
        before = found.get(id_) or OpenAttempt(id_, receipt, dt.datetime.fromisoformat(sent_at), frozenset())
        found[id_] = before._replace(keys=before.keys | {key}, asks=before.asks | ({key} if asks else set()))
    return list(found.values())


def give_up_asking(connection: Connection, destination: str, key: str) -> bool:
    """A person decides about somebody of whom nobody knows whether they were asked. False where there is no doubt."""
    open_ = fetch(
        connection,
        "SELECT attempt FROM attemptpart WHERE destination=? AND key=? AND state='open'"
        " AND json_extract(body, '$.ask')",
        (destination, key),
    )
    for (attempt,) in open_:
        _close(connection, attempt, [key], "lost")
    return bool(open_)


def _to_be_left(connection: Connection, destination: str, keys: Collection[str]) -> dict[str, frozenset[str]]:
    """The groups (identities) that records want these to be out of, whoever put them there."""
    if not keys:
        return {}
    rows = fetch(
        connection,
        "SELECT key, json_extract(desired, '$.leave') FROM target WHERE destination=?"
        " AND key IN (SELECT value FROM json_each(?))",
        (destination, as_list(keys)),
    )
    return {key: frozenset(map(group_identity, msgspec.json.decode(leave))) for key, leave in rows if leave}


def _keep_memberships(
    connection: Connection, destination: str, confirmed: Mapping[str, Part], out: Mapping[str, Collection[str]]
) -> None:
    """Who is in which group after these parts took effect. Who was asked is in none before they say yes.

    What somebody has left by themselves stays known as that; `out` names what ends also where it was there before us.
    """
    execute_many(
        connection,
        "INSERT INTO membership(destination, key, identity, title, state) VALUES(?,?,?,?,?)"
        " ON CONFLICT(destination, key, identity) DO UPDATE SET state=excluded.state WHERE state='maybe'",
        [
            (destination, key, group_identity(title), title, "maybe" if part.ask else "ours")
            for key, part in confirmed.items()
            for title in (*part.join, *(part.exact or ()))
        ],
    )
    leaves = [(destination, key, each) for key, part in confirmed.items() for each in identities(part.leave)]
    execute_many(
        connection,
        "DELETE FROM membership WHERE destination=? AND key=? AND identity=? AND state IN ('ours','maybe')",
        leaves,
    )
    execute_many(
        connection,
        "DELETE FROM membership WHERE destination=? AND key=? AND identity=? AND state='before'",
        [leave for leave in leaves if leave[2] in out.get(leave[1], ())],
    )
    execute_many(
        connection,
        "DELETE FROM membership WHERE destination=? AND key=? AND state<>'gone'"
        " AND identity NOT IN (SELECT value FROM json_each(?))",
        [
            (destination, key, as_list(identities(part.exact)))
            for key, part in confirmed.items()
            if part.exact is not None
        ],
    )
    execute_many(
        connection,
        "DELETE FROM membership WHERE destination=? AND key=?",
        [(destination, key) for key, part in confirmed.items() if part.stop == "delete"],
    )


def _give_up(connection: Connection, destination: str, attempt: int, parts: Mapping[str, Part]) -> None:
    """The old value of a field that was sent may stand there or the new one, so neither is known. Nor is whether
    somebody is in a group that was to be joined, or still in one that was to be left: if it is asked for, it is joined
    again.
    """
    delivered = delivered_of(connection, destination, parts)
    for key, part in parts.items():
        for name in part.fields:
            delivered[key].fields.pop(name, None)
        if part.exact is not None:
            delivered[key].exact = None
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
    execute_many(
        connection,
        "UPDATE membership SET state='maybe' WHERE destination=? AND key=? AND state='ours'",
        [(destination, key) for key, part in parts.items() if part.exact is not None],
    )
    _close(connection, attempt, parts, "lost")


def _look_again(connection: Connection, destination: str, keys: Collection[str]) -> None:
    """Their targets wait for no moment any more."""
    execute_many(
        connection,
        "UPDATE target SET due_at=NULL WHERE destination=? AND key=?",
        [(destination, key) for key in keys],
    )


def _open_parts(connection: Connection, attempt: int) -> dict[str, Part]:
    rows = fetch(connection, "SELECT key, body FROM attemptpart WHERE attempt=? AND state='open'", (attempt,))
    return {key: _part.decode(body) for key, body in rows}


def _close(connection: Connection, attempt: int, keys: Collection[str], state: str) -> None:
    """A closed part keeps no personal data beyond its key, and is no doubt any more."""
    if keys:
        doubts.end(connection, attempt, keys)
        connection.exec_driver_sql(
            "UPDATE attemptpart SET state=?, body=NULL WHERE attempt=? AND state='open'"
            " AND key IN (SELECT value FROM json_each(?))",
            (state, attempt, as_list(keys)),
        )
