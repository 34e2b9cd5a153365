"""Action inquiries: a partner misses a sale or doubts one, and the brand has to answer (impact.md section 5.3)."""

import datetime as dt
from collections.abc import AsyncIterator, Collection, Sequence

from pydantic import BaseModel

from connectors.impact.actions import fetch
from connectors.impact.campaigns import choose_campaigns
from connectors.impact.client import ImpactClient
from connectors.impact.kinds import INQUIRIES, INQUIRY_FIELDS
from connectors.impact.passes import Reader, read_changes
from connectors.impact.settings import CampaignOptions, ImpactSettings
from connectors.impact.sweep import Sweeper
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range

CREATED, UNRESOLVED = "created", "unresolved"
EACH_TIME = dt.timedelta(0)


class InquiryStream:
    """Inquiries by their creation, and each time again those that were unresolved, until they are.

    No filter shows a resolution: the unresolved ones are listed, and what has vanished from that list is asked for by
    its id. Partitions: "1000/created", "1000/unresolved".
    """

    Options: type[BaseModel] = CampaignOptions
    fields: frozenset[str] | None = INQUIRY_FIELDS
    moment = "CreationDate"

    def __init__(self, client: ImpactClient, clock: Clock, settings: ImpactSettings) -> None:
        self._reader = Reader(client, clock, INQUIRIES, settings.lag, settings.overlap)
        self._sweeper = Sweeper(
            client, clock, INQUIRIES, EACH_TIME, {"ResolutionStatus": "UNRESOLVED"}, whole_while_young=False
        )

    async def partitions(self, options: CampaignOptions) -> Sequence[str]:
        """Both of each campaign. Raises ConfigError for one that isn't there."""
        campaigns = await choose_campaigns(self._reader.client, options)
        return [f"{campaign}/{name}" for campaign in campaigns for name in (CREATED, UNRESOLVED)]

    def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncIterator[Page]:
        """What was created since the checkpoint or in the range, or what has become of the open ones."""
        campaign, _, name = partition.partition("/")
        watcher = f"{campaign}/{UNRESOLVED}"
        if name == CREATED:
            return read_changes(self._reader, campaign, position, fields, watcher)
        return self._sweeper.read(campaign, watcher, position, fields, open)

    def fetch(
        self, ids: Collection[str], options: CampaignOptions, *, fields: frozenset[str] | None
    ) -> AsyncIterator[Page]:
        """These inquiries as they are now, one request each."""
        return fetch(self._reader, ids, options, fields, lambda campaign: f"{campaign}/{UNRESOLVED}")
