"""Every stream of connectors/cyberimpact keeps the rules of a stream, also where nobody knows how the API behaves."""

import datetime as dt
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connectors.cyberimpact import CyberimpactConnector
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.cyberimpact.sandbox.account import Contact
from connectors.cyberimpact.sandbox.posting import Recipient, Template
from connectors.cyberimpact.sandbox.tokens import PASSWORD, USER
from syncengine.testing import ConformanceSuite, KitStage, MovableClock, StreamStage

PAGE_SIZE = 5
STRANGER = "eyJhbGciOiJIUzI1NiJ9.eyJsb2dpbiI6InN0cmFuZ2VyIn0.c2lnbmVkLWJ5LW5vYm9keS1hdC1hbGw"
NAME = "Robin-Madeup"
OFFSET = re.compile(rb'(On":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[+-]\d\d:?\d\d"')
ROW = re.compile(rb'\{("(?:id|idMember|email)":)')
EASTERN = "dates without an offset are documented to be Eastern (section 2): they are read as that, not guessed"
NO_DATE = "it has no date on the wire: everything comes each time, with the time of reading as the moment"

OF_CUSTOM_FIELDS = {
    "a_range_is_kept": NO_DATE,
    "pages_are_bounded": "the list of custom fields has no pages: a plan allows 40 of them",
    "dates_without_an_offset_are_refused": NO_DATE,
}


class Account(KitStage, StreamStage):
    """An account whose server gives pages of a few rows: nobody knows that it won't."""

    make: Callable[..., CyberimpactSandbox] = CyberimpactSandbox
    sandbox: CyberimpactSandbox
    page_size = PAGE_SIZE
    history = dt.timedelta(days=100)

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self.sandbox.switches.most_rows = PAGE_SIZE
        self._made = 0

    def bad_settings(self) -> dict[str, Any]:
        return {**self.settings(), "token": STRANGER}

    def secrets(self) -> Collection[str]:
        return (self.sandbox.settings()["token"], STRANGER)

    def people(self) -> Collection[str]:
        return (*(contact.email for contact in self.sandbox.account.contacts.values()), NAME)

    def loop(self) -> None:
        self.sandbox.switches.page_ignored = True

    def send_naive_dates(self) -> None:
        self.edit = lambda body: OFFSET.sub(rb'\1"', body)

    def send_unknown_field(self) -> None:
        self.edit = lambda body: ROW.sub(rb'{"newField": {"deep": [1, null]}, \1', body)

    def person(self, at: dt.datetime) -> Contact:
        """One more contact, who joined at this moment."""
        self._made += 1
        contact = self.sandbox.account.create(f"Person.{self._made:03d}@example.test", at)
        contact.fields = {"firstname": NAME, "language": "fr_ca"}
        return contact


class Contacts(Account):
    part = "contacts"

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self._orders = self.sandbox.admin.add_custom_field("Orders", "integer")

    def put(self, at: dt.datetime) -> str:
        contact = self.person(at)
        contact.custom = {self._orders: 77}
        return contact.email.lower()


class Orphans(Contacts):
    options: ClassVar = {"status": "orphans"}


class Otherwise(Contacts):
    """Every unknown about lists that a working account may have, the other way round (section 11)."""

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        switches = self.sandbox.switches
        switches.error_body = "text"
        switches.error_wording = "random"
        switches.past_last_page = "404"
        switches.over_limit = "422"
        switches.iso_offset = "colon"
        switches.unsorted_order = "random"
        switches.null_updated_matches = True
        switches.updated_moves = True


class Unsubscribed(Account):
    part = "unsubscribed"

    def put(self, at: dt.datetime) -> str:
        contact = self.person(at - dt.timedelta(days=400))
        contact.unsubscribed = contact.updated = at
        return contact.email.lower()


class Bounced(Account):
    part = "bounced"

    def put(self, at: dt.datetime) -> str:
        contact = self.person(at - dt.timedelta(days=400))
        contact.bounced = contact.updated = at
        return contact.email.lower()


class BouncedWithoutDate(Bounced):
    """As the vendor's samples show it."""

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self.sandbox.switches.bounce_dates = "null"


class Groups(Account):
    part = "groups"

    def put(self, at: dt.datetime) -> str:
        self._made += 1
        return str(self.sandbox.account.create_group(f"Group {self._made:03d}", at, public=False).id)


class GroupMembers(Account):
    part = "group_members"

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self._group = self.sandbox.admin.create_group("Clients")

    def put(self, at: dt.datetime) -> str:
        contact = self.person(at)
        contact.groups = {self._group}
        return f"{self._group}/{contact.email.lower()}"


class CustomFields(Account):
    part = "custom_fields"

    def put(self, at: dt.datetime) -> str:
        self._made += 1
        return str(self.sandbox.admin.add_custom_field(f"Field {self._made:03d}", "text"))


class SignedInByName(CustomFields):
    """The legacy way in: a user's name and password."""

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self.sandbox.switches.legacy_login = "on"

    def settings(self) -> dict[str, Any]:
        return {"base_url": super().settings()["base_url"], "username": USER["username"], "password": PASSWORD}

    def bad_settings(self) -> dict[str, Any]:
        return {**self.settings(), "password": f"not-{PASSWORD}"}

    def secrets(self) -> Collection[str]:
        return (PASSWORD,)


class Templates(Account):
    part = "templates"

    def put(self, at: dt.datetime) -> str:
        account = self.sandbox.account
        number = account.new_id()
        account.templates[number] = Template(number, f"Page {number}", "<p>Hello</p>", "Hello", at)
        return str(number)


class Mailings(Account):
    """Sent ones. Each goes out to one person, who opens it at once."""

    part = "mailings"

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self.sandbox.admin.create_group("Clients")
        self.reader = self.person(clock.now() - dt.timedelta(days=400)).email
        self.sandbox.admin.join_group(self.reader, "Clients")

    def put(self, at: dt.datetime) -> str:
        return str(self.send(at))

    def send(self, at: dt.datetime) -> int:
        mailing = self.sandbox.admin.send_mailing("Offer", ["Clients"], at)
        self.sandbox.admin.receive(mailing, self.reader, "opened", at)
        return mailing


class ArchivedMailings(Mailings):
    def put(self, at: dt.datetime) -> str:
        mailing = self.send(at)
        self.sandbox.admin.archive_mailing(mailing)
        return str(mailing)


class Recipients(Mailings):
    part = "mailing_recipients"
    options: ClassVar = {"lists": ["opened"]}

    def put(self, at: dt.datetime) -> str:
        return f"{self.send(at)}/opened/{self.reader.lower()}"


class ManyRecipients(Mailings):
    """One chosen mailing, opened by one more person each time."""

    part = "mailing_recipients"
    options: ClassVar = {"lists": ["opened"], "mailings": ["1003"]}
    history = dt.timedelta(days=20)

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self._mailing = self.send(clock.now() - dt.timedelta(days=300))
        self.sandbox.account.mailings[self._mailing].recipients.clear()

    def put(self, at: dt.datetime) -> str:
        contact = self.person(at - dt.timedelta(days=400))
        self.sandbox.admin.join_group(contact.email, "Clients")
        mailing = self.sandbox.account.mailings[self._mailing]
        mailing.recipients[contact.id] = Recipient(contact.id, contact.email, {"opened": at})
        return f"{self._mailing}/opened/{contact.email.lower()}"


class TestContacts(ConformanceSuite):
    connector = CyberimpactConnector
    sandbox = Contacts
    waivers: ClassVar = {"dates_without_an_offset_are_refused": EASTERN}


@pytest.mark.slow
class TestOrphans(TestContacts):
    sandbox = Orphans


@pytest.mark.slow
class TestContactsOtherwise(TestContacts):
    sandbox = Otherwise


@pytest.mark.slow
class TestUnsubscribed(TestContacts):
    sandbox = Unsubscribed


@pytest.mark.slow
class TestBounced(TestContacts):
    sandbox = Bounced


@pytest.mark.slow
class TestBouncedWithoutDate(TestContacts):
    sandbox = BouncedWithoutDate


@pytest.mark.slow
class TestGroups(TestContacts):
    sandbox = Groups


@pytest.mark.slow
class TestTemplates(TestContacts):
    sandbox = Templates


@pytest.mark.slow
class TestMailings(TestContacts):
    sandbox = Mailings


@pytest.mark.slow
class TestArchivedMailings(TestContacts):
    sandbox = ArchivedMailings


@pytest.mark.slow
class TestRecipients(TestContacts):
    sandbox = Recipients


@pytest.mark.slow
class TestManyRecipients(TestContacts):
    sandbox = ManyRecipients


class TestGroupMembers(TestContacts):
    sandbox = GroupMembers
    waivers: ClassVar = {"a_range_is_kept": NO_DATE, "dates_without_an_offset_are_refused": EASTERN}


@pytest.mark.slow
class TestCustomFields(TestContacts):
    sandbox = CustomFields
    waivers: ClassVar = OF_CUSTOM_FIELDS


class TestSignedInByName(TestContacts):
    sandbox = SignedInByName
    waivers: ClassVar = OF_CUSTOM_FIELDS
