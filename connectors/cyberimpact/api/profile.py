"""The fields of a contact in a request: an empty value means another thing in each kind of call (section 4).

A field that is None here is to be emptied, one that is left out (UNSET) is not named. What that does is the call's:
PUT resets what isn't named, PATCH and batches leave it; PATCH empties with "", a batch with a word of its own.
"""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from connectors.cyberimpact.api.calls import csv
from connectors.cyberimpact.fields import CLEARS

Value = str | None | UnsetType


class Profile(msgspec.Struct, rename="camel", kw_only=True, frozen=True):
    """What to say about a contact. Custom fields go by their number as text."""

    email: str | UnsetType = UNSET
    firstname: Value = UNSET
    lastname: Value = UNSET
    company: Value = UNSET
    note: Value = UNSET
    gender: Value = UNSET
    language: Value = UNSET
    birthdate: Value = UNSET
    postal_code: Value = UNSET
    country: Value = UNSET
    custom_fields: Mapping[str, str | int | float | None] | UnsetType = UNSET


def single_body(profile: Profile, groups: Collection[int] | None = None) -> dict[str, Any]:
    """The body of POST, PUT and PATCH of a member, and of an opt-in: "" empties, groups are a text with commas."""
    body = _body(profile, "")
    return body if groups is None else {**body, "groups": csv(groups)}


def batch_row(profile: Profile) -> dict[str, Any]:
    """A member of an addMembers batch: "" would keep what is stored, so a word of its own empties."""
    return _body(profile, CLEARS)


def _body(profile: Profile, empty: str) -> dict[str, Any]:
    given: dict[str, Any] = msgspec.to_builtins(profile)
    body = {name: empty if value is None else value for name, value in given.items() if name != "customFields"}
    custom = given.get("customFields")
    if custom:
        body["customFields"] = {name: empty if value is None else value for name, value in custom.items()}
    return body
