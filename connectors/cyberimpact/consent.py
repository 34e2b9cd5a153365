"""On what basis somebody may be written to, in Cyberimpact's words (cyberimpact.md section 6)."""

import datetime as dt
from typing import Literal, get_args

import msgspec

from connectors.cyberimpact.dates import add_months, parse_day
from syncengine.contracts import Consent

RelationType = Literal[
    "express-consent", "active-clients", "information-request", "inactive-clients", "association-members",
    "business-card", "web-contacts", "partners", "employees", "mixed-list", "contest-participants", "purchased-list",
]  # fmt: skip
RELATION_TYPES: frozenset[str] = frozenset(get_args(RelationType))

EXPRESS = frozenset({"express-consent", "contest-participants", "purchased-list"})
"""Relation types that Cyberimpact counts as express."""
TERM_MONTHS = {"active-clients": 24, "information-request": 6}
"""How long an implied consent lasts from its date. The others: not known. (Of a membership the law counts two years
from its end, which nobody tells us.)"""


class WireConsent(msgspec.Struct, rename="camel"):
    """The answer of GET /members/{key}/consent."""

    consent_type: str | None = None
    relation_type: str | None = None
    consent_date: str | None = None
    consent_expiration: str | None = None
    consent_proof: str | None = None


def state_consent(basis: str, date: dt.date, proof: str | None) -> Consent:
    """A consent as we state it, with the end that its basis gives it."""
    months = TERM_MONTHS.get(basis)
    expires = None if months is None else add_months(date, months)
    return Consent(basis=basis, date=date, proof=proof, expires=expires, express=basis in EXPRESS)


def read_consent(wire: WireConsent) -> Consent | None:
    """A consent as it stands at Cyberimpact; None where none can be made out. Its basis may be outside our list."""
    date = parse_day(wire.consent_date)
    if date is None or not wire.relation_type:
        return None
    computed = state_consent(wire.relation_type, date, wire.consent_proof or None)
    return Consent(
        basis=computed.basis,
        date=date,
        proof=computed.proof,
        expires=parse_day(wire.consent_expiration) or computed.expires,
        express=wire.consent_type == "express" if wire.consent_type else computed.express,
    )


def stands_against(there: Consent | None, ours: Consent | None) -> bool:
    """Whether the consent there is at least as good as ours, or of a kind that ours can't be weighed against."""
    if there is None or ours is None:
        return ours is None
    if there.basis == ours.basis:
        return there.date >= ours.date
    return there.express or there.basis not in RELATION_TYPES or there.rank() >= ours.rank()
