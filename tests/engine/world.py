"""A small provider in memory, and an engine over a real state file: for what the engine promises of any connector.

Faults are data: `Destination.before_effect` and `after_effect` are called with each request and may raise, or do
something behind the engine's back (an unsubscribe, a kill).
"""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from mappings.fold import group_identity
from mappings.mapping import compile_mapping
from mappings.spec import MappingSpec
from syncengine.binding import BoundMapping
from syncengine.contracts import (
    Attempts,
    Change,
    Checkpoint,
    Consent,
    Draft,
    Found,
    Open,
    Outcome,
    Page,
    Part,
    Range,
    Record,
    RemoteKey,
    Settled,
    Standing,
    Suppression,
    Walk,
)
from syncengine.engine.deliver import Prepared
from syncengine.engine.reconcile import Findings, Reconciler
from syncengine.engine.report import RunReport
from syncengine.engine.run import Runner
from syncengine.errors import Rejected
from syncengine.session import Session
from syncengine.state.store import Store
from tests.clock import FakeClock

TORONTO = ZoneInfo("America/Toronto")
YEARS_2 = dt.timedelta(days=730)


class Killed(BaseException):
    """The process dies here."""


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")


async def nothing(place: str) -> None:
    """Nothing happens before a page."""


class MemoryStream:
    """Records per partition in the order in which they were changed; the checkpoint is how many were handed over."""

    Options = Options
    fields = frozenset({"Id", "At", "State", "Customer", "Order", "Partner", "Kind"})
    moment = "At"

    def __init__(self) -> None:
        self.changes: dict[str, list[Record]] = {"one": []}
        self.faults: dict[str, Exception] = {}
        self.page_size = 3
        self.reads = 0
        self.fetched: list[list[str]] = []
        self.open: Open | None = None
        """What the last read was told to be open."""
        self.before_page: Callable[[str], Awaitable[None]] = nothing

    def put(
        self, id: str, at: dt.datetime, *, partition: str = "one", watch: str | None = None, **values: str | None
    ) -> None:
        shown = {"Id": id, "At": at.isoformat(), "State": "PENDING", "Kind": "NEW", **values}
        self.changes.setdefault(partition, []).append(Record(id, at, shown, watch))

    async def partitions(self, options: Any) -> Sequence[str]:
        return list(self.changes)

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncIterator[Page]:
        changes = self.changes[partition]
        start = 0 if isinstance(position, Range) else int(position)
        since = position.since if isinstance(position, Range) else None
        until = position.until if isinstance(position, Range) else None
        self.open = open
        while True:
            self.reads += 1
            await self.before_page(partition)
            if partition in self.faults and start >= self.page_size:
                raise self.faults[partition]
            rows = [
                record
                for record in changes[start : start + self.page_size]
                if (since is None or record.moment >= since) and (until is None or record.moment < until)
            ]
            start = min(start + self.page_size, len(changes))
            yield Page(rows, Checkpoint(str(start)), scope=partition)
            if start >= len(changes):
                return

    async def fetch(self, ids: Collection[str], options: Any, *, fields: frozenset[str] | None) -> AsyncIterator[Page]:
        now = {record.id: record for changes in self.changes.values() for record in changes}
        self.fetched.append(list(ids))
        for id in ids:
            await self.before_page(id)
            yield Page([now[id]] if id in now else [])


class MemoryLookup:
    """A directory: key → rows. `refused` keys can't be asked for."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, str | None]]] = {}
        self.refused: dict[str, str] = {}
        self.calls: list[set[str]] = []

    def person(self, key: str, email: str | None, **more: str | None) -> None:
        self.rows.setdefault(key, []).append({"email": email, "name": None, "opted_out": None, **more})

    async def columns(self) -> frozenset[str]:
        return frozenset({"email", "name", "opted_out"})

    async def find(self, keys: Collection[str]) -> Found:
        self.calls.append(set(keys))
        return Found({key: self.rows[key] for key in keys if key in self.rows}, self.refused)


class Fields(BaseModel):
    email: str
    name: str | None = None
    groups: list[str] = []
    basis: str | None = None
    date: str | None = None
    leave: list[str] = []
    exact: str | None = None
    stop: str | None = None
    ask: str | None = None


def parts_of(change: Change) -> list[Part]:
    """What a change needs, a request each, in the order in which they leave."""
    if change.stop:
        return [Part(change.key, stop=change.stop)]
    leaves = [Part(change.key, leave=tuple(sorted(change.leave)))] if change.leave else []
    join = tuple(sorted(change.join))
    adds = Part(change.key, dict(change.fields), join, (), None if change.ask else change.consent, ask=change.ask)
    wanted = change.fields or change.join or change.create or change.renew
    exact = [] if change.exact is None else [Part(change.key, exact=tuple(sorted(change.exact)))]
    return [*leaves, *([adds] if wanted else []), *exact]


class Contact:
    """Somebody at the provider."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.groups: dict[str, str] = {}
        self.consent: Consent | None = None


class MemoryDestination:
    """Contacts with groups and consent; one request per part, so that every boundary can be cut."""

    Fields = Fields
    key_field = "email"
    repeatable = True

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.contacts: dict[str, Contact] = {}
        self.unsubscribed: set[str] = set()
        self.bounced: set[str] = set()
        self.refuses: set[str] = set()
        self.adds: list[Part] = []
        self.requests: list[Part] = []
        self.lists_read_at: list[float] = []
        self.before_effect: Callable[[Part], None] = lambda part: None
        self.after_effect: Callable[[Part], None] = lambda part: None
        self.silent = False
        """Requests take effect, and their answers get lost."""
        self.receipts: dict[str, str] = {}
        self.asked: dict[str, Part] = {}
        """Whom the provider has asked by mail, and who has not answered."""
        self.no_groups: set[str] = set()
        """Identities of groups that aren't there any more."""
        self.hidden: set[str] = set()
        """Who is missing on the lists, and is there when asked for."""

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        email = str(fields.get("email") or "").strip().lower()
        if "@" not in email:
            raise Rejected("is no e-mail address", field="email", code="invalid")
        consent = None
        if fields.get("basis"):
            day = dt.datetime.fromisoformat(str(fields["date"])).astimezone(TORONTO).date()
            express = fields["basis"] == "express"
            consent = Consent(fields["basis"], day, f"proof of {day}", None if express else day + YEARS_2, express)
        values = {"name": fields["name"]} if fields.get("name") else {}
        return Draft(
            email,
            values,
            tuple(fields.get("groups", ())),
            consent,
            leave=tuple(fields.get("leave", ())),
            exact=bool(fields.get("exact")),
            stop=fields.get("stop") or "",
            ask=bool(fields.get("ask")),
        )

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        for change in changes:
            status = "delivered"
            for part in parts_of(change):
                result = await self._send(part, attempts)
                if result is None:
                    break
                status = result
            else:
                yield Outcome(change.key, status, code="refused" if status == "rejected" else "")

    async def _send(self, part: Part, attempts: Attempts) -> str | None:
        attempt = await attempts.begin([part])
        if part.key not in attempt.allowed:
            return None
        self.before_effect(part)
        self.requests.append(part)
        if part.adds:
            self.adds.append(part)
        if part.key in self.refuses:
            await attempts.settle(attempt, Settled(refuted=frozenset({part.key})))
            return "rejected"
        self.receipts[str(attempt.id)] = part.key
        self._effect(part)
        self.after_effect(part)
        if self.silent:
            return "in_doubt"
        await attempts.receipt(attempt, str(attempt.id))
        await attempts.settle(attempt, Settled(confirmed=frozenset({part.key})))
        return "delivered"

    def _effect(self, part: Part) -> None:
        contact = self.contacts.get(part.key)
        if part.ask:
            self.asked[part.key] = part
            return
        if part.stop:
            self.stop(part.key, part.stop)
            return
        if contact is None:
            if not part.adds or part.exact is not None:
                return
            contact = self.contacts[part.key] = Contact()
        if part.exact is not None:
            contact.groups = {group_identity(title): title for title in part.exact}
        contact.fields.update(part.fields)
        contact.groups.update({group_identity(title): title for title in part.join})
        for title in part.leave:
            contact.groups.pop(group_identity(title), None)
        if part.consent and not (contact.consent and contact.consent.express and not part.consent.express):
            contact.consent = part.consent

    def stop(self, key: str, kind: str) -> None:
        """Whoever isn't there can't be stopped; who is erased is on no list."""
        if self.contacts.get(key) and kind == "unsubscribe":
            self.unsubscribed.add(key)
        if kind == "delete":
            self.contacts.pop(key, None)
            self.unsubscribed.discard(key)
            self.bounced.discard(key)

    def confirm(self, key: str) -> None:
        """Who was asked says yes: what the question said is there, with a consent that is express."""
        question = self.asked.pop(key)
        self.unsubscribed.discard(key)
        contact = self.contacts.setdefault(key, Contact())
        contact.groups.update({group_identity(title): title for title in question.join})
        contact.consent = Consent("express", self._clock.now().date(), "their click", None, True)

    async def settle(self, receipt: str, keys: Collection[str]) -> Settled:
        return Settled(confirmed=frozenset(keys) & {self.receipts[receipt]})

    async def suppressions(self) -> AsyncIterator[Suppression]:
        self.lists_read_at.append(self._clock.monotonic())
        for key in sorted(self.unsubscribed):
            yield Suppression(key, "unsubscribed")
        for key in sorted(self.bounced):
            yield Suppression(key, "bounced")

    async def standing(self, keys: Collection[str], groups: frozenset[str]) -> Mapping[str, Standing]:
        wanted = {group_identity(title) for title in groups}
        return {key: self._standing(key, wanted) for key in keys}

    async def walk(self, groups: frozenset[str], fields: frozenset[str]) -> Walk:
        said_no = {**dict.fromkeys(self.bounced, "bounced"), **dict.fromkeys(self.unsubscribed, "unsubscribed")}
        met = [RemoteKey(key, state) for key, state in said_no.items()]
        there = {group_identity(title): title for title in groups if group_identity(title) not in self.no_groups}
        for key, contact in self.contacts.items():
            if key not in said_no and key not in self.hidden:
                inside = frozenset(there[identity] for identity in contact.groups.keys() & there.keys())
                met.append(RemoteKey(key, "subscribed", {name: contact.fields.get(name) for name in fields}, inside))
        return Walk(met, frozenset(there.values()))

    async def absent(self, keys: Collection[str]) -> frozenset[str]:
        return frozenset(keys) - self.contacts.keys() - self.unsubscribed - self.bounced

    def _standing(self, key: str, wanted: set[str]) -> Standing:
        if key in self.unsubscribed:
            return Standing("unsubscribed")
        if key in self.bounced:
            return Standing("bounced")
        contact = self.contacts.get(key)
        if contact is None:
            return Standing("absent")
        groups = frozenset(title for identity, title in contact.groups.items() if identity in wanted)
        return Standing("subscribed", groups, contact.consent, bool(contact.consent and contact.consent.express))


SPEC: dict[str, Any] = {
    "source": "shop.sales",
    "destination": "mail.contacts",
    "start": "2020-01-01",
    "where": "Kind == 'NEW' and State != 'REVERSED'",
    "retract": "State == 'REVERSED'",
    "suppress": "yes(customer.opted_out)",
    "lookup": [{"from": "crm.customers", "key": "{{ Customer }}", "as": "customer", "wait": "3 days"}],
    "fields": {
        "email": "{{ customer.email }}",
        "name": "{{ customer.name }}",
        "groups": ["Customers", "Partner: {{ Partner }}"],
        "basis": "client",
        "date": "{{ At }}",
    },
}


class World:
    """One merchant: what happens outside (`stream`, `crm`, `mail`), and an engine that may be killed and started."""

    def __init__(self, folder: Path, **spec: Any) -> None:
        self.clock = FakeClock()
        self.url = f"sqlite:///{folder / 'state.db'}"
        self.stream = MemoryStream()
        self.crm = MemoryLookup()
        self.orders = MemoryLookup()
        self.mail = MemoryDestination(self.clock)
        self.mappings: dict[str, BoundMapping] = {}
        self.most_removals = 100
        self.store = Store.open(self.url, self.clock)
        self.add_mapping("sales", **spec)

    def add_mapping(self, name: str, **changes: Any) -> None:
        """A mapping, or another version of it."""
        spec = MappingSpec.model_validate({**SPEC, **changes})
        rule = compile_mapping(
            spec, record_fields=self.stream.fields, draft_fields=frozenset(Fields.model_fields), key_field="email"
        )
        sources = {"crm.customers": self.crm, "crm.orders": self.orders}
        self.mappings[name] = BoundMapping(
            name,
            spec,
            rule,
            spec.source,
            self.stream,
            Options(),
            spec.destination,
            self.mail,
            tuple((each, sources[each.source]) for each in rule.lookups),
            None,
        )

    def restart(self) -> None:
        """What a new process would see."""
        self.store.close()
        self.store = Store.open(self.url, self.clock)

    def runner(self, store: Store | None = None, **options: Any) -> Runner:
        workspace: Any = type("Bound", (), {"mappings": self.mappings})()
        return Runner(Session(workspace, store or self.store, (), TORONTO, self.most_removals), **options)

    async def sync(self, *names: str, **options: Any) -> RunReport:
        return await self.runner(**options).sync(names or list(self.mappings))

    async def reconcile(self, **options: Any) -> tuple[RunReport, Findings | None]:
        """The report, and what was found where it came to its end."""
        session: Any = Session(cast(Any, None), self.store, (), TORONTO)
        reconciler = Reconciler(session, {"mail.contacts": self.mail}, **options)
        report = await reconciler.run(["mail.contacts"])
        return report, reconciler.findings.get("mail.contacts")

    async def allow(self, *keys: str) -> int:
        session: Any = Session(cast(Any, None), self.store, (), TORONTO)
        return await Reconciler(session, {"mail.contacts": self.mail}).allow(["mail.contacts"], keys)

    async def plan(self, *names: str, **asked: Any) -> tuple[RunReport, list[Prepared]]:
        items: list[Prepared] = []
        snapshot = Store.open_copy(self.url, self.clock)
        try:
            report = await self.runner(snapshot).plan(
                names or list(self.mappings), lambda destination, item: items.append(item), **asked
            )
        finally:
            snapshot.close()
        return report, items

    def groups(self, email: str) -> set[str]:
        return set(self.mail.contacts[email].groups.values())

    def buy(self, id: str, customer: str, *, days_ago: float = 1, **values: Any) -> None:
        at = self.clock.now() - dt.timedelta(days=days_ago)
        self.stream.put(id, at, **{"Customer": customer, "Partner": "Acme", **values})
