"""What can be read from impact.com: actions by "last updated", campaign by campaign; and the campaigns themselves."""

import datetime as dt
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import structlog
from pydantic import BaseModel

from connectors.impact.client import MOST_PAGES, PAGE_SIZE, ImpactClient, Unanswerable
from connectors.impact.decoding import read_column, read_row, read_rows, shape, to_moment, to_text
from connectors.impact.position import Position
from connectors.impact.settings import ActionOptions, NoOptions
from connectors.impact.windows import HISTORY, Window, first_window, whole_second, wire
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range, Record
from syncengine.errors import AuthError, ConfigError, Problem, ProviderError

log = structlog.get_logger(__name__)

ACTION_FIELDS = frozenset({
    "Id", "CampaignId", "CampaignName", "ActionTrackerId", "ActionTrackerName", "EventCode", "MediaPartnerId",
    "MediaPartnerName", "AdId", "SharedId", "Uri", "State", "ClientCost", "Payout", "DeltaPayout", "IntendedPayout",
    "Amount", "DeltaAmount", "IntendedAmount", "Currency", "ReferringDate", "EventDate", "CreationDate",
    "LockingDate", "ClearedDate", "ReferringType", "ReferringDomain", "PromoCode", "Oid", "CustomerId",
    "CustomerStatus", "CustomerPostCode", "CustomerArea", "CustomerCity", "CustomerRegion", "CustomerCountry",
    "IpAddress", "CallerId", "Note",
})  # fmt: skip
"""The 39 fields of an action (impact.md section 5.1)."""
CHECKED_FIELDS = frozenset({"Id", "EventDate", "CreationDate", "CampaignId"})
"""Decoded whether asked for or not."""
UPDATED = "updated"
"""The pass that reads by "last updated"; it is part of the partition's name, others will stand beside it."""
SKEW = dt.timedelta(minutes=1)
"""How much later than its last update an action may say that it was created: two clocks of one provider."""

LOCAL_PART = len("2026-03-04T10:42:38")
"""Where the offset starts in a date of an answer (impact.md section 2)."""


class ActionStream:
    """Actions in windows of "last updated", each handed over once per change.

    A partition is a campaign and a pass ("1000/updated"). A read starts `overlap` behind the checkpoint, at most three
    years less a day ago, and ends `lag` in the past. The checkpoint moves with the last page of each window, because a
    list is newest first. A window that can't be read completely is halved (impact.md sections 3 and 7).
    """

    Options: type[BaseModel] = ActionOptions
    fields: frozenset[str] | None = ACTION_FIELDS
    moment = "EventDate"

    def __init__(self, client: ImpactClient, clock: Clock, lag: dt.timedelta, overlap: dt.timedelta) -> None:
        self._client = client
        self._clock = clock
        self._lag = lag
        self._overlap = overlap

    async def partitions(self, options: ActionOptions) -> Sequence[str]:
        """One per campaign: those chosen, or all of the account, closed ones too (impact.md section 5.4).

        Raises ConfigError for a campaign that the account doesn't have: its actions would read as an empty list.
        """
        campaigns = options.campaigns or [row["Id"] for row in await read_campaigns(self._client)]
        if options.campaigns:
            await self._know(options.campaigns)
        return [f"{campaign}/{UPDATED}" for campaign in dict.fromkeys(campaigns)]

    async def _know(self, campaigns: Sequence[str]) -> None:
        try:
            known = {row["Id"] for row in await read_campaigns(self._client)}
        except (AuthError, ProviderError):  # a token that may not list campaigns can still read the actions of one
            return
        if unknown := [campaign for campaign in campaigns if campaign not in known]:
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

    async def read(
        self,
        partition: str,
        position: Checkpoint | Range,
        *,
        fields: frozenset[str] | None,
        open: Open,
    ) -> AsyncGenerator[Page, None]:
        """Hand over what was updated since the checkpoint, or what is dated in the range and has been updated since.

        Raises ProviderError (an ignored filter, a missing date, a window that stays unreadable) besides what the client
        raises; the checkpoints handed over before stay good.
        """
        campaign = partition.partition("/")[0]
        place = Position.of(position)
        now = self._clock.now()
        end = whole_second(now - self._lag)
        start = whole_second(max(place.updated - self._overlap, now - HISTORY))
        if place.updated < now - HISTORY:
            log.warning("impact.com answers three years back at most", partition=partition, since=wire(start))
        if start >= end:
            yield Page([], place.checkpoint(), f"campaign {campaign}")
        while start < end:
            waiting = [first_window(start, end, self._clock.now())]
            start = waiting[0].end
            while waiting:
                window = waiting.pop()
                try:
                    async with aclosing(self._read_window(campaign, window, place, fields)) as pages:
                        async for page in pages:
                            yield page
                except Unanswerable as refusal:
                    # Smaller windows have fewer pages, less time to drift, and isolate what is refused.
                    waiting.extend(reversed(_halve(campaign, window, refusal)))
                else:
                    place = place.moved(window.end)

    async def _read_window(
        self, campaign: str, window: Window, place: Position, fields: frozenset[str] | None
    ) -> AsyncGenerator[Page, None]:
        names = sorted(ACTION_FIELDS if fields is None else fields & ACTION_FIELDS)
        params: dict[str, str | int] = {
            "CampaignId": campaign,
            "StartDate": wire(window.start),
            "EndDate": wire(window.end),
            "PageSize": PAGE_SIZE,
        }
        decoded = shape("Actions", CHECKED_FIELDS.union(names))
        listing = self._client.list("Actions", decoded, params, most_pages=MOST_PAGES)
        async with aclosing(listing) as pages:
            async for rows, last in pages:
                yield Page(
                    _records(rows, names, campaign, window, place),
                    place.moved(window.end).checkpoint() if last else None,
                    f"campaign {campaign}, {window}",
                )


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
        self,
        partition: str,
        position: Checkpoint | Range,
        *,
        fields: frozenset[str] | None,
        open: Open,
    ) -> AsyncGenerator[Page, None]:
        now = self._clock.now()
        rows = await read_campaigns(self._client)
        yield Page(
            [
                Record(row["Id"], now, row if fields is None else {name: row.get(name) for name in sorted(fields)})
                for row in rows
            ],
            Checkpoint(wire(now)),
            "all campaigns",
        )


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


def _halve(campaign: str, window: Window, refusal: Unanswerable) -> tuple[Window, Window]:
    """Both halves of a window that could not be read; ProviderError where it is too short for that."""
    halves = window.halves()
    if halves is None:
        raise ProviderError(
            f"impact.com: campaign {campaign} can't be read at {wire(window.start)}. {refusal.message}",
            hint="Nothing was skipped: reading goes on from here when the API answers. Check the campaign's id.",
            code=refusal.code,
        ) from refusal
    return halves


def _records(rows: Sequence[Any], names: Sequence[str], campaign: str, window: Window, place: Position) -> list[Record]:
    """Rows as records, after checking that they are what was asked for (impact.md section 4)."""
    if not rows:
        return []
    if set(read_column(rows, "CampaignId")) != {campaign}:
        raise _ignored(f"CampaignId {campaign}")
    if _last_created(rows) > window.end + SKEW:
        # An action is not updated before it is created.
        raise _ignored(f"EndDate {wire(window.end)}")
    ids = read_column(rows, "Id")
    if None in ids:
        raise ProviderError("impact.com: an action has no Id.", code="no_id")
    read = zip(ids, _moments(rows), read_rows(rows, names), strict=True)
    return [Record(id, moment, values) for id, moment, values in read if place.holds(moment)]


def _moments(rows: Sequence[Any]) -> list[dt.datetime]:
    """When each action happened."""
    moments: list[dt.datetime] = []
    for row in rows:
        try:
            moments.append(to_moment(row.EventDate).astimezone(dt.UTC))
        except (ValueError, OverflowError):
            raise _undated("EventDate", row) from None
    return moments


def _last_created(rows: Sequence[Any]) -> dt.datetime:
    """The latest CreationDate. Dates of one offset sort as text: only the last of each is parsed, of 20,000 a page."""
    latest: dict[str, Any] = {}
    for row in rows:
        text = row.CreationDate
        if not isinstance(text, str) or len(text) <= LOCAL_PART:
            raise _undated("CreationDate", row)
        offset = text[LOCAL_PART:]
        if offset not in latest or latest[offset].CreationDate < text:
            latest[offset] = row
    moments: list[dt.datetime] = []
    for row in latest.values():
        try:
            moments.append(to_moment(row.CreationDate))
        except ValueError:
            raise _undated("CreationDate", row) from None
    return max(moments)


def _ignored(asked: str) -> ProviderError:
    return ProviderError(
        f"impact.com answered with actions outside {asked}: it ignored the filter.",
        hint="Nothing of this window was taken. The API has changed, or base_url is not impact.com.",
        code="ignored_filter",
    )


def _undated(field: str, row: Any) -> ProviderError:
    return ProviderError(
        f"impact.com: {field} of action {to_text(row.Id)} is no date with an offset.",
        hint="Dates are never guessed; the API has changed.",
        code="bad_date",
    )
