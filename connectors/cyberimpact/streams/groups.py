"""The streams `groups`, `group_members` and `custom_fields` (sections 3 and 4): read whole each time."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec
from pydantic import BaseModel

from connectors.cyberimpact.api.calls import WirePage
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.groups import index_groups
from connectors.cyberimpact.streams.options import GroupOptions, NoOptions
from connectors.cyberimpact.streams.people import ALL
from connectors.cyberimpact.streams.position import Position
from connectors.cyberimpact.streams.records import (
    MEMBER_FIELDS,
    address_of,
    cut,
    moment_of,
    name_custom,
    number_of,
    read_pages,
    wanted,
)
from syncengine.contracts import Checkpoint, Clock, Open, Page, Range, Record
from syncengine.errors import ConfigError, Problem

GROUP_FIELDS = frozenset({"id", "title", "isPublic", "membersCount", "mailingsCount", "createdOn", "isDynamic"})
OF_GROUP = frozenset({"groupId", "groupTitle"})
READ = "the time of reading"


class GroupStream:
    """Groups. A record's moment is `createdOn`. A new title is a new version of the record with the same id."""

    Options: type[BaseModel] = NoOptions
    fields: frozenset[str] | None = GROUP_FIELDS
    moment = "createdOn"

    def __init__(self, client: CyberimpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def partitions(self, options: NoOptions) -> Sequence[str]:
        return [ALL]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """Hand over the groups made in the range; the same ones after a checkpoint, as they are now."""
        place, begun = Position.of(position), self._clock.now()
        names = wanted(GROUP_FIELDS, fields)
        async with aclosing(read_pages(self._client.groups_page, _number, "list of groups")) as pages:
            async for rows in pages:
                found = [Record(str(_number(row)), moment_of(row, ("createdOn",), "group"), cut(row, names))
                         for row in rows]  # fmt: skip
                yield Page([record for record in found if place.holds(record.moment)], scope="groups")
        yield Page([], place.checkpoint(begun, keep_range=True), "groups")


class GroupMemberStream:
    """Who is in which group, group by group. Membership has no date on the wire: everybody comes each time, with the
    time of reading as the moment. Somebody who leaves a group just doesn't come any more.
    """

    Options: type[BaseModel] = GroupOptions
    fields: frozenset[str] | None = MEMBER_FIELDS | OF_GROUP | {"id"}
    moment = READ

    def __init__(self, client: CyberimpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def partitions(self, options: GroupOptions) -> Sequence[str]:
        """One per group, by its id: a title may change. Raises ConfigError for a group that isn't there."""
        groups = await self._client.groups()
        if options.groups is None:
            return [str(group.id) for group in sorted(groups, key=lambda group: group.id)]
        index, numbers = index_groups(groups), {str(group.id) for group in groups}
        chosen: dict[str, None] = {}
        problems = []
        for name in options.groups:
            if (group := index.find(name)) is not None:
                chosen[str(group.id)] = None
            elif name.strip() in numbers:
                chosen[name.strip()] = None
            else:
                problems.append(
                    Problem("options.groups", f'Cyberimpact has no group "{name}".', "Write its title, or its id.")
                )
        if problems:
            raise ConfigError(problems)
        return list(chosen)

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """Hand over everybody who is in the group; nobody where it has gone."""
        place, begun = Position.of(position), self._clock.now()
        names = wanted(self.fields or MEMBER_FIELDS, fields)
        group = await self._client.group(int(partition))
        scope = "contacts of a group"
        if group is not None:
            titles = {}
            if "customFields" in names:
                titles = {str(field.id): field.name for field in await self._client.custom_fields()}
            of_group = {"groupId": partition, "groupTitle": group.title}

            async def turn(number: int) -> WirePage | None:
                page = await self._client.group_members_page(int(partition), number)
                return WirePage([], 0) if page is None and number == 1 else page  # it went away meanwhile

            async with aclosing(read_pages(turn, address_of, "list of a group's contacts")) as pages:
                async for rows in pages:
                    for row in rows:
                        name_custom(row, titles)
                    records = [Record(f"{partition}/{address_of(row)}", begun, cut({**row, **of_group}, names))
                               for row in rows]  # fmt: skip
                    yield Page(records, scope=scope)
        yield Page([], place.checkpoint(begun, keep_range=True), scope)


class CustomFieldStream:
    """The custom fields of the account. They have no date on the wire, so the time of reading is the moment."""

    Options: type[BaseModel] = NoOptions
    fields: frozenset[str] | None = frozenset({"id", "name", "type"})
    moment = READ

    def __init__(self, client: CyberimpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def partitions(self, options: NoOptions) -> Sequence[str]:
        return [ALL]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """Hand over all of them: the list is short and has no pages."""
        place, begun = Position.of(position), self._clock.now()
        names = wanted(frozenset({"id", "name", "type"}), fields)
        custom = await self._client.custom_fields()
        records = [Record(str(field.id), begun, cut(msgspec.to_builtins(field), names)) for field in custom]
        yield Page(records, place.checkpoint(begun, keep_range=True), "custom fields")


def _number(row: dict[str, object]) -> int:
    return number_of(row, "group")
