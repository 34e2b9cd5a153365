"""The campaigns of an account: a stream of their own, and what all other streams are read by."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from pydantic import BaseModel

from connectors.impact.client import ImpactClient
from connectors.impact.decoding import read_row, shape
from connectors.impact.settings import CampaignOptions, NoOptions
from connectors.impact.windows import wire
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range, Record
from syncengine.errors import AuthError, ConfigError, Problem, ProviderError


class CampaignStream:
    """The campaigns of the account. A record's moment is when it was read: a campaign has no date on the wire.

    The list is short and has no filter by time, so it is read whole each time; a range hands over all of it.
    """

    Options: type[BaseModel] = NoOptions
    fields: frozenset[str] | None = None
    moment = "the time of reading"

    def __init__(self, client: ImpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def partitions(self, options: NoOptions) -> Sequence[str]:
        return ["all"]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        now = self._clock.now()
        rows = await read_campaigns(self._client)
        records = [Record(row["Id"], now, pick(row, fields)) for row in rows]
        yield Page(records, Checkpoint(wire(now)), "all campaigns")


async def read_campaigns(client: ImpactClient) -> list[dict[str, Any]]:
    """All campaigns of the account, each with all its fields. Raises as `ImpactClient.list`."""
    found: dict[str, dict[str, Any]] = {}
    async with aclosing(client.list("Campaigns", shape("Campaigns", None), {})) as pages:
        async for rows, _ in pages:
            for raw in rows:
                row = read_row(raw)
                if not row.get("Id"):
                    raise ProviderError("impact.com: a campaign has no Id.", code="no_id")
                found[row["Id"]] = row
    return list(found.values())


async def choose_campaigns(client: ImpactClient, options: CampaignOptions) -> list[str]:
    """The ids of those chosen, or of all in the account, closed ones too (impact.md section 5.4).

    Raises ConfigError for a campaign that the account doesn't have: its lists would read as empty.
    """
    if not options.campaigns:
        return [row["Id"] for row in await read_campaigns(client)]
    chosen = list(dict.fromkeys(options.campaigns))
    try:
        known = {row["Id"] for row in await read_campaigns(client)}
    except (AuthError, ProviderError):  # a token that may not list campaigns can still read what is in one
        return chosen
    if unknown := [campaign for campaign in chosen if campaign not in known]:
        raise ConfigError(
            [
                Problem(
                    "options.campaigns",
                    f"impact.com has no campaign {campaign} in this account.",
                    "Ids, not names.",
                )
                for campaign in unknown
            ]
        )
    return chosen


def pick(row: dict[str, Any], fields: frozenset[str] | None) -> dict[str, Any]:
    """The fields asked for; all that there are for None."""
    return row if fields is None else {name: row.get(name) for name in sorted(fields)}
