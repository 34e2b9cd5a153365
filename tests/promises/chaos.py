"""A merchant over HTTP: the real connectors and the recipe new-customers against both sandboxes, and bad weather.

Everything comes from one seed: who buys what and when, who says no, which requests are hit by what, and how the
providers behave where nobody knows how they do. What must be there at the end is worked out from the sales alone.
"""

import datetime as dt
import json
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.impact.sandbox import ImpactSandbox
from connectors.impact.sandbox.model import Partner
from syncengine.config import load_settings
from syncengine.engine.report import RunReport
from syncengine.engine.run import Runner
from syncengine.sandbox.kit import Fault, Person, Server, write_directory
from syncengine.session import open_session
from syncengine.state import rejects
from tests.clock import FakeClock
from tests.engine.world import TORONTO

CAMPAIGN = "1000"
ALL = "Affiliate customers"
PARTNERS = (Partner("1", "Acme"), Partner("2", "Birch"))
PEOPLE = 12
LATELY = dt.timedelta(minutes=20)
"""Behind the margin at the end of what is read, inside its overlap."""
STATUSES = (401, 403, 429, 429, 500, 502, 503, 504)
SETTLED = 3600.0
"""Seconds since the directory's file was written."""
REST = 7 * 3600.0
"""Seconds: longer than any wait before something is tried again."""
ROUNDS = 8

CONFIG = """\
[engine]
timezone = "America/Toronto"

[connections.impact]
connector = "impact"
base_url = "{impact}"
account_sid = "{account_sid}"
auth_token = "{auth_token}"

[connections.cyberimpact]
connector = "cyberimpact"
base_url = "{cyberimpact}"
token = "{token}"
batch_size = 3
batch_deadline = "20 seconds"

[connections.shop]
connector = "csv"
path = "customers.csv"
[connections.shop.lookups.customers]
key = "customer_id"

[mappings.new-customers]
use = "new-customers"
start = 2026-01-01
"""


class Sale(NamedTuple):
    """One purchase. `id` is impact.com's."""

    id: str
    customer: str
    partner: Partner
    event: dt.datetime
    order: str


class Weather:
    """The merchant, the providers and what happens to them."""

    def __init__(self, folder: Path, seed: int, impact: ImpactSandbox, mail: CyberimpactSandbox) -> None:
        self.folder = folder
        self.impact = impact
        self.mail = mail
        self.rng = random.Random(seed)
        self.clock = FakeClock()
        self.sales: dict[str, Sale] = {}
        self.reversed: set[str] = set()
        self.people = {f"C{number}": _person(number) for number in range(PEOPLE)}
        self.reports: list[RunReport] = []
        impact.now = mail.now = self.clock.now
        impact.book.add_campaign(CAMPAIGN, "Northern Outfitters")
        self._choose_behaviour()

    def _choose_behaviour(self) -> None:
        """What nobody knows about Cyberimpact, in one of its ways."""
        switches, choose = self.mail.switches, self.rng.choice
        switches.batch_polls = choose([0, 1, 3])
        switches.success_rows = choose(["as_sent", "member_id", "objects"])
        switches.error_rows = choose(["id", "email", "member_id"])
        switches.add_suppressed = choose(["refused", "silent", "revives"])
        switches.read_suppressed = choose(["hidden", "shown"])
        switches.throttle_everything = choose([False, True])
        self.impact.switches.rate_headers = choose(["brand", "none"])
        self.impact.switches.edge_rows_twice = choose([False, True])

    # --- what happens outside ---

    def sell(self, customer: str, days_ago: int) -> None:
        """A purchase of that day, reported just now."""
        event = self.clock.now() - dt.timedelta(days=days_ago, minutes=self.rng.randrange(600))
        order, partner = f"order-{len(self.sales)}", self.rng.choice(PARTNERS)
        made = self.impact.book.create(
            CAMPAIGN, customer_id=customer, oid=order, partner=partner, event=event, at=self.clock.now() - LATELY
        )
        self.sales[made.id] = Sale(made.id, customer, partner, event, order)

    def take_back(self, id: str) -> None:
        self.impact.book.reverse(id, at=self.clock.now() - LATELY)
        self.reversed.add(id)

    def print_directory(self) -> None:
        """The shop's export; it has been lying there for an hour, so nobody is still writing it."""
        path = self.folder / "customers.csv"
        write_directory(self.people.values(), path)
        os.utime(path, (self.clock.now().timestamp() - SETTLED,) * 2)

    def email(self, customer: str) -> str:
        return self.people[customer].email.strip().lower()

    # --- bad weather ---

    def break_things(self) -> None:
        """Some of the next requests to each provider go wrong, in every way there is."""
        for sandbox in (self.impact, self.mail):
            sandbox.faults.clear()
            sandbox.faults.add(*(self._fault() for _ in range(self.rng.randrange(1, 6))))

    def _fault(self) -> Fault:
        kind = self.rng.choice(["status", "status", "drop_before", "drop_after", "truncate", "delay", "malformed"])
        status = self.rng.choice(STATUSES)
        headers = {"Retry-After": str(self.rng.choice([1, 30, 1800]))} if status == 429 else {}
        return Fault(
            kind=kind,  # type: ignore[arg-type]  # one of its words
            method=self.rng.choice([".*", "GET", "POST", "DELETE"]),
            times=self.rng.choice([1, 1, 2, 8]),
            after=self.rng.randrange(8),
            status=status,
            headers=headers,
            seconds=0.01,
        )

    def injected(self) -> list[str]:
        """The kinds of what really went wrong since `break_things`."""
        return [fault.kind for sandbox in (self.impact, self.mail) for fault in sandbox.faults.injected]

    def clear_up(self) -> None:
        for sandbox in (self.impact, self.mail):
            sandbox.faults.clear()

    # --- the program ---

    async def sync(self) -> RunReport:
        """A process of its own, as far as the state is concerned."""
        settings = load_settings(self.folder / "config.toml", {})
        async with open_session(settings, clock=self.clock) as session:
            report = await Runner(session).sync(["new-customers"])
        self.reports.append(report)
        return report

    async def come_to_rest(self) -> RunReport:
        """Good weather, and time, until nothing is pending any more; people retry what was refused meanwhile."""
        self.clear_up()
        settings = load_settings(self.folder / "config.toml", {})
        for _ in range(ROUNDS):
            self.clock.move(REST)
            self.mail.settle()
            async with open_session(settings, clock=self.clock) as session:
                for reject in session.store.read_now(rejects.rejects):
                    session.store.write_now(rejects.retry, [reject.id], self.clock.now())
            report = await self.sync()
            sums = report.deliveries[0].revisions
            if not report.failures and not sums.get("pending") and not sums.get("in_doubt"):
                return report
        return report

    # --- what must be there ---

    def expected_groups(self, customer: str) -> set[str]:
        live = [sale for sale in self.sales.values() if sale.customer == customer and sale.id not in self.reversed]
        return {f"Partner: {sale.partner.name}" for sale in live} | ({ALL} if live else set())

    def expected_consent(self, customer: str) -> tuple[str, dt.date, str]:
        """That of the last purchase, also of one taken back after it was delivered: a date never goes back."""
        last = max((sale for sale in self.sales.values() if sale.customer == customer), key=lambda sale: sale.event)
        proof = f"impact.com action {last.id}, order {last.order}"
        return ("active-clients", last.event.astimezone(TORONTO).date(), proof)


def _person(number: int) -> Person:
    email = f"Person.{number}@Example.com" if number % 3 == 0 else f"person.{number}@example.com"
    return Person(f"C{number}", email, f"First{number}", f"Last{number}", "français", "no", ())


@contextmanager
def weather(folder: Path, seed: int) -> Iterator[Weather]:
    impact, mail = ImpactSandbox(), CyberimpactSandbox()
    with ExitStack() as stack:
        urls = {
            name: stack.enter_context(Server(made.app)).url
            for name, made in (("impact", impact), ("cyberimpact", mail))
        }
        made = Weather(folder, seed, impact, mail)
        values: dict[str, Any] = {**urls, **impact.settings(), **mail.settings()}
        (folder / "config.toml").write_text(CONFIG.format(**values), encoding="utf-8")
        yield made


def bodies_with(mail: CyberimpactSandbox, email: str, since: int = 0) -> list[str]:
    """The requests that could add and name this address, from the n-th that was seen on."""
    return [
        f"{seen.method} {seen.path}"
        for seen in mail.seen[since:]
        if seen.method in {"POST", "PUT", "PATCH"}
        and (email in seen.path.lower() or email in json.dumps(seen.body.decode("utf-8", "replace")).lower())
    ]
