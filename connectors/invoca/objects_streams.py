"""What can be read of a network's objects: whole lists, each time, because nothing says what has changed."""

import datetime as dt
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

from pydantic import BaseModel

from connectors.invoca.client import InvocaClient, Rows, without_secrets
from connectors.invoca.rows import to_text
from connectors.invoca.settings import NoOptions
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range, Record
from syncengine.errors import ProviderError

PARTITION = "all"


class _ObjectStream:
    """Objects of one kind, a page per list. A record's moment is when it was read: objects have no date.

    Lists are bare arrays without paging (invoca.md section 3.1), so their completeness can only be assumed; nothing
    here concludes from an absent object that it is gone. Ids are joined from those of the parents.
    """

    Options: type[BaseModel] = NoOptions
    fields: frozenset[str] | None = None
    moment = "the time of reading"
    what: ClassVar[str]
    own_id: ClassVar[str] = "id_from_network"

    def __init__(self, client: InvocaClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def partitions(self, options: NoOptions) -> Sequence[str]:
        return [PARTITION]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """Hand over all of them; the checkpoint says when that was. Raises AuthError, ProviderError, Transient."""
        now = self._clock.now()
        async with aclosing(self._lists()) as lists:
            async for parents, rows in lists:
                records = [self._record(row, parents, now, fields) for row in rows]
                yield Page(records, None, f"{self.what} of {'/'.join(parents.values()) or 'the network'}")
        yield Page([], Checkpoint(now.isoformat(timespec="seconds")), f"all {self.what}")

    def _lists(self) -> AsyncGenerator[tuple[dict[str, str], Rows], None]:
        """Each list, with the ids of what it belongs to."""
        raise NotImplementedError

    def _record(self, raw: dict[str, Any], parents: dict[str, str], at: dt.datetime, fields: Any) -> Record:
        row = {**to_text(without_secrets(raw)), **parents}
        values = row if fields is None else {name: row.get(name) for name in sorted(fields)}
        return Record("/".join((*parents.values(), self._id(raw))), at, values)

    def _id(self, raw: dict[str, Any]) -> str:
        id = to_text(raw.get(self.own_id))
        if not isinstance(id, str):
            raise ProviderError(f"{self._client.label}: one of the {self.what} has no {self.own_id}.", code="no_id")
        return id

    async def _list(self, *path: str) -> Rows:
        return await self._client.objects(path, f"list of {self.what}")

    async def _advertisers(self) -> AsyncGenerator[str, None]:
        for row in await self._client.objects(("advertisers",), "list of advertisers"):
            yield str(row.get("id_from_network") or "")

    async def _campaigns(self) -> AsyncGenerator[dict[str, str], None]:
        """The ids of each campaign and its advertiser."""
        async with aclosing(self._advertisers()) as advertisers:
            async for advertiser in advertisers:
                path = ("advertisers", advertiser, "advertiser_campaigns")
                for row in await self._client.objects(path, "list of campaigns"):
                    yield {"advertiser": advertiser, "campaign": str(row.get("id_from_network") or "")}


class AdvertiserStream(_ObjectStream):
    """Advertisers of the network."""

    what = "advertisers"

    async def _lists(self) -> AsyncGenerator[tuple[dict[str, str], Rows], None]:
        yield {}, await self._list("advertisers")


class AffiliateStream(_ObjectStream):
    """Affiliates of the network."""

    what = "affiliates"

    async def _lists(self) -> AsyncGenerator[tuple[dict[str, str], Rows], None]:
        yield {}, await self._list("affiliates")


class CampaignStream(_ObjectStream):
    """Campaigns of all advertisers: a request for each advertiser."""

    what = "campaigns"

    async def _lists(self) -> AsyncGenerator[tuple[dict[str, str], Rows], None]:
        async with aclosing(self._advertisers()) as advertisers:
            async for advertiser in advertisers:
                rows = await self._list("advertisers", advertiser, "advertiser_campaigns")
                yield {"advertiser": advertiser}, rows


class AffiliateCampaignStream(_ObjectStream):
    """Affiliates' parts in all campaigns: a request for each campaign."""

    what = "affiliate campaigns"
    own_id = "affiliate_id_from_network"

    async def _lists(self) -> AsyncGenerator[tuple[dict[str, str], Rows], None]:
        async with aclosing(self._campaigns()) as campaigns:
            async for ids in campaigns:
                path = ("advertisers", ids["advertiser"], "advertiser_campaigns", ids["campaign"])
                yield ids, await self._list(*path, "affiliate_campaigns")


class PromoNumberStream(_ObjectStream):
    """Promo numbers of all campaigns: a request for each campaign. The number itself is the id."""

    what = "promo numbers"
    own_id = "promo_number"

    async def _lists(self) -> AsyncGenerator[tuple[dict[str, str], Rows], None]:
        async with aclosing(self._campaigns()) as campaigns:
            async for ids in campaigns:
                path = ("advertisers", ids["advertiser"], "advertiser_campaigns", ids["campaign"])
                yield ids, await self._list(*path, "promo_numbers")
