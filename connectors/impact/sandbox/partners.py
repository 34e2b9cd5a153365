"""Partner companies and the people who work there: another audience than customers (impact.md section 5.5)."""

import datetime as dt
from collections.abc import Callable, Collection

import msgspec

SYSTEM_MADE = "M"
"""Ids of contacts that impact.com made itself begin with it (section 5.5)."""
FIRST_CONTACT = 2750
COUNTRY = "CA"


class Address(msgspec.Struct, rename="pascal", kw_only=True):
    """Where a partner company is."""

    country: str = COUNTRY
    address1: str = ""
    address2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""


class Program(msgspec.Struct, rename="pascal", kw_only=True):
    """A campaign that a partner has joined."""

    id: str
    name: str
    join_date: dt.datetime


class PartnerPerson(msgspec.Struct, rename="pascal", kw_only=True):
    """A person as MediaPartners names them: the field is Email here, and EmailAddress at a contact."""

    first_name: str = ""
    last_name: str = ""
    email: str = ""
    is_primary: str = "false"


class PartnerAccount(msgspec.Struct, rename="pascal", kw_only=True):
    """A partner company: a row of MediaPartners. `relationship` is filtered by and never shown."""

    id: str
    name: str
    description: str = ""
    website: str = ""
    state: str = "ACTIVE"
    address: Address = msgspec.field(default_factory=Address)
    currency: str = "CAD"
    timezone: str = "America/Toronto"
    partner_type: str = "MARKETPLACE"
    programs: list[Program] = msgspec.field(default_factory=list)
    contacts: list[PartnerPerson] = msgspec.field(default_factory=list)
    date_created: dt.datetime
    date_last_updated: dt.datetime
    uri: str = ""

    relationship: str = "ACTIVE"


class ContactAccount(msgspec.Struct, rename="pascal"):
    """A partner company that a contact belongs to."""

    id: str
    name: str


class Contact(msgspec.Struct, rename="pascal", kw_only=True):
    """A person at a partner company, as one campaign knows them. No date tells when it changed (section 5.5)."""

    id: str
    first_name: str = ""
    last_name: str = ""
    email_address: str = ""
    title: str = ""
    profile_image: str = ""
    work_phone_number_country: str = ""
    work_phone_number: str = ""
    cellphone_number_country: str = ""
    cellphone_number: str = ""
    editable: str = "true"
    labels: list[str] = msgspec.field(default_factory=list)
    accounts: list[ContactAccount] = msgspec.field(default_factory=list)
    uri: str = ""


class Unsubscribed(msgspec.Struct, kw_only=True):
    """An address that wants no Outreach mail of one campaign; its row is made by `unsubscribed_row`."""

    user_email: str
    partner_id: str
    created_at: dt.datetime
    updated_at: dt.datetime


class Partners:
    """All partner companies of the account, their people by campaign, and who has opted out."""

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        self._now = now
        self.accounts: dict[str, PartnerAccount] = {}
        self._contacts: dict[str, dict[str, Contact]] = {}
        self._unsubscribed: dict[str, list[Unsubscribed]] = {}
        self._made = 0

    def clear(self) -> None:
        """Forget everybody."""
        self.accounts.clear()
        self._contacts.clear()
        self._unsubscribed.clear()
        self._made = 0

    def contacts(self, campaign_id: str) -> dict[str, Contact]:
        """The contacts of a campaign by id."""
        return self._contacts.setdefault(campaign_id, {})

    def unsubscribed(self, campaign_id: str) -> list[Unsubscribed]:
        """Who wants no Outreach mail of a campaign, oldest first."""
        return self._unsubscribed.setdefault(campaign_id, [])

    def add_partner(
        self, partner_id: str, name: str, *, at: dt.datetime | None = None, **others: str
    ) -> PartnerAccount:
        """A company signs up, in no campaign yet. `others` are further text fields."""
        moment = at or self._now()
        made = PartnerAccount(
            id=partner_id, name=name, date_created=moment, date_last_updated=moment, uri=f"MediaPartners/{partner_id}"
        )
        _set_texts(made, others)
        self.accounts[partner_id] = made
        return made

    def join(self, partner_id: str, campaign_id: str, name: str, *, at: dt.datetime | None = None) -> PartnerAccount:
        """A company joins the campaign of that name."""
        program = Program(id=campaign_id, name=name, join_date=at or self._now())
        return self._changed(partner_id, at, lambda partner: partner.programs.append(program))

    def update_partner(self, partner_id: str, *, at: dt.datetime | None = None, **others: str) -> PartnerAccount:
        """Change text fields of a company: this moves its DateLastUpdated. Raises KeyError, ValueError."""
        return self._changed(partner_id, at, lambda partner: _set_texts(partner, others))

    def add_contact(
        self,
        campaign_id: str,
        *,
        partners: Collection[str] = (),
        labels: Collection[str] = (),
        system_made: bool = False,
        **others: str,
    ) -> Contact:
        """Somebody at these companies (by id) becomes a contact of the campaign; `others` are further text fields.

        Raises KeyError for an unknown company, ValueError for an unknown field.
        """
        contacts = self.contacts(campaign_id)
        contact_id = f"{SYSTEM_MADE if system_made else ''}{FIRST_CONTACT + self._made}"
        self._made += 1  # an id is never given to somebody else
        path = f"Campaigns/{campaign_id}/Contacts/{contact_id}"
        made = Contact(
            id=contact_id,
            editable="false" if system_made else "true",
            labels=list(labels),
            accounts=[ContactAccount(known.id, known.name) for known in map(self.accounts.__getitem__, partners)],
            profile_image=f"{path}/ProfileImage",
            uri=path,
        )
        _set_texts(made, others)
        contacts[contact_id] = made
        for partner in partners:
            self.accounts[partner].contacts.append(
                PartnerPerson(first_name=made.first_name, last_name=made.last_name, email=made.email_address)
            )
        return made

    def update_contact(self, campaign_id: str, contact_id: str, **others: str) -> Contact:
        """Change text fields of a contact: no date tells of it. Raises KeyError, ValueError."""
        contact = self.contacts(campaign_id)[contact_id]
        _set_texts(contact, others)
        return contact

    def remove_contact(self, campaign_id: str, contact_id: str) -> Contact:
        """Somebody is no contact of the campaign any more. Raises KeyError."""
        return self.contacts(campaign_id).pop(contact_id)

    def unsubscribe(
        self, campaign_id: str, email: str, partner_id: str, *, at: dt.datetime | None = None
    ) -> Unsubscribed:
        """An address opts out of the campaign's Outreach mail; there is no way back (section 5.5)."""
        moment = at or self._now()
        for known in self.unsubscribed(campaign_id):
            if (known.user_email, known.partner_id) == (email, partner_id):
                known.updated_at = moment
                return known
        made = Unsubscribed(user_email=email, partner_id=partner_id, created_at=moment, updated_at=moment)
        self.unsubscribed(campaign_id).append(made)
        return made

    def _changed(
        self, partner_id: str, at: dt.datetime | None, change: Callable[[PartnerAccount], None]
    ) -> PartnerAccount:
        partner = self.accounts[partner_id]
        change(partner)
        partner.date_last_updated = at or self._now()
        return partner


def _set_texts(item: PartnerAccount | Contact, values: dict[str, str]) -> None:
    """Set text fields. Raises ValueError for one that isn't there, or is no text, before any is set."""
    wrong = sorted(name for name in values if not isinstance(getattr(item, name, None), str))
    if wrong:
        problem = f"a {type(item).__name__} has no text {wrong[0]}"
        raise ValueError(problem)
    for name, value in values.items():
        setattr(item, name, value)
