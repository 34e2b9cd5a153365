"""An account as a merchant has it before the first sync: some customers known, some who said no, groups by hand."""

import datetime as dt
import random
import unicodedata
from collections.abc import Sequence

from connectors.cyberimpact.sandbox.account import Account, Contact
from connectors.cyberimpact.sandbox.consent import Consent
from connectors.cyberimpact.sandbox.dates import day_of
from connectors.cyberimpact.sandbox.mailings import DEFAULTS
from connectors.cyberimpact.sandbox.posting import Mailing, Template, happen, start_due
from connectors.cyberimpact.sandbox.schema import is_email
from syncengine.sandbox.kit import Person

STRANGERS = 5
LONGEST_AGO_DAYS = 900
"""More than the two years of an active client, so that some consents have expired."""

# Shares of the people, one after the other; the rest is not in the account.
SHARES = (("express", 0.08), ("earlier", 0.08), ("later", 0.06), ("unsubscribed", 0.06), ("bounced", 0.04))

NEWSLETTER = "Newsletter"
CASED_GROUP = "affiliate CUSTOMERS "
"""The group of the recipe as somebody typed it: another case, a blank at its end."""
DECOMPOSED_GROUP = unicodedata.normalize("NFD", "Partner: Café Élan")
"""The group of a partner of the impact.com sandbox, its accents in two code points each."""
DYNAMIC_GROUP = "Frequent readers"


def populate(account: Account, people: Sequence[Person], seed: int, now: dt.datetime) -> None:
    """Deterministic. Whoever is first of the people is there already, in another case."""
    rng = random.Random(seed)
    long_ago = now - dt.timedelta(days=LONGEST_AGO_DAYS)
    groups = [account.create_group(title, long_ago, public=title == NEWSLETTER).id for title in _TITLES]
    account.create_group(DYNAMIC_GROUP, long_ago, public=False, dynamic=True)
    account.add_custom_field("Orders", "integer")
    account.add_custom_field("Last order", "date")
    account.add_custom_field("Shop id", "text")
    account.add_custom_field("Lifetime value", "decimal number")
    for number, person in enumerate(people):
        kind = "earlier" if number == 0 else _kind(rng)
        if kind and is_email(person.email) and account.by_email(person.email) is None:
            email = person.email.swapcase() if number == 0 else person.email.lower()
            contact = _contact(account, email, kind, rng, now)
            contact.fields = {"firstname": person.first_name, "lastname": person.last_name}
            contact.groups = set(rng.sample(groups, rng.randint(0, len(groups) - 1)))
    for number in range(STRANGERS):
        contact = _contact(account, f"reader.{number}@example.com", "express", rng, now)
        contact.groups = set(groups[:1])
    _mail(account, groups[0], now)


def _mail(account: Account, newsletter: int, now: dt.datetime) -> None:
    """A page, and a newsletter that went out last week: every other reader opened it."""
    sent = now - dt.timedelta(days=7)
    page = account.new_id()
    account.templates[page] = Template(page, "Monthly newsletter", "<p>Hello!</p>", "Hello!", sent)
    mailing = Mailing(account.new_id(), "News of the month", frozenset({newsletter}), sent, dict(DEFAULTS))
    account.mailings[mailing.id] = mailing
    start_due(account, now)
    for number in list(mailing.recipients)[::2]:
        happen(account, mailing, account.contacts[number], "opened", sent + dt.timedelta(days=1))


_TITLES = (NEWSLETTER, CASED_GROUP, DECOMPOSED_GROUP)


def _kind(rng: random.Random) -> str | None:
    draw = rng.random()
    for kind, share in SHARES:
        if draw < share:
            return kind
        draw -= share
    return None


def _contact(account: Account, email: str, kind: str, rng: random.Random, now: dt.datetime) -> Contact:
    """One contact with the consent and the state of its kind."""
    age = rng.randint(30, LONGEST_AGO_DAYS)
    contact = account.create(email, now - dt.timedelta(days=age))
    relation = "express-consent" if kind == "express" else "active-clients"
    date = day_of(now) if kind == "later" else day_of(contact.joined)
    contact.consent = Consent(relation, date, "imported by hand")
    refused = contact.joined + dt.timedelta(days=rng.randint(1, age))
    if kind == "unsubscribed":
        contact.unsubscribed = contact.updated = refused
    if kind == "bounced":
        contact.bounced = contact.updated = refused
    return contact
