"""What a connector is: read this first.

A connector is the code for one provider. It offers *streams* (to read), *lookups* (to ask by key) and *destinations*
(to write). It knows this module, `syncengine.errors` and `syncengine.http`, and nothing else of the engine. Powers that
only some destinations have are separate protocols (`Resumable`, `Suppressing`, `Standings`, `Explaining` …), so a new
power never breaks an old connector.

Every scalar reaches a mapping as text or None, whatever type the wire had. Every time is aware UTC.
"""

import datetime as dt
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, NewType, Protocol, Self, runtime_checkable
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel

from mappings.durations import Duration
from mappings.fold import Consent, Draft, Scalar, Stop, bind_group, group_identity, group_key, group_title

if TYPE_CHECKING:
    from syncengine.http import HttpFactory

__all__ = [
    "NOTHING_OPEN", "Attempt", "Attempts", "Auditable", "Change", "Checkpoint", "Clock", "Connection", "Connector",
    "Consent", "Consenting", "Context", "Destination", "Dossier", "Draft", "Duration", "Explaining", "Fetching",
    "Finding", "Found", "Grouping", "Lookup", "Mail", "Memory", "Open", "Outcome", "Page", "Part", "Permitted",
    "PermittedFields", "Range", "Record", "RemoteKey", "Resumable", "Row", "Scalar",
    "Settled", "Standing", "Standings", "Stop", "Stream",
    "Suppressing", "Suppression", "Walk", "bind_group", "group_identity", "group_key", "group_title",
]  # fmt: skip

# --- what the engine gives a connector -------------------------------------------------------------------------------


class Clock(Protocol):
    """Time, injected: tests move it."""

    def now(self) -> dt.datetime:
        """The present moment, aware UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back, for measuring."""

    async def sleep(self, seconds: float) -> None: ...


class Memory(Protocol):
    """A small durable map of one connection (group ids, the fingerprint of a file), and a folder for caches.

    What stands here must be possible to find out again; the exception are marks that only make us more careful (an
    opt-out that its list has forgotten).
    """

    @property
    def folder(self) -> Path: ...

    async def get(self, key: str) -> str | None: ...

    async def put(self, key: str, value: str) -> None: ...


class Context(NamedTuple):
    """What a connection may use of the world. `timezone` is `engine.timezone`: calendar days are days there."""

    http: "HttpFactory"
    memory: Memory
    clock: Clock
    timezone: ZoneInfo


# --- the connector ---------------------------------------------------------------------------------------------------


class Connector(Protocol):
    """The code for one provider, found by the entry point group `syncengine.connectors`."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line for `syncengine connectors`."""
    Settings: ClassVar[type[BaseModel]]
    """Its part of [connections.NAME]. Secrets are `SecretStr`; unknown keys are forbidden."""

    def connect(self, settings: Any, context: Context) -> "Connection":
        """Build the connection, without any I/O: a wrong password shows at the first call, a wrong setting here.

        Raises ConfigError with keys as they stand below the connection.
        """


class Finding(NamedTuple):
    """One thing that `check` found out about a connection."""

    level: Literal["ok", "warning", "error"]
    message: str
    hint: str = ""


class Connection(Protocol):
    """One configured account. An async context manager; leaving it closes what it opened."""

    streams: Mapping[str, "Stream"]
    lookups: Mapping[str, "Lookup"]
    destinations: Mapping[str, "Destination"]

    async def check(self) -> Sequence[Finding]:
        """Reachable, authorised, which account, token's expiry, what is missing: by the same path as a real call.

        Raises the errors of a real call (AuthError, Transient …).
        """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


# --- reading ---------------------------------------------------------------------------------------------------------

Checkpoint = NewType("Checkpoint", str)
"""An opaque, provider-shaped position: up to it, everything of one partition has been handed over."""

Row = Mapping[str, Any]
"""Field name to text or None; a nested list or object keeps its shape, its scalars are text or None too."""


class Range(NamedTuple):
    """Read what is dated from `since` on, up to before `until` (None: up to now). Aware UTC."""

    since: dt.datetime
    until: dt.datetime | None = None


class Record(NamedTuple):
    """One item as read. `moment` is the date that orders the records of one person; the stream says which it is.

    `watch` names the partition that has to look at it again, because it may change without showing up in any other
    way (a sale that is still pending); None where it is finished. The engine remembers it, and gives it as `Open`.
    """

    id: str
    moment: dt.datetime
    values: Row
    watch: str | None = None


class Page(msgspec.Struct, frozen=True):
    """Some records, and, where this is a safe place to stop, the checkpoint to move to once they are stored.

    `scope` says in a few words what is being read (a window of dates), for people who watch.
    """

    records: Sequence[Record]
    checkpoint: Checkpoint | None = None
    scope: str = ""


class Open(Protocol):
    """The records that a partition watches: last seen unfinished, by whichever partition, also if they were filtered.

    Both answers are as of the last page that is stored: the one handed over just before may not be in them yet.
    """

    async def oldest(self) -> dt.datetime | None:
        """The moment of the oldest of them; None where there are none."""

    async def within(self, since: dt.datetime, until: dt.datetime) -> frozenset[str]:
        """The ids of those whose moment lies in this range, `until` not included."""


class _NothingOpen:
    async def oldest(self) -> dt.datetime | None:
        return None

    async def within(self, since: dt.datetime, until: dt.datetime) -> frozenset[str]:
        return frozenset()


NOTHING_OPEN: Open = _NothingOpen()
"""For a read that nobody remembers."""


class Stream(Protocol):
    """Something a connection can read. A partition moves and fails alone."""

    Options: type[BaseModel]
    """What a mapping may set under `options`; unknown keys are forbidden."""
    fields: frozenset[str] | None
    """The names a record may have, for finding misspelt ones; None where nobody knows them."""
    moment: str
    """Which of the record's own dates `Record.moment` is, for people: "EventDate"."""

    async def partitions(self, options: Any) -> Sequence[str]:
        """The partitions to read, in a stable order."""

    def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncIterator[Page]:
        """Read one partition on from its checkpoint, or a range of it.

        A page's request leaves only when that page is asked for (readings are ordered by when they were asked for).
        `fields`: hand over only these (None: all). `open`: the records that this partition watches. A read that ends
        without an error has handed over everything; the last page carries a checkpoint, also where nothing was found.
        """


@runtime_checkable
class Fetching(Protocol):
    """A stream that can be asked for single records by their ids."""

    def fetch(self, ids: Collection[str], options: Any, *, fields: frozenset[str] | None) -> AsyncIterator[Page]:
        """These records as they are now, without checkpoints, each handed over as `read` would.

        In no page is an id that the provider doesn't know, or whose record `options` leave out (another campaign).
        A page's request leaves only when that page is asked for.
        """


class Found(NamedTuple):
    """The answer of a lookup. A key without an entry is unknown; several rows mean that the key is ambiguous.

    `refused` names the keys that can't even be asked for (letters for a numeric column), with the reason.
    """

    rows: Mapping[str, Sequence[Row]]
    refused: Mapping[str, str] = {}


class Lookup(Protocol):
    """Something a connection can be asked by key."""

    async def columns(self) -> frozenset[str] | None:
        """The names its rows have, asked from the real source; None where it can't say."""

    async def find(self, keys: Collection[str]) -> Found:
        """The rows of all these keys, in as few requests as possible. Keys are text in and out."""


# --- writing ---------------------------------------------------------------------------------------------------------


class Change(msgspec.Struct, frozen=True):
    """The difference between what one target should be and what was delivered. Never empty.

    `create`: it is not known to be there. `fields`: those to set, others are left alone. Groups are references: titles,
    or what `bind_group` made. `consent` is the one to state with every request about this target (the best of what is
    asked for, delivered and read); None: none is known. `renew`: the consent is better than the one there, so the
    change is worth sending for it alone. `exact`: these groups are all that it may be in. `stop`: unsubscribe or erase
    it, and nothing else. `ask`: it isn't there, and the provider is to ask the person, with what else is in the change.
    """

    key: str
    revision: int
    create: bool
    fields: Mapping[str, Scalar]
    join: frozenset[str]
    leave: frozenset[str]
    consent: Consent | None
    renew: bool
    exact: frozenset[str] | None = None
    stop: Stop = ""
    ask: bool = False


class Part(msgspec.Struct, frozen=True):
    """What one request carries for one target: some of its change. `exact`: all groups that it may be in.

    A part that asks (`ask`) is never sent a second time by itself: a second question would be a second mail.
    """

    key: str
    fields: dict[str, Scalar] = {}
    join: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    consent: Consent | None = None
    exact: tuple[str, ...] | None = None
    stop: Stop = ""
    ask: bool = False

    @property
    def adds(self) -> bool:
        """Whether it could create, revive or add to a contact: such a part never goes to a suppressed address."""
        return bool(self.fields or self.join or self.consent or self.exact or self.ask)


class Attempt(NamedTuple):
    """A request that has been written down. `allowed` are the keys that may be in it; leave all others out."""

    id: int
    allowed: frozenset[str]


class Attempts(Protocol):
    """The book in which every request with effect is written down before it leaves.

    The order is: `begin` → send (→ `renew` → send again) → `receipt` (where the provider gives one) → poll → `settle`.
    """

    async def begin(self, parts: Sequence[Part]) -> Attempt:
        """Commit what is about to be sent. Suppressions are at most 60 s old when this returns: send at once.

        Keys that must not be written to any more are not in `allowed`; with none allowed, send nothing (the attempt is
        closed already).
        """

    async def renew(self, attempt: Attempt) -> Attempt:
        """The same attempt, about to be sent once more: suppressions are fresh again, `allowed` may have shrunk."""

    async def receipt(self, attempt: Attempt, receipt: str) -> None:
        """Commit the provider's name for the request, before polling. After a crash `Resumable.settle` gets it."""

    async def settle(self, attempt: Attempt, settled: "Settled") -> None:
        """Commit what is known of the attempt's keys. Keys named in neither set stay in doubt."""


class Settled(msgspec.Struct, frozen=True):
    """What became of the parts of one attempt: certainly done, or certainly without any effect."""

    confirmed: frozenset[str] = frozenset()
    refuted: frozenset[str] = frozenset()


class Outcome(msgspec.Struct, frozen=True):
    """What became of a change, after the last of its requests. `code` is a bounded word, `message` quotes no value."""

    key: str
    status: Literal["delivered", "suppressed", "rejected", "retry", "in_doubt"]
    code: str = ""
    field: str | None = None
    message: str = ""


class Destination(Protocol):
    """Something a connection can write."""

    Fields: type[BaseModel]
    """What a mapping may set; names, types and descriptions make the documentation and the check for misspelt names."""
    key_field: str
    """The field that the key is made from: a lookup's row in which it is empty is no answer."""
    repeatable: bool
    """May a request that got no answer be sent again?"""

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """Validate and normalise what a mapping made. Raises Rejected with the field and the reason."""

    def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        """Send the changes in as few requests as the provider allows; one outcome per change, in any order.

        Keys that `attempts.begin` didn't allow need no outcome. What may be tried later is the outcome `retry`;
        AuthError and RateLimited may be raised when nothing more can be sent now.
        """


@runtime_checkable
class Consenting(Protocol):
    """The destination keeps a consent, so a record may renew one and do nothing else."""

    consent_fields: frozenset[str]
    """The fields that make it; where one of them is left out there is none."""


@runtime_checkable
class Permitted(Protocol):
    """The destination may be written to only where the settings of its connection say so."""

    def permit(self) -> None:
        """Raises ConfigError where they don't, with the whole key of what is missing. Asked before anything else."""


@runtime_checkable
class PermittedFields(Protocol):
    """Some fields may be set only where the settings of the connection say so."""

    def permit_fields(self, names: Collection[str]) -> None:
        """Raises ConfigError where they don't, with the whole key of what is missing. Asked before anything else."""


@runtime_checkable
class Resumable(Protocol):
    """An unsettled attempt with a receipt can be asked for after a crash."""

    async def settle(self, receipt: str, keys: Collection[str]) -> Settled:
        """What became of it. Keys in neither set are still in doubt. Raises as a read does."""


class Suppression(NamedTuple):
    """An address that must not be written to, as the provider says it."""

    key: str
    reason: Literal["unsubscribed", "bounced"]


@runtime_checkable
class Suppressing(Protocol):
    """The destination can say who must not be written to."""

    def suppressions(self) -> AsyncIterator[Suppression]:
        """The complete lists, now. Raises rather than ending early: a short list would let mail out."""


class Standing(msgspec.Struct, frozen=True):
    """How a target stands at the provider before we touch it.

    `groups`: those of the groups asked about of which it is a member. `express`: its consent is express, so nothing
    that we have is better; `consent` is the one there, None where there is none or where it was not worth a request.
    """

    state: Literal["subscribed", "unsubscribed", "bounced", "absent"]
    groups: frozenset[str] = frozenset()
    consent: Consent | None = None
    express: bool = False


@runtime_checkable
class Standings(Protocol):
    """The destination can say how targets stand there: read once, before the first write to each."""

    async def standing(self, keys: Collection[str], groups: frozenset[str]) -> Mapping[str, Standing]:
        """One answer for every key, reading as little as possible. An error in a part of it fails the whole."""


@runtime_checkable
class Grouping(Protocol):
    """One group may have several references there: its title, and a key that is bound to it."""

    async def groups_named(self, references: Collection[str]) -> Mapping[str, str]:
        """Of these references those whose group is there, with what tells it from all others. Raises as a read does."""


class RemoteKey(msgspec.Struct, frozen=True):
    """Something that is really there, as a walk met it.

    `fields`: by the names that drafts use, as texts; None or missing where nothing stands. `groups`: those of the
    groups asked about of which it is a member.
    """

    key: str
    state: Literal["subscribed", "unsubscribed", "bounced"]
    fields: Mapping[str, Scalar | None] = {}
    groups: frozenset[str] = frozenset()


class Walk(NamedTuple):
    """What a complete walk found: every key once. `groups`: those of the groups asked about that are there at all."""

    keys: Iterable[RemoteKey]
    groups: frozenset[str]


@runtime_checkable
class Auditable(Protocol):
    """What is really there can be walked from end to end, and compared with what is believed."""

    async def walk(self, groups: frozenset[str], fields: frozenset[str]) -> Walk:
        """Everything that is there, with the memberships in these groups and these fields.

        Whoever moves from one list to another meanwhile is in the answer. Raises rather than ending early: what a short
        answer leaves out would count as deleted.
        """

    async def absent(self, keys: Collection[str]) -> frozenset[str]:
        """Which of these are not there, each asked for by itself. An error in a part of it fails the whole."""


class Mail(msgspec.Struct, frozen=True):
    """A mailing of the provider, as far as it concerns one target.

    `sent_at` is None where it hasn't gone out. `received`: it was sent to this target. `groups` are references of
    those that it went to; empty where that wasn't asked, or nobody knows.
    """

    id: str
    subject: str
    sent_at: dt.datetime | None
    received: bool = True
    groups: tuple[str, ...] = ()


class Dossier(msgspec.Struct, frozen=True):
    """What the provider knows of one target at this moment. It is shown, and not kept.

    `since` says since when it is in its state. `groups`: references, with the moment of joining where the provider
    tells. `mails`: what was sent to it, oldest first. Empty also where the provider doesn't show it any more.
    """

    state: Literal["subscribed", "unsubscribed", "bounced", "absent"]
    since: dt.datetime | None = None
    consent: Consent | None = None
    groups: Mapping[str, dt.datetime | None] = {}
    mails: tuple[Mail, ...] = ()


@runtime_checkable
class Explaining(Protocol):
    """The destination can say what a target was sent, and why: asked when a person asks, never by a run."""

    bases: Mapping[str, Mapping[str, str]]
    """What to call the basis of a consent towards the person: language ("en", "fr") to basis to a few words."""

    async def dossier(self, key: str) -> Dossier:
        """All that is known of one target. Raises as a read does."""

    async def mail(self, id: str, key: str) -> Mail | None:
        """One mailing, and whether it was sent to this target; None where there is none of that id."""
