"""Groups, the groups of one member, and custom fields."""

from typing import Any

import httpx
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox

LEA = "lea.roy@example.test"


@pytest.fixture
def groups(sandbox: CyberimpactSandbox) -> list[int]:
    """One, Two and a dynamic one; Lea is in the first."""
    numbers = [sandbox.admin.create_group("One"), sandbox.admin.create_group("Two")]
    numbers.append(sandbox.admin.create_group("Readers", dynamic=True))
    sandbox.admin.add(LEA, groups=["One"])
    return numbers


def titles(answer: httpx.Response) -> list[str]:
    return [row["title"] for row in answer.json()["groups"]]


def test_created_group_is_static_and_listed(api: httpx.Client) -> None:
    answer = api.post("/groups", json={"title": "Clients d'été", "isPublic": False})
    row = answer.json()
    assert answer.status_code == 201
    assert row == {
        "id": row["id"], "title": "Clients d'été", "isPublic": False, "membersCount": 0, "mailingsCount": 0,
        "createdOn": "2026-06-10 11:00:00.000", "isDynamic": False,
    }  # fmt: skip
    assert api.get(f"/groups/{row['id']}").json() == row
    assert api.get("/groups").json()["groups"] == [row]


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": 5}, {"title": "A", "isPublic": "yes"}, {"title": None}])
def test_group_needs_a_title(api: httpx.Client, body: dict[str, Any]) -> None:
    assert api.post("/groups", json=body).status_code == 422


def test_taken_title_is_allowed_or_refused(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    body = {"title": "One", "isPublic": False}
    assert [api.post("/groups", json=body).status_code for _ in range(2)] == [201, 201]
    sandbox.switches.group_title_taken = "refused"
    assert api.post("/groups", json=body).status_code == 422


def test_put_resets_and_patch_keeps(api: httpx.Client, sandbox: CyberimpactSandbox, groups: list[int]) -> None:
    assert api.patch(f"/groups/{groups[0]}", json={"title": "First"}).json()["isPublic"] is False
    assert api.put(f"/groups/{groups[1]}", json={"title": "Second"}).json()["isPublic"] is True
    assert api.patch(f"/groups/{groups[1]}", json={"isPublic": False}).json()["title"] == "Second"
    assert sandbox.groups() == {"First": False, "Second": False, "Readers": False}


def test_dynamic_group_is_read_only(api: httpx.Client, groups: list[int]) -> None:
    dynamic = groups[2]
    calls = [
        api.put(f"/groups/{dynamic}", json={"title": "X"}),
        api.patch(f"/groups/{dynamic}", json={"title": "X"}),
        api.delete(f"/groups/{dynamic}/members"),
        api.post(f"/members/{LEA}/groups", json={"groups": str(dynamic)}),
        api.delete(f"/members/{LEA}/groups/{dynamic}"),
    ]
    assert [answer.status_code for answer in calls] == [422] * 5
    assert api.get(f"/groups/{dynamic}").json()["isDynamic"] is True


def test_deleted_group_leaves_its_members(api: httpx.Client, sandbox: CyberimpactSandbox, groups: list[int]) -> None:
    assert api.delete(f"/groups/{groups[0]}").json() == {str(groups[0]): "deleted"}
    assert api.delete(f"/groups/{groups[0]}").status_code == 404
    assert sandbox.contacts()[LEA].groups == set()


@pytest.mark.parametrize("path", ["/groups/1", "/groups/One", "/groups/1/members"])
def test_unknown_group_is_not_found(api: httpx.Client, path: str) -> None:
    assert api.get(path).status_code == 404


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("group_desc", ["Two", "Readers", "One"]),
        ("nbmember_asc", ["Two", "Readers", "One"]),
        ("type_desc", ["Readers", "One", "Two"]),
        ("nbnewsletter_asc", ["One", "Two", "Readers"]),
        ("date_asc", ["One", "Two", "Readers"]),
    ],
)
def test_groups_are_sorted(api: httpx.Client, groups: list[int], sort: str, expected: list[str]) -> None:
    assert titles(api.get(f"/groups?sort={sort}")) == expected


def test_groups_come_in_pages_of_twenty(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    for number in range(25):
        sandbox.admin.create_group(f"Group {number:02d}")
    assert len(titles(api.get("/groups"))) == 20
    assert len(titles(api.get("/groups?limit=10000"))) == 25


def test_members_of_a_group_are_the_subscribed_ones(
    api: httpx.Client, sandbox: CyberimpactSandbox, groups: list[int]
) -> None:
    sandbox.admin.add("gone@example.test", groups=["One"])
    sandbox.admin.unsubscribe("gone@example.test")
    page = api.get(f"/groups/{groups[0]}/members?sort=email_asc").json()
    assert [row["email"] for row in page["members"]] == [LEA]
    assert api.get(f"/groups/{groups[0]}").json()["membersCount"] == 1
    assert api.get(f"/groups/{groups[0]}/members?joinedOnFrom=2026-06-11").json()["totalCount"] == 0
    assert api.get(f"/groups/{groups[0]}/members?status=all").status_code == 422


def test_group_is_emptied(api: httpx.Client, sandbox: CyberimpactSandbox, groups: list[int]) -> None:
    assert api.delete(f"/groups/{groups[0]}/members").json() == {"members": []}
    assert sandbox.contacts()[LEA].groups == set()


# --- of one member ---


def test_post_adds_and_answers_all(api: httpx.Client, groups: list[int]) -> None:
    answer = api.post(f"/members/{LEA}/groups", json={"groups": str(groups[1])})
    assert (answer.status_code, titles(answer)) == (200, ["One", "Two"])
    assert answer.json().keys() == {"groups"}
    assert answer.json()["groups"][0].keys() == {"id", "title", "isPublic", "createdOn", "isDynamic"}


def test_put_replaces_but_leaves_dynamic_ones(
    api: httpx.Client, sandbox: CyberimpactSandbox, groups: list[int]
) -> None:
    sandbox.admin.join_group(LEA, "Readers")
    assert titles(api.put(f"/members/{LEA}/groups", json={"groups": str(groups[1])})) == ["Two", "Readers"]
    assert titles(api.put(f"/members/{LEA}/groups", json={"groups": ""})) == ["Readers"]


@pytest.mark.parametrize("wrong", [[1], 1, "1;2", "1, 2", "999999", None])
def test_groups_of_a_member_are_a_csv_of_known_groups(api: httpx.Client, groups: list[int], wrong: Any) -> None:
    assert api.post(f"/members/{LEA}/groups", json={"groups": wrong}).status_code == 422
    assert api.put(f"/members/{LEA}/groups", json={"groups": wrong}).status_code == 422


def test_member_leaves_a_group_once(api: httpx.Client, sandbox: CyberimpactSandbox, groups: list[int]) -> None:
    path = f"/members/{LEA}/groups/{groups[0]}"
    assert api.delete(path).json() == {str(groups[0]): "deleted"}
    assert api.delete(path).status_code == 404
    assert sandbox.contacts()[LEA].groups == set()


def test_groups_of_a_member_are_paged(api: httpx.Client, groups: list[int]) -> None:
    api.post(f"/members/{LEA}/groups", json={"groups": f"{groups[0]},{groups[1]}"})
    page = api.get(f"/members/{LEA}/groups?limit=1&page=2&sort=title_desc").json()
    assert ([row["title"] for row in page["groups"]], page["totalCount"]) == (["One"], 2)
    assert titles(api.get(f"/members/{LEA}/groups?sort=created_asc")) == ["One", "Two"]
    assert api.get("/members/nobody@example.test/groups").status_code == 404


def test_custom_fields_are_listed_without_paging(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    number = sandbox.admin.add_custom_field("Orders", "integer")
    expected = {"customFields": [{"id": number, "name": "Orders", "type": "integer"}]}
    assert api.get("/customfields").json() == expected
    assert api.get("/customfields?limit=5").status_code == 422
