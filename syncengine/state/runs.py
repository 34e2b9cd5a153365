"""Runs: one row per execution of a mapping, with counts that grow as it goes, so that a crash leaves them readable."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple, get_args

import msgspec
from sqlalchemy import Connection

from syncengine.state import records
from syncengine.state.bulk import as_list
from syncengine.state.models import iso
from syncengine.state.records import PageCommit

Kind = Literal["scheduled", "manual", "resync", "hook", "reconcile"]
KINDS: frozenset[Kind] = frozenset(get_args(Kind))


class Run(NamedTuple):
    """A run as reported. `counts` are numbers of records and requests by name."""

    id: int
    mapping: str
    kind: str
    state: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    counts: dict[str, int]
    message: str | None


def start_run(connection: Connection, mapping: str, kind: Kind, now: dt.datetime, over: Collection[str] = KINDS) -> int:
    """A new run; earlier ones of this mapping that never ended were interrupted, if their kind is `over`.

    Ranges are read again beside other runs, so not every lock of the mapping is the caller's.
    """
    connection.exec_driver_sql(
        "UPDATE run SET state='failed', ended_at=?, message='interrupted'"
        " WHERE mapping=? AND state='running' AND kind IN (SELECT value FROM json_each(?))",
        (iso(now), mapping, as_list(over)),
    )
    row = connection.exec_driver_sql(
        "INSERT INTO run(mapping, kind, state, started_at, counts) VALUES(?,?,'running',?,'{}') RETURNING id",
        (mapping, kind, iso(now)),
    ).one()
    return int(row[0])


def commit_page(connection: Connection, run: int, page: PageCommit, counts: Mapping[str, int], now: dt.datetime) -> int:
    """One planned page and the run's counts with it. Returns the number of new revisions."""
    revisions = records.commit_page(connection, page, now)
    keep_counts(connection, run, counts)
    return revisions


def keep_counts(connection: Connection, run: int, counts: Mapping[str, int]) -> None:
    connection.exec_driver_sql("UPDATE run SET counts=? WHERE id=?", (_text(counts), run))


def end_run(
    connection: Connection, run: int, state: str, counts: Mapping[str, int], message: str | None, now: dt.datetime
) -> None:
    connection.exec_driver_sql(
        "UPDATE run SET state=?, ended_at=?, counts=?, message=? WHERE id=?",
        (state, iso(now), _text(counts), message, run),
    )


def runs(connection: Connection, mapping: str | None, limit: int) -> list[Run]:
    """The newest runs first."""
    rows = connection.exec_driver_sql(
        "SELECT id, mapping, kind, state, started_at, ended_at, counts, message FROM run"
        " WHERE ?1 IS NULL OR mapping=?1 ORDER BY id DESC LIMIT ?2",
        (mapping, limit),
    )
    return [
        Run(
            id_,
            name,
            kind,
            state,
            dt.datetime.fromisoformat(start),
            dt.datetime.fromisoformat(end) if end else None,
            msgspec.json.decode(counts),
            message,
        )
        for id_, name, kind, state, start, end, counts, message in rows
    ]


def _text(counts: Mapping[str, int]) -> str:
    return msgspec.json.encode(dict(sorted(counts.items()))).decode()
