"""What both contestants find: a year of a merchant's actions, the shop's customers, and an account with a past.

Deterministic. The account knows some of the customers already: people who said no, people whose consent is later or
better than their purchase, people whose name somebody corrected. Those are what a careless script does harm to.
"""

import datetime as dt
import random
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.impact.sandbox import ImpactSandbox, Partner
from syncengine.sandbox.kit import Person, people

SEED = 20_260_601
CAMPAIGNS = (("1000", "Northern Outfitters"), ("2000", "Maison Boréale"))
EMPTY_CAMPAIGN = ("3000", "Not Opened Yet")
PARTNERS = tuple(Partner(str(40_000 + number), f"Partner {number:02d}") for number in range(25))
ACTIONS_PER_DAY = 548
"""200,000 actions are a year; a shorter history has the same pages, only fewer."""
NEW_EVERY = 5
"""Every fifth action is some customer's first."""
AGAIN_SHARE = 0.1
"""Of the customers, so many are new to the other campaign too, through another partner."""
REVERSED_SHARE = 0.05
RETURNED_WITHIN_DAYS = 20
DIFFICULT = 7
"""The kit's first people: an address that is none, one whom the directory doesn't know … The account knows none."""
STRANGERS = 5_000
"""Contacts who never bought through a partner."""

# Shares of the customers whom the account knows, one after the other.
SHARES = (("unsubscribed", 0.04), ("bounced", 0.02), ("later", 0.015), ("earlier", 0.02), ("express", 0.01))
EARLIER = dt.timedelta(days=600)
CORRECTED = "corrected by hand"
"""The company field and a part of the name of contacts that the merchant looks after."""


class Size(NamedTuple):
    """How much there is to read: `actions` are `new` customers' first ones and their later orders."""

    actions: int
    new: int

    @property
    def days(self) -> int:
        return max(1, self.actions // ACTIONS_PER_DAY)


class Kept(NamedTuple):
    """Something of a contact that was there before, and must be so afterwards."""

    kind: str
    date: dt.date
    firstname: str


def fill_impact(impact: ImpactSandbox, size: Size, now: dt.datetime) -> list[Person]:
    """Actions evenly over the last days. Gives the people who made them."""
    rng = random.Random(SEED)
    customers = people(size.new, SEED)
    for campaign in (*CAMPAIGNS, EMPTY_CAMPAIGN):
        impact.book.add_campaign(*campaign)
    step = dt.timedelta(days=size.days) / size.actions
    began = now - dt.timedelta(days=size.days)
    for number in range(size.actions):
        turn, slot = divmod(number, NEW_EVERY)
        newest = min(turn, size.new - 1)
        first = slot == 0 and turn < size.new
        again = slot == 1 and turn < size.new and rng.random() < AGAIN_SHARE
        person = customers[newest if first or again else rng.randrange(newest + 1)]
        event = (began + step * number).replace(microsecond=0)
        action = impact.book.create(
            CAMPAIGNS[(newest + again) % len(CAMPAIGNS)][0],
            customer_id=person.customer_id,
            oid=f"8{number:08d}",
            status="NEW" if first or again else "EXISTING",
            partner=rng.choice(PARTNERS),
            event=event,
            at=event,
        )
        returned = event + dt.timedelta(days=rng.uniform(1, RETURNED_WITHIN_DAYS))
        if rng.random() < REVERSED_SHARE and returned < now:
            impact.book.reverse(action.id, at=returned.replace(microsecond=0))
    impact.book.approve_due(now)
    return customers


def fill_cyberimpact(
    cyberimpact: CyberimpactSandbox, customers: Sequence[Person], now: dt.datetime
) -> Mapping[str, Kept]:
    """The account before the run. Gives what must not change of the customers in it, by address."""
    rng = random.Random(SEED)
    kept: dict[str, Kept] = {}
    for person in customers[DIFFICULT:]:
        kind = _kind(rng)
        if kind:
            kept[person.email] = _add(cyberimpact, person, kind, now)
    for number in range(STRANGERS):
        cyberimpact.admin.add(f"reader.{number}@example.com", relation="express-consent", date=now.date())
    return kept


def _kind(rng: random.Random) -> str | None:
    draw = rng.random()
    for kind, share in SHARES:
        if draw < share:
            return kind
        draw -= share
    return None


def _add(cyberimpact: CyberimpactSandbox, person: Person, kind: str, now: dt.datetime) -> Kept:
    date = (now if kind == "later" else now - EARLIER).date()
    firstname = f"{person.first_name}, {CORRECTED}"
    cyberimpact.admin.add(
        person.email,
        fields={"firstname": firstname, "lastname": person.last_name, "company": CORRECTED},
        relation="express-consent" if kind == "express" else "active-clients",
        date=date,
        proof="imported by hand",
    )
    if kind == "unsubscribed":
        cyberimpact.admin.unsubscribe(person.email)
    elif kind == "bounced":
        cyberimpact.admin.bounce(person.email)
    return Kept(kind, date, firstname)


def write_shop(customers: Sequence[Person], path: Path) -> None:
    """The shop's own table, which both contestants ask."""
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as shop:
        shop.execute(
            "CREATE TABLE customers(customer_id TEXT PRIMARY KEY, email TEXT, first_name TEXT, last_name TEXT,"
            " language TEXT, opted_out TEXT)"
        )
        shop.executemany(
            "INSERT INTO customers VALUES(?,?,?,?,?,?)",
            [
                (one.customer_id, one.email, one.first_name, one.last_name, one.language, one.opted_out)
                for one in customers
                if one.listed
            ],
        )
    shop.close()
