"""Doubts that nobody will ever end: each is a reject until a person says what is to become of it.

Its request may have taken effect, and must not leave a second time by itself. The part stays open, so its target waits
and is counted in doubt; the reject goes with the part, however that is closed.
"""

import datetime as dt
from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection

from syncengine.state.bulk import as_list, execute_many
from syncengine.state.models import iso

__all__ = ["IN_DOUBT", "end", "left", "tell"]

IN_DOUBT: Final = "in_doubt"
"""The code of these rejects."""
MESSAGE: Final = (
    "Nobody knows whether it arrived. Look at the provider: `syncengine rejects retry` sends it again,"
    " `syncengine rejects dismiss` leaves it."
)


def tell(connection: Connection, destination: str, keys: Collection[str], now: dt.datetime) -> int:
    """Put these among the rejects, each once, also where it was dismissed. Returns how many are new."""
    return execute_many(
        connection,
        "INSERT INTO reject(destination, key, code, message, at) SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS"
        " (SELECT 1 FROM reject WHERE destination=?1 AND key=?2 AND record IS NULL AND code=?3)",
        [(destination, key, IN_DOUBT, MESSAGE, iso(now)) for key in sorted(keys)],
    )


def left(connection: Connection, destination: str) -> int:
    """How many of the revisions in doubt (promise 1) no run will end, told or dismissed."""
    number: int = connection.exec_driver_sql(
        "SELECT count(*) FROM attemptpart p JOIN target t ON t.destination=p.destination AND t.key=p.key"
        " WHERE p.destination=?1 AND p.state='open' AND t.state='pending' AND EXISTS"
        " (SELECT 1 FROM reject j WHERE j.destination=?1 AND j.key=p.key AND j.record IS NULL AND j.code=?2)",
        (destination, IN_DOUBT),
    ).scalar_one()
    return number


def end(connection: Connection, attempt: int, keys: Collection[str]) -> None:
    """What became of these parts of an attempt is known, or given up: nobody has to decide about them any more."""
    connection.exec_driver_sql(
        "DELETE FROM reject WHERE destination=(SELECT destination FROM attempt WHERE id=?) AND record IS NULL"
        " AND code=? AND key IN (SELECT value FROM json_each(?))",
        (attempt, IN_DOUBT, as_list(keys)),
    )
