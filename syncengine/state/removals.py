"""Who is about to be taken out of groups: known before the first such request, so that too many can wait for a yes."""

import datetime as dt

import msgspec
from sqlalchemy import Connection

from mappings.fold import Desired, group_identity
from syncengine.state.bulk import fetch
from syncengine.state.models import iso

_desired = msgspec.json.Decoder(Desired)


def leaving(connection: Connection, destination: str, now: dt.datetime) -> frozenset[str]:
    """The pending targets that are in a group by us which nothing asks for any more."""
    rows = fetch(
        connection,
        # CROSS JOIN keeps SQLite to this order: what is pending is mostly little, and memberships are many
        "SELECT t.key, m.title, t.desired FROM target t CROSS JOIN membership m"
        " WHERE t.destination=? AND t.state='pending' AND (t.due_at IS NULL OR t.due_at<=?)"
        " AND m.destination=t.destination AND m.key=t.key AND m.state IN ('ours', 'maybe')"
        " AND m.title NOT IN (SELECT value FROM json_each(t.desired, '$.groups'))",
        (destination, iso(now)),
    )
    return frozenset(key for key, title, desired in rows if not _asks_for(_desired.decode(desired), title))


def delivered_number(connection: Connection, destination: str) -> int:
    """How many targets are there as far as is known."""
    rows = fetch(
        connection,
        "SELECT count(*) FROM target WHERE destination=? AND json_extract(delivered, '$.present')",
        (destination,),
    )
    return int(rows[0][0])


def _asks_for(desired: Desired, title: str) -> bool:
    """Whether it is the same group by another spelling."""
    identity = group_identity(title)
    return any(group_identity(other) == identity for other in desired.groups)
