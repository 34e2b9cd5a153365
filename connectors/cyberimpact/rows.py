"""The objects of Cyberimpact's answers (cyberimpact.md section 4), as far as we read them; the rest is skipped."""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Ping(msgspec.Struct):
    """GET /ping. `account` is a company's name; the address beside it is a person's and isn't read."""

    ping: str = ""
    account: str | None = None


class Entry(msgspec.Struct, rename="camel"):
    """A row of any list of people, with as little as possible: some have no id, some no consent."""

    email: str | None = None
    consent_type: str | None = None

    @property
    def name(self) -> str:
        return self.email or ""


class Member(msgspec.Struct, rename="camel"):
    """One subscribed contact with all its fields."""

    id: int | None = None
    email: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    company: str | None = None
    note: str | None = None
    gender: str | None = None
    language: str | None = None
    birthdate: str | None = None
    postal_code: str | None = None
    country: str | None = None
    consent_type: str | None = None
    custom_fields: dict[str, str | int | float | bool | None] | list[None] | None = None
    unsubscribed_on: str | None = None
    hard_bounced_on: str | None = None


class Group(msgspec.Struct, rename="camel"):
    """A group. A dynamic one is filled by Cyberimpact itself and can't be written to."""

    id: int
    title: str = ""
    is_dynamic: bool = False
    members_count: int | None = None

    @property
    def name(self) -> str:
        return str(self.id)


class CustomField(msgspec.Struct):
    """A field that the account has beside the usual ones; it can't be made by the API."""

    id: int
    name: str
    type: str | None = None


class CustomFields(msgspec.Struct, rename="camel"):
    """GET /customfields; the only list without pages."""

    custom_fields: list[CustomField]


class MembersPage(msgspec.Struct, rename="camel"):
    """A page of people."""

    members: list[Entry]
    total_count: int | None = None

    @property
    def rows(self) -> Sequence[Entry]:
        return self.members


class GroupsPage(msgspec.Struct, rename="camel"):
    """A page of groups."""

    groups: list[Group]
    total_count: int | None = None

    @property
    def rows(self) -> Sequence[Group]:
        return self.groups


class Named(Protocol):
    """A row that can be told from the others of its list."""

    @property
    def name(self) -> str: ...
