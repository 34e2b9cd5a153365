"""A year in the life of a merchant, in any order: sales, people, administrators, a tired provider, kills.

Each rule is something that happens outside, or a run of the engine with what goes wrong in it as data. After every run
all promises are checked; at the end everything is left to come to rest and everybody must be as they should be.
"""

import asyncio
import datetime as dt
import tempfile
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from mappings.fold import Consent
from syncengine.contracts import Change
from syncengine.state import rejects
from syncengine.state.store import Store
from tests.clock import FakeClock
from tests.engine.world import TORONTO, YEARS_2
from tests.promises.checks import check, check_rest, picture
from tests.promises.model import (
    ASKING,
    ERASING,
    EXPRESS_SALES,
    LEAVING,
    OTHER_SALES,
    REPLACING,
    RETURNS,
    SALES,
    STOPPING,
)  # fmt: skip
from tests.promises.troubles import FINE, KINDS, WALKING
from tests.promises.world import Outside, World
from tests.quick import QUICK

T = TypeVar("T")
DAY = 86_400
ids = st.sampled_from(["1", "2", "3", "4"])
customers = st.sampled_from(["C1", "C2"])
buyers = st.sampled_from(["C1", "C1", "C2", "C2", ""])
emails = st.sampled_from(["ana@example.com", "bea@example.com", "cyd@example.com"])
written = st.one_of(emails, emails.map(str.upper), st.sampled_from(["", "nobody"]))
names = st.sampled_from([None, "Ana", "Béa"])
partners = st.sampled_from([None, "Acme", "ACME", "Other"])
titles = st.sampled_from(["Customers", "Partner: Acme", "Buyers"])
directories = st.sampled_from(["customers", "customers", "orders"])
days_ago = st.sampled_from([1.0, 2.0, 40.0, 300.0, 700.0, 735.0, 900.0])
steps = st.sampled_from([5, 59, 61, 3600, 23 * 3600, 3 * DAY + 1, 200 * DAY, -3600, -2 * DAY])
"""Seconds that the clock moves: within and beyond 60 s, a wait, a consent's term; and back."""
troubles = st.fixed_dictionaries(
    {},
    optional={
        place: st.lists(st.sampled_from([FINE, *kinds]), min_size=1, max_size=4) for place, kinds in KINDS.items()
    },
)
overlooked = st.fixed_dictionaries(
    {}, optional={place: st.lists(st.sampled_from([FINE, *kinds]), max_size=2) for place, kinds in WALKING.items()}
)
DOUBT_ENDS = 20 * 3600
"""Seconds; the provider works its batches off before a day is over."""
LONGEST_RETRY = 7 * 3600
ROUNDS = 8
"""Syncs in which everything comes to rest: retries wait at most six hours."""


class Merchant(RuleBasedStateMachine):
    """The machine. Hypothesis prints its steps as a program when something breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory(dir=QUICK, prefix="promises-")
        self.world = World(Path(self.folder.name), Outside.make(), empty_state())
        self.world.map("sales", SALES)
        self.sound = True

    @initialize(repeatable=st.sampled_from([True, True, True, False]), batch=st.integers(1, 3))
    def choose_provider(self, repeatable: bool, batch: int) -> None:
        self.world.outside.mail.repeatable = repeatable
        self.world.outside.mail.batch = batch

    @initialize(rules=st.sampled_from([SALES, SALES, OTHER_SALES, ASKING, ASKING, REPLACING, LEAVING]))
    def choose_rules(self, rules: Any) -> None:
        self.world.map("sales", rules)

    @initialize(known=st.integers(0, 2), friends=st.booleans())
    def open_shop(self, known: int, friends: bool = False) -> None:
        """So many customers are in both directories, and each has bought something. `friends`: they are contacts with a
        group already.
        """
        for number, email in enumerate(["ana@example.com", "Bea@Example.com"][:known], 1):
            for directory in self.world.outside.directories.values():
                directory.person(f"C{number}", email, name="Ana")
            self.sell(str(number), f"C{number}", "Acme", False, 40.0, 0, False)
            if friends:
                self.decide(email.lower(), "subscribe")
                self.move(email.lower(), "Customers", True)

    def teardown(self) -> None:
        try:
            if self.sound:
                self.come_to_rest()
        finally:
            self.world.close()
            self.loop.close()
            self.folder.cleanup()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        self.sound = False
        result = self.loop.run_until_complete(work)
        self.sound = True
        return result

    # --- the shop ---

    @rule(
        id=ids,
        customer=buyers,
        partner=partners,
        old=st.booleans(),
        ago=days_ago,
        late=st.integers(0, 2),
        tie=st.booleans(),
    )
    def sell(self, id: str, customer: str, partner: str | None, old: bool, ago: float, late: int, tie: bool) -> None:
        """A sale, or all of it anew: a reversed one that is sold again has been reset."""
        sales = self.world.outside.sales
        known = sales.rows.get(id)
        at = known.record.moment if known else self.world.outside.clock.now() - dt.timedelta(days=ago)
        kind = "OLD" if old else "NEW"
        values = {"State": "PENDING", "Kind": kind, "Customer": customer, "Order": None, "Partner": partner}
        sales.put(id, values, at, late=late if not known else 0, tie=tie)

    @rule(id=ids, state=st.sampled_from(["REVERSED", "REVERSED", "PENDING", "APPROVED"]), tie=st.booleans())
    def change_state(self, id: str, state: str, tie: bool) -> None:
        sales = self.world.outside.sales
        if id in sales.rows:
            record = sales.rows[id].record
            sales.put(id, {**record.values, "State": state}, record.moment, tie=tie)

    @rule(
        where=directories,
        customer=customers,
        email=written,
        name=names,
        opted_out=st.sampled_from([None, None, "no", "yes", "maybe"]),
    )
    def learn(self, where: str, customer: str, email: str, name: str | None, opted_out: str | None) -> None:
        """The directory has one answer for a customer from now on."""
        row: dict[str, str | None] = {"email": email, "name": name, "opted_out": opted_out}
        self.world.outside.directories[where].rows[customer] = [row]

    @rule(where=directories, customer=customers, email=emails)
    def confuse(self, where: str, customer: str, email: str) -> None:
        """The directory has one answer more: two people, or the same one twice."""
        self.world.outside.directories[where].person(customer, email)

    @rule(where=directories, customer=customers)
    def forget(self, where: str, customer: str) -> None:
        self.world.outside.directories[where].rows.pop(customer, None)

    # --- people and administrators ---

    @rule(email=emails, what=st.sampled_from(["unsubscribe", "bounce", "subscribe", "delete"]))
    def decide(self, email: str, what: str) -> None:
        getattr(self.world.outside.mail, what)(email)

    @precondition(lambda self: self.world.outside.mail.asked)
    @rule()
    def answer(self) -> None:
        """Somebody who was asked says yes."""
        self.world.outside.mail.confirm(min(self.world.outside.mail.asked))

    @rule(email=emails, title=titles, joins=st.booleans())
    def move(self, email: str, title: str, joins: bool) -> None:
        mail = self.world.outside.mail
        (mail.join if joins else mail.leave)(email, title)

    @rule(email=emails, name=st.sampled_from(["Anabelle", "Ana"]))
    def correct(self, email: str, name: str) -> None:
        self.world.outside.mail.rename(email, name)

    @rule(title=titles, to=st.sampled_from([None, "Renamed", "Buyers"]))
    def regroup(self, title: str, to: str | None) -> None:
        """An administrator deletes a group, or renames it."""
        mail = self.world.outside.mail
        mail.delete_group(title) if to is None else mail.rename_group(title, to)

    @rule(email=emails, express=st.booleans(), ago=days_ago)
    def consent(self, email: str, express: bool, ago: float) -> None:
        day = (self.world.outside.clock.now() - dt.timedelta(days=ago)).astimezone(TORONTO).date()
        basis, end = ("express", None) if express else ("client", day + YEARS_2)
        self.world.outside.mail.consent(email, Consent(basis, day, f"theirs of {day}", end, express))

    # --- time and configuration ---

    @rule(seconds=steps)
    def wait(self, seconds: int) -> None:
        if seconds > DOUBT_ENDS:
            self.world.outside.mail.work()
        self.world.outside.clock.move(seconds)

    @rule()
    def work(self) -> None:
        self.world.outside.mail.work()

    @rule(rules=st.sampled_from([SALES, OTHER_SALES, EXPRESS_SALES, REPLACING, LEAVING, ASKING]))
    def reload(self, rules: Any) -> None:
        self.world.map("sales", rules)

    @precondition(lambda self: "returns" not in self.world.mappings)
    @rule(rules=st.sampled_from([RETURNS, STOPPING, ERASING]))
    def add_mapping(self, rules: Any) -> None:
        self.world.map("returns", rules)

    @rule(days=st.sampled_from([30, 800, 1000]), force=st.booleans())
    def resync(self, days: int, force: bool) -> None:
        since = self.world.outside.clock.now() - dt.timedelta(days=days)
        self.world.resync("sales", since, force)

    @rule()
    def retry_rejects(self) -> None:
        found = self.world.store.read_now(rejects.rejects)
        for reject in found:
            if reject.mapping is not None and reject.record is not None:
                self.world.outside.model.retry(reject.mapping, reject.record)
            elif reject.code == "gone" and reject.key is not None:
                self.world.outside.guard.begin_anew(reject.key)
            elif reject.code == "in_doubt" and reject.key is not None:
                self.world.outside.guard.let_ask(reject.key)
        self.world.store.write_now(rejects.retry, [each.id for each in found], self.world.outside.clock.now())

    @rule(email=emails)
    def allow(self, email: str) -> None:
        self.run(self.world.allow(email))

    # --- the engine ---

    def sync(self, coming: Mapping[str, Sequence[str]], lives: int | None = None, stops: int | None = None) -> bool:
        """One sync and all checks. Whether it came to its end."""
        before = self.world.checkpoints()
        report = self.run(self.world.sync(coming, lives=lives, stops=stops))
        self.sound = False
        check(self.world, before, report)
        self.sound = True
        return report is not None

    @rule()
    def sync_undisturbed(self) -> None:
        self.sync({})

    @rule(coming=troubles)
    def sync_in_trouble(self, coming: Mapping[str, Sequence[str]]) -> None:
        self.sync(coming)

    @rule(coming=troubles, lives=st.integers(1, 60))
    def sync_killed_in_trouble(self, coming: Mapping[str, Sequence[str]], lives: int) -> None:
        self.sync(coming, lives=lives)

    @rule(stops=st.integers(0, 12))
    def sync_stopped(self, stops: int) -> None:
        self.sync({}, stops=stops)

    @rule(hinted=st.lists(ids, min_size=1, max_size=3), coming=troubles, lives=st.one_of(st.none(), st.integers(1, 30)))
    def hint(self, hinted: Sequence[str], coming: Mapping[str, Sequence[str]], lives: int | None) -> None:
        """Somebody outside says that something happened to these sales; it may not even be true."""
        before = self.world.checkpoints()
        report = self.run(self.world.hint(hinted, coming, lives=lives))
        self.sound = False
        check(self.world, before, report, through=False)
        self.sound = True

    @rule(coming=overlooked, repair=st.booleans(), lives=st.one_of(st.none(), st.none(), st.integers(1, 12)))
    def reconcile_in_trouble(self, coming: Mapping[str, Sequence[str]], repair: bool, lives: int | None) -> None:
        self.reconcile(coming, repair=repair, lives=lives)

    def reconcile(self, coming: Mapping[str, Sequence[str]], *, repair: bool = True, lives: int | None = None) -> bool:
        """What people did is found: it sends nothing, and what is found is true. Whether it came to its end."""
        mail, before = self.world.outside.mail, self.world.checkpoints()
        sent = len(mail.requests)
        report = self.run(self.world.reconcile(coming, repair=repair, lives=lives))
        self.sound = False
        check(self.world, before, report, through=False)
        assert len(mail.requests) == sent
        self.sound = True
        return report is not None

    @rule(lives=st.lists(st.integers(1, 60), min_size=1, max_size=3))
    def kills_change_nothing(self, lives: Sequence[int]) -> None:
        """Promise 6: killed at any boundary, even again and again, and started: the same as without the kill."""
        with tempfile.TemporaryDirectory(dir=QUICK, prefix="promises-twin-") as folder:
            twin = self.world.twin(Path(folder))
            self.run(twin.sync())
            undisturbed = picture(twin)
            twin.close()
        for left in lives:
            self.sync({}, lives=left)
        self.sync({})
        if self.world.outside.mail.repeatable:  # else what was in the air is for a person to decide
            assert picture(self.world) == undisturbed

    @rule()
    def plan_tells_the_truth(self) -> None:
        """Promise 8."""
        mail = self.world.outside.mail
        state, sent = self.world.dump(), len(mail.requests)
        planned = self.run(self.world.plan())
        assert self.world.dump() == state
        assert len(mail.requests) == sent
        self.sync({})
        did: dict[str, list[Any]] = {}
        for part in mail.requests[sent:]:
            done = did.setdefault(part.key, [{}, set(), set(), None, None, "", False])
            done[0] |= part.fields
            done[1] |= set(part.join)
            done[2] |= set(part.leave)
            done[3] = part.consent or done[3]
            done[4] = part.exact if part.exact is None else set(part.exact)
            done[5] = part.stop
            done[6] |= part.ask
        assert did == {key: _told(change) for key, change in planned.items()}

    def come_to_rest(self) -> None:
        """Nothing goes wrong any more, and time passes."""
        for _ in range(ROUNDS):
            self.world.outside.mail.work()
            self.world.outside.clock.move(LONGEST_RETRY)
            self.sync({})
            pending = self.world.rows("SELECT key, code FROM target WHERE state='pending'")
            there = self.world.outside.mail.contacts
            if all(code == "unanswered" and key not in there for key, code in pending):
                break
        check_rest(self.world)


def _told(change: Change) -> list[Any]:
    adds = change.fields or change.join or change.create or change.renew
    consent = change.consent if adds and not change.ask else None
    groups = [set(change.join), set(change.leave)]
    exact = None if change.exact is None else set(change.exact)
    return [dict(change.fields), *groups, consent, exact, change.stop, change.ask]


_empty: list[tuple[tempfile.TemporaryDirectory[str], Path]] = []


def empty_state() -> Path:
    """A state file of the newest schema, made once per process."""
    if not _empty:
        folder = tempfile.TemporaryDirectory(dir=QUICK, prefix="promises-empty-")
        path = Path(folder.name) / "empty.db"
        Store.open(f"sqlite:///{path}", FakeClock()).close()
        _empty.append((folder, path))
    return _empty[0][1]
