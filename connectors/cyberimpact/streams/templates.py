"""The stream `templates`: pages to make mailings from, with their bodies (section 4)."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from pydantic import BaseModel

from connectors.cyberimpact.api.calls import Wire
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.streams.options import NoOptions
from connectors.cyberimpact.streams.people import ALL
from connectors.cyberimpact.streams.position import Position
from connectors.cyberimpact.streams.records import cut, moment_of, number_of, read_pages, wanted
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range, Record

BODIES = frozenset({"bodyHtml", "bodyText"})
TEMPLATE_FIELDS = frozenset({"id", "title", "createdOn", "updatedOn"}) | BODIES


class TemplateStream:
    """Templates. A record's moment is `createdOn`. Bodies cost a request each, and are left out where nobody asks."""

    Options: type[BaseModel] = NoOptions
    fields: frozenset[str] | None = TEMPLATE_FIELDS
    moment = "createdOn"

    def __init__(self, client: CyberimpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def partitions(self, options: NoOptions) -> Sequence[str]:
        return [ALL]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """Hand over the templates made in the range; the same ones after a checkpoint, as they are now."""
        place, begun = Position.of(position), self._clock.now()
        names = wanted(TEMPLATE_FIELDS, fields)
        async with aclosing(read_pages(self._client.templates_page, _number, "list of templates")) as pages:
            async for rows in pages:
                records = []
                for row in rows:
                    moment = moment_of(row, ("createdOn",), "template")
                    whole = await self._whole(row, names) if place.holds(moment) else None
                    if whole is not None:
                        records.append(Record(str(_number(row)), moment, cut(whole, names)))
                yield Page(records, scope="templates")
        yield Page([], place.checkpoint(begun, keep_range=True), "templates")

    async def _whole(self, row: Wire, names: Sequence[str]) -> Wire | None:
        """The template with its bodies, if one is asked for; None where it has gone meanwhile."""
        if BODIES.isdisjoint(names):
            return row
        whole = await self._client.template(_number(row))
        return None if whole is None else {**row, **whole}


def _number(row: Wire) -> int:
    return number_of(row, "template")
