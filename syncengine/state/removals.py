"""Who may be about to be removed from something: known before the first such request, so that too many can wait for a
yes.
"""

import datetime as dt

from sqlalchemy import Connection

from syncengine.state.bulk import fetch
from syncengine.state.models import iso
from syncengine.state.targets import TARGET_COLUMNS, Target, read_targets


def candidates(connection: Connection, destination: str, after: str, limit: int, now: dt.datetime) -> list[Target]:
    """The next pending targets, by key, that are in a group by us which nothing asks for by that title any more, or
    about which a record says that they are to leave groups, to be in some only, or to be stopped.
    """
    rows = fetch(
        connection,
        f"SELECT {TARGET_COLUMNS} FROM target t"  # noqa: S608 - a constant
        " WHERE destination=? AND state='pending' AND key>? AND (due_at IS NULL OR due_at<=?) AND ("
        # what is not asked for is not in the text at all, and a quote inside a value has a backslash before it
        " instr(desired, '\"stop\":') OR instr(desired, '\"leave\":') OR instr(desired, '\"exact\":') OR EXISTS"
        " (SELECT 1 FROM membership m WHERE m.destination=t.destination AND m.key=t.key AND m.state IN ('ours','maybe')"
        " AND m.title NOT IN (SELECT value FROM json_each(t.desired, '$.groups'))))"
        " ORDER BY key LIMIT ?",
        (destination, after, iso(now), limit),
    )
    return read_targets(connection, destination, rows)


def delivered_number(connection: Connection, destination: str) -> int:
    """How many targets are there as far as is known."""
    rows = fetch(
        connection,
        "SELECT count(*) FROM target WHERE destination=? AND json_extract(delivered, '$.present')",
        (destination,),
    )
    return int(rows[0][0])
