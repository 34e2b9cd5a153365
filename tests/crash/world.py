"""A small world in two acts, each case of a person in it once, and what is left of it at the end, fit for comparing."""

import datetime as dt
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from connectors.cyberimpact.sandbox import CyberimpactSandbox, Known
from connectors.impact.sandbox import ImpactSandbox
from connectors.impact.sandbox.model import Partner
from syncengine.sandbox.kit import Person, Server, write_directory

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
DAY = dt.timedelta(days=1)
LATELY = dt.timedelta(minutes=30)
"""Inside what the next sync reads: behind the margin at its end, after the overlap at its beginning."""
CAMPAIGN = "1000"
ACME, BIRCH = Partner("1", "Acme"), Partner("2", "Birch")
ALL = "Affiliate customers"
BY_ACME, BY_BIRCH = "Partner: Acme", "Partner: Birch"

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
base_url = "{mail}"
token = "{token}"
batch_size = 3
batches_in_flight = 2
poll_every = "0.01 seconds"

[connections.shop]
connector = "csv"
path = "customers.csv"
[connections.shop.lookups.customers]
key = "customer_id"

[mappings.new-customers]
use = "new-customers"
start = {start}
schedule = "every second"
"""

SETTLED = (
    "SELECT mapping, id, state, key, digest, code FROM record ORDER BY mapping, id",
    "SELECT key, desired, CASE state WHEN 'there' THEN 'delivered' ELSE state END, code FROM target ORDER BY key",
    "SELECT key, identity, title, state FROM membership ORDER BY key, identity",
    "SELECT key, reason FROM suppression ORDER BY key",
    "SELECT record, key, code, field, message FROM reject ORDER BY record, key",
    "SELECT person, key FROM former ORDER BY person, key",
    "SELECT partition, error FROM checkpoint WHERE position IS NOT NULL ORDER BY partition",
    "SELECT since, force FROM backfill WHERE done_at IS NULL",
    "SELECT attempt FROM attemptpart WHERE state='open'",
    "SELECT mapping FROM run WHERE state='running'",
)
"""What must be the same whatever happened on the way; moments, and which of two runs did it, may differ."""


OUTCOMES = ("repeated", "filtered", "waiting", "rejected", "suppressed", "retracted", "drafted")
"""Promise 1: each record read, or tried again, ends as one of these."""


class End(NamedTuple):
    """What is left. `groups` and `addresses` are lists, so that anything that is there twice is seen."""

    contacts: dict[str, Known]
    groups: list[str]
    addresses: list[str]
    state: list[list[Any]]
    sums: dict[str, int]


def someone(customer: str, name: str, **changes: Any) -> Person:
    return Person(customer, f"{name}@example.com", name.title(), "Doe", "fr", "no", ())._replace(**changes)


def lately() -> dt.datetime:
    """A moment that the next sync reads, however long the tests have been going on."""
    return dt.datetime.now(dt.UTC) - LATELY


class World:
    """Both providers, and a folder for the program. `start_over` makes all of it as it was."""

    def __init__(self, urls: dict[str, str], impact: ImpactSandbox, mail: CyberimpactSandbox) -> None:
        self.impact, self.mail = impact, mail
        self._urls = urls
        self._customers: list[Person] = []
        self.folder = Path()

    def start_over(self, folder: Path) -> None:
        """Empty accounts, and an empty folder with nothing but a configuration."""
        self.folder = folder
        for sandbox in (self.impact, self.mail):
            sandbox.reset()
        self.mail.switches.batch_seconds = 0.0  # worked off at once, whether anybody asks or not
        self.impact.book.add_campaign(CAMPAIGN, "Northern Outfitters")
        values = {**self._urls, **self.impact.settings(), **self.mail.settings(), "start": (NOW - 5 * DAY).date()}
        (folder / "config.toml").write_text(CONFIG.format(**values), encoding="utf-8")
        (folder / "config.toml").chmod(0o600)
        self._customers = []
        self.knows()

    def knows(self, *people: Person) -> None:
        """The shop's directory has these people too."""
        self._customers += people
        path = self.folder / "customers.csv"
        write_directory(self._customers, path)
        os.utime(path, (NOW.timestamp() - DAY.total_seconds() + len(self._customers),) * 2)  # settled long ago

    def sells(self, customer: str, partner: Partner, ago: dt.timedelta, reported: dt.datetime | None = None) -> str:
        """A purchase, reported at once or later; its id."""
        order, event = f"order-{len(self.impact.book.actions)}", NOW - ago
        made = self.impact.book.create(
            CAMPAIGN, customer_id=customer, oid=order, partner=partner, event=event, at=reported or event
        )
        return made.id

    # --- the two acts ---

    def first_act(self) -> None:
        """Seven people who buy, each a case of their own."""
        admin = self.mail.admin
        admin.create_group(ALL)
        admin.add("cleo@example.com", groups=[ALL], relation="active-clients", date=(NOW - 200 * DAY).date(), proof="x")
        admin.add("dan@example.com", relation="active-clients", date=(NOW - 100 * DAY).date(), proof="x")
        admin.unsubscribe("dan@example.com")
        admin.add("hal@example.com", relation="express-consent", date=(NOW - 50 * DAY).date(), proof="form")
        self.knows(
            someone("C1", "ana"), someone("C2", "bea"), someone("C3", "cleo"), someone("C4", "dan"),
            someone("C5", "eva"), someone("C6", "fay", opted_out="yes"), someone("C8", "hal"),
            someone("C9", "ida", email="no-address"),
        )  # fmt: skip
        for customer in ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9"):
            self.sells(customer, ACME, DAY)
        self.sells("C2", BIRCH, 2 * DAY)

    def second_act(self) -> None:
        """Taken back, said no, bought again, corrected by hand, and somebody new."""
        by_customer = {action.customer_id: action.id for action in self.impact.book.actions.values()}
        for customer in ("C3", "C5"):
            self.impact.book.reverse(by_customer[customer], at=lately())
        self.mail.admin.unsubscribe("ana@example.com")
        self.mail.admin.edit("bea@example.com", firstname="Beatrice")
        self.mail.admin.leave_group("bea@example.com", BY_ACME)
        self.sells("C1", BIRCH, LATELY, lately())
        self.sells("C2", ACME, LATELY, lately())
        self.knows(someone("C10", "gus"))
        self.sells("C10", BIRCH, LATELY, lately())

    # --- the end ---

    def end(self) -> End:
        """What is there and what is written down. Everything that was posted has taken effect by then."""
        self.mail.settle()
        account = self.mail.account
        return End(
            self.mail.contacts(),
            sorted(group.title for group in account.groups.values()),
            sorted(contact.email.lower() for contact in account.contacts.values()),
            self.written(),
            self.sums(),
        )

    def written(self) -> list[list[Any]]:
        """Raises AssertionError where the file is damaged, or a run doesn't account for each record that it read."""
        with closing(sqlite3.connect(self.folder / "syncengine.db")) as state:
            assert state.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            for (text,) in state.execute("SELECT counts FROM run"):
                counts = Counter(json.loads(text))
                assert counts["read"] + counts["released"] == sum(counts[outcome] for outcome in OUTCOMES), text
            return [state.execute(statement).fetchall() for statement in SETTLED]

    def sums(self) -> dict[str, int]:
        """Where the revisions are. What a crash leaves unknown is found to be there instead of delivered."""
        with closing(sqlite3.connect(self.folder / "syncengine.db")) as state:
            ended = dict(state.execute("SELECT outcome, sum(number) FROM tally GROUP BY outcome"))
            present = dict(state.execute("SELECT state, count(*) FROM target GROUP BY state"))
        total = ended.pop("revisions", 0)
        sums = {name: ended.get(name, 0) + present.get(name, 0) for name in sorted({*ended, *present})}
        assert total == sum(sums.values()), "a revision went missing or was counted twice"
        sums["delivered"] = sums.get("delivered", 0) + sums.pop("there", 0)
        return {"revisions": total, **sums}


@contextmanager
def opened() -> Iterator[World]:
    with ExitStack() as stack:
        impact, mail = ImpactSandbox(), CyberimpactSandbox()
        urls = {
            "impact": stack.enter_context(Server(impact.app)).url,
            "mail": stack.enter_context(Server(mail.app)).url,
        }
        yield World(urls, impact, mail)
