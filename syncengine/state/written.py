"""What was written by hand, line by line, beside what the configuration's mappings read.

Each destination has one mapping of its own for it, which stands in no configuration. Its name has a space in it, so
that none in a configuration can be called the same.
"""

import datetime as dt
from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import Connection

from syncengine.state.bulk import as_list, fetch

__all__ = [
    "LINE", "NUMBER", "Refused", "destination_of", "destinations", "known_ids", "mapping_of", "mappings", "newest",
    "refused",
]  # fmt: skip

WRITE: Final = "write "
LINE, NUMBER = "line", "number"
"""What a record of such a mapping has: the fields as they stand in the line, and its number in the input."""


class Refused(NamedTuple):
    """Why a line can't go through: refused as a record (`id`), or its target by the provider (`key`)."""

    id: str | None
    key: str | None
    field: str | None
    message: str
    code: str


def mapping_of(destination: str) -> str:
    """The name of the mapping for what is written by hand to a destination: "write cyberimpact.contacts"."""
    return f"{WRITE}{destination}"


def destination_of(mapping: str) -> str | None:
    """The destination that this mapping is for; None where it is one of the configuration."""
    return mapping.removeprefix(WRITE) if mapping.startswith(WRITE) else None


def mappings(connection: Connection) -> list[str]:
    """The mappings of all that was ever written by hand, in order."""
    rows = fetch(connection, "SELECT name FROM mapping WHERE name LIKE ? ORDER BY name", (f"{WRITE}%",))
    return [name for (name,) in rows]


def destinations(connection: Connection) -> list[str]:
    """The destinations that have targets, by whichever mapping, in order."""
    rows = fetch(connection, "SELECT destination FROM tally WHERE outcome='revisions' ORDER BY destination", ())
    return [name for (name,) in rows]


def newest(connection: Connection, mapping: str) -> dt.datetime | None:
    """The moment of the newest record of this mapping."""
    ((moment,),) = fetch(connection, "SELECT max(moment) FROM record WHERE mapping=?", (mapping,))
    return dt.datetime.fromisoformat(moment) if moment else None


def known_ids(connection: Connection, mapping: str, ids: Collection[str]) -> frozenset[str]:
    """Those of these records that are stored."""
    rows = fetch(
        connection,
        "SELECT id FROM record WHERE mapping=? AND id IN (SELECT value FROM json_each(?))",
        (mapping, as_list(ids)),
    )
    return frozenset(id_ for (id_,) in rows)


def refused(
    connection: Connection, mapping: str, destination: str, ids: Collection[str], keys: Collection[str]
) -> list[Refused]:
    """The open rejects of these records and of these targets."""
    rows = fetch(
        connection,
        "SELECT record, NULL, field, message, code FROM reject WHERE dismissed_at IS NULL AND mapping=?1"
        " AND record IN (SELECT value FROM json_each(?3)) UNION ALL"
        " SELECT NULL, key, field, message, code FROM reject WHERE dismissed_at IS NULL AND destination=?2"
        " AND record IS NULL AND key IN (SELECT value FROM json_each(?4))",
        (mapping, destination, as_list(ids), as_list(keys)),
    )
    return [Refused(*row) for row in rows]
