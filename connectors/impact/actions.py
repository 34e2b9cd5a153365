"""The actions of a brand, complete: three passes per campaign, each with a checkpoint of its own.

No single range of dates shows everything that happens to an action (impact.md section 4), so one pass follows "last
updated" (tracked, modified, reversed), one LockingDate (approved by date), and one reads again what is still open.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from typing import Any

import structlog
from pydantic import BaseModel

from connectors.impact.campaigns import choose_campaigns
from connectors.impact.client import ImpactClient, Unanswerable
from connectors.impact.kinds import ACTION_FIELDS, ACTIONS
from connectors.impact.passes import Reader, read_changes, read_lockings
from connectors.impact.settings import PASSES, ActionOptions, CampaignOptions, ImpactSettings
from connectors.impact.sweep import Sweeper
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range

SWEPT = "open"

log = structlog.get_logger(__name__)


class ActionStream:
    """Actions, each handed over once per change. A partition is a campaign and a pass: "1000/updated"."""

    Options: type[BaseModel] = ActionOptions
    fields: frozenset[str] | None = ACTION_FIELDS
    moment = "EventDate"

    def __init__(self, client: ImpactClient, clock: Clock, settings: ImpactSettings) -> None:
        self._reader = Reader(client, clock, ACTIONS, settings.lag, settings.overlap)
        self._sweeper = Sweeper(
            client, clock, ACTIONS, settings.sweep_every, {"State": "PENDING"}, whole_while_young=True
        )

    async def partitions(self, options: ActionOptions) -> Sequence[str]:
        """The chosen passes of each campaign: those chosen, or all of the account. Raises ConfigError."""
        campaigns = await choose_campaigns(self._reader.client, options)
        return [f"{campaign}/{name}" for campaign in campaigns for name in PASSES if name in options.passes]

    def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncIterator[Page]:
        """Hand over what the pass finds. Raises ProviderError (an ignored filter, a window that stays unreadable …)."""
        campaign, _, name = partition.partition("/")
        watcher = f"{campaign}/{SWEPT}"
        match name:
            case "updated":
                return read_changes(self._reader, campaign, position, fields, watcher)
            case "locked":
                return read_lockings(self._reader, campaign, position, fields, watcher)
            case _:
                return self._sweeper.read(campaign, watcher, position, fields, open)

    def fetch(
        self, ids: Collection[str], options: ActionOptions, *, fields: frozenset[str] | None
    ) -> AsyncIterator[Page]:
        """These actions as they are now, one request each."""
        return fetch(self._reader, ids, options, fields, lambda campaign: f"{campaign}/{SWEPT}")


async def fetch(
    reader: Reader, ids: Collection[str], options: CampaignOptions, fields: frozenset[str] | None, watcher: Any
) -> AsyncGenerator[Page, None]:
    """Single records by id; those of campaigns that aren't chosen are left out.

    So is an id that is refused (400, or another 4xx that no document explains): it is none, and holds back no other.
    Raises what else `ImpactClient.single` does.
    """
    kind = reader.kind
    names = kind.names(fields)
    for id in ids:
        try:
            row = await reader.client.single(kind.resource, id, kind.single)
        except Unanswerable as refusal:
            log.warning("an id is refused and taken as unknown", resource=kind.resource, code=refusal.code)
            continue
        if row is None:
            continue
        campaign = str(row.get("CampaignId") or "")
        if options.campaigns and campaign not in options.campaigns:
            continue
        yield Page([kind.record(row, names, reader.clock.now(), watcher(campaign))], None, f"{kind.single} {id}")
