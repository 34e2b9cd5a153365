"""The destination `groups`: made, renamed, shown or hidden, and deleted once nobody is in them (sections 3 and 4)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.destinations.carrying import (
    BY_ID,
    DELETE,
    LONGEST,
    carry,
    note_done,
    read_fields,
    reject,
    require,
    state_whole,
)
from connectors.cyberimpact.groups import index_groups
from connectors.cyberimpact.rows import Group
from connectors.cyberimpact.writer import Writer
from syncengine.contracts import Attempts, Change, Clock, Draft, Outcome, Part, group_identity
from syncengine.http import Answer

UNDONE = ("title", "isPublic")
"""What goes with a group that is deleted."""


class GroupFields(BaseModel):
    """A static group. What is left out, None or empty is left as it is there."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    group: str = Field(
        max_length=LONGEST,
        description='Which group: its title, or "id:14" for one that is there. One by title is made.',
    )
    title: str | None = Field(default=None, max_length=LONGEST, description="A new title, for a group named by its id.")
    isPublic: bool | None = Field(default=None, description="Whether people see it in forms.")  # noqa: N815 - wire name
    delete: bool | None = Field(default=None, description="true deletes the group, if nobody is in it.")


class GroupDestination:
    """Groups by their title or their id. A second group with a title that is there is never made."""

    Fields: type[BaseModel] = GroupFields
    key_field: str = "group"
    repeatable: bool = True
    """Before a group is made the list is looked at, each time."""

    def __init__(self, client: CyberimpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """Validate and normalise. Raises Rejected with the field and the reason."""
        values = read_fields(fields, {"group": LONGEST, "title": LONGEST}, frozenset({"isPublic", DELETE}))
        name = require("group", values)
        del values["group"]
        if name.lower().startswith(BY_ID):
            number = name[len(BY_ID) :].strip()
            if not (number.isascii() and number.isdigit()):
                reject("group", "not_an_id", "Not a number after id:.")
            return Draft(f"{BY_ID}{int(number)}", state_whole(values, UNDONE))
        if "title" in values:
            reject("title", "needs_id", 'A group is renamed by its id: group = "id:14".')
        return Draft(group_identity(name), state_whole({**values, "title": name}, UNDONE))

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        """One request for each change. Raises AuthError, RateLimited, Transient and ProviderError."""
        writer = Writer(self._client, attempts, self._clock)
        shelf = _Shelf(self._client)
        await shelf.read()
        for change in changes:
            outcome = await self._apply(change, attempts, writer, shelf)
            if outcome is not None:
                yield outcome

    async def _apply(self, change: Change, attempts: Attempts, writer: Writer, shelf: "_Shelf") -> Outcome | None:
        group = shelf.find(change.key)
        if change.fields.get(DELETE):
            return await self._delete(change, group, attempts, writer)
        if group is None and change.key.startswith(BY_ID):
            return Outcome(change.key, "rejected", "not_found", "group", "Cyberimpact has no group with this id.")
        return await carry(writer, change, shelf.request(change))

    async def _delete(self, change: Change, group: Group | None, attempts: Attempts, writer: Writer) -> Outcome | None:
        fresh = None if group is None else await self._client.group(group.id)
        if fresh is None:
            return await note_done(attempts, change)
        number = fresh.id
        if fresh.members_count or await self._client.group_members(number):
            message = "Contacts are in this group: it is not deleted."
            return Outcome(change.key, "rejected", "not_empty", DELETE, message)

        async def request(_: Sequence[Part]) -> Answer:
            return await self._client.delete_group(number)

        return await carry(writer, change, request, deletes=True)


class _Shelf:
    """The groups as they were read last. Whoever sends again looks first: a lost answer makes no second group."""

    def __init__(self, client: CyberimpactClient) -> None:
        self._client = client
        self._groups: dict[str, Group] = {}

    async def read(self) -> None:
        groups = await self._client.groups()
        self._groups = {**index_groups(groups).groups, **{f"{BY_ID}{group.id}": group for group in groups}}

    def find(self, key: str) -> Group | None:
        return self._groups.get(key)

    def request(self, change: Change) -> Any:
        """Makes or changes the group, by what is there when it is sent."""
        title, public = change.fields.get("title"), change.fields.get("isPublic")
        shown = public if isinstance(public, bool) else None
        sent = False

        async def request(_: Sequence[Part]) -> Answer:
            nonlocal sent
            if sent:
                await self.read()
            sent = True
            group = self.find(change.key)
            if group is None:
                return await self._client.create_group(str(title or change.key), public=bool(shown))
            renamed = str(title) if title and change.key.startswith(BY_ID) else group.title
            return await self._client.patch_group(group.id, title=renamed, public=shown)

        return request
