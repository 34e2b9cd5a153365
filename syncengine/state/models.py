"""The tables: everything that must survive a crash. Written by `store.py` and its rooms only.

Personal data stands in `record`, `target`, `attemptpart`, `membership`, `suppression`, `former` and `reject`, and
nowhere else. The file is made with mode 0600.
"""

import datetime as dt
from typing import Any, ClassVar, Literal

from sqlalchemy import Dialect, Index, String, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

RecordState = Literal["live", "waiting", "rejected", "retracted", "suppressed", "dropped"]
TargetState = Literal["pending", "delivered", "there", "suppressed", "rejected", "held"]
MembershipState = Literal["ours", "maybe", "before", "gone"]
PartState = Literal["open", "confirmed", "refuted", "lost", "dropped"]
RunState = Literal["running", "done", "deferred", "failed", "stopped"]


class UtcDateTime(TypeDecorator[dt.datetime]):
    """Aware UTC in and out, as ISO text that sorts by time: SQLite forgets zones."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else iso(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        return None if value is None else dt.datetime.fromisoformat(value)


def iso(moment: dt.datetime) -> str:
    """A moment as it stands in the file. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone can't be stored")
    return moment.astimezone(dt.UTC).isoformat()


class Row(SQLModel):
    """A table without a hidden row number: its own key is its order on disk."""

    __table_args__: ClassVar[Any] = {"sqlite_with_rowid": False}


class RecordRow(Row, table=True):
    """One record of one mapping that was ever drafted, waiting, rejected, retracted or refused by the shop.

    `person` names whom it belongs to (a lookup and its key). `body` is the draft of a live record, or the values as
    read of one that waits or was rejected (they are needed to try again); one that is taken back keeps what it had.
    `note` names another address that was found later, where the record stays with its first one. `first_at` is when it
    was read first, `since` since when it is in its state, `retracted_at` when it was last taken back. `partition` is
    empty where it was only ever asked for by its id.
    """

    __tablename__ = "record"
    __table_args__: ClassVar[Any] = (
        Index("record_key", "destination", "key", "person"),
        Index("record_person", "person", "destination", "key", sqlite_where=text("person IS NOT NULL")),
        Index("record_state", "mapping", "state", sqlite_where=text("state <> 'live'")),
        {"sqlite_with_rowid": False},
    )
    mapping: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    destination: str
    partition: str
    seq: int
    moment: dt.datetime = Field(sa_type=UtcDateTime)
    digest: str
    state: str
    person: str | None = None
    key: str | None = None
    body: str | None = None
    once: str | None = None
    first_at: dt.datetime = Field(sa_type=UtcDateTime)
    due_at: dt.datetime | None = Field(default=None, sa_type=UtcDateTime)
    code: str | None = None
    note: str | None = None
    since: dt.datetime = Field(sa_type=UtcDateTime)
    retracted_at: dt.datetime | None = Field(default=None, sa_type=UtcDateTime)


class TargetRow(Row, table=True):
    """One key of one destination: what it should be, what was delivered, and how its present revision stands."""

    __tablename__ = "target"
    __table_args__: ClassVar[Any] = (
        Index("target_state", "destination", "state", "key"),
        {"sqlite_with_rowid": False},
    )
    destination: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    desired: str
    desired_rev: int
    delivered: str
    delivered_rev: int = 0
    state: str
    due_at: dt.datetime | None = Field(default=None, sa_type=UtcDateTime)
    tries: int = 0
    code: str | None = None
    changed_at: dt.datetime = Field(sa_type=UtcDateTime)


class MembershipRow(Row, table=True):
    """Who is in which group, and why: `ours` confirmed, `maybe` attempted, `before` there first, `gone` left again."""

    __tablename__ = "membership"
    destination: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    identity: str = Field(primary_key=True)
    title: str
    state: str


class AttemptRow(SQLModel, table=True):
    """One request with effect, written down before it leaves."""

    __tablename__ = "attempt"
    id: int | None = Field(default=None, primary_key=True)
    destination: str
    sent_at: dt.datetime = Field(sa_type=UtcDateTime)
    receipt: str | None = None


class AttemptPartRow(Row, table=True):
    """What an attempt carries for one key. A key is in at most one open part: the index refuses a second."""

    __tablename__ = "attemptpart"
    __table_args__: ClassVar[Any] = (
        Index("attemptpart_open", "destination", "key", unique=True, sqlite_where=text("state = 'open'")),
        Index("attemptpart_key", "destination", "key"),
        {"sqlite_with_rowid": False},
    )
    attempt: int = Field(primary_key=True)
    key: str = Field(primary_key=True)
    destination: str
    revision: int
    body: str | None = None
    state: str


class CheckpointRow(Row, table=True):
    """Up to where one partition of one mapping is durably planned, and why it stands still if it does."""

    __tablename__ = "checkpoint"
    mapping: str = Field(primary_key=True)
    partition: str = Field(primary_key=True)
    position: str | None = None
    moved_at: dt.datetime | None = Field(default=None, sa_type=UtcDateTime)
    failed_at: dt.datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = None
    retired_at: dt.datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when the mapping reads it no more: its options leave it out, or the provider has it no more."""


class WatchRow(Row, table=True):
    """A record that its stream has to look at again, whatever the mapping made of it, and the partition that does so.

    `seq` is the reading that said so first.
    """

    __tablename__ = "watch"
    __table_args__: ClassVar[Any] = (
        Index("watch_partition", "mapping", "partition", "moment"),
        {"sqlite_with_rowid": False},
    )
    mapping: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    partition: str
    moment: dt.datetime = Field(sa_type=UtcDateTime)
    seq: int


class BackfillRow(SQLModel, table=True):
    """A range to be read again beside live work; positions per partition as JSON, so that it can go on after a kill."""

    __tablename__ = "backfill"
    id: int | None = Field(default=None, primary_key=True)
    mapping: str = Field(index=True)
    since: dt.datetime = Field(sa_type=UtcDateTime)
    until: dt.datetime = Field(sa_type=UtcDateTime)
    force: bool = False
    positions: str = "{}"
    created_at: dt.datetime = Field(sa_type=UtcDateTime)
    done_at: dt.datetime | None = Field(default=None, sa_type=UtcDateTime)


class MappingRow(Row, table=True):
    """When a mapping ran first: where its configuration gives no `start`, its records count from that day."""

    __tablename__ = "mapping"
    name: str = Field(primary_key=True)
    first_run_at: dt.datetime = Field(sa_type=UtcDateTime)


class SuppressionRow(Row, table=True):
    """An address that must not be written to. `reason`: unsubscribed, bounced, refused, deleted or forgotten.

    `said` is what the provider says beside a reason that only a person lifts: it stands when that one is lifted.
    """

    __tablename__ = "suppression"
    destination: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    reason: str
    since: dt.datetime = Field(sa_type=UtcDateTime)
    said: str | None = None


class FormerRow(Row, table=True):
    """An earlier address of a person whose record moved to another: if it ever says no, that counts for all."""

    __tablename__ = "former"
    person: str = Field(primary_key=True)
    destination: str = Field(primary_key=True)
    key: str = Field(primary_key=True)


class RejectRow(SQLModel, table=True):
    """What could not go through, and why, until it is retried or dismissed: a record, or a target (no record).

    A number is never given twice: a person may still have it on an older screen.
    """

    __tablename__ = "reject"
    __table_args__: ClassVar[Any] = (
        Index("reject_record", "mapping", "record"),
        Index("reject_key", "destination", "key"),
        {"sqlite_autoincrement": True},
    )
    id: int | None = Field(default=None, primary_key=True)
    destination: str
    mapping: str | None = None
    record: str | None = None
    key: str | None = None
    code: str
    field: str | None = None
    message: str
    at: dt.datetime = Field(sa_type=UtcDateTime)
    dismissed_at: dt.datetime | None = Field(default=None, sa_type=UtcDateTime)


class TallyRow(Row, table=True):
    """How the revisions ended that are no longer the present one of their target."""

    __tablename__ = "tally"
    destination: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    number: int


class RunRow(SQLModel, table=True):
    """One execution of a mapping with its counts."""

    __tablename__ = "run"
    id: int | None = Field(default=None, primary_key=True)
    mapping: str = Field(index=True)
    kind: str
    state: str
    started_at: dt.datetime = Field(sa_type=UtcDateTime)
    ended_at: dt.datetime | None = Field(default=None, sa_type=UtcDateTime)
    counts: str = "{}"
    message: str | None = None


class MemoryRow(Row, table=True):
    """What a connection wants to remember; it could find all of it out again."""

    __tablename__ = "memory"
    connection: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: str


class CounterRow(Row, table=True):
    """Numbers that only grow: `seq` orders the readings of one record."""

    __tablename__ = "counter"
    name: str = Field(primary_key=True)
    value: int
