"""What people ask of the state: was this one left out and why, why is this address there or not."""

import datetime as dt
import re
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from mappings.fold import Desired, Draft
from syncengine.state.delivered import Delivered
from syncengine.state.records import ADDRESS_CHANGED

PROOF_WORD = re.compile(r"[\s,;:()\[\]#\"']+")
"""What stands between the words of a proof; ids have dots and hyphens inside."""


class MembershipNote(NamedTuple):
    title: str
    state: str


class RecordNote(NamedTuple):
    """What is stored of one record that concerns the key asked about. `since`: since when it is in its state."""

    mapping: str
    id: str
    partition: str
    moment: dt.datetime
    state: str
    key: str | None
    person: str | None
    first_at: dt.datetime
    code: str | None
    note: str | None
    body: Any
    since: dt.datetime
    retracted_at: dt.datetime | None
    destination: str

    @property
    def draft(self) -> Draft | None:
        """What it gives, or gave until it was taken back; None where it never came to that."""
        given = self.state in {"live", "retracted"} and self.key is not None and self.body is not None
        return msgspec.convert(self.body, Draft) if given and self.body.get("key") == self.key else None


class AttemptNote(NamedTuple):
    """A request that carried the key."""

    attempt: int
    sent_at: dt.datetime
    receipt: str | None
    revision: int
    state: str


class TargetNote(NamedTuple):
    """Why an address is there, or not: what it should be, what was delivered, and every reason."""

    destination: str
    key: str
    state: str
    code: str | None
    revision: int
    delivered_revision: int
    desired: Desired
    delivered: Delivered
    memberships: list[MembershipNote]
    suppression: str | None
    suppressed_since: dt.datetime | None
    attempts: list[AttemptNote]


class Explanation(NamedTuple):
    """Everything known about a key: an address, a record's id, or a lookup's key (a customer's or an order's id)."""

    asked: str
    targets: list[TargetNote]
    records: list[RecordNote]
    suppressed_only: list[tuple[str, str]]
    """(destination, reason) where the address is suppressed and was never a target of ours."""
    moved: list[tuple[str, str]]
    """(destination, address) under which the records of this person stand, where another one was asked about."""


def explain(connection: Connection, asked: str) -> Explanation:
    """Everything that is stored about a key; empty lists where it was never met."""
    key = asked.strip()
    records = _records(connection, key)
    keys = sorted({record.key for record in records if record.key} | {key, key.lower()})
    targets = [note for each in keys for note in _targets(connection, each)]
    seen = {(target.destination, target.key) for target in targets}
    only = [
        (destination, reason)
        for destination, where, reason in connection.exec_driver_sql(
            "SELECT destination, key, reason FROM suppression WHERE key IN (?, ?)", (key, key.lower())
        )
        if (destination, where) not in seen
    ]
    found = {(record.mapping, record.id) for record in records}
    for target in targets:
        more = [record for record in _records(connection, target.key) if (record.mapping, record.id) not in found]
        records += more
        found |= {(record.mapping, record.id) for record in more}
    moved = {
        (record.destination, record.key)
        for record in records
        if "@" in key and record.key and record.key != key.lower()
    }
    return Explanation(asked, targets, sorted(records, key=lambda record: record.moment), only, sorted(moved))


def _records(connection: Connection, key: str) -> list[RecordNote]:
    """Records by id, by any address of their person, by the key of the lookup that answered.

    Those without a draft also by any value as read; the others by any word of the consent's proof, in which a mapping
    names the action and the order.
    """
    rows = connection.exec_driver_sql(
        "SELECT mapping, id, partition, moment, state, key, person, first_at, code, note, body, since, retracted_at,"
        " destination, id=?1 OR key IN (?1, lower(?1)) OR substr(person, instr(person, ':') + 1)=?1"
        " OR note=?3 || lower(?1)"
        " OR EXISTS (SELECT 1 FROM former f"
        " WHERE f.person=r.person AND f.destination=r.destination AND f.key=lower(?1))"
        " AS named FROM record r WHERE named OR (state IN ('waiting','rejected','retracted') AND instr(body, ?2))"
        " OR (state IN ('live','retracted') AND instr(json_extract(body, '$.consent.proof'), ?1)) ORDER BY moment",
        (key, f'"{key}"', ADDRESS_CHANGED),
    )
    found = [
        (
            bool(named),
            RecordNote(
                mapping,
                id_,
                partition,
                dt.datetime.fromisoformat(moment),
                state,
                key_,
                person,
                dt.datetime.fromisoformat(first),
                code,
                note,
                msgspec.json.decode(body) if body else None,
                dt.datetime.fromisoformat(since),
                _moment(retracted),
                destination,
            ),
        )
        for mapping, id_, partition, moment, state, key_, person, first, code, note, body, since, retracted,
        destination, named in rows
    ]  # fmt: skip
    return [record for named, record in found if named or _mentions(record, key)]


def _mentions(record: RecordNote, key: str) -> bool:
    """Whether the key is a value as read, or a whole word of the proof: "77" is not meant by "order 1077"."""
    draft = record.draft
    if draft is None:
        return True
    proof = draft.consent.proof if draft.consent else None
    return key in PROOF_WORD.split(proof or "")


def _targets(connection: Connection, key: str) -> list[TargetNote]:
    rows = connection.exec_driver_sql(
        "SELECT t.destination, t.key, t.state, t.code, t.desired_rev, t.delivered_rev, t.desired, t.delivered,"
        " s.reason, s.since FROM target t"
        " LEFT JOIN suppression s ON s.destination=t.destination AND s.key=t.key WHERE t.key=?",
        (key,),
    ).fetchall()
    return [
        TargetNote(
            destination,
            key_,
            state,
            code,
            revision,
            delivered_revision,
            msgspec.json.decode(desired, type=Desired),
            msgspec.json.decode(delivered, type=Delivered),
            _memberships(connection, destination, key_),
            reason,
            _moment(since),
            _attempts(connection, destination, key_),
        )
        for destination, key_, state, code, revision, delivered_revision, desired, delivered, reason, since in rows
    ]


def _memberships(connection: Connection, destination: str, key: str) -> list[MembershipNote]:
    rows = connection.exec_driver_sql(
        "SELECT title, state FROM membership WHERE destination=? AND key=? ORDER BY identity", (destination, key)
    )
    return [MembershipNote(title, state) for title, state in rows]


def _attempts(connection: Connection, destination: str, key: str) -> list[AttemptNote]:
    rows = connection.exec_driver_sql(
        "SELECT a.id, a.sent_at, a.receipt, p.revision, p.state FROM attemptpart p JOIN attempt a ON a.id=p.attempt"
        " WHERE p.destination=? AND p.key=? ORDER BY a.id",
        (destination, key),
    )
    return [
        AttemptNote(id_, dt.datetime.fromisoformat(sent), receipt, revision, state)
        for id_, sent, receipt, revision, state in rows
    ]


def _moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)
