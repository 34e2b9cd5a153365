"""Fills the sandbox with calls of made-up people, some easy, some as difficult as real ones are."""

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

from connectors.invoca.sandbox.book import Book
from connectors.invoca.sandbox.model import Entry
from syncengine.sandbox.kit import Person

DAYS = 60
"""How far back calls lie."""
MINUTES_PER_DAY = 1440
ANSWERED_SHARE, SALE_SHARE, CORRECTED_SHARE = 0.75, 0.2, 0.1
OUTCOMES = ("Destination: No Answer", "Destination: Error (503 or Fast Busy)", "IVR: Hang-up", "Unknown: Unknown Cause")
PROGRAM, PARTNERS = "1000", ("39787", "39788")
"""As the impact.com sandbox has them."""
LEFT_OUT: tuple[dict[str, Any], ...] = ({"calling_phone_number": ""}, {"affiliate_id_from_network": None})
"""Calls that aren't for impact.com: of an anonymous caller, and one that no partner brought."""


def populate(book: Book, people: Sequence[Person], seed: int, now: dt.datetime) -> None:
    """One call each, in the order of time; some with a sale, a signal, a correction, or without an answer. And a few
    that the recipe for impact.com leaves out.
    """
    rng = random.Random(seed)
    starts = sorted(now - dt.timedelta(minutes=rng.randrange(60, DAYS * MINUTES_PER_DAY)) for _ in people)
    for person, start in zip(people, starts, strict=True):
        answered = rng.random() < ANSWERED_SHARE
        talked = rng.randrange(20, 600) if answered else 0
        phone = person.phone.removeprefix("+1")
        row = book.call(
            at=start,
            calling_phone_number=f"{phone[:3]}-{phone[3:6]}-{phone[6:]}",
            duration=talked + 25,
            connect_duration=talked,
            hangup_cause="Caller: Hang-up" if answered else rng.choice(OUTCOMES),
            advertiser_campaign_id_from_network=PROGRAM,
            affiliate_id_from_network=rng.choice(PARTNERS),
            custom=[Entry("Quote", rng.choice((True, False, None)), source="Expression")],
        )
        if answered and rng.random() < SALE_SHARE:
            book.sale(row.call, sale_amount=f"{rng.uniform(10, 300):.2f}", email_address=person.email)
        if rng.random() < CORRECTED_SHARE:
            book.correct(row.id, notes="checked by hand")
    for values in LEFT_OUT if people else ():
        plain = {"advertiser_campaign_id_from_network": PROGRAM, "affiliate_id_from_network": PARTNERS[0]}
        book.call(at=now - dt.timedelta(days=1), **{**plain, **values})
