"""The vendor's view of consent: a basis, from which it computes the type and the expiry (cyberimpact.md section 6)."""

import calendar
import datetime as dt
from dataclasses import dataclass
from typing import Literal, get_args

Relation = Literal[
    "express-consent",
    "active-clients",
    "information-request",
    "inactive-clients",
    "association-members",
    "business-card",
    "web-contacts",
    "partners",
    "employees",
    "mixed-list",
    "contest-participants",
    "purchased-list",
]

RELATIONS = get_args(Relation)
EXPRESS = frozenset({"express-consent", "contest-participants", "purchased-list"})
TERM_MONTHS = {"active-clients": 24, "information-request": 6}
"""The terms that are known; all others end at no known time."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a contact agreed to: a basis, its day and where it is from."""

    relation: str | None = None
    date: dt.date | None = None
    proof: str = ""

    @property
    def express(self) -> bool:
        return self.relation in EXPRESS

    @property
    def type(self) -> str:
        return "express" if self.express else "implied"

    @property
    def expires(self) -> dt.date | None:
        """The day on which it ends; None where no end is known."""
        months = TERM_MONTHS.get(self.relation or "")
        return add_months(self.date, months) if self.date and months else None


NO_BASIS = Consent()
"""What a contact has that was made by a single call."""


def add_months(day: dt.date, months: int) -> dt.date:
    """The same day so many months later; the last of the month where it has no such day."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return dt.date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
