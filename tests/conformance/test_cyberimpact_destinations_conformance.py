"""The destinations groups, templates and mailings of connectors/cyberimpact keep the rules of a destination."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from connectors.cyberimpact import CyberimpactConnector
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Change, Destination
from syncengine.testing import ConformanceSuite, DestinationStage, KitStage, MovableClock

STRANGER = "eyJhbGciOiJIUzI1NiJ9.eyJsb2dpbiI6InN0cmFuZ2VyIn0.c2lnbmVkLWJ5LW5vYm9keS1hdC1hbGw"
NOBODY = "it is no person: nobody unsubscribes from it, and there is no list of those who did"
WAIVERS: Mapping[str, str] = {
    "suppression_lists_are_complete": NOBODY,
    "a_short_suppression_list_is_an_error": NOBODY,
    "standings_answer_every_key": NOBODY,
}
READER = "reader-madeup@example.test"


class Account(KitStage, DestinationStage):
    """An account with one reader in one group."""

    make: Callable[..., CyberimpactSandbox] = CyberimpactSandbox
    sandbox: CyberimpactSandbox

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self._refused: set[str] = set()
        self.sandbox.admin.create_group("Clients")
        self.sandbox.admin.add(READER, groups=["Clients"])

    def bad_settings(self) -> dict[str, Any]:
        return {**self.settings(), "token": STRANGER}

    def secrets(self) -> Collection[str]:
        return (self.sandbox.settings()["token"], STRANGER)

    def people(self) -> Collection[str]:
        return (READER,)

    def key(self, number: int) -> str:
        return f"partner {number:03d}"

    def refuse(self, key: str) -> None:
        self._refused.add(key)

    def change(self, destination: Destination, key: str) -> Change:
        change = super().change(destination, key)
        if key not in self._refused:
            return change
        return msgspec.structs.replace(change, fields=self.refused(dict(change.fields)))

    def refused(self, fields: dict[str, Any]) -> dict[str, Any]:
        """These fields as the provider won't take them."""
        return fields


class Groups(Account):
    part = "groups"
    effects = ("POST|PUT|PATCH|DELETE", "^/groups")

    def fields(self, key: str) -> dict[str, Any]:
        return {"group": key, "isPublic": True}

    def invalid(self) -> Mapping[str, Any]:
        return {"group": "id:fourteen", "title": "Another title", "isPublic": "perhaps", "delete": "perhaps"}

    def target(self, key: str) -> Any:
        groups = self.sandbox.account.groups.values()
        return [(group.title, group.public) for group in groups if group.title.casefold() == key] or None

    def refuse(self, key: str) -> None:
        self.sandbox.admin.create_group(key, dynamic=True)


class Templates(Account):
    part = "templates"
    effects = ("POST|PUT|PATCH|DELETE", "^/templates")

    def fields(self, key: str) -> dict[str, Any]:
        return {"title": key, "bodyHtml": "<p>Hello</p>", "bodyText": "Hello"}

    def invalid(self) -> Mapping[str, Any]:
        return {"title": "A title " * 99, "bodyText": ["Hello there"], "delete": "perhaps"}

    def target(self, key: str) -> Any:
        templates = self.sandbox.account.templates.values()
        return [(one.title, one.html, one.text) for one in templates if one.title.casefold() == key] or None

    def refused(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"title": fields["title"]}


class Mailings(Account):
    part = "mailings"
    effects = ("POST|DELETE", "^/mailings")

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "allow_sending": True}

    def spellings(self, key: str) -> Sequence[str]:
        return (f"  {key} ",)

    def fields(self, key: str) -> dict[str, Any]:
        return {
            "mailing": key,
            "subject": f"Subject of {key}",
            "groups": ["clients "],
            "bodyHtml": "<p>Hello</p>",
            "language": "en_ca",
            "sendAt": (self.clock.now() + dt.timedelta(days=90)).isoformat(),
            "mailFrom": "news@example.test",
        }

    def invalid(self) -> Mapping[str, Any]:
        return {
            "mailing": "id:812 of last week",
            "subject": "Subject" * 99,
            "groups": [["Clients"]],
            "language": "klingon",
            "sendAt": "2030-06-01T10:00:00",
            "cancel": "perhaps",
        }

    def target(self, key: str) -> Any:
        mailings = self.sandbox.account.mailings.values()
        found = [one for one in mailings if one.subject == f"Subject of {key}"]
        return [(one.subject, one.groups, one.wishes) for one in found] or None

    def refused(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {**fields, "mailFrom": "somebody@example.test"}


class TestGroups(ConformanceSuite):
    connector = CyberimpactConnector
    sandbox = Groups
    waivers: ClassVar = {
        **WAIVERS,
        "a_receipt_tells_what_became_of_it": "there is no receipt: the list of groups is looked at before each try",
    }


class TestTemplates(ConformanceSuite):
    connector = CyberimpactConnector
    sandbox = Templates
    waivers: ClassVar = {
        **WAIVERS,
        "a_receipt_tells_what_became_of_it": "there is no receipt: the list of templates is looked at before each try",
    }


class TestMailings(ConformanceSuite):
    connector = CyberimpactConnector
    sandbox = Mailings
    waivers: ClassVar = {
        **WAIVERS,
        "applied_twice_is_applied_once": "a mailing is never repeated: a second one would go to everybody again",
    }
