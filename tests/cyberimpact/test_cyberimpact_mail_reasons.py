"""What Cyberimpact tells of one contact when somebody asks why they got a mail."""

import datetime as dt
import json
from collections.abc import AsyncIterator

import pytest

from connectors.cyberimpact.connection import CyberimpactConnection
from connectors.cyberimpact.consent import RELATION_TYPES
from connectors.cyberimpact.contacts import Contacts
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Dossier, Explaining, Mail
from syncengine.sandbox.kit import Fault
from tests.clock import NOON, FakeClock
from tests.cyberimpact.conftest import connection, contacts_of

LEA, ZOE, NIA = "lea@example.test", "zoe@example.test", "nia@example.test"
HOUR = dt.timedelta(hours=1)


@pytest.fixture
async def opened(
    vendor_server: tuple[CyberimpactSandbox, str], vendor: CyberimpactSandbox, clock: FakeClock
) -> AsyncIterator[CyberimpactConnection]:
    async with connection(clock, None, token=vendor.settings()["token"], base_url=vendor_server[1]) as each:
        yield each


@pytest.fixture
def contacts(opened: CyberimpactConnection, vendor: CyberimpactSandbox) -> Contacts:
    """Léa and Zoe are in the group, Nia is in none."""
    vendor.admin.create_group("Clients")
    for address in (LEA, ZOE):
        vendor.admin.add(address, groups=["Clients"], relation="active-clients", date="2026-06-01", proof="order 77")
    vendor.admin.add(NIA)
    return contacts_of(opened)


def test_contacts_can_tell(contacts: Contacts) -> None:
    assert isinstance(contacts, Explaining)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_basis_of_a_consent_has_words_for_the_person(contacts: Contacts, language: str) -> None:
    assert contacts.bases[language].keys() == RELATION_TYPES
    assert all(contacts.bases[language].values())


async def test_a_contact_with_its_consent_its_groups_and_what_it_was_sent(
    contacts: Contacts, vendor: CyberimpactSandbox
) -> None:
    numbers = [vendor.admin.send_mailing(subject, ["Clients"]) for subject in ("June", "July")]
    told = await contacts.dossier(LEA)
    assert (told.state, told.since, dict(told.groups)) == ("subscribed", NOON, {"Clients": None})
    assert told.consent is not None
    assert (told.consent.basis, told.consent.date, told.consent.expires, told.consent.proof) == (
        "active-clients", dt.date(2026, 6, 1), dt.date(2028, 6, 1), "order 77",
    )  # fmt: skip
    assert [(mail.id, mail.subject, mail.sent_at) for mail in told.mails] == [
        (str(numbers[0]), "June", NOON), (str(numbers[1]), "July", NOON),
    ]  # fmt: skip


async def test_who_said_no_is_told_as_such_with_the_day(contacts: Contacts, vendor: CyberimpactSandbox) -> None:
    vendor.admin.unsubscribe(LEA)
    vendor.admin.bounce(ZOE)
    assert await contacts.dossier(LEA) == Dossier("unsubscribed", NOON)
    told = await contacts.dossier(ZOE)
    assert (told.state, told.since) == ("bounced", NOON)


async def test_an_address_that_is_nowhere_is_absent(contacts: Contacts) -> None:
    assert await contacts.dossier("nobody@example.test") == Dossier("absent")


async def test_a_mailing_says_to_which_groups_it_went_and_whom_it_reached(
    contacts: Contacts, vendor: CyberimpactSandbox
) -> None:
    number = str(vendor.admin.send_mailing("June", ["Clients"]))
    assert await contacts.mail(number, LEA) == Mail(number, "June", NOON, True, ("Clients",))
    assert await contacts.mail(number, NIA) == Mail(number, "June", NOON, False, ("Clients",))


async def test_a_mailing_without_its_date_has_gone_out_all_the_same(
    contacts: Contacts, vendor: CyberimpactSandbox
) -> None:
    number = vendor.admin.send_mailing("June", ["Clients"])
    row = {"id": number, "subject": "June", "status": "sent", "startedOn": None, "scheduledOn": None}
    vendor.faults.add(Fault(kind="status", status=200, path=f"/mailings/{number}", body=json.dumps(row)))
    mail = await contacts.mail(str(number), LEA)
    assert mail is not None
    assert (mail.sent_at, mail.received) == (None, True)


async def test_a_message_that_was_stopped_was_not_sent(contacts: Contacts, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.send_mailing("June", ["Clients"])
    vendor.admin.receive(number, LEA, "stopped")
    mail = await contacts.mail(str(number), LEA)
    assert mail is not None
    assert not mail.received


async def test_whom_a_mailing_reached_is_known_after_they_said_no_and_after_they_were_deleted(
    contacts: Contacts, vendor: CyberimpactSandbox
) -> None:
    number = str(vendor.admin.send_mailing("June", ["Clients"]))
    vendor.admin.unsubscribe(LEA)
    vendor.admin.delete(ZOE)
    for address in (LEA, ZOE):
        mail = await contacts.mail(number, address)
        assert mail is not None
        assert mail.received


async def test_a_mailing_that_waits_reached_nobody(contacts: Contacts, vendor: CyberimpactSandbox) -> None:
    number = str(vendor.admin.send_mailing("August", ["Clients"], NOON + HOUR))
    assert await contacts.mail(number, LEA) == Mail(number, "August", None, False, ("Clients",))


@pytest.mark.parametrize("id", ["999999", "August", "", "-1", "²"])
async def test_what_is_no_mailing_is_none(contacts: Contacts, id: str) -> None:
    assert await contacts.mail(id, LEA) is None
