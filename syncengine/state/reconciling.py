"""What is believed to be at a destination, and what is written down when it turns out otherwise.

Whatever people or administrators did there is kept as their decision: who was deleted is suppressed, and a group that
somebody left stays left. Nothing here asks for a request but `repair` and `allow`, which a person calls for.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from mappings.fold import Desired
from syncengine.contracts import Suppression
from syncengine.state.attempts import give_up_asking
from syncengine.state.bulk import as_list, execute_many, fetch
from syncengine.state.delivered import NOTHING_DELIVERED, Delivered, decode_delivered, delivered_of, keep_delivered
from syncengine.state.models import iso
from syncengine.state.suppressions import lift_decided, suppress
from syncengine.state.targets import Membership, begin_revisions, memberships

REFUSED = "refused"
"""The reason of a suppression: a record said no. Only a person's command lifts it."""
DELETED = "deleted"
"""The reason of a suppression: somebody deleted what we delivered. Only a person's command lifts it."""
BELIEVED = (
    "destination=? AND json_extract(delivered, '$.present')"
    " AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.destination=t.destination AND s.key=t.key)"
    " AND NOT EXISTS (SELECT 1 FROM attemptpart p WHERE p.destination=t.destination AND p.key=t.key AND p.state='open')"
)
"""Targets that are there as far as is known: whoever said no, or is in a request whose end isn't known, is left out."""

_desired = msgspec.json.Decoder(Desired)


class Believed(NamedTuple):
    """One target as it should be there. `members` are by group identity."""

    key: str
    desired: Desired
    delivered: Delivered
    members: Mapping[str, Membership]


def delivered_groups(connection: Connection, destination: str) -> frozenset[str]:
    """One title of each group that we put somebody into."""
    rows = fetch(
        connection,
        "SELECT min(title) FROM membership WHERE destination=? AND state='ours' GROUP BY identity",
        (destination,),
    )
    return frozenset(row[0] for row in rows)


def delivered_fields(connection: Connection, destination: str) -> frozenset[str]:
    """The names of all fields that we set."""
    rows = fetch(
        connection,
        "SELECT DISTINCT f.key FROM target t, json_each(t.delivered, '$.fields') f WHERE t.destination=?",
        (destination,),
    )
    return frozenset(row[0] for row in rows)


def believed(connection: Connection, destination: str, keys: Collection[str]) -> dict[str, Believed]:
    """What is believed of those of these keys that should be there."""
    rows = fetch(
        connection,
        f"SELECT key, desired, delivered FROM target t WHERE {BELIEVED}"  # noqa: S608 - a constant of this module
        " AND key IN (SELECT value FROM json_each(?))",
        (destination, as_list(keys)),
    )
    members = memberships(connection, destination, [row[0] for row in rows])
    return {
        key: Believed(key, _desired.decode(desired), decode_delivered(delivered), members.get(key, {}))
        for key, desired, delivered in rows
    }


def believed_keys(connection: Connection, destination: str, after: str, limit: int) -> list[str]:
    """The next of those that should be there, in the order of keys."""
    rows = fetch(
        connection,
        f"SELECT key FROM target t WHERE {BELIEVED} AND key>? ORDER BY key LIMIT ?",  # noqa: S608 - as above
        (destination, after, limit),
    )
    return [row[0] for row in rows]


def deleted_keys(connection: Connection, destination: str) -> frozenset[str]:
    """Whom somebody deleted by hand, as far as that was noticed."""
    rows = fetch(connection, "SELECT key FROM suppression WHERE destination=? AND reason=?", (destination, DELETED))
    return frozenset(row[0] for row in rows)


def keep_findings(
    connection: Connection,
    destination: str,
    said_no: Sequence[Suppression],
    deleted: Collection[str],
    left: Sequence[tuple[str, str]],
    now: dt.datetime,
) -> None:
    """Who said no or was deleted gets nothing any more; groups (key, identity) that somebody left stay left."""
    suppress(connection, destination, said_no, now)
    connection.exec_driver_sql(
        "INSERT OR IGNORE INTO suppression(destination, key, reason, since)"  # noqa: S608 - as above
        f" SELECT destination, key, ?, ? FROM target t WHERE {BELIEVED} AND key IN (SELECT value FROM json_each(?))",
        (DELETED, iso(now), destination, as_list(deleted)),
    )
    execute_many(
        connection,
        "UPDATE membership SET state='gone' WHERE destination=? AND key=? AND identity=? AND state='ours'",
        [(destination, key, identity) for key, identity in left],
    )


def repair(connection: Connection, destination: str, drifted: Mapping[str, Collection[str]], now: dt.datetime) -> None:
    """Have these fields (by key) set again by the next run: the ordinary difference finds them missing."""
    delivered = delivered_of(connection, destination, drifted)
    for key, there in delivered.items():
        for name in drifted[key]:
            there.fields.pop(name, None)
    keep_delivered(connection, destination, delivered)
    begin_revisions(connection, destination, delivered, now)


def allow(connection: Connection, destination: str, key: str, now: dt.datetime) -> bool:
    """A person says that somebody may be there again who was deleted or stopped, or may be asked again: begin anew.

    False where there is nothing to lift, or a record still says no.
    """
    asked = give_up_asking(connection, destination, key)
    lifted = lift_deleted(connection, destination, key) | _lift_refused(connection, destination, key)
    there = delivered_of(connection, destination, [key]).get(key, Delivered())
    if not (asked or lifted or (there.asked and not there.present)):
        return False
    connection.exec_driver_sql(
        "UPDATE target SET delivered=?, due_at=NULL WHERE destination=? AND key=?",
        (NOTHING_DELIVERED, destination, key),
    )
    connection.exec_driver_sql(  # what they left by themselves stays left
        "DELETE FROM membership WHERE destination=? AND key=? AND state<>'gone'", (destination, key)
    )
    connection.exec_driver_sql(
        "UPDATE target SET state='pending', code=NULL, due_at=NULL"
        " WHERE destination=? AND state='suppressed' AND code='earlier_address'",
        (destination,),
    )
    begin_revisions(connection, destination, [key], now)
    return True


def _lift_refused(connection: Connection, destination: str, key: str) -> bool:
    """Forget that it was refused by a record, unless one of that address still says so."""
    says_so = fetch(
        connection,
        "SELECT 1 FROM record WHERE destination=? AND key=? AND (state='suppressed'"
        " OR (state='live' AND json_extract(body, '$.stop') IS NOT NULL)) LIMIT 1",
        (destination, key),
    )
    return not says_so and lift_decided(connection, destination, key, REFUSED)


def lift_deleted(connection: Connection, destination: str, key: str) -> bool:
    """Forget that it was deleted by hand. Gives whether that was known."""
    return lift_decided(connection, destination, key, DELETED)
