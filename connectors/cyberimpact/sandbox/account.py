"""One Cyberimpact account as data: contacts, groups and what else it has, and the rules for whoever changes them.

It knows nothing of HTTP: the API and the administration of the sandbox both work on it.
"""

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from connectors.cyberimpact.sandbox.consent import NO_BASIS, Consent
from connectors.cyberimpact.sandbox.switches import CyberimpactSwitches

if TYPE_CHECKING:
    from connectors.cyberimpact.sandbox.batches import Batch
    from connectors.cyberimpact.sandbox.posting import Mailing, Template

FIRST_ID = 1001
"""Ids of contacts, groups, mailings … come from one counter, so that a mix-up never works by luck."""

TEXT_FIELDS = (
    "firstname", "lastname", "company", "note", "gender", "language", "postalCode", "country", "birthdate",
)  # fmt: skip

CustomValue = str | int | float
CustomType = Literal["text", "date", "integer", "decimal number"]
CUSTOM_TYPES = get_args(CustomType)
State = Literal["subscribed", "unsubscribed", "bounced"]


@dataclass(slots=True)
class Group:
    """A list of contacts. A dynamic one is read-only through the API."""

    id: int
    title: str
    public: bool
    created: dt.datetime
    dynamic: bool = False


@dataclass(slots=True, frozen=True)
class CustomField:
    """A field that this account has beside the standard ones."""

    id: int
    name: str
    type: CustomType


@dataclass(slots=True)
class Contact:
    """Somebody in the account, in whatever state. Empty fields are left out of `fields` and `custom`."""

    id: int
    email: str
    joined: dt.datetime
    fields: dict[str, str] = field(default_factory=dict)
    custom: dict[int, CustomValue] = field(default_factory=dict)
    groups: set[int] = field(default_factory=set)
    consent: Consent = NO_BASIS
    updated: dt.datetime | None = None
    unsubscribed: dt.datetime | None = None
    bounced: dt.datetime | None = None
    received: int = 0
    opened: int = 0
    clicked: int = 0

    @property
    def state(self) -> State:
        """Unsubscribed goes before bounced (cyberimpact.md section 7)."""
        if self.unsubscribed:
            return "unsubscribed"
        return "bounced" if self.bounced else "subscribed"

    @property
    def suppressed(self) -> bool:
        return self.unsubscribed is not None or self.bounced is not None


class Account:
    """All that the vendor stores. Every change goes through a method, so both indexes and `updatedOn` stay right."""

    def __init__(self, switches: CyberimpactSwitches) -> None:
        self.switches = switches
        self.clear()

    def clear(self) -> None:
        """Forget everything, in place: others hold on to this object."""
        self.contacts: dict[int, Contact] = {}
        self.groups: dict[int, Group] = {}
        self.custom_fields: dict[int, CustomField] = {}
        self.batches: dict[int, Batch] = {}
        self.templates: dict[int, Template] = {}
        self.mailings: dict[int, Mailing] = {}
        self.optins: dict[int, tuple[str, frozenset[int]]] = {}
        self.writes: Counter[str] = Counter()
        self.rng = random.Random(FIRST_ID)
        self._next_id = FIRST_ID
        self._by_email: dict[str, Contact] = {}
        self._indexed_case: str = self.switches.email_case

    def new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    # --- finding ---

    def key(self, email: str) -> str:
        """The address as it is compared."""
        return email if self.switches.email_case == "sensitive" else email.lower()

    def by_email(self, email: str) -> Contact | None:
        if self._indexed_case != self.switches.email_case:
            self._indexed_case = self.switches.email_case
            self._by_email = {self.key(contact.email): contact for contact in self.contacts.values()}
        return self._by_email.get(self.key(email))

    def find(self, key: str) -> Contact | None:
        """By number or e-mail, as in paths and batches."""
        return self.contacts.get(int(key)) if key.isascii() and key.isdigit() else self.by_email(key)

    def members_of(self, group: Group) -> list[Contact]:
        """The subscribed contacts in it."""
        return [one for one in self.contacts.values() if group.id in one.groups and not one.suppressed]

    # --- contacts ---

    def create(self, email: str, now: dt.datetime) -> Contact:
        """A new contact without anything but its address, which must be free."""
        contact = Contact(self.new_id(), email, now)
        self.contacts[contact.id] = contact
        self._by_email[self.key(email)] = contact
        return contact

    def delete(self, contact: Contact) -> None:
        """Erase the contact; whether its "no" is remembered is a switch."""
        if contact.suppressed and not self.switches.delete_forgets:
            contact.fields.clear()
            contact.custom.clear()
            contact.groups.clear()
            contact.consent = NO_BASIS
            return
        del self.contacts[contact.id]
        del self._by_email[self.key(contact.email)]

    def readdress(self, contact: Contact, email: str, now: dt.datetime) -> None:
        """Give it another address. Consent belongs to the address, so the new one has no basis yet (section 6)."""
        if self.key(email) != self.key(contact.email):
            contact.consent = NO_BASIS
        if email != contact.email:
            contact.updated = now
        del self._by_email[self.key(contact.email)]
        contact.email = email
        self._by_email[self.key(email)] = contact

    def set_fields(self, contact: Contact, values: Mapping[str, str], now: dt.datetime) -> None:
        """Set standard fields, others stay; `""` empties one."""
        after = {name: value for name, value in {**contact.fields, **values}.items() if value}
        if after != contact.fields:
            contact.fields, contact.updated = after, now

    def set_custom(self, contact: Contact, values: Mapping[int, CustomValue], now: dt.datetime) -> None:
        """Set custom fields, others stay; `""` empties one."""
        after = {number: value for number, value in {**contact.custom, **values}.items() if value != ""}
        if after != contact.custom:
            contact.custom = after
            self._touch(contact, now)

    def set_consent(self, contact: Contact, consent: Consent, now: dt.datetime) -> None:
        """Take it as told; whether it is weaker is for the caller to say."""
        if consent != contact.consent:
            contact.consent = consent
            self._touch(contact, now)

    def set_groups(self, contact: Contact, groups: Iterable[int], now: dt.datetime) -> None:
        """Be in exactly these."""
        after = set(groups)
        if after != contact.groups:
            contact.groups = after
            self._touch(contact, now)

    def unsubscribe(self, contact: Contact, now: dt.datetime) -> bool:
        """Whether that was new."""
        new = contact.unsubscribed is None
        if new:
            contact.unsubscribed = contact.updated = now
        return new

    def revive(self, contact: Contact) -> None:
        """Subscribed again. The consent that was withdrawn doesn't come back with it."""
        contact.unsubscribed = contact.bounced = None
        contact.consent = NO_BASIS

    def _touch(self, contact: Contact, now: dt.datetime) -> None:
        if self.switches.updated_moves:
            contact.updated = now

    # --- groups and custom fields ---

    def create_group(self, title: str, now: dt.datetime, *, public: bool, dynamic: bool = False) -> Group:
        group = Group(self.new_id(), title, public, now, dynamic)
        self.groups[group.id] = group
        return group

    def delete_group(self, group: Group, now: dt.datetime) -> None:
        self.empty_group(group, now)
        del self.groups[group.id]

    def empty_group(self, group: Group, now: dt.datetime) -> None:
        for contact in self.contacts.values():
            if group.id in contact.groups:
                self.set_groups(contact, contact.groups - {group.id}, now)

    def add_custom_field(self, name: str, kind: CustomType) -> CustomField:
        custom = CustomField(self.new_id(), name, kind)
        self.custom_fields[custom.id] = custom
        return custom
