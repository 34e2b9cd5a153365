"""Action inquiries: a partner asks about a sale, and the brand answers (impact.md sections 5.3 and 6)."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from connectors.impact.sandbox.book import DEFAULT_PARTNER, Book
from connectors.impact.sandbox.model import Partner
from connectors.impact.sandbox.query import MOMENT, Refused

UNRESOLVED = "UNRESOLVED"
RESOLVED = frozenset({"VALID", "DECLINED", "INCOMPLETE"})
TYPES = frozenset({"UNTRACKED", "INCORRECT", "DECLINED"})
REJECT_REASONS = frozenset(
    {
        "This transaction has been tracked successfully",
        "Another marketing channel was credited with the sale",
        "Another marketing channel was credited with the sale, due to a voucher/discount code used",
        "Did not meet terms and conditions set by merchant",
        "Transaction not completed - Order cancelled, changed, or returned",
        "Transaction cannot be traced",
        "Transaction not fully completed online",
        "Enquiry does not provide complete information required for evaluation",
        "Other",
    }
)
FIRST_ID = 778987
DAYS_TO_ANSWER = dt.timedelta(days=14)
INTEGER = re.compile(r"\d{1,16}")
DECIMAL = re.compile(r"\d{1,8}(\.\d{1,2})?")
MAX_TEXT = 255
"""Limits of what is written (section 1)."""
BRAND = "Brand"


class Comment(msgspec.Struct, rename="pascal"):
    """What the partner or the brand said."""

    user: str
    comment: str
    date: dt.datetime


class Inquiry(msgspec.Struct, rename="pascal", kw_only=True):
    """One inquiry: 22 fields (section 5.3)."""

    id: str
    campaign_id: str
    campaign_name: str
    media_partner_id: str
    media_partner_name: str
    order_id: str = ""
    transaction_date: dt.datetime
    transaction_amount: str = ""
    inquiry_type: str = "UNTRACKED"
    expected_payout: str = ""
    resolution_deadline_date: dt.datetime
    comments: list[Comment] = msgspec.field(default_factory=list)
    tracking_link: str = ""
    action_id: str = ""
    action_uri: str = ""
    auto_approval_date: dt.datetime
    resolution_status: str = UNRESOLVED
    reject_reason: str = ""
    final_payout: str = ""
    resolution_date: dt.datetime | None = None
    creation_date: dt.datetime
    uri: str = ""


class Inquiries:
    """All inquiries of the account. Every step happens at the clock, or at `at`."""

    def __init__(self, book: Book, now: Callable[[], dt.datetime]) -> None:
        self._book = book
        self._now = now
        self.known: dict[str, Inquiry] = {}

    def clear(self) -> None:
        """Forget all of them."""
        self.known.clear()

    def inquire(
        self,
        campaign_id: str,
        *,
        kind: str = "UNTRACKED",
        order_id: str = "",
        action_id: str = "",
        partner: Partner = DEFAULT_PARTNER,
        transaction: dt.datetime | None = None,
        amount: str = "14.00",
        comment: str = "",
        at: dt.datetime | None = None,
    ) -> Inquiry:
        """A partner asks. Raises KeyError for an unknown campaign, ValueError for an unknown kind of inquiry."""
        if kind not in TYPES:
            problem = f"kind: one of {sorted(TYPES)}"
            raise ValueError(problem)
        moment = at or self._now()
        inquiry_id = str(FIRST_ID + len(self.known))
        made = Inquiry(
            id=inquiry_id,
            campaign_id=campaign_id,
            campaign_name=self._book.campaigns[campaign_id].name,
            media_partner_id=partner.id,
            media_partner_name=partner.name,
            order_id=order_id,
            transaction_date=transaction or moment,
            transaction_amount=amount,
            inquiry_type=kind,
            expected_payout=f"{Decimal(amount) / 5:.2f}",
            resolution_deadline_date=moment + DAYS_TO_ANSWER,
            comments=[Comment(partner.name, comment, moment)] if comment else [],
            action_id=action_id,
            action_uri=f"Actions/{action_id}" if action_id else "",
            auto_approval_date=moment + DAYS_TO_ANSWER,
            creation_date=moment,
            uri=f"ActionInquiries/{inquiry_id}",
        )
        self.known[inquiry_id] = made
        return made

    def resolve(self, inquiry_id: str, form: Mapping[str, str], *, at: dt.datetime | None = None) -> Inquiry:
        """The brand answers with the parameters of PUT /ActionInquiries, checked by `check_resolution`.

        No date but ResolutionDate tells of it. Raises KeyError (none of that id), Refused (a rule is broken).
        """
        check_resolution({"Id": inquiry_id, **form})
        inquiry = self.known[inquiry_id]
        moment = at or self._now()
        status = form["ResolutionStatus"]
        inquiry.resolution_status = status
        inquiry.resolution_date = moment
        inquiry.reject_reason = form.get("RejectReason", "") if status == "DECLINED" else ""
        inquiry.transaction_amount = form.get("TransactionAmount", inquiry.transaction_amount)
        if "TransactionDate" in form:
            inquiry.transaction_date = dt.datetime.fromisoformat(form["TransactionDate"])
        if status == "VALID":
            inquiry.final_payout = form.get("FinalPayout", inquiry.expected_payout)
        if form.get("ResolutionNotes"):
            inquiry.comments.append(Comment(BRAND, form["ResolutionNotes"], moment))
        return inquiry


def check_resolution(form: Mapping[str, str]) -> None:
    """The documented requirements of PUT /ActionInquiries (section 6). Raises Refused with the parameter at fault."""
    for name in ("Id", "ResolutionStatus"):
        if not form.get(name):
            raise Refused(name)
    status = form["ResolutionStatus"]
    if status not in RESOLVED:
        raise Refused("ResolutionStatus")
    if status == "DECLINED" and form.get("RejectReason") not in REJECT_REASONS:
        raise Refused("RejectReason")
    if status == "VALID" and not form.get("ActionTrackerId"):
        raise Refused("ActionTrackerId")
    for name, pattern in _PATTERNS.items():
        if name in form and not pattern.fullmatch(form[name]):
            raise Refused(name)
    for name, value in form.items():
        if len(value) > MAX_TEXT:
            raise Refused(name)


_PATTERNS = {
    "Id": INTEGER,
    "ActionTrackerId": INTEGER,
    "TransactionAmount": DECIMAL,
    "FinalPayout": DECIMAL,
    "TransactionDate": MOMENT,
}
