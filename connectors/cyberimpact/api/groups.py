"""/groups and /customfields (sections 3 and 4). A dynamic group is read-only."""

from typing import Any

from connectors.cyberimpact.api.calls import WirePage, decode, endpoint, page_params
from connectors.cyberimpact.api.members import ALWAYS, Days, MemberCalls
from connectors.cyberimpact.rows import CustomField, CustomFields, Entry, Group, MembersPage
from syncengine.http import Answer


class GroupCalls(MemberCalls):
    """Groups and who is in them; custom fields, which can't be made by the API."""

    @endpoint("GET /groups")
    async def groups(self) -> list[Group]:
        """All groups: there is no search by title."""
        return await self._groups("/groups", "list of groups", "group_asc")

    @endpoint("GET /groups")
    async def groups_page(self, page: int) -> WirePage | None:
        """A page of groups, with all their fields."""
        return await self._page("/groups", "list of groups", "groups", page_params(page, "group_asc"))

    @endpoint("GET /groups/{id}")
    async def group(self, group: int) -> Group | None:
        """One group; None where it has gone."""
        answer = await self._ask(f"/groups/{group}", "group")
        return None if answer is None else decode(answer, Group)

    @endpoint("GET /groups/{id}/members")
    async def group_members(self, group: int) -> list[Entry]:
        """Everybody in a group; nobody where the group has gone."""
        return await self._people(f"/groups/{group}/members", "list of a group's contacts", gone=MembersPage([], 0))

    @endpoint("GET /groups/{id}/members")
    async def group_members_page(
        self, group: int, page: int, joined: Days = ALWAYS, updated: Days = ALWAYS
    ) -> WirePage | None:
        """A page of a group's contacts. The days are those of the contact: nobody knows when it joined the group."""
        days = {**joined.params("joinedOn"), **updated.params("updatedOn")}
        params = {**days, **page_params(page, "email_asc")}
        return await self._page(f"/groups/{group}/members", "list of a group's contacts", "members", params)

    @endpoint("POST /groups")
    async def create_group(self, title: str, *, public: bool = False) -> Answer:
        """A new static group. Look for the title before: whether a second one is refused is unknown."""
        return await self._write("POST", "/groups", "new group", {"title": title, "isPublic": public})

    @endpoint("PUT /groups/{id}")
    async def put_group(self, group: int, title: str, *, public: bool) -> Answer:
        """Replace what a group is: PUT resets what it doesn't name, so both are named."""
        return await self._write("PUT", f"/groups/{group}", "replacement of a group", _body(title, public))

    @endpoint("PATCH /groups/{id}")
    async def patch_group(self, group: int, *, title: str | None = None, public: bool | None = None) -> Answer:
        """Rename a group, or show or hide it; None leaves as it is."""
        return await self._write("PATCH", f"/groups/{group}", "change of a group", _body(title, public))

    @endpoint("DELETE /groups/{id}")
    async def delete_group(self, group: int) -> Answer:
        """Delete a group; its contacts stay."""
        return await self._write("DELETE", f"/groups/{group}", "deletion of a group")

    @endpoint("DELETE /groups/{id}/members")
    async def empty_group(self, group: int) -> Answer:
        """Take everybody out of a group."""
        return await self._write("DELETE", f"/groups/{group}/members", "emptying of a group")

    @endpoint("GET /customfields")
    async def custom_fields(self) -> list[CustomField]:
        """All custom fields; the only list without pages."""
        answer = await self._get("/customfields", "list of custom fields")
        return decode(answer, CustomFields).custom_fields


def _body(title: str | None, public: bool | None) -> dict[str, Any]:
    return {name: value for name, value in (("title", title), ("isPublic", public)) if value is not None}
