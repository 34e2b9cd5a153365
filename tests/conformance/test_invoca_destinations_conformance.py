"""The destinations of connectors/invoca keep the rules of a destination: a network's objects, and signals."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from connectors.invoca import InvocaConnector
from connectors.invoca.sandbox import InvocaSandbox
from syncengine.contracts import Change, Destination
from syncengine.testing import ConformanceSuite, DestinationStage, KitStage, MovableClock

pytestmark = pytest.mark.slow  # one road to the provider (writing.py), which tests/invoca follows every day

STRANGER = "a-token-that-nobody-gave"
READER = "reader-madeup@example.test"
USERS = json.dumps([{"id_from_network": "u-1", "email_settings": [{"email_address": READER}]}])
NOBODY = "it is no person: nobody unsubscribes from it, and there is no list of those who did"
WAIVERS: Mapping[str, str] = {
    "suppression_lists_are_complete": NOBODY,
    "a_short_suppression_list_is_an_error": NOBODY,
    "standings_answer_every_key": NOBODY,
}
LOOKED_AT = {"a_receipt_tells_what_became_of_it": "there is no receipt: what is there is looked at before each try"}
OWN_ID = "the receipt is our own id of the number, stored before it is bought, so that a lost answer can be read back"
AFFILIATES = 41
LONG = "Maple Tickets " * 99


class Network(KitStage, DestinationStage):
    """A network with an advertiser, a campaign, affiliates, and a call."""

    make: Callable[..., InvocaSandbox] = InvocaSandbox
    sandbox: InvocaSandbox

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self._refused: set[str] = set()
        network = self.sandbox.network
        network.answer("PUT", ("advertisers", "adv-7"), {"name": "Maple"})
        network.answer("PUT", ("advertisers", "adv-7", "advertiser_campaigns", "c-1"), {"name": "Spring"})
        for number in range(AFFILIATES):
            network.answer("PUT", ("affiliates", f"aff-{number:03d}"), {"name": f"Affiliate {number}"})
        self.call = self.sandbox.book.call().call

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "allow_writes": True, "replace_lists": ["users", "sites"]}

    def bad_settings(self) -> dict[str, Any]:
        return {**self.settings(), "token": STRANGER}

    def secrets(self) -> Collection[str]:
        return (self.sandbox.settings()["token"], STRANGER)

    def people(self) -> Collection[str]:
        return (READER,)

    def spellings(self, key: str) -> Sequence[str]:
        own = key.rpartition("/")[2]
        return (f"  {own} ", f"{own}\n")

    def target(self, key: str) -> Any:
        there = self.sandbox.network.objects.get(self.path(key))
        return {name: value for name, value in there.items() if name != "id"} if there else None

    def path(self, key: str) -> tuple[str, ...]:
        """Where the sandbox has it."""
        raise NotImplementedError

    def refuse(self, key: str) -> None:
        self._refused.add(key)

    def change(self, destination: Destination, key: str) -> Change:
        change = super().change(destination, key)
        if key not in self._refused:
            return change
        return msgspec.structs.replace(change, fields={**change.fields, **self.refused()})

    def refused(self) -> dict[str, Any]:
        """What Invoca takes of nobody."""
        return {"name": ""}


class Advertisers(Network):
    part = "advertisers"

    def key(self, number: int) -> str:
        return f"ours-{number:03d}"

    def path(self, key: str) -> tuple[str, ...]:
        return (self.part, key)

    def fields(self, key: str) -> dict[str, Any]:
        return {
            "id_from_network": key,
            "name": f"Name of {key}",
            "approval_status": "Suspended",
            "web_integration_phone_number": "8005550134",
            "custom_data": {"channel": "Online lead"},
            "users": USERS,
            "sites": '[{"id_from_network": "315", "name": "tickets.example.test"}]',
        }

    def invalid(self) -> Mapping[str, Any]:
        return {
            "id_from_network": "adv/seven",
            "name": LONG,
            "approval_status": "Perhaps approved",
            "users": "ops-madeup@example.test",
            "sites": '{"name": "tickets"}',
            "web_integration_phone_number": ["8005550134"],
        }


class Affiliates(Advertisers):
    part = "affiliates"

    def fields(self, key: str) -> dict[str, Any]:
        return {
            "id_from_network": key,
            "name": f"Name of {key}",
            "status": "Applied",
            "custom_data": {"channel": "Reviews"},
            "users": USERS,
        }

    def invalid(self) -> Mapping[str, Any]:
        return {"id_from_network": "aff/seven", "name": LONG, "status": "Perhaps approved", "users": "[1, 2, 3]"}


class Campaigns(Network):
    part = "campaigns"

    def key(self, number: int) -> str:
        return f"adv-7/ours-{number:03d}"

    def path(self, key: str) -> tuple[str, ...]:
        return ("advertisers", "adv-7", "advertiser_campaigns", key.rpartition("/")[2])

    def fields(self, key: str) -> dict[str, Any]:
        return {
            "advertiser": "adv-7",
            "id_from_network": key.rpartition("/")[2],
            "name": f"Name of {key}",
            "url": "https://tickets.example.test",
            "campaign_type": "DirectOnly",
            "campaign_country": "CA",
            "state": "staged",
        }

    def invalid(self) -> Mapping[str, Any]:
        return {
            "advertiser": "adv/seven",
            "id_from_network": "camp/seven",
            "name": LONG,
            "campaign_type": "Direct only",
            "campaign_country": "Canada",
            "state": "alive and well",
        }


class AffiliateCampaigns(Network):
    part = "affiliate_campaigns"

    def key(self, number: int) -> str:
        return f"adv-7/c-1/aff-{number:03d}"

    def path(self, key: str) -> tuple[str, ...]:
        return ("advertisers", "adv-7", "advertiser_campaigns", "c-1", "affiliates", key.rpartition("/")[2])

    def fields(self, key: str) -> dict[str, Any]:
        return {"advertiser": "adv-7", "campaign": "c-1", "affiliate": key.rpartition("/")[2], "status": "Applied"}

    def invalid(self) -> Mapping[str, Any]:
        return {"advertiser": "adv/seven", "campaign": "..", "affiliate": "aff/seven", "status": "Perhaps approved"}

    def refused(self) -> dict[str, Any]:
        return {"status": "Suspended"}  # from Applied no way leads there


class PromoNumbers(Network):
    part = "promo_numbers"

    def key(self, number: int) -> str:
        return f"adv-7/c-1/ours-{number:03d}"

    def fields(self, key: str) -> dict[str, Any]:
        return {
            "advertiser": "adv-7",
            "campaign": "c-1",
            "id_from_network": key.rpartition("/")[2],
            "description": f"Poster of {key}",
            "media_type": "Offline: Outdoor",
            "promo_type": "Local",
            "custom_data": {"city": "Laval"},
        }

    def invalid(self) -> Mapping[str, Any]:
        return {
            "id_from_network": "number/seven",
            "description": LONG,
            "media_type": "Offline: Poster",
            "promo_type": "Regional",
        }

    def target(self, key: str) -> Any:
        own = key.rpartition("/")[2]
        numbers = [each for each in self.sandbox.network.objects.values() if each.get("id_from_network") == own]
        given_out = {"id", "promo_number"}
        return [{name: one[name] for name in one if name not in given_out} for one in numbers] or None

    def refused(self) -> dict[str, Any]:
        return {"description": ""}


class Signals(Network):
    part = "signals"

    def key(self, number: int) -> str:
        return msgspec.json.encode([self.call, "sold", f"order-{number:03d}"]).decode()

    def spellings(self, key: str) -> Sequence[str]:
        return (f" {msgspec.json.decode(key)[2]}\n",)

    def fields(self, key: str) -> dict[str, Any]:
        return {
            "call": self.call,
            "name": "Sold",
            "partner_unique_id": msgspec.json.decode(key)[2],
            "value": "true",
            "revenue": "12.50",
            "occurred_at": "2026-06-01T12:00:00+02:00",
        }

    def invalid(self) -> Mapping[str, Any]:
        return {
            "call": "call-77 " * 40,
            "name": "Sold out" * 40,
            "value": "perhaps",
            "revenue": "twelve",
            "occurred_at": "yesterday",
            "partner_unique_id": ["order-77"],
        }

    def target(self, key: str) -> Any:
        partner = msgspec.json.decode(key)[2]
        rows = [row for row in self.sandbox.book.of_call(self.call) if not row.superseded]
        same = [row for row in rows if row.values.get("signal_partner_unique_id") == partner]
        return [(row.values, row.custom) for row in same] or None


class TestAdvertisers(ConformanceSuite):
    connector = InvocaConnector
    sandbox = Advertisers
    waivers: ClassVar = {**WAIVERS, **LOOKED_AT}


class TestAffiliates(ConformanceSuite):
    connector = InvocaConnector
    sandbox = Affiliates
    waivers: ClassVar = {**WAIVERS, **LOOKED_AT}


class TestCampaigns(ConformanceSuite):
    connector = InvocaConnector
    sandbox = Campaigns
    waivers: ClassVar = {**WAIVERS, **LOOKED_AT}


class TestAffiliateCampaigns(ConformanceSuite):
    connector = InvocaConnector
    sandbox = AffiliateCampaigns
    waivers: ClassVar = {**WAIVERS, **LOOKED_AT}


class TestPromoNumbers(ConformanceSuite):
    connector = InvocaConnector
    sandbox = PromoNumbers
    waivers: ClassVar = {
        **WAIVERS,
        "applied_twice_is_applied_once": "a promo number is bought: a purchase is never repeated blindly",
        "no_effect_without_an_attempt": OWN_ID,
        "a_key_barred_while_waiting_is_left_out": OWN_ID,
    }


class TestSignals(ConformanceSuite):
    connector = InvocaConnector
    sandbox = Signals
    waivers: ClassVar = {
        **WAIVERS,
        "a_receipt_tells_what_became_of_it": "there is no receipt: the same signal again is the same signal",
    }
