"""The destination that Invoca's calls go to keeps the rules of a destination: what is in doubt is not repeated."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connectors.impact.sandbox.calldata import CallDataSandbox
from syncengine.contracts import Change, Destination
from syncengine.testing import ConformanceSuite, DestinationStage, KitStage, MovableClock
from tests.impact.calls_stage import WHOLE_CALL, CallsConnector

CALLER = "866-555-0134"
UNREADABLE = "nothing about a call can be read back from impact.com: it is write-only"
WAIVERS: dict[str, str] = {
    "applied_twice_is_applied_once": "whether a call that is reported twice counts twice is not known: not repeatable",
    "suppression_lists_are_complete": UNREADABLE,
    "a_short_suppression_list_is_an_error": UNREADABLE,
    "standings_answer_every_key": UNREADABLE,
    "a_receipt_tells_what_became_of_it": UNREADABLE,
}


class Calls(KitStage, DestinationStage):
    """An endpoint without calls."""

    part = "calls"
    make: Callable[..., CallDataSandbox] = CallDataSandbox
    sandbox: CallDataSandbox

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self._refused: set[str] = set()

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "requests_per_minute": 6000}

    def bad_settings(self) -> dict[str, Any]:
        return {**self.settings(), "password": "a-password-that-nobody-gave"}

    def secrets(self) -> Collection[str]:
        return (self.sandbox.settings()["password"], "a-password-that-nobody-gave")

    def people(self) -> Collection[str]:
        return (CALLER, "866-555-0199", "Montréal")

    def key(self, number: int) -> str:
        return f"1000/777/Z6E5-C7{number:012d}"

    def spellings(self, key: str) -> Sequence[str]:
        session = key.rpartition("/")[2]
        return (f"  {session} ", f"{session}\n")

    def fields(self, key: str) -> dict[str, Any]:
        return {**WHOLE_CALL, "CallSessionId": key.rpartition("/")[2]}

    def invalid(self) -> Mapping[str, Any]:
        return {
            "CampaignId": "program-one",
            "EventDate": "2026-02-03T06:43:15",
            "CallProvider": "Invoca" * 20,
            "CallerId": "anonymous",
            "CalledPhoneNumber": "555-0134",
            "CallDuration": "five minutes",
            "CallStatus": "HANGUP",
            "CallerPhoneNumberCountry": "Canada",
            "SubId2": "subid-" * 20,
            "Zip": "H2X 1Y4",
            "PhoneType": "Satellite",
            "CallRecording": "recording-17",
            "SaleAmount": "twelve",
            "ReferenceId": "reason-r",
            "City": ["Montréal", "Québec"],
        }

    def change(self, destination: Destination, key: str) -> Change:
        change = super().change(destination, key)
        fields = {**change.fields, "CallStatus": "NONSENSE"} if key in self._refused else change.fields
        return Change(change.key, 1, True, fields, frozenset(), frozenset(), None, False)

    def target(self, key: str) -> Any:
        return self.sandbox.of_session(key.rpartition("/")[2]) or None

    def refuse(self, key: str) -> None:
        self._refused.add(key)


class CallsAsForms(Calls):
    """The other documented way, and every unknown the other way round."""

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        switches = self.sandbox.switches
        switches.sent_as = "form"
        switches.answer = "json"
        switches.refusal = 200
        switches.repeated = "refused"
        switches.countries = "text"

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "send_as": "form"}


class TestCalls(ConformanceSuite):
    connector = CallsConnector
    sandbox = Calls
    waivers: ClassVar = WAIVERS


@pytest.mark.slow  # the same requests in another place; tests/impact/test_calls.py has both
class TestCallsAsForms(ConformanceSuite):
    connector = CallsConnector
    sandbox = CallsAsForms
    waivers: ClassVar = WAIVERS
