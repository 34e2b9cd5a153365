"""Every call about groups, custom fields, batches and the account, in both directions."""

from typing import Any

from connectors.cyberimpact.api.profile import Profile, batch_row
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from tests.cyberimpact.api import body, client, tap
from tests.cyberimpact.endpoints import exercises

__all__ = ["client", "tap"]

LEA, ZOE = "lea.roy@example.test", "zoe@example.test"


@exercises("POST /groups", "GET /groups", "GET /groups/{id}")
async def test_a_group_is_created_and_read(client: CyberimpactClient, vendor: CyberimpactSandbox) -> None:
    number = body(await client.create_group("Clients"), 201)["id"]
    assert vendor.groups() == {"Clients": False}
    group = await client.group(number)
    assert group is not None
    assert group.title == "Clients"
    assert await client.group(number + 1) is None
    assert [one.id for one in await client.groups()] == [number]
    page = await client.groups_page(1)
    assert page is not None
    assert [(row["title"], row["membersCount"]) for row in page.rows] == [("Clients", 0)]


@exercises("PUT /groups/{id}", "PATCH /groups/{id}")
async def test_patch_keeps_and_put_names_everything(client: CyberimpactClient, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.create_group("Clients", public=True)
    assert (await client.patch_group(number, title="Customers")).good
    assert vendor.groups() == {"Customers": True}
    assert (await client.patch_group(number, public=False)).good
    assert vendor.groups() == {"Customers": False}
    assert (await client.put_group(number, "Buyers", public=True)).good
    assert vendor.groups() == {"Buyers": True}


async def test_a_dynamic_group_can_not_be_changed(client: CyberimpactClient, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.create_group("Readers", dynamic=True)
    assert (await client.patch_group(number, title="Others")).status == 422


@exercises("GET /groups/{id}/members", "DELETE /groups/{id}/members", "DELETE /groups/{id}")
async def test_a_group_is_listed_emptied_and_deleted(client: CyberimpactClient, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.create_group("Clients")
    vendor.admin.add(LEA, groups=["Clients"])
    assert [row.email for row in await client.group_members(number)] == [LEA]
    page = await client.group_members_page(number, 1)
    assert page is not None
    assert page.total == 1
    assert body(await client.empty_group(number)) == {"members": []}
    assert vendor.contacts()[LEA].groups == frozenset()
    assert body(await client.delete_group(number)) == {str(number): "deleted"}
    assert (await client.delete_group(number)).status == 404
    assert await client.group_members(number) == []


async def test_a_group_in_use_may_be_refused_to_be_deleted(
    client: CyberimpactClient, vendor: CyberimpactSandbox
) -> None:
    number = vendor.admin.create_group("Clients")
    vendor.admin.send_mailing("Offer", ["Clients"])
    vendor.switches.group_in_use = "refused"
    assert (await client.delete_group(number)).status == 422
    assert "Clients" in vendor.groups()


@exercises("GET /customfields")
async def test_custom_fields_are_listed(client: CyberimpactClient, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.add_custom_field("Lifetime value", "decimal number")
    assert [(field.id, field.name, field.type) for field in await client.custom_fields()] == [
        (number, "Lifetime value", "decimal number")
    ]


@exercises("GET /ping")
async def test_ping_says_whose_account_it_is(client: CyberimpactClient) -> None:
    ping = await client.ping()
    assert (ping.ping, ping.account) == ("success", "Maple Bakery Inc.")


@exercises("POST /batches", "GET /batches/{id}")
async def test_a_batch_has_groups_as_numbers_keeps_what_is_empty_and_clears_by_a_word(
    client: CyberimpactClient, vendor: CyberimpactSandbox
) -> None:
    number = vendor.admin.create_group("Clients")
    vendor.admin.add(LEA, fields={"firstname": "Lea", "note": "?", "company": "Maple"})
    row = {**batch_row(Profile(email=LEA, note=None)), "company": ""}
    request = {"batchType": "addMembers", "relationType": "active-clients", "groups": [number], "members": [row]}
    result = await finish(client, body(await client.post_batch(request), 201)["id"])
    assert result["successes"] == [LEA]
    assert vendor.contacts()[LEA].fields == {"firstname": "Lea", "company": "Maple"}
    assert vendor.contacts()[LEA].groups == {"Clients"}


async def test_many_are_unsubscribed_and_deleted_by_address_or_number(
    client: CyberimpactClient, vendor: CyberimpactSandbox
) -> None:
    vendor.admin.add(LEA)
    zoe = vendor.admin.add(ZOE)
    result = await finish(client, body(await client.post_unsubscriptions([LEA, zoe, "nobody@example.test"]), 201)["id"])
    assert set(result["successes"]) == {LEA, zoe}
    assert [row["id"] for row in result["errors"]] == ["nobody@example.test"]
    assert {known.state for known in vendor.contacts().values()} == {"unsubscribed"}
    await finish(client, body(await client.post_deletions([LEA]), 201)["id"])
    assert list(vendor.contacts()) == [ZOE]


async def finish(client: CyberimpactClient, number: int) -> dict[str, Any]:
    """The result of a batch, once it is there."""
    for _ in range(9):
        batch = await client.batch(str(number))
        if batch["result"] is not None:
            return dict(batch["result"])
    raise AssertionError("the batch never ended")
