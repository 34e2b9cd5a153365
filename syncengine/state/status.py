"""How mappings and destinations stand: is it fresh, what waits, what fails, who is not written to."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from syncengine.state.records import states
from syncengine.state.runs import Run, runs
from syncengine.state.targets import revisions

__all__ = ["DestinationStatus", "MappingStatus", "PartitionStatus", "destination_status", "mapping_status"]


class PartitionStatus(NamedTuple):
    """How far one partition is. `moved_at`: when its checkpoint was last committed. `retired_at`: since when the
    mapping reads it no more.
    """

    partition: str
    moved_at: dt.datetime | None
    failed_at: dt.datetime | None
    error: str | None
    retired_at: dt.datetime | None


class MappingStatus(NamedTuple):
    """One mapping: its last run, its partitions, its records by state, its open rejects."""

    mapping: str
    last_run: Run | None
    last_good: dt.datetime | None
    partitions: list[PartitionStatus]
    records: Mapping[str, int]
    waiting_since: dt.datetime | None
    rejects: int
    backfills: int

    @property
    def read(self) -> list[PartitionStatus]:
        """The partitions that are still read."""
        return [partition for partition in self.partitions if partition.retired_at is None]

    @property
    def fresh(self) -> dt.datetime | None:
        """When the one that is farthest behind was last moved on; None where one never was, or none is known."""
        moved = [partition.moved_at for partition in self.read]
        return min((at for at in moved if at), default=None) if all(moved) else None


class DestinationStatus(NamedTuple):
    """One destination: where its revisions are (promise 1), its suppressions by reason, its open rejects, and when it
    was last compared with what is really there.
    """

    destination: str
    revisions: Mapping[str, int]
    suppressions: Mapping[str, int]
    rejects: int
    reconciled: Run | None


LAST_GOOD = (
    "SELECT max(ended_at) FROM run WHERE mapping=? AND state='done' AND kind NOT IN ('hook', 'resync')"
    " AND json_extract(counts, '$.allowed') IS NULL"
)
"""Of the runs that read all that is new: single records or old ranges make nothing fresh, nor a person's yes."""
LOOKED_BACK = 100
"""Runs among which the last comparison is looked for: `reconcile --allow` writes rows too."""


def mapping_status(connection: Connection, mapping: str) -> MappingStatus:
    """How one mapping stands."""
    rows = connection.exec_driver_sql(
        "SELECT partition, moved_at, failed_at, error, retired_at FROM checkpoint WHERE mapping=? ORDER BY partition",
        (mapping,),
    )
    partitions = [
        PartitionStatus(name, _moment(moved), _moment(failed), error, _moment(retired))
        for name, moved, failed, error, retired in rows
    ]
    last = runs(connection, mapping, 1)
    good = _one(connection, LAST_GOOD, mapping)
    waiting = _one(connection, "SELECT min(first_at) FROM record WHERE mapping=? AND state='waiting'", mapping)
    rejects = _one(connection, "SELECT count(*) FROM reject WHERE mapping=? AND dismissed_at IS NULL", mapping)
    backfills = _one(connection, "SELECT count(*) FROM backfill WHERE mapping=? AND done_at IS NULL", mapping)
    return MappingStatus(
        mapping,
        last[0] if last else None,
        _moment(good),
        partitions,
        states(connection, mapping),
        _moment(waiting),
        rejects,
        backfills,
    )


def destination_status(connection: Connection, destination: str) -> DestinationStatus:
    """How one destination stands."""
    rows = connection.exec_driver_sql(
        "SELECT reason, count(*) FROM suppression WHERE destination=? GROUP BY reason", (destination,)
    )
    suppressions = {str(reason): int(number) for reason, number in rows}
    rejects = _one(
        connection,
        "SELECT count(*) FROM reject WHERE destination=? AND record IS NULL AND dismissed_at IS NULL",
        destination,
    )
    compared = next((run for run in runs(connection, destination, LOOKED_BACK) if "allowed" not in run.counts), None)
    sums = revisions(connection, destination)
    return DestinationStatus(destination, sums, suppressions, rejects, compared)


def _one(connection: Connection, statement: str, value: str) -> Any:
    return connection.exec_driver_sql(statement, (value,)).scalar_one()


def _moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)
