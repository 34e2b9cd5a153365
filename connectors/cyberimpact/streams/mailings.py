"""The stream `mailings`: what was sent, waits or is archived, with its statistics (section 4)."""

import datetime as dt
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

from pydantic import BaseModel

from connectors.cyberimpact.api.calls import Wire, WirePage
from connectors.cyberimpact.api.mailings import MailingList
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.streams.options import MailingOptions
from connectors.cyberimpact.streams.position import Position
from connectors.cyberimpact.streams.records import Turn, cut, moment_of, number_of, read_pages, wanted
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range, Record

MAILING_FIELDS = frozenset({
    "id", "subject", "language", "list", "status", "startedOn", "scheduledOn", "archivedOn", "mailFrom", "fromName",
    "replyTo", "recipientsCount", "emailsSent", "emailsDelivered", "emailsStopped", "views", "clicks", "sentToFriend",
    "incorrectAddresses", "technicalProblems", "deliveryRate", "clickRate", "viewRate", "links", "recipientGroups",
    "viewOnlineURL", "bodyHtml", "bodyText", "googleAnalytics", "googleAnalyticsCampaign", "mailingStatistics",
    "updateProfileForm",
})  # fmt: skip
"""The fields of a mailing, and `list`: sent, scheduled or archived."""
LISTED = frozenset({"id", "subject", "language", "recipientsCount", "mailFrom", "archivedOn", "list"})
"""What the rows of the lists tell as well as the mailing itself does."""
DATES = ("startedOn", "scheduledOn", "archivedOn")
"""The first that is given: a sample shows a mailing that is sent and has not started."""
STILL_CHANGING = dt.timedelta(days=30)
"""How long after a mailing its statistics are read again: people open old mail, but hardly older than that."""


class MailingStream:
    """Mailings, one partition per list. A record's moment is when it started or will start.

    Statistics change for weeks: after a checkpoint every mailing of the last 30 days comes again, those that wait too.
    A mailing keeps its id when it goes from one list to the next.
    """

    Options: type[BaseModel] = MailingOptions
    fields: frozenset[str] | None = MAILING_FIELDS
    moment = "startedOn or scheduledOn"

    def __init__(self, client: CyberimpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def partitions(self, options: MailingOptions) -> Sequence[str]:
        return list(dict.fromkeys(options.lists))

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """Hand over the mailings of the range; after a checkpoint those of them whose statistics may have changed."""
        place, begun = Position.of(position), self._clock.now()
        names = wanted(MAILING_FIELDS, fields)
        turn = mailing_pages(self._client, cast(MailingList, partition))
        async with aclosing(read_pages(turn, mailing_number, f"list of {partition} mailings")) as pages:
            async for rows in pages:
                records = [await self._record(row, partition, names, place) for row in rows]
                yield Page([record for record in records if record is not None], scope=f"{partition} mailings")
        yield Page([], place.checkpoint(begun, keep_range=True), f"{partition} mailings")

    async def _record(self, row: Wire, partition: str, names: Sequence[str], place: Position) -> Record | None:
        """A mailing, asked for by itself where the list doesn't say enough; None: not in the range, or gone."""
        row["list"] = partition
        moment = moment_of(row, DATES, "mailing") if any(row.get(name) for name in DATES) else None
        if moment is not None and not self._asked(row, moment, place):
            return None
        if moment is None or not LISTED.issuperset(names):
            whole = await self._client.mailing(mailing_number(row))
            if whole is None:
                return None
            row = {**row, **whole}
        moment = moment or moment_of(row, DATES, "mailing")
        return Record(str(mailing_number(row)), moment, cut(row, names)) if self._asked(row, moment, place) else None

    def _asked(self, row: Wire, moment: dt.datetime, place: Position) -> bool:
        """Whether it is in the range and may have changed: an old one is archived some day."""
        changed = moment_of(row, ("archivedOn", *DATES), "mailing")
        return place.holds(moment) and place.recent(changed, STILL_CHANGING)


def mailing_pages(client: CyberimpactClient, which: MailingList) -> Turn:
    """The pages of one list of mailings."""

    async def turn(number: int) -> WirePage | None:
        return await client.mailings_page(which, number)

    return turn


def mailing_number(row: Wire) -> int:
    return number_of(row, "mailing")
