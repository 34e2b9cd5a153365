"""The shapes of request bodies, and the values that mean something (cyberimpact.md sections 4 to 6).

Unknown keys pass and are dropped, as the vendor's schema lets them. A null is never taken, except where it was seen.
"""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from connectors.cyberimpact.sandbox.account import TEXT_FIELDS, Account, CustomField, CustomValue
from connectors.cyberimpact.sandbox.call import unprocessable
from connectors.cyberimpact.sandbox.consent import Relation

MAXIMUM_LENGTH = 255
"""Documented for the default proof only; the vendor's own plugin caps everything at it (section 4)."""
EMPTY = "__EMPTY__"
"""What empties a field in a batch, where `""` keeps it."""

Text = Annotated[str, Meta(max_length=MAXIMUM_LENGTH)]
Name = Annotated[str, Meta(min_length=1, max_length=MAXIMUM_LENGTH)]
FieldKey = Annotated[str, Meta(pattern=r"^\d{1,9}\Z")]
GroupList = Annotated[str, Meta(pattern=r"^(\d+(,\d+)*)?\Z")]
"""Single calls take groups as a CSV string."""


class Profile(msgspec.Struct, rename="camel", kw_only=True):
    """The fields of a contact that a request may set."""

    firstname: Text | UnsetType = UNSET
    lastname: Text | UnsetType = UNSET
    company: Text | UnsetType = UNSET
    note: Text | UnsetType = UNSET
    gender: Text | UnsetType = UNSET
    language: Text | UnsetType = UNSET
    postal_code: Text | UnsetType = UNSET
    country: Text | UnsetType = UNSET
    birthdate: Text | UnsetType = UNSET
    custom_fields: dict[FieldKey, CustomValue] | UnsetType = UNSET

    def texts(self) -> dict[str, str]:
        """The standard fields that are there, by their names on the wire."""
        given = msgspec.to_builtins(self)
        return {name: given[name] for name in TEXT_FIELDS if name in given}

    def customs(self) -> dict[int, CustomValue]:
        return {int(key): value for key, value in (self.custom_fields or {}).items()}


class MemberBody(Profile, kw_only=True):
    """POST, PUT and PATCH of a member, and opt-ins."""

    email: Text | UnsetType = UNSET
    groups: GroupList | UnsetType = UNSET
    optin_confirm_url: Text | UnsetType = UNSET


class MemberRow(Profile, kw_only=True):
    """One member of a batch."""

    email: Text
    consent_date: dt.date | UnsetType = UNSET
    consent_proof: Text | UnsetType = UNSET


class AddMembers(msgspec.Struct, rename="camel", tag_field="batchType", tag="addMembers", kw_only=True):
    """A batch that creates and updates. `groups` are numbers here."""

    relation_type: Relation
    members: Annotated[list[MemberRow], Meta(min_length=1)]
    default_consent_date: dt.date | UnsetType = UNSET
    default_consent_proof: Text | UnsetType = UNSET
    groups: list[int] = []


class Unsubscribe(msgspec.Struct, tag_field="batchType", tag="unsubscribe"):
    """A batch that unsubscribes."""

    ids: Annotated[list[int | str], Meta(min_length=1)]


class DeleteMembers(msgspec.Struct, tag_field="batchType", tag="deleteMembers"):
    """A batch that deletes."""

    ids: Annotated[list[int | str], Meta(min_length=1)]


BatchBody = AddMembers | Unsubscribe | DeleteMembers


class GroupsBody(msgspec.Struct):
    """POST and PUT of a member's groups."""

    groups: GroupList


class GroupBody(msgspec.Struct, rename="camel"):
    """POST and PUT of a group. Whether `isPublic` may be left out, and what it then is, is unknown."""

    title: Name
    is_public: bool = True


class GroupPatch(msgspec.Struct, rename="camel"):
    """PATCH of a group."""

    title: Name | UnsetType = UNSET
    is_public: bool | UnsetType = UNSET


class ConsentBody(msgspec.Struct, rename="camel"):
    """PUT of a consent. A null date was seen in a public client."""

    relation_type: Relation
    consent_date: dt.date | None = None
    consent_proof: Text = ""


# --- values ---

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+\Z")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_WHOLE = re.compile(r"-?\d+\Z")
_DECIMAL = re.compile(r"-?\d+(\.\d+)?\Z")
_CHOICES = {"language": ("en_ca", "fr_ca"), "gender": ("m", "f", "o")}


def is_email(text: str) -> bool:
    """Whether it looks like an address; the vendor's own rule is unknown."""
    return _EMAIL.match(text) is not None


def is_day(text: str) -> bool:
    """Whether it is a calendar day, Y-m-d."""
    try:
        return _DAY.match(text) is not None and bool(dt.date.fromisoformat(text))
    except ValueError:
        return False


def wrong_value(account: Account, texts: Mapping[str, str], customs: Mapping[int, CustomValue]) -> str | None:
    """The name of a field whose value means nothing to the vendor. Empty values always do."""
    for name, text in texts.items():
        if text and not _means(name, text):
            return name
    for number, value in customs.items():
        custom = account.custom_fields.get(number)
        if custom is None or (value != "" and not _fits(custom, value)):
            return f"customFields.{number}"
    return None


def check_profile(account: Account, profile: Profile) -> tuple[dict[str, str], dict[int, CustomValue]]:
    """The fields of a single call, stored form. Raises Refusal (422)."""
    texts, customs = profile.texts(), profile.customs()
    wrong = wrong_value(account, texts, customs)
    if wrong:
        raise unprocessable(f"Invalid value: {wrong}")
    return texts, stored(account, customs)


def stored(account: Account, customs: Mapping[int, CustomValue]) -> dict[int, CustomValue]:
    """Valid custom values as the vendor keeps them: numbers as numbers."""
    makers: dict[str, Any] = {"integer": int, "decimal number": float}
    return {
        number: value if value == "" else makers.get(account.custom_fields[number].type, str)(value)
        for number, value in customs.items()
    }


def _means(name: str, text: str) -> bool:
    if name in _CHOICES:
        return text in _CHOICES[name]
    if name == "country":
        return _COUNTRY.match(text) is not None
    return name != "birthdate" or is_day(text)


def _fits(custom: CustomField, value: CustomValue) -> bool:
    text = str(value)
    match custom.type:
        case "integer":
            return _WHOLE.match(text) is not None
        case "decimal number":
            return _DECIMAL.match(text) is not None
        case "date":
            return is_day(text)
        case "text":
            return len(text) <= MAXIMUM_LENGTH


def check_groups(account: Account, numbers: list[int], *, dynamic: bool = False) -> set[int]:
    """The groups that a request names. Raises Refusal (422) for one that isn't there; a dynamic one is read-only, but
    may be mailed to.
    """
    for number in numbers:
        group = account.groups.get(number)
        if group is None or (group.dynamic and not dynamic):
            raise unprocessable("Unknown or dynamic group")
    return set(numbers)


def read_groups(account: Account, text: str, *, dynamic: bool = False) -> set[int]:
    """The groups of a CSV string, checked."""
    return check_groups(account, [int(number) for number in text.split(",")] if text else [], dynamic=dynamic)
