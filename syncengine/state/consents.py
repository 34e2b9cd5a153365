"""On what the consent of each contact rests, when it ends, and who has nothing left that it rests on.

Live drafts decide, folded as everywhere: one that only renews counts beside another, and never alone. Records that came
from the engine's own streams only repeat a consent that is known already, so they are never a ground for one.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection

from mappings.fold import Consent, better
from syncengine.state.bulk import as_list, fetch
from syncengine.state.delivered import Delivered

OWN: Final = "engine."
"""What the partitions of the engine's own streams begin with, so that a record tells that it came from one."""
AT_ONCE: Final = 5_000
"""Contacts looked at together: as many as one page of a stream has."""

T = TypeVar("T")


class _Grounds(msgspec.Struct):
    """The part of a draft that matters here."""

    consent: Consent | None = None
    renews: bool = False


_grounds = msgspec.json.Decoder(_Grounds)
_delivered = msgspec.json.Decoder(Delivered)


class Basis(NamedTuple):
    """On what a contact is written to: the consent that stands, and the record that it rests on.

    `mapping` and `record` are None where the consent was read at the provider and is better than all that our records
    give. `express`: what is known there is express, whatever our records say.
    """

    destination: str
    key: str
    consent: Consent
    express: bool = False
    mapping: str | None = None
    record: str | None = None

    @property
    def ends(self) -> dt.date | None:
        """The first day on which it no longer stands; None where no end is known."""
        return None if self.express else self.consent.expires


class Gone(NamedTuple):
    """A contact of which every record was taken back, the last of them (`mapping`, `record`) at `since`.

    `consent` is the one known to be there.
    """

    destination: str
    key: str
    since: dt.datetime
    mapping: str
    record: str
    consent: Consent | None


class Slice(NamedTuple, Generic[T]):
    """Some of an answer, in the order of keys. `after`: the key to go on behind; None at the end."""

    found: Sequence[T]
    after: str | None


def destinations(connection: Connection) -> list[str]:
    """The destinations that have targets, in order."""
    return [row[0] for row in fetch(connection, "SELECT DISTINCT destination FROM target ORDER BY destination", ())]


def walk(connection: Connection, take: Callable[[Connection, str, str], Slice[T]]) -> Iterator[T]:
    """The whole answer, of all destinations. `take` gets a destination and the key to go on behind."""
    for destination in destinations(connection):
        after: str | None = ""
        while after is not None:
            found, after = take(connection, destination, after)
            yield from found


def bases(connection: Connection, destination: str, keys: Collection[str]) -> dict[str, Basis]:
    """What stands, by key, of those that are contacts and of which a record is in effect."""
    contacts = _contacts(connection, destination, keys)
    grounds: dict[str, list[tuple[str, str, Consent | None]]] = defaultdict(list)
    renewing: dict[str, list[tuple[str, str, Consent | None]]] = defaultdict(list)
    taken_back: set[str] = set()
    for key, state, mapping, record, body in fetch(
        connection,
        "SELECT key, state, mapping, id, body FROM record WHERE destination=? AND state IN ('live', 'retracted')"
        " AND partition NOT GLOB 'engine.*' AND key IN (SELECT value FROM json_each(?)) ORDER BY moment, id, mapping",
        (destination, as_list(contacts)),
    ):
        if state == "live":
            given = _grounds.decode(body)
            (renewing if given.renews else grounds)[key].append((mapping, record, given.consent))
        else:
            taken_back.add(key)
    for key, standing in grounds.items():
        if any(consent for *_, consent in standing):  # without one there is nothing to renew, as in the fold
            standing.extend(renewing[key])
    found = (
        _best(destination, key, grounds[key], there, key in taken_back)
        for key, there in contacts.items()
        if key in grounds
    )
    return {basis.key: basis for basis in found if basis is not None}


def ending(
    connection: Connection, destination: str, after: str, *, since: dt.date, until: dt.date, limit: int = AT_ONCE
) -> Slice[Basis]:
    """The contacts whose consent ends from `since` to `until`, both included. `limit` targets are looked at.

    An express consent and one of unknown term have no end.
    """
    days = (since.isoformat(), until.isoformat())
    keys = [
        row[0]
        for row in fetch(
            connection,
            "SELECT key FROM target t WHERE destination=? AND key>?"
            " AND (json_extract(desired, '$.consent.expires') BETWEEN ? AND ?"
            " OR json_extract(delivered, '$.consent.expires') BETWEEN ? AND ?"
            # what is desired may rest on a record of our own streams alone, and then says nothing
            " OR EXISTS (SELECT 1 FROM record r WHERE r.destination=t.destination AND r.key=t.key"
            " AND r.state='live' AND r.partition GLOB 'engine.*')) ORDER BY key LIMIT ?",
            (destination, after, *days, *days, limit),
        )
    ]
    found = bases(connection, destination, keys).values()
    return Slice(
        [basis for basis in found if basis.ends is not None and since <= basis.ends <= until],
        keys[-1] if len(keys) == limit else None,
    )


def basis_gone(connection: Connection, destination: str, after: str, *, limit: int = AT_ONCE) -> Slice[Gone]:
    """The contacts to whom something of ours was delivered, and whose every record was taken back.

    Those that only renew make nobody a contact, so they neither keep somebody off the list nor are named on it. Not
    those whose consent there is express: it needs no purchase.
    """
    rows = fetch(
        connection,
        # of the bare columns SQLite takes the row that has the maximum
        "SELECT key, max(since), mapping, id FROM record r WHERE destination=? AND key>? AND state='retracted'"
        " AND partition NOT GLOB 'engine.*' AND json_extract(body, '$.renews') IS NOT 1"
        " AND NOT EXISTS (SELECT 1 FROM record l WHERE l.destination=r.destination AND l.key=r.key"
        " AND l.state='live' AND l.partition NOT GLOB 'engine.*' AND json_extract(l.body, '$.renews') IS NOT 1)"
        " AND EXISTS (SELECT 1 FROM attemptpart p WHERE p.destination=r.destination AND p.key=r.key"
        " AND p.state='confirmed') GROUP BY key ORDER BY key LIMIT ?",
        (destination, after, limit),
    )
    contacts = _contacts(connection, destination, [row[0] for row in rows])
    return Slice(
        [
            Gone(destination, key, dt.datetime.fromisoformat(since), mapping, record, contacts[key].consent)
            for key, since, mapping, record in rows
            if key in contacts and not _is_express(contacts[key])
        ],
        rows[-1][0] if len(rows) == limit else None,
    )


def handed_over(connection: Connection, stream: str) -> list[str]:
    """The ids of the records that some mapping took from one of the engine's own streams, and still holds to."""
    rows = fetch(
        connection,
        "SELECT DISTINCT id FROM record WHERE partition GLOB ?"
        " AND state IN ('live', 'waiting', 'rejected') ORDER BY id",
        (f"{stream}*",),
    )
    return [row[0] for row in rows]


def _contacts(connection: Connection, destination: str, keys: Collection[str]) -> dict[str, Delivered]:
    """Those of these keys that are contacts, as far as is known, with what is known to be there: it was delivered or
    read there, was not deleted since, and the person never said no.
    """
    rows = fetch(
        connection,
        "SELECT key, delivered FROM target t WHERE destination=? AND key IN (SELECT value FROM json_each(?))"
        " AND json_extract(delivered, '$.present') AND code IS NOT 'gone' AND NOT EXISTS"
        " (SELECT 1 FROM suppression s WHERE s.destination=t.destination AND s.key=t.key) ORDER BY key",
        (destination, as_list(keys)),
    )
    return {key: _delivered.decode(body) for key, body in rows}


def _best(
    destination: str,
    key: str,
    grounds: Sequence[tuple[str, str, Consent | None]],
    there: Delivered,
    taken_back: bool,
) -> Basis | None:
    """The best consent of the records in effect, or a better one that was read at the provider.

    Once a record of theirs was taken back, what is known there may be what that record gave: it counts no more.
    """
    best: Basis | None = None
    express = _is_express(there)
    for mapping, record, consent in grounds:
        held = best.consent if best else None
        if consent is not None and better(held, consent) is not held:
            best = Basis(destination, key, consent, express or consent.express, mapping, record)
    if there.consent is None or (taken_back and not there.consent.express):
        return best
    if best is None or there.consent.rank() > best.consent.rank():
        return Basis(destination, key, there.consent, express)
    return best


def _is_express(there: Delivered) -> bool:
    return there.express or (there.consent is not None and there.consent.express)
