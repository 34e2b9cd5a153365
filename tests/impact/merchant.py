"""A merchant between the sandbox of impact.com and a provider of contacts in memory: the real engine on a real state.

A process may be killed, cancelled or asked to stop at any of its boundaries: a unit of work of the state, a request.
"""

import asyncio
import datetime as dt
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import httpx
from structlog.testing import capture_logs

from connectors.impact import ImpactConnection
from connectors.impact.kinds import ACTION_FIELDS
from mappings.mapping import CompiledMapping, compile_mapping
from mappings.spec import MappingSpec
from syncengine.binding import BoundMapping
from syncengine.engine.report import RunReport
from syncengine.engine.run import Runner
from syncengine.session import Session
from syncengine.state.store import Store
from tests.clock import FakeClock
from tests.engine.world import TORONTO, Fields, Killed, MemoryDestination, MemoryLookup
from tests.impact.conftest import connection
from tests.impact.history import CAMPAIGNS, DAY, MINUTE, START, History
from tests.impact.wire import Wire
from tests.quick import QUICK

T = TypeVar("T")
Ends = tuple[str, int] | None
"""How a process ends early: "kill", "cancel" or "stop", and at its how-manieth boundary."""

BEGIN = START - dt.timedelta(days=60)
"""Before the first action that may be submitted late."""
LAST = START + dt.timedelta(days=500)
"""Later nobody waits on: a consent lasts for two years, and one that has expired would create nobody."""
BUYERS = 4
"""So few people that most have bought more than once."""
ROUNDS = 4
"""So many more syncs bring everything to rest: what a kill left in doubt is asked for, then what it held up is sent."""
LOOKUP = {"from": "crm.customers", "key": "{{ CustomerId }}", "as": "customer"}
SPECS: dict[str, dict[str, Any]] = {
    "sales": {
        "where": "upper(CustomerStatus) == 'NEW' and State != 'REVERSED'",
        "retract": "State == 'REVERSED'",
        "fields": {
            "email": "{{ customer.email }}",
            "name": "{{ Id }} {{ Amount }}",
            "groups": ["Customers", "Campaign {{ CampaignId }}"],
            "basis": "client",
            "date": "{{ EventDate }}",
        },
    },
    "approved": {
        "where": "State == 'APPROVED'",
        "fields": {"email": "{{ customer.email }}", "groups": ["Approved"]},
    },
}
"""One that takes back what is reversed, and one that wants nothing but what most actions become unseen."""


class Life:
    """A process: ends at the n-th boundary that it passes, if it is told so; a dead one does nothing any more."""

    def __init__(self, ends: Ends) -> None:
        self._how, self._left = ends or ("", 0)
        self._dead = False
        self.stopping = False
        self.task: asyncio.Task[Any] | None = None

    def boundary(self) -> None:
        """Raises Killed where the process dies, and ever after."""
        if self._dead:
            raise Killed
        self._left -= 1
        if self._left != 0:
            return
        match self._how:
            case "kill":
                self._dead = True
                raise Killed
            case "cancel":
                assert self.task is not None
                self.task.cancel()
            case "stop":
                self.stopping = True


class MortalStore(Store):
    """A boundary before and after each unit of work; a dead process doesn't read either."""

    life: Life

    async def write(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        self.life.boundary()
        result = await super().write(work, *args, **kwargs)
        self.life.boundary()
        return result

    async def _run(self, work: Callable[[], T]) -> T:
        """Here and now, not on a thread: which boundary comes n-th must not depend on the machine."""
        await asyncio.sleep(0)
        return work()


@cache
def empty_state() -> bytes:
    """Making a state takes longer than copying one."""
    with tempfile.TemporaryDirectory(dir=QUICK) as folder:
        path = Path(folder) / "state.db"
        Store.open(f"sqlite:///{path}", FakeClock()).close()
        with closing(sqlite3.connect(path)) as opened:
            opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.read_bytes()


@cache
def compile_spec(name: str) -> tuple[MappingSpec, CompiledMapping]:
    common = {"source": "impact.actions", "destination": "mail.contacts", "start": BEGIN.date(), "lookup": [LOOKUP]}
    spec = MappingSpec.model_validate({**common, **SPECS[name]})
    return spec, compile_mapping(
        spec, record_fields=ACTION_FIELDS, draft_fields=frozenset(Fields.model_fields), key_field="email"
    )


class Merchant(History):
    """Everybody who buys is in the directory, and nothing but the engine writes to the contacts."""

    def __init__(self, switched: dict[str, Any], overlap: str) -> None:
        super().__init__(switched, overlap)
        self.folder = Path(tempfile.mkdtemp(dir=QUICK, prefix="merchant-"))
        self.path = self.folder / "state.db"
        self.path.write_bytes(empty_state())
        self.mail = MemoryDestination(self.clock)
        self.crm = MemoryLookup()
        self.swept = START
        for number in range(BUYERS):
            self.crm.person(f"C{number}", address(number))

    def close(self) -> None:
        shutil.rmtree(self.folder)

    async def play(self, step: tuple[Any, ...]) -> None:
        if step[0] != "wait" or self.clock.now() < LAST:
            await super().play(step)

    def buyer(self, number: int) -> dict[str, str]:
        return {"customer_id": f"C{number % BUYERS}", "status": "RETURNING" if number % 5 == 2 else "NEW"}

    async def sync(self, ends: Ends, between: list[tuple[int, tuple[Any, ...]]]) -> None:
        """A new process syncs both mappings; it may end early, or meet a list that never rests."""
        self.plan_between(between)
        life = Life(ends)

        def sent(request: httpx.Request) -> None:
            self.sent(request)
            life.boundary()

        with suppress(Killed, asyncio.CancelledError):
            await self.run(life, Wire(self.sandbox, sent))

    async def run(self, life: Life, wire: Wire) -> RunReport:
        """One process from its start to its end."""
        with MortalStore.open(f"sqlite:///{self.path}", self.clock) as store, capture_logs():
            store.life = life
            async with connection(self.clock, wire, **self.settings) as own:
                workspace: Any = type("Bound", (), {"mappings": self._mappings(own)})()
                runner = Runner(Session(workspace, store, (), TORONTO), stopping=lambda: life.stopping)
                life.task = asyncio.create_task(runner.sync(list(SPECS)))
                return await life.task

    def _mappings(self, own: ImpactConnection) -> dict[str, BoundMapping]:
        stream = own.streams["actions"]
        made: dict[str, BoundMapping] = {}
        for name in SPECS:
            spec, rule = compile_spec(name)
            lookups = tuple((each, self.crm) for each in rule.lookups)
            options = stream.Options()
            made[name] = BoundMapping(
                name, spec, rule, spec.source, stream, options, spec.destination, self.mail, lookups, None
            )
        return made

    async def end(self) -> RunReport:
        """Time passes, the sweeps are due, and nothing happens meanwhile. What the last sync reported.

        A sweep is due a day after the first sync that got so far; one comes first if none has.
        """
        self.sandbox.switches.page_drift = "off"
        swept = self.rows("SELECT count(*) FROM checkpoint WHERE partition LIKE '%/open' AND position IS NOT NULL")
        if swept != [(len(CAMPAIGNS) * len(SPECS),)]:
            await self.run(Life(None), Wire(self.sandbox))
        self.clock.move(2 * DAY)
        self.swept = self.clock.now()
        report = await self.run(Life(None), Wire(self.sandbox))  # may only end a sweep that was interrupted
        for _ in range(ROUNDS):
            self.clock.move(MINUTE)
            report = await self.run(Life(None), Wire(self.sandbox))
            if not self.rows("SELECT 1 FROM target WHERE state IN ('pending', 'in_doubt')"):
                break
        return report

    def groups(self, number: int) -> set[str]:
        """Where the n-th buyer is."""
        return set(self.mail.contacts[address(number)].groups.values())

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as opened:
            return opened.execute(statement).fetchall()


def address(number: int) -> str:
    return f"buyer{number}@example.com"


def differences(merchant: Merchant) -> Iterator[str]:
    """Where the state or the contacts aren't what the server's actions make of them."""
    actions = merchant.sandbox.every_action()
    new = {id for id, row in actions.items() if row["CustomerStatus"] == "NEW"}
    gone = {id for id, row in actions.items() if row["State"] == "REVERSED"}
    wanted = {"sales": new - gone, "approved": {id for id, row in actions.items() if row["State"] == "APPROVED"}}
    still_open = {id for id, row in actions.items() if _is_open(row, merchant.clock.now())}
    just_open = {id for id, row in actions.items() if _is_open(row, merchant.swept)}
    for mapping, live in wanted.items():
        watched = {id for (id,) in merchant.rows(f"SELECT id FROM watch WHERE mapping='{mapping}'")}
        if not still_open <= watched <= just_open:
            yield f"{mapping} watches {sorted(watched)} instead of {sorted(still_open)}"
        found: dict[str, set[str]] = {}
        for id, state in merchant.rows(f"SELECT id, state FROM record WHERE mapping='{mapping}'"):
            found.setdefault(state, set()).add(id)
        if found.pop("live", set()) != live:
            yield f"{mapping} has other live records than {sorted(live)}"
        if not found.pop("retracted", set()) <= (new & gone if mapping == "sales" else set()) or found:
            yield f"{mapping} has records that should be in no such state: {found}"
    for number in range(BUYERS):
        yield from _contact(merchant, number, actions, wanted)
    if merchant.mail.contacts.keys() - {address(number) for number in range(BUYERS)}:
        yield "there is a contact who bought nothing"


def _contact(
    merchant: Merchant, number: int, actions: dict[str, dict[str, Any]], wanted: dict[str, set[str]]
) -> Iterator[str]:
    own = {id: row for id, row in actions.items() if row["CustomerId"] == f"C{number}"}
    sales = [own[id] for id in own.keys() & wanted["sales"]]
    groups = {"Approved"} if own.keys() & wanted["approved"] else set()
    groups |= {title for row in sales for title in ("Customers", f"Campaign {row['CampaignId']}")}
    contact = merchant.mail.contacts.get(address(number))
    if contact is None:
        if groups:
            yield f"{address(number)} is no contact, and should be in {groups}"
        return
    if set(contact.groups.values()) != groups:
        yield f"{address(number)} is in {set(contact.groups.values())} instead of {groups}"
    if not sales:
        return
    newest = max(sales, key=lambda row: (_moment(row["EventDate"]), row["Id"]))
    if contact.fields.get("name") != f"{newest['Id']} {newest['Amount']}":
        yield f"{address(number)} is called {contact.fields.get('name')} instead of {newest['Id']} {newest['Amount']}"
    days = {id: _moment(row["EventDate"]).astimezone(TORONTO).date() for id, row in own.items()}
    due = _moment(newest["EventDate"]).astimezone(TORONTO).date()
    # One that was delivered stays, also where its sale was taken back.
    possible = {due} | {day for id, day in days.items() if own[id]["State"] == "REVERSED" and day > due}
    if contact.consent is None or contact.consent.date not in possible:
        yield f"{address(number)} has the consent {contact.consent} instead of one of {possible}"


def _is_open(row: dict[str, Any], now: dt.datetime) -> bool:
    """docs/impact.md: PENDING, and REVERSED until it locks (without a date: for 44 days)."""
    if row["State"] != "REVERSED":
        return bool(row["State"] == "PENDING")
    if row.get("LockingDate"):
        return _moment(row["LockingDate"]) > now
    return _moment(row["EventDate"]) + dt.timedelta(days=44) > now


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
