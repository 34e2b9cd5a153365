"""The connection `engine`: what the state knows, as streams, so that a mapping can act on it as on any provider.

It is always there and needs no table in the configuration. Its streams read the state as it is now, whole each time:
whoever is the same as before costs a mapping nothing. A record of which the reason has gone comes once more, and says
so in `State`, for as long as some mapping holds to it: that is what `retract` is for.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import Connection as StateConnection

from mappings.fold import Consent
from syncengine.contracts import (
    Checkpoint,
    Clock,
    Destination,
    Duration,
    Finding,
    Lookup,
    Open,
    Page,
    Range,
    Record,
    Stream,
)
from syncengine.state import consents
from syncengine.state.consents import AT_ONCE, Basis, Slice
from syncengine.state.store import Store
from syncengine.validation import Fault

__all__ = ["SUMMARY", "WITHIN", "OwnConnection", "Within", "today_in"]

SUMMARY: Final = "what syncengine itself knows; always there, without a table in the configuration"
WITHIN: Final = dt.timedelta(days=30)
"""How far ahead to look where nobody says: time for two mailings that ask to confirm."""
SHORTEST, LONGEST = dt.timedelta(days=1), dt.timedelta(days=3660)
"""Consents end with a day; the longest known term is two years, so more than ten is a misprint."""

Row = dict[str, str | None]


def _of_days(span: dt.timedelta) -> dt.timedelta:
    if not SHORTEST <= span <= LONGEST:
        raise Fault(f"This must be between 1 day and {LONGEST.days} days.", 'Such as "60 days".')
    return span


Within = Annotated[Duration, AfterValidator(_of_days)]
"""How far ahead to look; parts of a day don't count."""


class ExpiringOptions(BaseModel):
    """What a mapping may set for `engine.expiring_consents`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    within: Within = Field(default=WITHIN, description='How long before its end a consent comes, such as "60 days".')


class NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def today_in(zone: ZoneInfo, now: dt.datetime) -> dt.date:
    """The day on which consents are judged: today in `engine.timezone`."""
    return now.astimezone(zone).date()


class OwnStream:
    """What the streams share. `store` is None where there is no state yet: then there is nobody to hand over.

    Everybody is dated on the day of reading, so that whoever is due already when a mapping begins is not older than
    its `start`.
    """

    Options: type[BaseModel]
    fields: frozenset[str] | None
    moment = "the day of reading"

    def __init__(self, name: str, store: Store | None, clock: Clock, timezone: ZoneInfo) -> None:
        self._name = f"{consents.OWN}{name}"
        self._store = store
        self._clock = clock
        self._timezone = timezone

    async def partitions(self, options: Any) -> Sequence[str]:
        return [self._name]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """Hand over everybody who is due now, then those taken before of whom that is no longer so."""
        today = today_in(self._timezone, self._clock.now())
        moment = dt.datetime.combine(today, dt.time(), self._timezone).astimezone(dt.UTC)
        names = self.fields if fields is None else fields

        def page(rows: Iterable[Row], checkpoint: Checkpoint | None = None) -> Page:
            records = [Record(str(row["Id"]), moment, {name: row.get(name) for name in names or ()}) for row in rows]
            return Page(records if _holds(position, moment) else [], checkpoint, self._name)

        if self._store is not None:
            seen: set[str | None] = set()
            for destination in await self._store.read(consents.destinations):
                after: str | None = ""
                while after is not None:
                    rows, after = await self._store.read(self._due, partition, today, destination, after)
                    seen.update(row["Id"] for row in rows)
                    yield page(rows)
            taken = [id_ for id_ in await self._store.read(consents.handed_over, self._name) if id_ not in seen]
            for at in range(0, len(taken), AT_ONCE):
                yield page(await self._store.read(self._no_longer_due, today, taken[at : at + AT_ONCE]))
        yield page([], Checkpoint(today.isoformat()))

    def _due(
        self, connection: StateConnection, partition: str, today: dt.date, destination: str, after: str
    ) -> Slice[Row]:
        raise NotImplementedError

    def _no_longer_due(self, connection: StateConnection, today: dt.date, ids: Sequence[str]) -> list[Row]:
        """What has become of these records; an id is "destination/address/day"."""
        named = {id_: _parse(id_) for id_ in ids}
        keys: dict[str, set[str]] = defaultdict(set)
        for destination, key, _ in named.values():
            keys[destination].add(key)
        known = {destination: consents.bases(connection, destination, found) for destination, found in keys.items()}
        rows = []
        for id_, (destination, key, day) in named.items():
            row: Row = {"Id": id_, "Email": key, "Destination": destination}
            rows.append(row | self._since_then(day, known[destination].get(key), today))
        return rows

    def _since_then(self, day: str, basis: Basis | None, today: dt.date) -> Row:
        """What is new about a record that is not due."""
        raise NotImplementedError


class ExpiringConsents(OwnStream):
    """Contacts whose implied consent ends within `within`, or ended no longer ago than that.

    The end is a part of a record's id, so a consent that ends later is another record. `State`: expiring, expired; then
    renewed, or ended (no contact any more, or nothing of ours to rest on).
    """

    Options: type[BaseModel] = ExpiringOptions
    fields: frozenset[str] | None = frozenset({
        "Id", "Email", "Destination", "State", "RelationType", "ConsentDate", "ConsentProof", "ExpiresOn", "Mapping",
        "RecordId",
    })  # fmt: skip

    async def partitions(self, options: ExpiringOptions) -> Sequence[str]:
        return [f"{self._name}/{options.within.days}"]

    def _due(
        self, connection: StateConnection, partition: str, today: dt.date, destination: str, after: str
    ) -> Slice[Row]:
        within = dt.timedelta(days=int(partition.rpartition("/")[2]))
        found, after_ = consents.ending(connection, destination, after, since=today - within, until=today + within)
        return Slice([_expiring(basis, today) for basis in found], after_)

    def _since_then(self, day: str, basis: Basis | None, today: dt.date) -> Row:
        if basis is None:
            return {"State": "ended"}
        end = dt.date.fromisoformat(day)
        if basis.ends == end:  # it ended longer ago than `within`, or `within` was longer
            return _expiring(basis, today)
        return {"State": "renewed" if basis.ends is None or basis.ends > end else "ended"}


class BasisGone(OwnStream):
    """Contacts by us whose every purchase was taken back, and since when.

    That moment is a part of a record's id. `State`: gone; then back (something of theirs is in effect again), or ended
    (no contact any more).
    """

    Options: type[BaseModel] = NoOptions
    fields: frozenset[str] | None = frozenset({
        "Id", "Email", "Destination", "State", "Since", "RelationType", "ConsentDate", "ConsentProof", "ExpiresOn",
        "Mapping", "RecordId",
    })  # fmt: skip

    def _due(
        self, connection: StateConnection, partition: str, today: dt.date, destination: str, after: str
    ) -> Slice[Row]:
        found, after_ = consents.basis_gone(connection, destination, after)
        rows = [
            {
                "Id": f"{gone.destination}/{gone.key}/{gone.since.isoformat()}",
                "Email": gone.key,
                "Destination": gone.destination,
                "State": "gone",
                "Since": gone.since.isoformat(),
                "Mapping": gone.mapping,
                "RecordId": gone.record,
                **_told(gone.consent),
            }
            for gone in found
        ]
        return Slice(rows, after_)

    def _since_then(self, day: str, basis: Basis | None, today: dt.date) -> Row:
        return {"State": "ended" if basis is None else "back"}


class OwnConnection:
    """`contracts.Connection` on the state: streams only."""

    def __init__(self, store: Store | None, clock: Clock, timezone: ZoneInfo) -> None:
        self.streams: Mapping[str, Stream] = {
            "expiring_consents": ExpiringConsents("expiring_consents", store, clock, timezone),
            "basis_gone": BasisGone("basis_gone", store, clock, timezone),
        }
        self.lookups: Mapping[str, Lookup] = {}
        self.destinations: Mapping[str, Destination] = {}

    async def check(self) -> Sequence[Finding]:
        return []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def _parse(id_: str) -> tuple[str, str, str]:
    """Destination, address and day of a record's id; an address may have a "/" in it, the others have none."""
    place, _, day = id_.rpartition("/")
    destination, _, key = place.partition("/")
    return destination, key, day


def _holds(position: Checkpoint | Range, moment: dt.datetime) -> bool:
    """Whether what is dated then is asked for; after a checkpoint everything is."""
    if not isinstance(position, Range):
        return True
    return position.since <= moment and (position.until is None or moment < position.until)


def _expiring(basis: Basis, today: dt.date) -> Row:
    return {
        "Id": f"{basis.destination}/{basis.key}/{basis.ends}",
        "Email": basis.key,
        "Destination": basis.destination,
        "State": "expired" if basis.consent.expired(today) else "expiring",
        "Mapping": basis.mapping,
        "RecordId": basis.record,
        **_told(basis.consent),
    }


def _told(consent: Consent | None) -> Row:
    """A consent as a record's fields."""
    if consent is None:
        return {}
    return {
        "RelationType": consent.basis,
        "ConsentDate": consent.date.isoformat(),
        "ConsentProof": consent.proof,
        "ExpiresOn": consent.expires.isoformat() if consent.expires else None,
    }
