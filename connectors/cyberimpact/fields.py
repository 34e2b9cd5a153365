"""What a mapping may say about a contact, and how it becomes a draft.

`ContactFields` gives names, types and descriptions. The values of a record are read by plain functions below: a model
instance per record would cost more than everything else that planning does.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict, Field

from connectors.cyberimpact.consent import RELATION_TYPES, RelationType, state_consent
from connectors.cyberimpact.countries import COUNTRIES
from connectors.cyberimpact.dates import day_in
from syncengine.contracts import Draft, Scalar, group_identity
from syncengine.errors import Rejected

LONGEST = 255
"""Characters of any text: documented for the proof, seen for all others (cyberimpact.md section 4)."""
LANGUAGES = frozenset({"en_ca", "fr_ca"})
GENDERS = frozenset({"m", "f", "o"})
CLEARS = "__EMPTY__"
"""In a batch this word empties a field (cyberimpact.md section 4). Nothing here means to."""
CUSTOM = "customFields."
CHECKS_KEPT = 100_000
"""How many checks of addresses are remembered: one costs more than the rest of a draft."""
PLAIN = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?=[a-z0-9.-]+\Z)")
"""An address of which only the domain is left to check: before the @ stand words with dots between them."""
LONGEST_PLAIN = 100
"""Characters; less than half of what an address may have, so that its length can't be the fault."""


class ContactFields(BaseModel):
    """A Cyberimpact contact. What is left out, None or empty is left as it is there."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    email: str = Field(description="The address; the key of the contact. Sent trimmed and in lower case.")
    firstname: str | None = Field(default=None, max_length=LONGEST, description="First name.")
    lastname: str | None = Field(default=None, max_length=LONGEST, description="Last name.")
    company: str | None = Field(default=None, max_length=LONGEST, description="Company.")
    note: str | None = Field(default=None, max_length=LONGEST, description="A note for the people who use Cyberimpact.")
    gender: Literal["m", "f", "o"] | None = Field(default=None, description="Gender: m, f or o.")
    language: Literal["en_ca", "fr_ca"] | None = Field(default=None, description="Language: en_ca or fr_ca.")
    birthdate: str | None = Field(default=None, description="Day of birth: a day, or an instant with an offset.")
    postalCode: str | None = Field(default=None, max_length=LONGEST, description="Postal code.")  # noqa: N815 - wire name
    country: str | None = Field(default=None, description="Country by its two ISO letters: CA.")
    groups: list[str] = Field(default=[], description="Titles of static groups; those missing are created, private.")
    customFields: dict[str, str | None] = Field(  # noqa: N815 - wire name
        default={}, description="Custom fields by their name in Cyberimpact, where they must exist."
    )
    relationType: RelationType = Field(description="On what basis we may write to them. Required.")  # noqa: N815 - as on the wire
    consentDate: str = Field(  # noqa: N815 - wire name
        description="Since when: a day, or an instant with an offset (then its day in engine.timezone). Required."
    )
    consentProof: str = Field(  # noqa: N815 - wire name
        max_length=LONGEST, description="What shows it: name the record that it comes from. Required."
    )


class Calendar(NamedTuple):
    """What days are counted by: the zone of engine.timezone, and today there."""

    zone: ZoneInfo
    today: dt.date


def make_draft(fields: Mapping[str, Any], calendar: Calendar) -> Draft:
    """Validate and normalise. Raises Rejected with the field and the reason, never with the value."""
    for name in fields.keys() - _NAMES:
        _reject(name, "unknown_field", "Not a field of a contact.")
    values: dict[str, Scalar] = {}
    for name, value in fields.items():
        read = _READERS.get(name)
        if read is not None and (text := _text(name, value)):
            values[name] = read(name, text)
    birthdate = _text("birthdate", fields.get("birthdate"))
    if birthdate:
        values["birthdate"] = _past_day("birthdate", birthdate, calendar).isoformat()
    values.update(_custom_values(fields.get("customFields")))
    basis = _required("relationType", fields)
    if basis not in RELATION_TYPES:
        _reject("relationType", "unknown_relation", "None of the twelve that Cyberimpact knows.")
    date = _past_day("consentDate", _required("consentDate", fields), calendar)
    return Draft(
        key=make_key(fields),
        fields=values,
        groups=_titles(fields.get("groups")),
        consent=state_consent(basis, date, _required("consentProof", fields)),
    )


def make_key(fields: Mapping[str, Any]) -> str:
    """The address as the key of a contact: trimmed and in lower case, nothing else folded. Raises Rejected."""
    address = _required("email", fields).lower()
    if not _is_address(address):
        _reject("email", "not_an_address", "Not an e-mail address.")
    return address


def _is_address(text: str) -> bool:
    plain = PLAIN.match(text)
    if plain and len(text) <= LONGEST_PLAIN:
        return _passes(f"a@{text[plain.end() :]}")  # domains repeat, so that most checks are made already
    return _passes(text)


@lru_cache(maxsize=CHECKS_KEPT)
def _passes(text: str) -> bool:
    try:
        # `test_environment` allows names under .test, which reach nobody; the DNS is not asked either way.
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


def _reject(field: str, code: str, message: str) -> NoReturn:
    """Raise Rejected. The field is told beside the message, which doesn't repeat it."""
    raise Rejected(message, field=field, code=code)


def _text(name: str, value: object) -> str:
    """A scalar as trimmed text; "" for None."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value.strip()
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, Mapping | list | tuple | set | frozenset):
        _reject(name, "not_text", "Not one text.")
    else:
        text = str(value)
    if len(text) > LONGEST:
        _reject(name, "too_long", f"Longer than {LONGEST} characters.")
    if text == CLEARS:
        _reject(name, "reserved", "A word with which Cyberimpact empties a field.")
    return text


def _required(name: str, fields: Mapping[str, Any]) -> str:
    text = _text(name, fields.get(name))
    if not text:
        _reject(name, "missing", "Missing.")
    return text


def _as_is(_name: str, text: str) -> str:
    return text


def _one_of(choices: frozenset[str], fold: Callable[[str], str], code: str, kind: str) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        folded = fold(text)
        if folded not in choices:
            _reject(name, code, f"Not {kind}.")
        return folded

    return read


_READERS: dict[str, Callable[[str, str], str]] = {
    "firstname": _as_is,
    "lastname": _as_is,
    "company": _as_is,
    "note": _as_is,
    "postalCode": _as_is,
    "gender": _one_of(GENDERS, str.lower, "unknown_gender", "m, f or o"),
    "language": _one_of(LANGUAGES, str.lower, "unknown_language", "en_ca or fr_ca"),
    "country": _one_of(COUNTRIES, str.upper, "unknown_country", "a country's two ISO letters"),
}
_NAMES = frozenset(ContactFields.model_fields)


def _past_day(name: str, text: str, calendar: Calendar) -> dt.date:
    try:
        day = day_in(text, calendar.zone)
    except (ValueError, OverflowError):
        _reject(name, "not_a_date", "Neither a day nor an instant with an offset.")
    if day > calendar.today:
        _reject(name, "in_future", "In the future.")
    return day


def _custom_values(custom: object) -> dict[str, Scalar]:
    """Custom fields under flat names, "customFields.Orders", so that each folds on its own."""
    if custom is None:
        return {}
    if not isinstance(custom, Mapping):
        _reject("customFields", "not_a_table", "Not a table of names and texts.")
    return {f"{CUSTOM}{name}": text for name, value in custom.items() if (text := _text(f"{CUSTOM}{name}", value))}


def _titles(groups: object) -> tuple[str, ...]:
    """Trimmed titles, each group once, in the order given."""
    if groups is None:
        return ()
    if not isinstance(groups, list | tuple):
        groups = [groups]
    found: dict[str, str] = {}
    for group in groups:
        title = _text("groups", group)
        if title:
            found.setdefault(group_identity(title), title)
    return tuple(found.values())
