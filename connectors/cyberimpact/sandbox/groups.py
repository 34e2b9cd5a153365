"""/groups, the groups of one member, and /customfields (cyberimpact.md sections 3 and 4)."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from connectors.cyberimpact.sandbox.account import Account, Group
from connectors.cyberimpact.sandbox.call import Answer, Call, Route, not_found, unprocessable
from connectors.cyberimpact.sandbox.lists import MEMBER_GROUP_SORTS, PAGED, Listing, answer_page, filters, in_days
from connectors.cyberimpact.sandbox.members import MEMBER_MOMENTS, MEMBERS, add_groups, visible
from connectors.cyberimpact.sandbox.rows import bare_group_row, group_row
from connectors.cyberimpact.sandbox.schema import GroupBody, GroupPatch, GroupsBody, read_groups

MEMBER_GROUPS = Listing("groups", MEMBER_GROUP_SORTS, bare_group_row)


def group_sorts(account: Account) -> dict[str, Callable[[Group], Any]]:
    """The sorts of the list of groups; one of them counts members."""
    return {
        "group": lambda group: group.title,
        "nbmember": lambda group: len(account.members_of(group)),
        "type": lambda group: group.dynamic,
        "nbnewsletter": lambda group: sum(group.id in mailing.groups for mailing in account.mailings.values()),
        "date": lambda group: group.created,
    }


def _group(call: Call) -> Group:
    """The group that the path names. Raises Refusal (404)."""
    number = call.path["id"]
    group = call.account.groups.get(int(number)) if number.isascii() and number.isdigit() else None
    if group is None:
        raise not_found("Group")
    return group


def _static_group(call: Call) -> Group:
    """The same, for a change. Raises Refusal (422) for a dynamic one: it is read-only."""
    group = _group(call)
    if group.dynamic:
        raise unprocessable("Dynamic groups are read-only")
    return group


# --- groups ---


def list_groups(call: Call) -> Answer:
    listing = Listing("groups", group_sorts(call.account), group_row)
    return answer_page(call, list(call.account.groups.values()), listing)


def create_group(call: Call) -> Answer:
    """Always a static one."""
    account, body = call.account, call.read(GroupBody)
    taken = any(group.title == body.title for group in account.groups.values())
    if taken and account.switches.group_title_taken == "refused":
        raise unprocessable("Title is taken")
    group = account.create_group(body.title, call.now, public=body.is_public)
    return Answer(group_row(call, group), HTTPStatus.CREATED)


def get_group(call: Call) -> Answer:
    return Answer(group_row(call, _group(call)))


def put_group(call: Call) -> Answer:
    """What isn't named is reset."""
    group, body = _static_group(call), call.read(GroupBody)
    group.title, group.public = body.title, body.is_public
    return Answer(group_row(call, group))


def patch_group(call: Call) -> Answer:
    """What isn't named stays."""
    group, body = _static_group(call), call.read(GroupPatch)
    group.title = body.title or group.title
    group.public = body.is_public if isinstance(body.is_public, bool) else group.public
    return Answer(group_row(call, group))


def delete_group(call: Call) -> Answer:
    """A help text says that a group with which the API interacts can't be deleted; what that means is a switch."""
    account, group = call.account, _group(call)
    used = any(group.id in mailing.groups for mailing in account.mailings.values())
    if used and account.switches.group_in_use == "refused":
        raise unprocessable("Group is in use")
    account.delete_group(group, call.now)
    return Answer({call.path["id"]: "deleted"})


def list_group_members(call: Call) -> Answer:
    """Subscribed ones only."""
    return answer_page(call, in_days(call, call.account.members_of(_group(call)), MEMBER_MOMENTS), MEMBERS)


def empty_group(call: Call) -> Answer:
    call.account.empty_group(_static_group(call), call.now)
    return Answer({"members": []})


# --- the groups of one member ---


def list_member_groups(call: Call) -> Answer:
    return answer_page(call, _groups_of(call), MEMBER_GROUPS)


def join_groups(call: Call) -> Answer:
    """Adds; the answer names all groups that the member is then in."""
    contact = visible(call)
    groups = read_groups(call.account, call.read(GroupsBody).groups)
    add_groups(call.account, contact, contact.groups | groups, call.now)
    return _all_groups(call)


def replace_groups(call: Call) -> Answer:
    """Replaces; memberships of dynamic groups are not the API's to change."""
    contact = visible(call)
    groups = read_groups(call.account, call.read(GroupsBody).groups)
    dynamic = {number for number in contact.groups if call.account.groups[number].dynamic}
    add_groups(call.account, contact, groups | dynamic, call.now)
    return _all_groups(call)


def leave_group(call: Call) -> Answer:
    """404 for a group in which the member isn't."""
    contact, group = visible(call), _static_group(call)
    if group.id not in contact.groups:
        raise not_found("Group")
    call.account.set_groups(contact, contact.groups - {group.id}, call.now)
    return Answer({call.path["id"]: "deleted"})


def _groups_of(call: Call) -> list[Group]:
    return [call.account.groups[number] for number in sorted(visible(call).groups)]


def _all_groups(call: Call) -> Answer:
    return Answer({"groups": [bare_group_row(call, group) for group in _groups_of(call)]})


# --- custom fields ---


def list_custom_fields(call: Call) -> Answer:
    """No paging; the API can't change them."""
    fields = call.account.custom_fields.values()
    return Answer({"customFields": [{"id": one.id, "name": one.name, "type": one.type} for one in fields]})


ROUTES = (
    Route("GET", "/members/{key}/groups", list_member_groups, PAGED),
    Route("POST", "/members/{key}/groups", join_groups),
    Route("PUT", "/members/{key}/groups", replace_groups),
    Route("DELETE", "/members/{key}/groups/{id}", leave_group),
    Route("GET", "/groups", list_groups, PAGED),
    Route("POST", "/groups", create_group),
    Route("GET", "/groups/{id}", get_group),
    Route("PUT", "/groups/{id}", put_group),
    Route("PATCH", "/groups/{id}", patch_group),
    Route("DELETE", "/groups/{id}", delete_group),
    Route("GET", "/groups/{id}/members", list_group_members, filters("joinedOn", "updatedOn")),
    Route("DELETE", "/groups/{id}/members", empty_group),
    Route("GET", "/customfields", list_custom_fields),
)
