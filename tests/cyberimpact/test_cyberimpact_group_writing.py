"""What becomes of changes to groups and templates, and what is never done."""

from typing import Any

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.errors import Rejected
from syncengine.sandbox.kit import Fault
from tests.cyberimpact.desk import LEA, Desk, desk, open_desk

__all__ = ["desk", "open_desk"]


async def test_a_group_is_made_once_private_and_as_it_is_spelt(desk: Desk, vendor: CyberimpactSandbox) -> None:
    assert (await desk.write("groups", group=" Partner: Acme ")).status == "delivered"
    assert (await desk.write("groups", group="PARTNER: acme")).status == "delivered"
    assert vendor.groups() == {"Partner: Acme": False}
    assert (await desk.write("groups", group="partner: acme", isPublic="true", create=False)).status == "delivered"
    assert vendor.groups() == {"Partner: Acme": True}


async def test_a_group_is_renamed_by_its_id(desk: Desk, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.create_group("Partner: Acme", public=True)
    assert (await desk.write("groups", group=f"id:{number}", title="Partner: Acme Inc.")).status == "delivered"
    assert vendor.groups() == {"Partner: Acme Inc.": True}
    outcome = await desk.write("groups", group="id:999999", title="Nobody")
    assert (outcome.status, outcome.code) == ("rejected", "not_found")


async def test_a_group_with_somebody_in_it_is_not_deleted(desk: Desk, vendor: CyberimpactSandbox) -> None:
    vendor.admin.create_group("Clients")
    vendor.admin.add(LEA, groups=["Clients"])
    outcome = await desk.write("groups", group="Clients", delete=True)
    assert (outcome.status, outcome.code, outcome.field) == ("rejected", "not_empty", "delete")
    assert "DELETE /groups/{id}" not in vendor.writes()
    assert not [seen for seen in vendor.seen if seen.path.endswith("/members")], "its count says enough"
    vendor.admin.leave_group(LEA, "Clients")
    assert (await desk.write("groups", group="Clients", delete=True)).status == "delivered"
    assert vendor.groups() == {}
    assert (await desk.write("groups", group="Clients", delete=True)).status == "delivered"
    assert vendor.writes()["DELETE /groups/{id}"] == 1
    assert not desk.book.in_doubt()


async def test_somebody_who_joins_at_the_last_moment_keeps_the_group(desk: Desk, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.create_group("Clients")
    vendor.admin.add(LEA)
    vendor.admin.meanwhile("GET", f"/groups/{number}/members", lambda: vendor.admin.join_group(LEA, "Clients"))
    assert (await desk.write("groups", group="Clients", delete=True)).code == "not_empty"


async def test_a_lost_answer_makes_no_second_group_or_template(desk: Desk, vendor: CyberimpactSandbox) -> None:
    vendor.faults.add(Fault(kind="drop_after", method="POST", times=1))
    assert (await desk.write("groups", group="Clients")).status == "delivered"
    vendor.faults.add(Fault(kind="drop_after", method="POST", times=1))
    assert (await desk.write("templates", title="Welcome", bodyText="Hello")).status == "delivered"
    assert len(vendor.faults.injected) == 2
    assert [group.title for group in vendor.account.groups.values()] == ["Clients"]
    assert len(vendor.account.templates) == 1


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({}, "group", "missing"),
        ({"group": "id:x"}, "group", "not_an_id"),
        ({"group": "Clients", "title": "Customers"}, "title", "needs_id"),
        ({"group": "Clients", "colour": "red"}, "colour", "unknown_field"),
        ({"group": ["Clients"]}, "group", "not_text"),
        ({"group": "x" * 256}, "group", "too_long"),
        ({"group": "Clients", "delete": "perhaps"}, "delete", "not_a_switch"),
    ],
)
async def test_a_group_that_means_nothing_is_refused(desk: Desk, fields: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(Rejected) as raised:
        desk.destination("groups").draft(fields)
    assert (raised.value.field, raised.value.code) == (field, code)


# --- templates ---


async def test_a_template_keeps_the_body_that_is_not_named(desk: Desk, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.make_template("Welcome", "<p>Hello</p>", "Hello")
    assert (await desk.write("templates", title="welcome", bodyHtml="<p>Bonjour</p>")).status == "delivered"
    template = vendor.account.templates[number]
    assert (template.html, template.text) == ("<p>Bonjour</p>", "Hello")
    assert len(vendor.account.templates) == 1


async def test_of_two_templates_with_one_title_the_oldest_is_replaced(desk: Desk, vendor: CyberimpactSandbox) -> None:
    first, second = (vendor.admin.make_template("Welcome", "old") for _ in range(2))
    await desk.write("templates", title="Welcome", bodyHtml="new")
    assert [vendor.account.templates[each].html for each in (first, second)] == ["new", "old"]


async def test_a_template_is_deleted_once(desk: Desk, vendor: CyberimpactSandbox) -> None:
    vendor.admin.make_template("Welcome", "old")
    for _ in range(2):
        assert (await desk.write("templates", title="Welcome", delete="yes")).status == "delivered"
    assert vendor.account.templates == {}
    assert vendor.writes()["DELETE /templates/{id}"] == 1


async def test_a_template_without_a_body_is_refused(desk: Desk) -> None:
    with pytest.raises(Rejected) as raised:
        desk.destination("templates").draft({"title": "Welcome", "bodyHtml": " "})
    assert raised.value.field == "bodyHtml"
