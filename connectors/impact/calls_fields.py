"""The fifty parameters of a reported call, and how a mapping's values become them.

Follows the provider's page of the call data endpoint and impact.md section 9: names, which are required, types, limits.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NoReturn, get_args

from pydantic import BaseModel, ConfigDict, Field

from syncengine.contracts import Draft, Scalar
from syncengine.errors import Rejected

SHORT = 64
"""Characters of a text for which the page states a limit."""
LONGEST = 1000
"""Characters of any other text: nothing is documented, but fifty of them have to fit into one address."""
LOCAL_DIGITS = 10
"""Digits of a North American number; all three documented forms of CalledPhoneNumber have so many."""
Ending = Literal[
    "UNKNOWN_CALLERID", "CONGESTION", "INCOMPLETE", "CANCEL", "IVR_DROPOFF", "NO_TRANSFER_ATTEMPT", "ANSWER", "FAILURE",
]  # fmt: skip
STATUSES: frozenset[str] = frozenset(get_args(Ending))
PHONE_TYPES = frozenset({"Landline", "Mobile"})
ISO_OF_COUNTRY = {"UK": "GB"}
"""Invoca's own word (invoca.md section 3.3)."""

_EXTENSION = re.compile(r"[xX#*,].*", re.DOTALL)
_DASH = re.compile("[\u2010-\u2015\u2212\uff0d]")
"""Hyphens that only look like one: Invoca's own samples have them (invoca.md section 5)."""
_COUNTRY = re.compile(r"[A-Z]{2}")
_WHOLE = re.compile(r"[0-9]{1,18}")
_URI = re.compile(r"https?://\S+")


class CallFields(BaseModel):
    """One call. What is None or empty is not sent."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    CampaignId: str = Field(description="Id of the program. Required.")
    MediaId: str = Field(description="Id of the partner. Required.")
    EventDate: str = Field(description="When the call took place: a date and time with an offset. Required.")
    ActionTrackerId: str = Field(description="Id of the event type for calls. Required.")
    CallProvider: str = Field(max_length=SHORT, description="Who tracks the calls: Invoca. Required.")
    CallSessionId: str = Field(max_length=LONGEST, description="The call's id at its tracker: part of the key.")
    CallerId: str = Field(max_length=SHORT, description="The caller's phone number. Required.")
    CalledPhoneNumber: str = Field(description="The number called: ten digits; an extension is cut off. Required.")
    CallDuration: str = Field(description="Length of the call in seconds. Required.")
    TalkDuration: str = Field(description="Seconds talked. Required.")
    AdId: str | None = Field(default=None, description="Id of the hosted ad.")
    CallStatus: Ending | None = Field(default=None, description="How the call ended; impact.com assumes ANSWER.")
    CallerPhoneNumberCountry: str | None = Field(default=None, description="Two letters; impact.com assumes US.")
    CalledPhoneNumberCountry: str | None = Field(default=None, description="Two letters; impact.com assumes US.")
    SubId1: str | None = Field(default=None, max_length=SHORT, description="A value for the partner.")
    SubId2: str | None = Field(default=None, max_length=SHORT, description="A value for the partner.")
    SubId3: str | None = Field(default=None, max_length=SHORT, description="A value for the partner.")
    ClickId: str | None = Field(default=None, max_length=LONGEST, description="The click that led to the call.")
    City: str | None = Field(default=None, max_length=LONGEST, description="The caller's city.")
    Region: str | None = Field(default=None, max_length=LONGEST, description="The caller's region.")
    Zip: str | None = Field(default=None, description="The caller's postal code; leading zeros are kept.")
    RepeatCaller: str | None = Field(default=None, max_length=LONGEST, description="Whether they called before.")
    PhoneType: Literal["Landline", "Mobile", ""] | None = Field(default=None, description="Landline or Mobile.")
    CallRecording: str | None = Field(default=None, max_length=LONGEST, description="Address of the recording.")
    IvrDuration: str | None = Field(default=None, description="Seconds in the menu.")
    Keypresses: str | None = Field(default=None, max_length=LONGEST, description="Keys pressed.")
    Key1: str | None = Field(default=None, max_length=LONGEST, description="First key pressed.")
    Key2: str | None = Field(default=None, max_length=LONGEST, description="Second key pressed.")
    Key3: str | None = Field(default=None, max_length=LONGEST, description="Third key pressed.")
    Key4: str | None = Field(default=None, max_length=LONGEST, description="Fourth key pressed.")
    TrafficSource: str | None = Field(default=None, max_length=LONGEST, description="Where the caller came from.")
    OptInSms: str | None = Field(default=None, max_length=LONGEST, description="Whether they want text messages.")
    UserAgent: str | None = Field(default=None, max_length=LONGEST, description="The caller's browser.")
    DispositionName: str | None = Field(default=None, max_length=LONGEST, description="Name of the conversion.")
    SaleAmount: str | None = Field(default=None, description="Amount of a sale.")
    ReferenceId: str | None = Field(default=None, description="Disposition code; a number.")
    CustomConversionEvent1Name: str | None = Field(default=None, max_length=LONGEST, description="For reports.")
    CustomConversionEvent2Name: str | None = Field(default=None, max_length=LONGEST, description="For reports.")
    CustomConversionEvent3Name: str | None = Field(default=None, max_length=LONGEST, description="For reports.")
    CustomConversionEvent1Value: str | None = Field(default=None, max_length=LONGEST, description="For reports.")
    CustomConversionEvent2Value: str | None = Field(default=None, max_length=LONGEST, description="For reports.")
    CustomConversionEvent3Value: str | None = Field(default=None, max_length=LONGEST, description="For reports.")
    VendorEventId: str | None = Field(default=None, max_length=LONGEST, description="Id of the call's transaction.")
    PromoNumberDescription: str | None = Field(default=None, max_length=LONGEST, description="The number dialled.")
    CustomCallEvent1Name: str | None = Field(default=None, max_length=LONGEST, description="For reports.")
    CustomCallEvent2Name: str | None = Field(default=None, max_length=LONGEST, description="For reports.")
    CustomCallEvent3Name: str | None = Field(default=None, max_length=LONGEST, description="For reports.")
    CustomCallEvent1Value: str | None = Field(default=None, max_length=LONGEST, description="For reports.")
    CustomCallEvent2Value: str | None = Field(default=None, max_length=LONGEST, description="For reports.")
    CustomCallEvent3Value: str | None = Field(default=None, max_length=LONGEST, description="For reports.")


PARAMETERS = tuple(CallFields.model_fields)
REQUIRED = tuple(name for name, info in CallFields.model_fields.items() if info.is_required())
_LIMITED = frozenset({
    "CallProvider", "CallerId", "CallerPhoneNumberCountry", "CalledPhoneNumberCountry", "SubId1", "SubId2", "SubId3",
})  # fmt: skip


def make_draft(fields: Mapping[str, Any], *, any_postal_code: bool) -> Draft:
    """Validate and normalise one call. Raises Rejected with the field and the reason, never with the value."""
    for name in fields.keys() - CallFields.model_fields.keys():
        _reject(name, "unknown_field", "Not a parameter of a call.")
    values: dict[str, Scalar] = {}
    for name in PARAMETERS:
        text = _text(name, fields.get(name))
        if text:
            read = _READERS.get(name, _as_is)
            values[name] = _as_is(name, text) if name == "Zip" and any_postal_code else read(name, text)
        elif name in REQUIRED:
            _reject(name, "missing", "Missing: impact.com requires it.")
    return Draft(key=f"{values['CampaignId']}/{values['ActionTrackerId']}/{values['CallSessionId']}", fields=values)


def _reject(field: str, code: str, message: str) -> NoReturn:
    raise Rejected(message, field=field, code=code)


def _text(name: str, value: object) -> str:
    """A scalar as trimmed text; "" for None."""
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        _reject(name, "not_text", "Not one text.")
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).strip()
    limit = SHORT if name in _LIMITED else LONGEST
    if len(text) > limit:
        _reject(name, "too_long", f"Longer than {limit} characters.")
    return text


def _as_is(_name: str, text: str) -> str:
    return text


def _read_whole(name: str, text: str) -> str:
    """A whole number, as written: an id with leading zeros stays one."""
    if not _WHOLE.fullmatch(text):
        _reject(name, "not_a_number", "Not a whole number.")
    return text


def _read_decimal(name: str, text: str) -> str:
    """A number; thousands may have commas."""
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation:
        _reject(name, "not_a_number", "Not a number.")
    if not number.is_finite():
        _reject(name, "not_a_number", "Not a number.")
    return f"{number:f}"


def _read_moment(name: str, text: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        _reject(name, "not_a_date", "Not a date and time.")
    if moment.tzinfo is None:
        _reject(name, "not_a_date", "A date and time without an offset is never guessed.")
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _read_called(name: str, text: str) -> str:
    """One of the documented forms, XXX-XXX-XXXX; the country code 1 and an extension are left out."""
    digits = re.sub(r"[^0-9]", "", _EXTENSION.sub("", text))
    if len(digits) == LOCAL_DIGITS + 1 and digits.startswith("1"):
        digits = digits[1:]
    if len(digits) != LOCAL_DIGITS:
        _reject(name, "not_a_phone_number", "Not a number of ten digits, which is all that impact.com takes here.")
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def _read_caller(name: str, text: str) -> str:
    """As it is but for its hyphens: impact.com matches it with what it knows of the caller."""
    if not any(character.isdigit() for character in text):
        _reject(name, "not_a_phone_number", "No phone number: the caller is not known.")
    return _DASH.sub("-", text)


def _read_country(name: str, text: str) -> str:
    code = ISO_OF_COUNTRY.get(text.upper(), text.upper())
    if not _COUNTRY.fullmatch(code):
        _reject(name, "unknown_country", "Not a country's two letters.")
    return code


def _read_uri(name: str, text: str) -> str:
    if not _URI.fullmatch(text):
        _reject(name, "not_an_address", "Not the address of a recording.")
    return text


def _one_of(words: frozenset[str], message: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in words:
            _reject(name, "unknown_word", message)
        return text

    return read


_READERS: dict[str, Callable[[str, str], str]] = {
    **dict.fromkeys(
        ("CampaignId", "MediaId", "ActionTrackerId", "CallDuration", "TalkDuration", "AdId", "IvrDuration", "Zip"),
        _read_whole,
    ),
    "EventDate": _read_moment,
    "CallerId": _read_caller,
    "CalledPhoneNumber": _read_called,
    "CallStatus": _one_of(STATUSES, "None of the eight ways in which impact.com knows a call to end."),
    "CallerPhoneNumberCountry": _read_country,
    "CalledPhoneNumberCountry": _read_country,
    "PhoneType": _one_of(PHONE_TYPES, "Neither Landline nor Mobile."),
    "CallRecording": _read_uri,
    "SaleAmount": _read_decimal,
    "ReferenceId": _read_decimal,
}
