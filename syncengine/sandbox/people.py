"""Made-up people and the merchant's directory of them: some easy, some as difficult as real ones are."""

import csv
import random
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

COLUMNS = ("customer_id", "email", "first_name", "last_name", "language", "opted_out", "phone")
DOMAIN = "example.com"
"""Kept free by RFC 2606, and unlike names below .test accepted by validators of addresses."""

FIRST_NAMES = ("Amélie", "Chidi", "Émile", "Fatima", "Gérard", "Hana", "Ivo", "Jo", "Loïc", "Mei", "Noor", "Zoë")
LAST_NAMES = ("Archambault", "Bélanger", "Côté", "Doe", "Eriksen", "Fortin", "Gagné", "Ng", "O'Brien", "Tremblay")
LANGUAGES = ("fr", "en", "français", "English", "FR-ca", "en_CA", "")
AREA_CODES, FIRST_PHONE = ("514", "416", "902"), 100
"""555-0100 to 555-0199 are nobody's numbers."""
OPTED_OUT_SHARE = 0.05
ANOTHER_ORDER_SHARE = 0.25


class Person(NamedTuple):
    """One made-up customer. `listed` is False where the merchant's directory doesn't know them (yet).

    `language` is spelt as shops spell it, `opted_out` is "yes" or "no", `orders` are the shop's order ids,
    `phone` is written with + and the country code.
    """

    customer_id: str
    email: str
    first_name: str
    last_name: str
    language: str
    opted_out: str
    orders: tuple[str, ...]
    listed: bool = True
    phone: str = ""


def people(count: int, seed: int) -> list[Person]:
    """That many people; the same arguments give the same ones. From eight on, the first seven are the difficult ones.

    They are, in this order: an e-mail in mixed case, an id with leading zeros, one missing from the directory, an empty
    e-mail, an e-mail that is none, one who opted out; the seventh has two orders. Names with accents are everywhere.
    """
    rng = random.Random(seed)
    made = [_person(number, rng) for number in range(count)]
    difficult: tuple[dict[str, Any], ...] = (
        {"email": "Jo.Mixed-Case@Example.COM", "opted_out": "no"},
        {"customer_id": "000042", "opted_out": "no"},
        {"listed": False, "opted_out": "no"},
        {"email": "", "opted_out": "no"},
        {"email": "not-an-address", "opted_out": "no"},
        {"opted_out": "yes"},
        {"opted_out": "no", "orders": ("70000006", "71000006")},
    )
    if count > len(difficult):
        for number, changes in enumerate(difficult):
            made[number] = made[number]._replace(**changes)
    return made


def _person(number: int, rng: random.Random) -> Person:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    orders = [f"70{number:06d}"]
    while rng.random() < ANOTHER_ORDER_SHARE:
        orders.append(f"7{len(orders)}{number:06d}")
    return Person(
        customer_id=f"C{100000 + number}",
        email=f"{_plain(first)}.{_plain(last)}.{number}@{DOMAIN}",
        first_name=first,
        last_name=last,
        language=rng.choice(LANGUAGES),
        opted_out="yes" if rng.random() < OPTED_OUT_SHARE else "no",
        orders=tuple(orders),
        phone=f"+1{AREA_CODES[number // 100 % len(AREA_CODES)]}555{FIRST_PHONE + number % 100:04d}",
    )


def _plain(name: str) -> str:
    """The letters of a name as they may stand in an address."""
    bare = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return bare.lower().replace("'", "")


def write_directory(people: Iterable[Person], path: Path) -> None:
    """Write the merchant's customers.csv (UTF-8, comma) with those that the directory knows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows([getattr(person, column) for column in COLUMNS] for person in people if person.listed)
