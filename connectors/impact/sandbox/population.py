"""Made-up data: a year of orders as a shop would have them, and a fast way to make very many."""

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from connectors.impact.sandbox.book import Book
from connectors.impact.sandbox.inquiries import Inquiries
from connectors.impact.sandbox.model import Action, Partner
from connectors.impact.sandbox.partners import Partners
from syncengine.sandbox.kit import Person, people

CAMPAIGNS = (
    ("1000", "Northern Outfitters", "ACTIVE"),
    ("2000", "Maison Boréale", "ACTIVE"),
    ("3000", "Old Shop", "CLOSED"),
)
CLOSED_SINCE = dt.timedelta(days=180)
"""The closed campaign has had no orders for half a year, but its history counts."""
PARTNERS = (
    Partner("39787", "Acme Reviews"),
    Partner("39788", "Café Élan"),
    Partner("39789", "Deals & More"),
    Partner("39790", ""),
    Partner("39791", "n/a"),
)
"""Each sends customers to every campaign."""
CITIES = (("Montréal", "Quebec", "H2X 1Y4"), ("Toronto", "Ontario", "M5V 2T6"), ("Halifax", "Nova Scotia", "B3H 0A1"))
YEAR = 365
FIRST_IS_NEW = 0.8
"""With a third more orders than people this makes about 60 % of all actions NEW."""
REVERSED_SHARE = 0.07
MODIFIED_SHARE = 0.10
LATE_SHARE = 0.03
LATE = dt.timedelta(days=6)
REPORTED = dt.timedelta(minutes=9)
"""From the event to its CreationDate, as in the documented sample."""
SECONDS_PER_DAY = 86_400
NO_CUSTOMER_ID = 7
"""Of the people, this one's orders come without CustomerId: only Oid leads to them."""


def populate(book: Book, people: Sequence[Person], seed: int, now: dt.datetime) -> None:
    """The orders of these people in the year before `now`, with everything that happened to them until then.

    There are late arrivals, modified, reversed and approved actions; the eighth person has no CustomerId.
    """
    for campaign in CAMPAIGNS:
        book.add_campaign(*campaign)
    rng = random.Random(seed)
    for order in sorted(_orders(people, now, rng)):
        action = _track(book, order, people[order.number], now, rng)
        _live_on(book, action, now, rng)
    book.approve_due(now)


class _Order(NamedTuple):
    """One order of the person `number`; `turn` counts that person's orders from 0."""

    event: dt.datetime
    number: int
    turn: int
    id: str


def _orders(people: Sequence[Person], now: dt.datetime, rng: random.Random) -> Iterator[_Order]:
    for number, person in enumerate(people):
        days = sorted(rng.uniform(0, YEAR) for _ in person.orders)
        for turn, (order, day) in enumerate(zip(person.orders, days, strict=True)):
            event = (now - dt.timedelta(days=YEAR - day)).replace(microsecond=0)
            yield _Order(event, number, turn, order)


def _track(book: Book, order: _Order, person: Person, now: dt.datetime, rng: random.Random) -> Action:
    open_then = CAMPAIGNS if order.event < now - CLOSED_SINCE else CAMPAIGNS[:2]
    city, region, code = rng.choice(CITIES)
    new = order.turn == 0 and (order.number <= NO_CUSTOMER_ID or rng.random() < FIRST_IS_NEW)
    delay = LATE if rng.random() < LATE_SHARE else REPORTED
    return book.create(
        rng.choice(open_then)[0],
        customer_id="" if order.number == NO_CUSTOMER_ID else person.customer_id,
        oid=order.id,
        status="NEW" if new else "EXISTING",
        partner=rng.choice(PARTNERS),
        event=order.event,
        at=min(order.event + delay, now),
        amount=f"{rng.uniform(10, 300):.2f}",
        promo_code=rng.choice(("", "WELCOME10")),
        customer_city=city,
        customer_region=region,
        customer_post_code=code,
        shared_id=f"RT-{order.id}",
    )


def _live_on(book: Book, action: Action, now: dt.datetime, rng: random.Random) -> None:
    """Maybe modify or reverse it some days later, if that is past and before it locks."""
    moment = action.creation_date + dt.timedelta(seconds=rng.randrange(1, 20 * SECONDS_PER_DAY))
    chance = rng.random()
    if moment > now:
        return
    if chance < REVERSED_SHARE:
        book.reverse(action.id, at=moment)
    elif chance < REVERSED_SHARE + MODIFIED_SHARE:
        book.modify(action.id, amount=f"{float(action.amount) / 2:.2f}", at=moment)


def bulk_populate(
    book: Book, n_actions: int, n_new_customers: int, *, seed: int, days: int, now: dt.datetime
) -> list[Person]:
    """Many actions evenly over the last `days` days and two campaigns, `n_new_customers` of them NEW, one per person.

    The others are EXISTING orders of the same people. Raises ValueError where there are fewer actions than customers.
    """
    if n_new_customers > n_actions or n_new_customers < 1:
        problem = "at least one new customer, and no more than actions"
        raise ValueError(problem)
    for campaign in CAMPAIGNS[:2]:
        book.add_campaign(*campaign)
    customers = people(n_new_customers, seed)
    step = dt.timedelta(days=days) / n_actions
    began = (now - dt.timedelta(days=days)).replace(microsecond=0)
    for number in range(n_actions):
        person = customers[number % n_new_customers]
        new = number < n_new_customers
        event = (began + step * number).replace(microsecond=0)
        book.create(
            CAMPAIGNS[number % 2][0],
            customer_id=person.customer_id,
            oid=person.orders[0] if new else f"8{number:08d}",
            status="NEW" if new else "EXISTING",
            partner=PARTNERS[number % len(PARTNERS)],
            event=event,
            at=event,
        )
    return customers


# --- what stands around the orders ---

PARTNER_PEOPLE = (
    ("Ada", "Lindqvist", "Ada.Lindqvist@reviews.example.com", "Editor", ("39787",), True),
    ("Benoît", "Héroux", "benoit@cafe-elan.example.com", "Propriétaire", ("39788",), False),
    ("Carmen", "Ng", "carmen@deals.example.com", "", ("39789", "39787"), False),
    ("Dmitri", "", "dmitri@nowhere.example.com", "Freelancer", (), True),
    ("Élodie", "Roy", "", "", ("39790",), True),
)
"""People at partners: first and last name, address, title, companies, and whether impact.com made the contact."""
LABELS = ("VIP", "Newsletter")
OPTED_OUT = 25
"""More than one page of unsubscribed contacts (section 3)."""
INQUIRY_KINDS = ("UNTRACKED", "INCORRECT", "DECLINED")
ANSWERS: tuple[dict[str, str] | None, ...] = (
    None,
    {"ResolutionStatus": "VALID", "ActionTrackerId": "2240", "FinalPayout": "2.50"},
    None,
    {"ResolutionStatus": "DECLINED", "RejectReason": "Transaction cannot be traced"},
    {"ResolutionStatus": "INCOMPLETE", "ResolutionNotes": "Which order is it?"},
    None,
)
"""One inquiry for each: what the brand answered, or nothing yet."""
ASKED_EVERY = dt.timedelta(days=12)


def surround(book: Book, inquiries: Inquiries, partners: Partners, now: dt.datetime) -> None:
    """The partner companies of the orders, their people, who opted out, and inquiries about some of the orders."""
    joined = now - dt.timedelta(days=2 * YEAR)
    for partner in PARTNERS:
        partners.add_partner(partner.id, partner.name, at=joined)
        for campaign_id, name, _ in CAMPAIGNS:
            partners.join(partner.id, campaign_id, name, at=joined)
    for campaign_id, _, _ in CAMPAIGNS[:2]:
        for number, (first, last, email, title, companies, system_made) in enumerate(PARTNER_PEOPLE):
            partners.add_contact(
                campaign_id,
                partners=companies,
                labels=LABELS[: number % 3],
                system_made=system_made,
                first_name=first,
                last_name=last,
                email_address=email,
                title=title,
            )
    campaign_id = CAMPAIGNS[0][0]
    partners.unsubscribe(campaign_id, PARTNER_PEOPLE[2][2], PARTNERS[2].id, at=now - dt.timedelta(days=30))
    for number in range(OPTED_OUT):
        partners.unsubscribe(campaign_id, f"former{number:02}@partner.example.com", PARTNERS[0].id, at=joined)
    _inquire(book, inquiries, now)


def _inquire(book: Book, inquiries: Inquiries, now: dt.datetime) -> None:
    """An inquiry for each answer, oldest first; what isn't untracked is about an action."""
    actions = list(book.actions.values())
    for number, answer in enumerate(ANSWERS):
        moment = now - ASKED_EVERY * (len(ANSWERS) - number)
        kind = INQUIRY_KINDS[number % len(INQUIRY_KINDS)]
        about = actions[number] if kind != "UNTRACKED" and number < len(actions) else None
        inquiry = inquiries.inquire(
            about.campaign_id if about else CAMPAIGNS[0][0],
            kind=kind,
            order_id=about.oid if about else f"7900000{number}",
            action_id=about.id if about else "",
            partner=PARTNERS[number % 3],
            transaction=moment - LATE,
            comment="Our reader bought this." if number % 2 else "",
            at=moment,
        )
        if answer is not None:
            inquiries.resolve(inquiry.id, answer, at=moment + LATE)
