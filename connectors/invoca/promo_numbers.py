"""The destination `promo_numbers`: each is bought, so buying is the one request that is never repeated blindly.

Follows invoca.md section 3.1. Whether a second POST under the same id buys a second number is not known.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from connectors.invoca.merging import Object, differs, merged, writable
from connectors.invoca.objects import ObjectDestination
from connectors.invoca.objects_fields import DELETED, SEPARATOR, PromoNumberFields, read_body
from connectors.invoca.writing import Step
from syncengine.contracts import Change, Settled

BUY, CHANGE, DELETE = "buy", "change", "delete"
"""What a receipt says was going to be done; the key stands after it."""


class PromoNumbers(ObjectDestination):
    """Promo numbers under an id of our own, by which each can be read back."""

    Fields: type[BaseModel] = PromoNumberFields
    parents = ("advertiser", "campaign")
    collection = "promo_numbers"
    what = "promo number"
    repeatable = False

    async def settle(self, receipt: str, keys: Collection[str]) -> Settled:
        """What became of it, as the number shows that is there or isn't. Raises as a read does."""
        doing, _, key = receipt.partition(" ")
        asked = frozenset(keys) & {key}
        if not asked:
            return Settled()  # a receipt of somebody else's
        if doing == CHANGE:
            return Settled(refuted=asked)  # as good as not done: the next try looks first, and sends what still differs
        there = await self._look(key.split(SEPARATOR)) is not None
        return Settled(confirmed=asked) if there == (doing == BUY) else Settled(refuted=asked)

    def _receipt(self, change: Change) -> Callable[[Object | None], str]:
        def name(there: Object | None) -> str:
            if change.fields.get("state") == DELETED:
                return f"{DELETE} {change.key}"
            return f"{BUY if there is None else CHANGE} {change.key}"

        return name

    def _path(self, ids: Sequence[str]) -> tuple[str, ...]:
        return ("advertisers", ids[0], "advertiser_campaigns", ids[1], "promo_numbers_by_id", ids[2])

    def _plan(self, ids: list[str], fields: Mapping[str, Any], there: Object | None) -> Sequence[Step]:
        body = {**read_body(fields, ("advertiser", "campaign", "state")), "id_from_network": ids[2]}
        if there is None:
            return [self._request("POST", self._path(ids)[:-1], body)]
        kept = writable(there)
        whole = merged(kept, body)
        return [self._request("PUT", self._path(ids), whole)] if differs(whole, kept) else []
