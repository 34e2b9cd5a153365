"""The destinations of a network's objects: read, merged, and written whole, because updates replace (section 3.1).

Creating, updating and deleting are harmless there when repeated; buying a promo number is the exception.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import BaseModel

from connectors.invoca.client import InvocaClient, found, without_secrets
from connectors.invoca.merging import Object, differs, merged, terms, writable
from connectors.invoca.objects_fields import (
    DELETED,
    SEPARATOR,
    AdvertiserFields,
    AffiliateCampaignFields,
    AffiliateFields,
    CampaignFields,
    make_draft,
    read_body,
)
from connectors.invoca.refusals import Refusal
from connectors.invoca.writing import Refused, Step, Writer, accept
from syncengine.contracts import Attempts, Change, Clock, Draft, Outcome
from syncengine.errors import ProviderError, Rejected

GO_LIVE_SECONDS = 60
"""The longest that Invoca may be told to wait for a campaign to go live (section 3.2)."""
LIVE, ARCHIVED = "Activated", "Archived"
"""How the states of campaigns are shown: examples only, so they only spare a request."""


class ObjectDestination:
    """What all of them have in common: one object after the other, each by its own path."""

    Fields: type[BaseModel]
    key_field: str = "id_from_network"
    repeatable: bool = True
    parents: ClassVar[tuple[str, ...]] = ()
    collection: ClassVar[str]
    """What `allow_deletes` calls them; the first part of an organisation's path."""
    what: ClassVar[str]

    def __init__(
        self, client: InvocaClient, clock: Clock, replaceable: Collection[str] = (), deletable: Collection[str] = ()
    ) -> None:
        """`replaceable`: lists that may be replaced whole; `deletable`: kinds of objects that may be deleted."""
        self._client = client
        self._clock = clock
        self._replaceable = frozenset(replaceable)
        self._deletable = frozenset(deletable)

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """Validate and normalise. Raises Rejected, and ConfigError where nothing may be written."""
        self.permit()
        draft = make_draft(fields, self.Fields, self.parents, self.key_field, self._replaceable)
        if draft.fields.get("state") != DELETED:
            return draft
        if self.collection not in self._deletable:
            message = (
                f"It would be deleted for good: allow it for {self.collection} by allow_deletes in the connection."
            )
            raise Rejected(message, field="state", code="deletes")
        # Nothing else is said of it: a new name must not bring it back.
        kept = (*self.parents, self.key_field, "state")
        return Draft(key=draft.key, fields={name: draft.fields[name] for name in kept})

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

        try:
            return await writer.write(change, look, partial(self._steps, ids, change), self._receipt(change))
        except Rejected as error:
            return Outcome(change.key, "rejected", code=error.code, field=error.field, message=error.message)

    def _receipt(self, change: Change) -> Callable[[Object | None], str] | None:
        """A name by which the outcome can be read back; needed only where a request may not be repeated."""
        return None

    def _steps(self, ids: list[str], change: Change, there: Object | None) -> Sequence[Step]:
        """The requests of a change. Raises Rejected for one of an object that somebody deleted."""
        if change.fields.get("state") == DELETED:
            return [] if there is None else [partial(self._delete, ids)]
        if there is None and not change.create:
            # What differs is not enough to make it again, and a promo number would be bought a second time.
            raise Rejected(f"This {self.what} was delivered once and is no longer there.", code="gone")
        return self._plan(ids, change.fields, there)

    async def _delete(self, ids: list[str]) -> None:
        """Delete it; what is deleted already is fine. Whether it is still there says more than a refusal, for no status
        is documented for what can't be deleted because it has campaigns (section 3.2). Raises Refused.
        """
        try:
            accept(await self._client.request("DELETE", self._path(ids), self.what))
        except Refused as refused:
            if refused.refusal.kind == "internal":
                raise
            if await self._look(ids) is not None:
                raise Refused(Refusal("kept"), refused.status) from None

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


class _Organisations(ObjectDestination):
    """Advertisers and affiliates: users and sites are written back as they were read."""

    def _path(self, ids: Sequence[str]) -> tuple[str, ...]:
        return (self.collection, *ids)

    def _plan(self, ids: list[str], fields: Mapping[str, Any], there: Object | None) -> Sequence[Step]:
        kept = writable(there or {})
        whole = {**merged(kept, read_body(fields, ("state",))), "id_from_network": ids[-1]}
        changed = there is None or differs(whole, kept)
        return [self._request("PUT", self._path(ids), whole)] if changed else []


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


class Campaigns(ObjectDestination):
    """Campaigns of advertisers. Of their terms only what a mapping says is written: they are the exception from writing
    whole, and the routing among them is never ours. No campaign can be deleted (section 3.2).
    """

    Fields: type[BaseModel] = CampaignFields
    parents = ("advertiser",)
    collection = "campaigns"
    what = "campaign"

    def _path(self, ids: Sequence[str]) -> tuple[str, ...]:
        return ("advertisers", ids[0], "advertiser_campaigns", ids[1])

    def _plan(self, ids: list[str], fields: Mapping[str, Any], there: Object | None) -> Sequence[Step]:
        own = {name: value for name, value in (there or {}).items() if name in {"name", "custom_data"}}
        wanted = {**merged(own, read_body(fields, ("state", "advertiser"))), "id_from_network": ids[1]}
        staged = there is None or differs(wanted, {**terms(there), **there})
        steps = [self._request("PUT", self._path(ids), wanted)] if staged else []
        status = (there or {}).get("status")
        match fields.get("state"):
            case "live" if staged or status != LIVE or (there or {}).get("future_terms"):
                steps.append(self._request("POST", (*self._path(ids), "go_live"), {"timeout": GO_LIVE_SECONDS}))
            case "archived" if status != ARCHIVED:
                steps.append(self._request("POST", (*self._path(ids), "archive"), {}))
            case "staged" if status == ARCHIVED:
                steps.append(self._request("POST", (*self._path(ids), "unarchive"), {}))
        return steps


class AffiliateCampaigns(ObjectDestination):
    """An affiliate's part in a campaign: it begins as Applied, and goes on from there."""

    Fields: type[BaseModel] = AffiliateCampaignFields
    key_field = "affiliate"
    parents = ("advertiser", "campaign")
    collection = "affiliate_campaigns"
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
