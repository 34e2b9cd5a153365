"""The destinations of a network's objects: read, merged, and written whole, because updates replace (section 3.1).

Creating and updating are one operation there, harmless when repeated; buying a promo number is the exception.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import BaseModel

from connectors.invoca.client import InvocaClient, found, without_secrets
from connectors.invoca.objects_fields import (
    SEPARATOR,
    AdvertiserFields,
    AffiliateCampaignFields,
    AffiliateFields,
    CampaignFields,
    PromoNumberFields,
    make_draft,
    read_body,
)
from connectors.invoca.writing import Step, Writer, accept
from syncengine.contracts import Attempts, Change, Clock, Draft, Outcome, Settled
from syncengine.errors import ProviderError

Object = dict[str, Any]
READ_ONLY = frozenset({"id", "object_url", "can_login_via_platform", "oauth_refresh_token", "api_key"})
"""Shown, and never written (section 3.3)."""
GO_LIVE_SECONDS = 60
"""The longest that Invoca may be told to wait for a campaign to go live (section 3.2)."""
LIVE, ARCHIVED = "Activated", "Archived"
"""How the states of campaigns are shown: examples only, so they only spare a request."""


class _Destination:
    """What all of them have in common: one object after the other, each by its own path."""

    Fields: type[BaseModel]
    key_field: str = "id_from_network"
    repeatable: bool = True
    parents: ClassVar[tuple[str, ...]] = ()
    what: ClassVar[str]

    def __init__(self, client: InvocaClient, clock: Clock, replaceable: Collection[str] = ()) -> None:
        self._client = client
        self._clock = clock
        self._replaceable = frozenset(replaceable)

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """Validate and normalise. Raises Rejected, and ConfigError where nothing may be written."""
        self.permit()
        return make_draft(fields, self.Fields, self.parents, self.key_field, self._replaceable)

    def permit(self) -> None:
        """Raises ConfigError unless the settings allow writing."""
        self._client.permit(self.what)

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        """Write each object that differs. Raises AuthError, RateLimited, Transient when nothing more can be sent."""
        self.permit()
        writer: Writer[Object | None] = Writer(self._client, self._clock, attempts, self.what)
        for change in changes:
            if not change.fields:
                yield Outcome(change.key, "delivered")
                continue
            ids = change.key.split(SEPARATOR)
            outcome = await self._write(writer, ids, change)
            if outcome is not None:
                yield outcome

    async def _write(self, writer: Writer[Object | None], ids: list[str], change: Change) -> Outcome | None:
        async def look() -> Object | None:
            return await self._look(ids)

        return await writer.write(change, look, partial(self._plan, ids, change.fields))

    async def _look(self, ids: list[str]) -> Object | None:
        """The object as it is, None where there is none. Raises what a read raises."""
        answer = await self._client.request("GET", self._path(ids), self.what)
        if not found(answer):
            return None
        self._client.raise_for(answer, self.what)
        seen = without_secrets(answer.json())
        if not isinstance(seen, dict):
            raise ProviderError(f"{self._client.label}: the {self.what} is no object.", code="not_an_object")
        return seen

    def _request(self, method: str, path: Sequence[str], body: Object) -> Step:
        async def send() -> None:
            accept(await self._client.request(method, path, self.what, body))

        return send

    def _path(self, ids: Sequence[str]) -> tuple[str, ...]:
        raise NotImplementedError

    def _plan(self, ids: list[str], fields: Mapping[str, Any], there: Object | None) -> Sequence[Step]:
        """The requests that lead from what is there to what is wanted."""
        raise NotImplementedError


class _Organisations(_Destination):
    """Advertisers and affiliates: users and sites are written back as they were read."""

    collection: ClassVar[str]

    def _path(self, ids: Sequence[str]) -> tuple[str, ...]:
        return (self.collection, *ids)

    def _plan(self, ids: list[str], fields: Mapping[str, Any], there: Object | None) -> Sequence[Step]:
        body = read_body(fields, ())
        kept = _writable(there or {})
        custom = {**(kept.get("custom_data") or {}), **body.pop("custom_data", {})}
        merged = {**kept, **body, "id_from_network": ids[-1], **({"custom_data": custom} if custom else {})}
        changed = there is None or _differs(merged, kept)
        return [self._request("PUT", self._path(ids), merged)] if changed else []


class Advertisers(_Organisations):
    """Advertisers of the network."""

    Fields: type[BaseModel] = AdvertiserFields
    collection = "advertisers"
    what = "advertiser"


class Affiliates(_Organisations):
    """Affiliates of the network."""

    Fields: type[BaseModel] = AffiliateFields
    collection = "affiliates"
    what = "affiliate"


class Campaigns(_Destination):
    """Campaigns of advertisers. Written flat, only what a mapping says: their terms are the exception from writing
    whole, and the routing among them is never ours.
    """

    Fields: type[BaseModel] = CampaignFields
    parents = ("advertiser",)
    what = "campaign"

    def _path(self, ids: Sequence[str]) -> tuple[str, ...]:
        return ("advertisers", ids[0], "advertiser_campaigns", ids[1])

    def _plan(self, ids: list[str], fields: Mapping[str, Any], there: Object | None) -> Sequence[Step]:
        wanted = read_body(fields, ("state", "advertiser"))
        seen = {**_terms(there), **(there or {})}
        staged = there is None or _differs({**seen, **wanted, "id_from_network": ids[1]}, seen)
        steps = [self._request("PUT", self._path(ids), {**wanted, "id_from_network": ids[1]})] if staged else []
        status = (there or {}).get("status")
        match fields.get("state"):
            case "live" if staged or status != LIVE or (there or {}).get("future_terms"):
                steps.append(self._request("POST", (*self._path(ids), "go_live"), {"timeout": GO_LIVE_SECONDS}))
            case "archived" if status != ARCHIVED:
                steps.append(self._request("POST", (*self._path(ids), "archive"), {}))
            case "staged" if status == ARCHIVED:
                steps.append(self._request("POST", (*self._path(ids), "unarchive"), {}))
        return steps


class AffiliateCampaigns(_Destination):
    """An affiliate's part in a campaign: it begins as Applied, and goes on from there."""

    Fields: type[BaseModel] = AffiliateCampaignFields
    key_field = "affiliate"
    parents = ("advertiser", "campaign")
    what = "affiliate campaign"

    def _path(self, ids: Sequence[str]) -> tuple[str, ...]:
        advertiser, campaign, affiliate = ids
        return (
            "advertisers", advertiser, "advertiser_campaigns", campaign, "affiliates", affiliate, "affiliate_campaigns",
        )  # fmt: skip

    def _plan(self, ids: list[str], fields: Mapping[str, Any], there: Object | None) -> Sequence[Step]:
        status, stands = fields.get("status"), "Applied" if there is None else there.get("status")
        steps = [self._request("POST", self._path(ids), {"status": "Applied"})] if there is None else []
        if status is not None and stands != status:
            steps.append(self._request("PUT", self._path(ids), {"status": status}))
        return steps


class PromoNumbers(_Destination):
    """Promo numbers under an id of our own. Buying one is never repeated blindly: what is in doubt is read back."""

    Fields: type[BaseModel] = PromoNumberFields
    parents = ("advertiser", "campaign")
    what = "promo number"
    repeatable = False

    def _path(self, ids: Sequence[str]) -> tuple[str, ...]:
        return ("advertisers", ids[0], "advertiser_campaigns", ids[1], "promo_numbers_by_id", ids[2])

    async def settle(self, receipt: str, keys: Collection[str]) -> Settled:
        """Whether a number with this id is there. Raises as a read does."""
        asked = frozenset(keys) & {receipt}
        if not asked:
            return Settled()  # a receipt of somebody else's
        there = await self._look(receipt.split(SEPARATOR))
        return Settled(confirmed=asked) if there is not None else Settled(refuted=asked)

    async def _write(self, writer: Writer[Object | None], ids: list[str], change: Change) -> Outcome | None:
        async def look() -> Object | None:
            return await self._look(ids)

        # Our id is what it can be read back by, so it is stored before the request leaves.
        return await writer.write(change, look, partial(self._plan, ids, change.fields), receipt=change.key)

    def _plan(self, ids: list[str], fields: Mapping[str, Any], there: Object | None) -> Sequence[Step]:
        body = {**read_body(fields, ("advertiser", "campaign")), "id_from_network": ids[2]}
        if there is None:
            return [self._request("POST", self._path(ids)[:-1], body)]
        kept = _writable(there)
        merged = {**kept, **body}
        return [self._request("PUT", self._path(ids), merged)] if _differs(merged, kept) else []


def _writable(there: Object) -> Object:
    """What may be written back of an object, at any depth."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: clean(inner) for name, inner in value.items() if name not in READ_ONLY}
        return [clean(each) for each in value] if isinstance(value, list) else value

    return {name: clean(value) for name, value in there.items() if name not in READ_ONLY}


def _terms(there: Object | None) -> Object:
    """The terms of a campaign as the next `go_live` would make them."""
    seen = there or {}
    return {**(seen.get("current_terms") or {}), **(seen.get("future_terms") or {})}


def _differs(wanted: Object, there: Object) -> bool:
    """Whether anything would change; ids and numbers come as text and as numbers (section 3.1)."""
    return any(_plain(value) != _plain(there.get(name)) for name, value in wanted.items())


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return "" if value is None else str(value)
