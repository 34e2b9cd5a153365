"""The streams `contacts`, `unsubscribed` and `bounced`: people with all their fields (sections 4, 7 and 10)."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, cast

from pydantic import BaseModel

from connectors.cyberimpact.api.calls import Wire, WirePage
from connectors.cyberimpact.api.members import ALWAYS, Days, Status
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.streams.options import ContactOptions, NoOptions
from connectors.cyberimpact.streams.position import Position
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

ALL = "all"


class PeopleStream(ABC):
    """A list of people. A range hands over those dated in it; later readings those who are new or were updated since.

    Filters count whole days, so the day of the last reading and the one before come again: that costs nothing. Whether
    a change of groups, consent or custom fields counts as an update is unknown; `resync` reads everything.
    """

    Options: type[BaseModel] = NoOptions
    fields: frozenset[str] | None = MEMBER_FIELDS
    moment: str
    what: str
    dates: tuple[str, ...]
    """The date that counts, and those that stand in for it where it isn't given."""

    def __init__(self, client: CyberimpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def partitions(self, options: Any) -> Sequence[str]:
        return [ALL]

    @abstractmethod
    async def _page(self, partition: str, number: int, dated: Days, updated: Days) -> WirePage | None:
        """A page of the list, of those dated and updated in these days."""

    def _days(self, place: Position) -> list[tuple[Days, Days]]:
        """What to ask for, one after the other: (dated, updated). The update of some is null until there is one."""
        if place.read is None:
            return [(place.dated(), ALWAYS)]
        return [(place.changed(), ALWAYS), (ALWAYS, place.changed())]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """Hand over who is dated in the range, or who is new or was updated since the checkpoint.

        Raises ProviderError (a list that never stands still, a missing date) besides what the client raises.
        """
        place, begun = Position.of(position), self._clock.now()
        names = wanted(self.fields or MEMBER_FIELDS, fields)
        titles = await self._titles(names)
        for dated, updated in self._days(place):
            turn = self._turn(partition, dated, updated)
            async with aclosing(read_pages(turn, address_of, f"list of {self.what}s")) as pages:
                async for rows in pages:
                    found = [self._record(row, names, titles) for row in rows]
                    yield Page([record for record in found if place.holds(record.moment)], scope=f"{self.what}s")
        yield Page([], place.checkpoint(begun, keep_range=False), f"{self.what}s")

    def _turn(self, partition: str, dated: Days, updated: Days) -> Turn:
        async def turn(number: int) -> WirePage | None:
            return await self._page(partition, number, dated, updated)

        return turn

    async def _titles(self, names: Collection[str]) -> Mapping[str, str]:
        """The names of custom fields by their number, where they are asked for."""
        if "customFields" not in names:
            return {}
        return {str(field.id): field.name for field in await self._client.custom_fields()}

    def _record(self, row: Wire, names: Sequence[str], titles: Mapping[str, str]) -> Record:
        name_custom(row, titles)
        return Record(address_of(row), moment_of(row, self.dates, self.what), cut(row, names))


class ContactStream(PeopleStream):
    """Subscribed contacts. A record's moment is `joinedOn`: that of an update changes. Can be asked for one by one."""

    Options: type[BaseModel] = ContactOptions
    fields: frozenset[str] | None = MEMBER_FIELDS | {"id", "mailingsReceived", "mailingsOpened", "mailingsClicked"}
    moment = "joinedOn"
    what = "contact"
    dates = ("joinedOn",)

    async def partitions(self, options: ContactOptions) -> Sequence[str]:
        """One: what is asked for names it, because who is active today may be an orphan tomorrow."""
        return [options.status]

    async def _page(self, partition: str, number: int, dated: Days, updated: Days) -> WirePage | None:
        return await self._client.members_page(number, cast(Status, partition), dated, updated)

    async def fetch(self, ids: Collection[str], *, fields: frozenset[str] | None) -> AsyncGenerator[Page, None]:
        """These contacts as they are now, one request each. Who isn't subscribed (any more) is in no page."""
        names = wanted(self.fields or MEMBER_FIELDS, fields)
        titles = await self._titles(names)
        for key in ids:
            row = await self._client.member_row(key)
            if row is not None and not row.get("unsubscribedOn") and not row.get("hardBouncedOn"):
                yield Page([self._record(row, names, titles)])


class UnsubscribedStream(PeopleStream):
    """Everybody who said no. A record's moment is `unsubscribedOn`."""

    fields: frozenset[str] | None = MEMBER_FIELDS | {"unsubscribedOn"}
    moment = "unsubscribedOn"
    what = "unsubscribed contact"
    dates = ("unsubscribedOn",)

    async def _page(self, partition: str, number: int, dated: Days, updated: Days) -> WirePage | None:
        return await self._client.unsubscribed_page(number, dated, updated)


class BouncedStream(PeopleStream):
    """Everybody whose last mailing bounced hard. A record's moment is `hardBouncedOn`, which the vendor's samples leave
    empty: then the last update, or the day of joining, stands in for it, and a range is picked from the whole list.
    """

    fields: frozenset[str] | None = MEMBER_FIELDS | {"hardBouncedOn"}
    moment = "hardBouncedOn"
    what = "bounced contact"
    dates = ("hardBouncedOn", "updatedOn", "joinedOn")

    def _days(self, place: Position) -> list[tuple[Days, Days]]:
        return [(ALWAYS, ALWAYS)] if place.read is None else super()._days(place)

    async def _page(self, partition: str, number: int, dated: Days, updated: Days) -> WirePage | None:
        return await self._client.bounced_page(number, dated, updated)
