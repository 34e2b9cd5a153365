"""Ranges to be read again beside live work: their own positions, so that the live checkpoint is never touched."""

import datetime as dt
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from syncengine.state.models import iso

DONE = "\x00done"
"""The position of a partition that has been read to the range's end; no connector's own position begins like that."""


class Backfill(NamedTuple):
    """A range that is asked for. `positions`: where a partition stands; `done`: partitions that are through."""

    id: int
    since: dt.datetime
    until: dt.datetime
    force: bool
    positions: dict[str, str]
    done: frozenset[str]


def ask_backfill(
    connection: Connection, mapping: str, since: dt.datetime, until: dt.datetime, force: bool, now: dt.datetime
) -> int:
    """Ask for a range to be read again by whoever holds the mapping."""
    row = connection.exec_driver_sql(
        "INSERT INTO backfill(mapping, since, until, force, positions, created_at) VALUES(?,?,?,?,'{}',?) RETURNING id",
        (mapping, iso(since), iso(until), force, iso(now)),
    ).one()
    return int(row[0])


def open_backfills(connection: Connection, mapping: str) -> list[Backfill]:
    """The ranges that aren't through, oldest first."""
    found = []
    for id_, since, until, force, text in connection.exec_driver_sql(
        "SELECT id, since, until, force, positions FROM backfill WHERE mapping=? AND done_at IS NULL ORDER BY id",
        (mapping,),
    ):
        positions: dict[str, str] = msgspec.json.decode(text)
        done = frozenset(name for name, position in positions.items() if position == DONE)
        open_ = {name: position for name, position in positions.items() if position != DONE}
        moments = dt.datetime.fromisoformat(since), dt.datetime.fromisoformat(until)
        found.append(Backfill(id_, *moments, bool(force), open_, done))
    return found


def unfinished_backfill(
    connection: Connection, mapping: str, since: dt.datetime, until: dt.datetime | None, force: bool
) -> Backfill | None:
    """The same range asked for before and not through. `until` None: one that was to end when it was asked for."""
    row = connection.exec_driver_sql(
        "SELECT min(id) FROM backfill WHERE mapping=?1 AND done_at IS NULL AND since=?2 AND force=?4"
        " AND until=coalesce(?3, created_at)",
        (mapping, iso(since), iso(until) if until else None, force),
    ).one()
    return next((each for each in open_backfills(connection, mapping) if each.id == row[0]), None)


def is_done(connection: Connection, backfill: int) -> bool:
    """Whether the range is through."""
    return bool(
        connection.exec_driver_sql("SELECT done_at IS NOT NULL FROM backfill WHERE id=?", (backfill,)).scalar_one()
    )


def move_backfill(connection: Connection, backfill: int, partition: str, position: str) -> None:
    """Move one partition of a range on."""
    row = connection.exec_driver_sql("SELECT positions FROM backfill WHERE id=?", (backfill,)).one()
    positions = msgspec.json.decode(row[0]) | {partition: position}
    connection.exec_driver_sql(
        "UPDATE backfill SET positions=? WHERE id=?", (msgspec.json.encode(positions).decode(), backfill)
    )


def end_partition(connection: Connection, backfill: int, partition: str) -> None:
    """One partition of a range is through."""
    move_backfill(connection, backfill, partition, DONE)


def finish(connection: Connection, backfill: int, now: dt.datetime) -> None:
    """The whole range is through."""
    connection.exec_driver_sql("UPDATE backfill SET done_at=? WHERE id=?", (iso(now), backfill))
