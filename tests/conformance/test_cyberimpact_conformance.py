"""connectors/cyberimpact keeps the rules of a destination, also where nobody knows how Cyberimpact behaves."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from connectors.cyberimpact import CyberimpactConnector
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Change, Destination
from syncengine.testing import ConformanceSuite, DestinationStage, KitStage, MovableClock

STRANGER = "eyJhbGciOiJIUzI1NiJ9.eyJsb2dpbiI6InN0cmFuZ2VyIn0.c2lnbmVkLWJ5LW5vYm9keS1hdC1hbGw"
"""A token that Cyberimpact never made."""


class Contacts(KitStage, DestinationStage):
    """An account without contacts."""

    part = "contacts"
    powers = ("Auditable", "Explaining")
    make: Callable[..., CyberimpactSandbox] = CyberimpactSandbox
    sandbox: CyberimpactSandbox
    effects = ("POST|PUT|PATCH|DELETE", "^/(batches|members)")
    """Groups belong to nobody."""

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self._refused: set[str] = set()
        self.sandbox.admin.add_custom_field("Orders", "text")

    def bad_settings(self) -> dict[str, Any]:
        return {**self.settings(), "token": STRANGER}

    def secrets(self) -> Collection[str]:
        return (self.sandbox.settings()["token"], STRANGER)

    def people(self) -> Collection[str]:
        return (*(self.key(number) for number in range(9)), "Robin-Madeup", "Example-Person")

    def fields(self, key: str) -> dict[str, Any]:
        return {
            "email": key,
            "firstname": "Robin-Madeup",
            "lastname": "Example-Person",
            "language": "fr_ca",
            "customFields": {"Orders": "order-77"},
            "groups": ["Customers", f"Partner: {sum(map(ord, key)) % 3}"],
            "relationType": "active-clients",
            "consentDate": "2026-06-01",
            "consentProof": "impact.com action 1000.1",
        }

    def invalid(self) -> Mapping[str, Any]:
        return {
            "email": "somebody@somewhere@elsewhere",
            "firstname": "Robin" * 100,
            "language": "klingon",
            "country": "Atlantis",
            "gender": "whatever",
            "birthdate": "2026-02-31",
            "relationType": "acquaintance",
            "consentDate": "2026-06-01T10:00:00",
            "consentProof": "proof-" * 100,
        }

    def change(self, destination: Destination, key: str) -> Change:
        change = super().change(destination, key)
        if key not in self._refused:
            return change
        fields = {**change.fields, "language": "xx"}
        return Change(key, 1, True, fields, change.join, change.leave, change.consent, change.renew)

    def target(self, key: str) -> Any:
        self.sandbox.settle()
        found = [known for email, known in self.sandbox.contacts().items() if email.lower() == key]
        return found or None

    def refuse(self, key: str) -> None:
        self._refused.add(key)

    def suppress(self, key: str, reason: Literal["unsubscribed", "bounced"]) -> None:
        if key not in self.sandbox.contacts():
            self.sandbox.admin.add(key)
        if reason == "unsubscribed":
            self.sandbox.admin.unsubscribe(key)
        else:
            self.sandbox.admin.bounce(key)

    def welcome(self, key: str) -> None:
        self.sandbox.admin.resubscribe(key)

    def remove(self, key: str) -> None:
        self.sandbox.admin.delete(key)

    def send_mail(self, key: str) -> str:
        group = f"Readers like {key}"
        self.sandbox.admin.create_group(group)
        self.sandbox.admin.join_group(key, group)
        return str(self.sandbox.admin.send_mailing("June", [group]))


class SmallBatches(Contacts):
    """Batches of two, so that one delivery is many requests."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "batch_size": 2, "batches_in_flight": 2}


class Otherwise(Contacts):
    """Every unknown that a working account may have, the other way round (cyberimpact.md section 11)."""

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        switches = self.sandbox.switches
        switches.batch_bad_value = "row_error"
        switches.error_rows = "member_id"
        switches.success_rows = "member_id"
        switches.error_rows_unasked = "absent"
        switches.batch_maximum = 3
        switches.error_body = "text"
        switches.error_wording = "random"
        switches.past_last_page = "404"
        switches.over_limit = "422"
        switches.iso_offset = "colon"
        switches.unsorted_order = "random"
        switches.bounce_dates = "null"
        switches.read_suppressed = "shown"


class TestContacts(ConformanceSuite):
    connector = CyberimpactConnector
    sandbox = Contacts


class TestContactsInSmallBatches(TestContacts):
    sandbox = SmallBatches


class TestContactsOtherwise(TestContacts):
    sandbox = Otherwise
