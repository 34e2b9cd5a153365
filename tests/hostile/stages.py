"""The depot as the suite needs it, for each part of the nasty connector."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from syncengine.contracts import Change, Destination
from syncengine.sandbox.kit import Fault
from syncengine.testing import DestinationStage, KitStage, LookupStage, StreamStage
from tests.hostile.depot import PAGE_ROWS, REFUSED, TOKEN, Depot

STRANGER = "a-token-that-nobody-gave"


class DepotStage(KitStage):
    make: Callable[..., Depot] = Depot
    sandbox: Depot

    def bad_settings(self) -> dict[str, Any]:
        return {**self.settings(), "token": STRANGER}

    def secrets(self) -> Collection[str]:
        return (TOKEN, STRANGER)

    def people(self) -> Collection[str]:
        return ("+15145550199", "Robin-Madeup", "person-000@example.test", "person-001@example.test")


class RecordsStage(DepotStage, StreamStage):
    part = "records"
    page_size = PAGE_ROWS + 1

    def put(self, at: dt.datetime) -> str:
        return self.sandbox.put(at)

    def loop(self) -> None:
        self.sandbox.loops = True

    def send_naive_dates(self) -> None:
        self.sandbox.naive = True

    def send_unknown_field(self) -> None:
        self.sandbox.newer = True


class PeopleStage(DepotStage, LookupStage):
    part = "people"

    def add(self, key: str, rows: int = 1) -> None:
        for _ in range(rows):
            number = len(self.sandbox.people_rows)
            self.sandbox.people_rows.append({"key": key, "email": f"person-{number:03}@example.test", "age": number})

    def cut_off(self) -> None:
        self.inject(Fault(kind="drop_before", times=1_000_000))


class ContactsStage(DepotStage, DestinationStage):
    part = "contacts"
    powers = ("Auditable", "Explaining")
    effects = ("POST", "^/contacts")
    refused: set[str]

    def fields(self, key: str) -> dict[str, Any]:
        return {"email": key, "name": "Robin-Madeup", "note": f"note {key[:10]}", "tags": ["A", key[7:10]]}

    def invalid(self) -> Mapping[str, Any]:
        return {"email": "some@body@else", "name": "Robin " * 40, "note": "noted " * 40}

    def change(self, destination: Destination, key: str) -> Change:
        change = super().change(destination, key)
        if key not in getattr(self, "refused", ()):
            return change
        return Change(key, 1, True, {**change.fields, "name": REFUSED}, change.join, change.leave, None, False)

    def refuse(self, key: str) -> None:
        self.refused = {*getattr(self, "refused", ()), key}

    def target(self, key: str) -> Any:
        return self.sandbox.contacts.get(key)

    def suppress(self, key: str, reason: Literal["unsubscribed", "bounced"]) -> None:
        self.sandbox.blocked[key] = reason

    def welcome(self, key: str) -> None:
        del self.sandbox.blocked[key]
        self.sandbox.contacts.setdefault(key, {"tags": []})

    def remove(self, key: str) -> None:
        del self.sandbox.contacts[key]

    def send_mail(self, key: str) -> str:
        number = f"№ {len(self.sandbox.mails)}/x"
        self.sandbox.mails.append({"id": number, "subject": "Hello", "at": self.clock.now().isoformat(), "to": [key]})
        return number


class CallsStage(ContactsStage):
    part = "calls"
    powers = ()
    effects = ("POST", "^/calls")

    def target(self, key: str) -> Any:
        return [call for call in self.sandbox.calls if call["email"] == key] or None
