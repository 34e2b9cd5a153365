"""The stream `mailing_recipients`: what became of each message of a mailing (sections 3 and 4)."""

import datetime as dt
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple, cast

from pydantic import BaseModel

from connectors.cyberimpact.api.calls import Wire, WirePage
from connectors.cyberimpact.api.mailings import MailingList, RecipientList
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.streams.mailings import DATES, STILL_CHANGING, mailing_number, mailing_pages
from connectors.cyberimpact.streams.options import RecipientOptions
from connectors.cyberimpact.streams.position import OLDEST, Position
from connectors.cyberimpact.streams.records import (
    MEMBER_FIELDS,
    Turn,
    address_of,
    cut,
    moment_of,
    name_custom,
    read_pages,
    wanted,
)
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range, Record

DATED = {
    "hard-bounced": "hardBouncedOn",
    "soft-bounced": "softBouncedOn",
    "unsubscribed": "unsubscribedOn",
    "opened": "openedOn",
    "clicked": "clickedOn",
}
"""The date that the rows of a list have (section 4). On the others it is the mailing's."""
GONE_OUT: tuple[MailingList, ...] = ("sent", "archived")
RECIPIENT_FIELDS = MEMBER_FIELDS | frozenset(DATED.values()) | {"idMember", "mailingId", "mailingSubject", "list"}


class _Mailing(NamedTuple):
    number: int
    subject: object
    moment: dt.datetime


class RecipientStream:
    """Who got, opened, clicked … a mailing: one partition per list, or per list and mailing where some are chosen.

    A record is one address on one list of one mailing ("812/opened/lea@example.test"). Its moment is the date of the
    list (`openedOn`), or the mailing's. These lists have no filter by date, so those of all mailings of the last 30
    days are read each time; what happens later than that to a mailing is only read where it is chosen.
    """

    Options: type[BaseModel] = RecipientOptions
    fields: frozenset[str] | None = RECIPIENT_FIELDS
    moment = "the date of the list, such as openedOn"

    def __init__(self, client: CyberimpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def partitions(self, options: RecipientOptions) -> Sequence[str]:
        lists = dict.fromkeys(options.lists)
        if options.mailings is None:
            return list(lists)
        return [f"{which}/{mailing}" for mailing in dict.fromkeys(options.mailings) for which in lists]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """Hand over what happened in the range; after a checkpoint what happened since, and what came before again."""
        place, begun = Position.of(position), self._clock.now()
        which, _, chosen = partition.partition("/")
        names = wanted(RECIPIENT_FIELDS, fields)
        titles = {}
        if "customFields" in names:
            titles = {str(field.id): field.name for field in await self._client.custom_fields()}
        for mailing in await (self._chosen(int(chosen)) if chosen else self._recent(place)):
            of_mailing = {"mailingId": mailing.number, "mailingSubject": mailing.subject, "list": which}
            turn = self._turn(mailing.number, cast(RecipientList, which))
            async with aclosing(read_pages(turn, address_of, "list of recipients")) as pages:
                async for rows in pages:
                    found = []
                    for row in rows:
                        name_custom(row, titles)
                        moment = moment_of(row, (DATED[which],), "recipient") if which in DATED else mailing.moment
                        key = f"{mailing.number}/{which}/{address_of(row)}"
                        found.append(Record(key, moment, cut({**row, **of_mailing}, names)))
                    yield Page([record for record in found if place.holds(record.moment)], scope=f"mailing, {which}")
        yield Page([], place.checkpoint(begun, keep_range=True), f"mailings, {which}")

    def _turn(self, mailing: int, which: RecipientList) -> Turn:
        async def turn(number: int) -> WirePage | None:
            page = await self._client.recipients_page(mailing, which, number)
            return WirePage([], 0) if page is None and number == 1 else page  # the mailing has gone meanwhile

        return turn

    async def _chosen(self, number: int) -> list[_Mailing]:
        """That mailing; none where it isn't there."""
        row = await self._client.mailing(number)
        return [] if row is None else [_read(row)]

    async def _recent(self, place: Position) -> list[_Mailing]:
        """The mailings whose lists may hold something of the range, or something new: oldest first, once each."""
        found: dict[int, _Mailing] = {}
        for which in GONE_OUT:
            turn = mailing_pages(self._client, which)
            async with aclosing(read_pages(turn, mailing_number, f"list of {which} mailings")) as pages:
                async for rows in pages:
                    for row in rows:
                        mailing = await self._dated(row)
                        if mailing is not None and self._asked(mailing, place):
                            found[mailing.number] = mailing
        return sorted(found.values(), key=lambda mailing: (mailing.moment, mailing.number))

    async def _dated(self, row: Wire) -> _Mailing | None:
        """A mailing of a list; asked for by itself where the row has no date. None: gone meanwhile."""
        if any(row.get(name) for name in DATES):
            return _read(row)
        whole = await self._client.mailing(mailing_number(row))
        return None if whole is None else _read({**row, **whole})

    def _asked(self, mailing: _Mailing, place: Position) -> bool:
        since = OLDEST if place.since is None else max(place.since, OLDEST + STILL_CHANGING)
        early_enough = place.until is None or mailing.moment < place.until
        return (
            mailing.moment >= since - STILL_CHANGING and early_enough and place.recent(mailing.moment, STILL_CHANGING)
        )


def _read(row: Wire) -> _Mailing:
    return _Mailing(mailing_number(row), row.get("subject"), moment_of(row, DATES, "mailing"))
