"""Records: what was read of them last, what waits or was rejected, and the commit of a planned page."""

import datetime as dt
from collections.abc import Collection, Mapping
from operator import attrgetter
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from mappings.fold import Consent
from syncengine.state.backfills import move_backfill
from syncengine.state.bulk import as_list, execute_many
from syncengine.state.models import iso
from syncengine.state.targets import begin_revisions, check_revisions, refold
from syncengine.state.watching import unwatch, watch

ADDRESS_CHANGED = "address changed to "
"""The note of a record that stays with the address under which it was first delivered; the other one follows."""


class Known(NamedTuple):
    """What is stored of a record. `anchored`: its key was written to, or says no, so the record stays with it.

    `asks`: it has a draft that asks for something by itself, and doesn't only renew a consent.
    """

    id: str
    seq: int
    digest: str
    state: str
    key: str | None
    person: str | None
    first_at: dt.datetime
    anchored: bool
    asks: bool


class Kept(NamedTuple):
    """A record as it is to be stored, in the order of the statement below."""

    mapping: str
    id: str
    destination: str
    partition: str
    seq: int
    moment: str
    digest: str
    state: str
    person: str | None
    key: str | None
    body: str | None
    once: str | None
    first_at: str
    due_at: str | None
    code: str | None
    note: str | None


class Refusal(NamedTuple):
    """Why a record was rejected; the message quotes no value."""

    record: str
    key: str | None
    code: str
    field: str | None
    message: str


class Waiting(NamedTuple):
    """A record that is due to be tried again, with the values as read."""

    id: str
    partition: str
    seq: int
    moment: dt.datetime
    values: dict[str, object]


class PageCommit(msgspec.Struct):
    """All that one planned page changes; committed whole."""

    mapping: str
    destination: str
    kept: list[Kept] = []
    seen: list[tuple[int, str, str]] = []
    """(seq, digest, id) of stored records that were read again and stay as they are."""
    refusals: list[Refusal] = []
    touched: set[str] = set()
    renewed: dict[str, list[Consent]] = {}
    """Consents of new records that only renew, by key; where the key is touched as well, that is enough."""
    refused_by_shop: set[str] = set()
    stopped: set[str] = set()
    """Who is to be unsubscribed or erased: looked at once more also where that was done before."""
    former: list[tuple[str, str]] = []
    """(person, key) left behind by a record that moves to another address."""
    seq: int = 0
    """The reading that this page is."""
    watched: list[tuple[str, str, str]] = []
    """(id, partition, moment) of records that their stream has to look at again."""
    finished: list[str] = []
    """Ids of those that it needn't any more."""
    partition: str = ""
    checkpoint: str | None = None
    backfill: int | None = None


def known(connection: Connection, mapping: str, ids: Collection[str]) -> dict[str, Known]:
    """What is stored of these records."""
    rows = connection.exec_driver_sql(
        "SELECT id, seq, digest, state, key, person, first_at, key IS NOT NULL AND ("
        " EXISTS (SELECT 1 FROM attemptpart p WHERE p.destination=r.destination AND p.key=r.key)"
        " OR EXISTS (SELECT 1 FROM suppression s WHERE s.destination=r.destination AND s.key=r.key)),"
        # a quote inside a value has a backslash before it
        " state='live' AND NOT instr(body, '\"renews\":true')"
        " FROM record r WHERE mapping=? AND id IN (SELECT value FROM json_each(?))",
        (mapping, as_list(ids)),
    )
    return {
        id_: Known(id_, seq, digest, state, key, person, dt.datetime.fromisoformat(first), bool(anchored), bool(asks))
        for id_, seq, digest, state, key, person, first, anchored, asks in rows
    }


def released(connection: Connection, mapping: str, after: str, limit: int, now: dt.datetime) -> list[Waiting]:
    """The next records (by id) that are due to be tried again."""
    rows = connection.exec_driver_sql(
        # state<>'live' says nothing new, but without it SQLite doesn't see that its index of the others will do
        "SELECT id, partition, seq, moment, body FROM record WHERE mapping=? AND state='waiting' AND state<>'live'"
        " AND due_at<=? AND id>? ORDER BY id LIMIT ?",
        (mapping, iso(now), after, limit),
    )
    return [
        Waiting(id_, partition, seq, dt.datetime.fromisoformat(moment), msgspec.json.decode(body))
        for id_, partition, seq, moment, body in rows
    ]


def commit_page(connection: Connection, page: PageCommit, now: dt.datetime) -> int:
    """Records, targets, rejects, suppressions and checkpoint, together. Returns the number of new revisions."""
    _keep_records(connection, page, iso(now))
    execute_many(
        connection,
        "INSERT INTO reject(destination, mapping, record, key, code, field, message, at) VALUES(?,?,?,?,?,?,?,?)",
        [
            (page.destination, page.mapping, item.record, item.key, item.code, item.field, item.message, iso(now))
            for item in page.refusals
        ],
    )
    execute_many(
        connection,
        "INSERT INTO suppression(destination, key, reason, since) VALUES(?,?,'refused',?)"
        " ON CONFLICT(destination, key) DO UPDATE SET said=reason, reason='refused'"
        " WHERE reason IN ('unsubscribed','bounced')",
        [(page.destination, key, iso(now)) for key in page.refused_by_shop],
    )
    execute_many(
        connection,
        "INSERT OR IGNORE INTO former(person, destination, key) VALUES(?,?,?)",
        [(person, page.destination, key) for person, key in page.former],
    )
    watch(connection, page.mapping, page.seq, page.watched)
    unwatch(connection, page.mapping, page.seq, page.finished)
    number = refold(connection, page.destination, page.touched, now, page.renewed)
    begin_revisions(connection, page.destination, page.stopped, now)
    if page.checkpoint is not None:
        _move_checkpoint(connection, page, page.checkpoint, now)
    if page.touched or page.renewed or page.stopped:  # else no target has moved, and the sum looks at all of them
        check_revisions(connection, page.destination)
    return number


def _keep_records(connection: Connection, page: PageCommit, at: str) -> None:
    execute_many(
        connection,
        "DELETE FROM reject WHERE mapping=? AND record=?",
        [(page.mapping, id_) for id_ in {row.id for row in page.kept} | {item.record for item in page.refusals}],
    )
    execute_many(
        connection,
        "INSERT INTO record(mapping, id, destination, partition, seq, moment, digest, state, person, key, body, once,"
        " first_at, due_at, code, note, since) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT(mapping, id) DO UPDATE SET destination=excluded.destination,"
        " partition=CASE excluded.partition WHEN '' THEN partition ELSE excluded.partition END,"
        " seq=excluded.seq, moment=excluded.moment, digest=excluded.digest, state=excluded.state,"
        " person=excluded.person, key=excluded.key, once=excluded.once, due_at=excluded.due_at,"
        # one that is taken back keeps what it gave, or waited with: it says on what ground somebody was written to
        " body=CASE excluded.state WHEN 'retracted' THEN ifnull(excluded.body, body) ELSE excluded.body END,"
        " code=excluded.code, note=excluded.note,"
        " since=CASE WHEN excluded.state=state THEN since ELSE excluded.since END,"
        " retracted_at=CASE WHEN excluded.state='retracted' AND state<>'retracted' THEN excluded.since"
        " ELSE retracted_at END",
        # in the order of the file: the other way round, as lists come, leaves its pages half empty
        [(*row, at) for row in sorted(page.kept, key=attrgetter("id"))],
    )
    execute_many(
        connection,
        "UPDATE record SET seq=?, digest=? WHERE id=? AND mapping=?",
        [(*row, page.mapping) for row in page.seen],
    )


def _move_checkpoint(connection: Connection, page: PageCommit, position: str, now: dt.datetime) -> None:
    """Move the live checkpoint, or the position of the backfill that this page belongs to."""
    if page.backfill is not None:
        move_backfill(connection, page.backfill, page.partition, position)
        return
    connection.exec_driver_sql(
        "INSERT INTO checkpoint(mapping, partition, position, moved_at) VALUES(?,?,?,?)"
        " ON CONFLICT(mapping, partition) DO UPDATE SET position=excluded.position, moved_at=excluded.moved_at,"
        " failed_at=NULL, error=NULL",
        (page.mapping, page.partition, position, iso(now)),
    )


def fail_partition(connection: Connection, mapping: str, partition: str, error: str, now: dt.datetime) -> None:
    """Note why a partition stands still; its checkpoint stays."""
    connection.exec_driver_sql(
        "INSERT INTO checkpoint(mapping, partition, failed_at, error) VALUES(?,?,?,?)"
        " ON CONFLICT(mapping, partition) DO UPDATE SET failed_at=excluded.failed_at, error=excluded.error",
        (mapping, partition, iso(now), error),
    )


def checkpoints(connection: Connection, mapping: str) -> dict[str, str]:
    """The position of every partition that has one."""
    rows = connection.exec_driver_sql(
        "SELECT partition, position FROM checkpoint WHERE mapping=? AND position IS NOT NULL", (mapping,)
    )
    return {str(partition): str(position) for partition, position in rows}


def first_run(connection: Connection, mapping: str, now: dt.datetime) -> dt.datetime:
    """When this mapping ran first; now, if this is the first time."""
    connection.exec_driver_sql("INSERT OR IGNORE INTO mapping(name, first_run_at) VALUES(?,?)", (mapping, iso(now)))
    row = connection.exec_driver_sql("SELECT first_run_at FROM mapping WHERE name=?", (mapping,)).one()
    return dt.datetime.fromisoformat(row[0])


def states(connection: Connection, mapping: str) -> Mapping[str, int]:
    """How many records of the mapping are in which state."""
    return {
        row[0]: row[1]
        for row in connection.exec_driver_sql(
            "SELECT state, count(*) FROM record WHERE mapping=? GROUP BY state", (mapping,)
        )
    }
