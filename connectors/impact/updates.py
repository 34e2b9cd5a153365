"""What happened to actions, one row per change, as impact.com tells it: amounts as differences, and why.

The stream `actions` doesn't need it: it misses nothing without (`listing.py` says how). It is for whoever wants the
history: `Disposition` names the reason of a change, TEST_ACTION for one.
"""

from collections.abc import AsyncIterator, Collection, Sequence

from pydantic import BaseModel

from connectors.impact.actions import fetch
from connectors.impact.campaigns import choose_campaigns
from connectors.impact.client import ImpactClient
from connectors.impact.kinds import UPDATE_FIELDS, UPDATES
from connectors.impact.passes import Reader, read_changes
from connectors.impact.settings import CampaignOptions, ImpactSettings
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range


class UpdateStream:
    """Action updates by UpdateDate. They never change, so there is nothing to look at again. A partition: "1000"."""

    Options: type[BaseModel] = CampaignOptions
    fields: frozenset[str] | None = UPDATE_FIELDS
    moment = "UpdateDate"

    def __init__(self, client: ImpactClient, clock: Clock, settings: ImpactSettings) -> None:
        self._reader = Reader(client, clock, UPDATES, settings.lag, settings.overlap)

    async def partitions(self, options: CampaignOptions) -> Sequence[str]:
        """The campaigns. Raises ConfigError for one that isn't there."""
        return await choose_campaigns(self._reader.client, options)

    def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncIterator[Page]:
        """The updates since the checkpoint, or in the range. Raises as the other passes."""
        return read_changes(self._reader, partition, position, fields, partition)

    def fetch(
        self, ids: Collection[str], options: CampaignOptions, *, fields: frozenset[str] | None
    ) -> AsyncIterator[Page]:
        """These updates, one request each."""
        return fetch(self._reader, ids, options, fields, str)
