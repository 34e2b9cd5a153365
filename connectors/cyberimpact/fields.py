"""How what a mapping says about a contact becomes a draft.

`ContactFields` gives names and types. The values of a record are read by plain functions: a model instance per record
would cost more than everything else that planning does.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email

from connectors.cyberimpact.consent import RELATION_TYPES, state_consent
from connectors.cyberimpact.contact_fields import CONSENT, LONGEST, BoundGroup, ContactFields
from connectors.cyberimpact.countries import COUNTRIES
from connectors.cyberimpact.dates import day_in
from connectors.cyberimpact.switches import read_switch
from syncengine.contracts import Consent, Draft, Scalar, Stop, bind_group, group_identity
from syncengine.errors import Rejected

LANGUAGES = frozenset({"en_ca", "fr_ca"})
GENDERS = frozenset({"m", "f", "o"})
CLEARS = "__EMPTY__"
"""In a batch this word empties a field (cyberimpact.md section 4). Nothing here means to."""
CUSTOM = "customFields."
CHECKS_KEPT = 100_000
"""How many checks of addresses are remembered: one costs more than the rest of a draft."""
PLAIN = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?=[a-z0-9.-]+\Z)")
"""An address of which only the domain is left to check: before the @ stand words with dots between them."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LONGEST_KEY = 100
"""Characters of a group's key: it has to fit into a title beside a name."""
LONGEST_PLAIN = 100
"""Characters; less than half of what an address may have, so that its length can't be the fault."""


class Calendar(NamedTuple):
    """What days are counted by: the zone of engine.timezone, and today there."""

    zone: ZoneInfo
    today: dt.date


def make_draft(fields: Mapping[str, Any], calendar: Calendar) -> Draft:
    """Validate and normalise. Raises Rejected with the field and the reason, never with the value.

    Who is to be stopped is stopped: nothing else of such a record is read, so that nothing else in it can hinder that.
    """
    for name in fields.keys() - _NAMES:
        _reject(name, "unknown_field", "Not a field of a contact.")
    if stop := _stop(fields):
        return Draft(make_key(fields), stop=stop)
    values: dict[str, Scalar] = {}
    for name, value in fields.items():
        read = _READERS.get(name)
        if read is not None and (text := _text(name, value)):
            values[name] = read(name, text)
    birthdate = _text("birthdate", fields.get("birthdate"))
    if birthdate:
        values["birthdate"] = _past_day("birthdate", birthdate, calendar).isoformat()
    values.update(_custom_values(fields.get("customFields")))
    asks = read_switch("optin", fields.get("optin"))
    if asks and any(_text(name, fields.get(name)) for name in CONSENT):
        _reject("optin", "contradiction", "A consent is stated, so there is nothing to ask.")
    draft = Draft(
        key=make_key(fields),
        fields=values,
        groups=_titles(fields.get("groups")),
        consent=None if asks else _consent(fields, calendar),
        leave=_titles(fields.get("leaveGroups"), "leaveGroups"),
        exact=read_switch("replaceGroups", fields.get("replaceGroups")),
        ask=asks,
    )
    if not {*map(group_identity, draft.groups)}.isdisjoint(map(group_identity, draft.leave)):
        _reject("leaveGroups", "contradiction", "The same group is to be joined.")
    return draft


def _stop(fields: Mapping[str, Any]) -> Stop:
    """The strongest that is asked for."""
    if read_switch("delete", fields.get("delete")):
        return "delete"
    return "unsubscribe" if read_switch("unsubscribe", fields.get("unsubscribe")) else ""


def _consent(fields: Mapping[str, Any], calendar: Calendar) -> Consent:
    basis = _required("relationType", fields)
    if basis not in RELATION_TYPES:
        _reject("relationType", "unknown_relation", "None of the twelve that Cyberimpact knows.")
    date = _past_day("consentDate", _required("consentDate", fields), calendar)
    return state_consent(basis, date, _required("consentProof", fields))


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


def _titles(groups: object, field: str = "groups") -> tuple[str, ...]:
    """References, each group once, in the order given: trimmed titles, or tables of a key and a title."""
    if groups is None:
        return ()
    if not isinstance(groups, list | tuple):
        groups = [groups]
    found: dict[str, str] = {}
    for group in groups:
        reference = _bound_group(field, group) if isinstance(group, Mapping) else _name(field, group)
        if reference:
            found.setdefault(group_identity(reference), reference)
    return tuple(found.values())


def _bound_group(field: str, group: Mapping[str, object]) -> str:
    if group.keys() != BoundGroup.model_fields.keys():
        _reject(field, "not_a_group", "A group is a title, or a table of a key and a title.")
    key, title = _name(field, group["key"]), _name(field, group["title"])
    if not (key and title):
        _reject(field, "not_a_group", "A key or a title is empty.")
    if len(key) > LONGEST_KEY:
        _reject(field, "too_long", f"A key is longer than {LONGEST_KEY} characters.")
    return bind_group(title, key)


def _name(field: str, value: object) -> str:
    """A text of one line: what controls a screen has no place in a name, and keeps title and key apart."""
    text = _text(field, value)
    if CONTROL.search(text):
        _reject(field, "control_character", "A character in it can't be printed.")
    return text
