"""Writes to Invoca as the engine does, with a ledger of attempts in memory."""

from collections.abc import Mapping, Sequence
from typing import Any

from syncengine.contracts import Attempt, Change, Outcome, Part, Settled
from tests.invoca.world import Network

ADVERTISER = {"id_from_network": "adv-7", "name": "Maple Tickets"}
CAMPAIGN = {"advertiser": "adv-7", "id_from_network": "c-1", "name": "Spring", "campaign_type": "DirectOnly"}
NUMBER = {
    "advertiser": "adv-7",
    "campaign": "c-1",
    "id_from_network": "n-1",
    "description": "spring poster",
    "media_type": "Offline: Outdoor",
}
TAKEN_PART = {"advertiser": "adv-7", "campaign": "c-1", "affiliate": "aff-1"}


class Ledger:
    """Attempts as the engine writes them down."""

    def __init__(self) -> None:
        self.begun = 0
        self.renewed = 0
        self.receipts: list[str] = []
        self.confirmed: set[str] = set()
        self.refuted: set[str] = set()

    async def begin(self, parts: Sequence[Part]) -> Attempt:
        self.begun += 1
        return Attempt(self.begun, frozenset(part.key for part in parts))

    async def renew(self, attempt: Attempt) -> Attempt:
        self.renewed += 1
        return attempt

    async def receipt(self, attempt: Attempt, receipt: str) -> None:
        self.receipts.append(receipt)

    async def settle(self, attempt: Attempt, settled: Settled) -> None:
        self.confirmed |= settled.confirmed
        self.refuted |= settled.refuted


class Desk:
    """One network that may be written to."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.ledger = Ledger()

    async def write(self, destination: str, *many: Mapping[str, Any], **settings: Any) -> list[Outcome]:
        async with self.network.connect(allow_writes=True, **settings) as connection:
            target = connection.destinations[destination]
            drafts = [target.draft(fields) for fields in many]
            changes = [
                Change(draft.key, 1, True, draft.fields, frozenset(), frozenset(), None, False) for draft in drafts
            ]
            return [outcome async for outcome in target.apply(changes, self.ledger)]

    async def rewrite(self, destination: str, fields: Mapping[str, Any], *names: str, **settings: Any) -> list[Outcome]:
        """Send what the engine sends of a target that was delivered before: only what differs, the fields `names`."""
        async with self.network.connect(allow_writes=True, **settings) as connection:
            target = connection.destinations[destination]
            draft = target.draft(fields)
            differs = {name: draft.fields[name] for name in names}
            change = Change(draft.key, 2, False, differs, frozenset(), frozenset(), None, False)
            return [outcome async for outcome in target.apply([change], self.ledger)]

    async def statuses(self, destination: str, *many: Mapping[str, Any], **settings: Any) -> list[str]:
        return [outcome.status for outcome in await self.write(destination, *many, **settings)]

    def writes(self) -> list[tuple[str, str]]:
        """Method and last part of the path of each request with effect since the last look."""
        found = [
            (seen.method, seen.path.rpartition("/")[2].removesuffix(".json"))
            for seen in self.network.sandbox.seen
            if seen.method != "GET"
        ]
        self.network.sandbox.seen.clear()
        return found
