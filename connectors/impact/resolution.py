"""What a mapping may say in answer to an action inquiry, checked before anything leaves (impact.md section 6)."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, Literal, NoReturn, get_args

from pydantic import BaseModel, ConfigDict, Field

from connectors.impact.decoding import to_moment
from connectors.impact.windows import wire
from syncengine.contracts import Draft
from syncengine.errors import Rejected

Status = Literal["VALID", "DECLINED", "INCOMPLETE"]
Reason = Literal[
    "This transaction has been tracked successfully",
    "Another marketing channel was credited with the sale",
    "Another marketing channel was credited with the sale, due to a voucher/discount code used",
    "Did not meet terms and conditions set by merchant",
    "Transaction not completed - Order cancelled, changed, or returned",
    "Transaction cannot be traced",
    "Transaction not fully completed online",
    "Enquiry does not provide complete information required for evaluation",
    "Other",
]
"""The schema's words, exactly (impact.md section 5.3)."""
LONGEST = 255
"""Characters of a text (impact.md section 1)."""
INTEGER = re.compile(r"[0-9]{1,16}")
DECIMAL = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?")
REQUIRED_WITH = {"DECLINED": "RejectReason", "VALID": "ActionTrackerId"}
"""What a status needs beside it."""


class ResolutionFields(BaseModel):
    """The answer to an action inquiry. It is given once; what is left out, None or empty is not sent."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    Id: str = Field(description="The inquiry's id; the key.")
    ResolutionStatus: Status = Field(description="How it is resolved. Required.")
    RejectReason: Reason | None = Field(default=None, description="Why it is declined; required for DECLINED.")
    ActionTrackerId: str | None = Field(
        default=None, description="The event type that the sale counts as; required for VALID."
    )
    ResolutionNotes: str | None = Field(default=None, max_length=LONGEST, description="A note for the partner.")
    TransactionAmount: str | None = Field(default=None, description="The amount of the sale: 8 digits, 2 places.")
    FinalPayout: str | None = Field(default=None, description="What the partner gets: 8 digits, 2 places.")
    TransactionDate: str | None = Field(default=None, description="When the sale was: an instant with an offset.")
    PromoCode: str | None = Field(default=None, max_length=LONGEST, description="The promo code of the sale.")
    CustomerId: str | None = Field(default=None, max_length=LONGEST, description="Your own id of the customer.")


NAMES = frozenset(ResolutionFields.model_fields)
KEY = "Id"
STATUS = "ResolutionStatus"


def make_draft(fields: Mapping[str, Any]) -> Draft:
    """Validate and normalise. Raises Rejected with the field and the reason, never with the value."""
    for name in fields.keys() - NAMES:
        _reject(name, "unknown_field", "Not a field of a resolution.")
    values = {name: text for name, value in fields.items() if (text := _text(name, value))}
    key = values.pop(KEY, "")
    for name, given in ((KEY, key), (STATUS, values.get(STATUS))):
        if not given:
            _reject(name, "missing", "Missing.")
    if not INTEGER.fullmatch(key):
        _reject(KEY, "not_an_id", "Not the number of an inquiry.")
    _check_words(values)
    for name in ("TransactionAmount", "FinalPayout"):
        if name in values and not DECIMAL.fullmatch(values[name]):
            _reject(name, "not_an_amount", "Not an amount of at most 8 digits and 2 places.")
    if "ActionTrackerId" in values and not INTEGER.fullmatch(values["ActionTrackerId"]):
        _reject("ActionTrackerId", "not_an_id", "Not the number of an event type.")
    if "TransactionDate" in values:
        values["TransactionDate"] = _moment("TransactionDate", values["TransactionDate"])
    return Draft(key=key, fields=dict(values), groups=(), consent=None)


def _check_words(values: Mapping[str, str]) -> None:
    status = values[STATUS]
    if status not in get_args(Status):
        _reject(STATUS, "unknown_status", "None of VALID, DECLINED and INCOMPLETE.")
    if "RejectReason" in values and values["RejectReason"] not in get_args(Reason):
        _reject("RejectReason", "unknown_reason", "None of the nine reasons that impact.com knows.")
    needed = REQUIRED_WITH.get(status)
    if needed is not None and needed not in values:
        _reject(needed, "missing", f"Missing: {status} needs it.")


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        _reject(name, "not_text", "Not one text.")
    text = str(value).strip()
    if len(text) > LONGEST:
        _reject(name, "too_long", f"Longer than {LONGEST} characters.")
    return text


def _moment(name: str, text: str) -> str:
    try:
        return wire(to_moment(text).astimezone(dt.UTC))
    except (ValueError, OverflowError):
        _reject(name, "not_a_date", "Not an instant with an offset.")


def _reject(field: str, code: str, message: str) -> NoReturn:
    raise Rejected(message, field=field, code=code)
