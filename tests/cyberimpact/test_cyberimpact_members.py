"""Every call about contacts, in both directions, with what is odd about each on the wire."""

import datetime as dt
import json
from typing import Any

import pytest

from connectors.cyberimpact.api.members import Days
from connectors.cyberimpact.api.profile import Profile, batch_row, single_body
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from tests.clock import NOON
from tests.cyberimpact.api import body, client, tap
from tests.cyberimpact.endpoints import Wiretap, exercises

__all__ = ["client", "tap"]

LEA = "lea.roy@example.test"
TODAY = NOON.date()


def emails(page: Any) -> list[str]:
    assert page is not None
    return [row["email"] for row in page.rows]


@exercises("GET /members")
async def test_members_are_listed_by_status_and_by_days(client: CyberimpactClient, vendor: CyberimpactSandbox) -> None:
    vendor.admin.create_group("Clients")
    vendor.admin.add(LEA, groups=["Clients"])
    vendor.admin.add("orphan@example.test")
    vendor.admin.add("gone@example.test")
    vendor.admin.unsubscribe("gone@example.test")
    vendor.admin.edit(LEA, firstname="Lea")
    assert emails(await client.members_page(1)) == [LEA, "orphan@example.test"]
    assert emails(await client.members_page(1, "active")) == [LEA]
    assert emails(await client.members_page(1, "orphans")) == ["orphan@example.test"]
    assert emails(await client.members_page(1, updated=Days(TODAY))) == [LEA]
    assert emails(await client.members_page(1, joined=Days(TODAY, TODAY))) == [LEA, "orphan@example.test"]
    assert emails(await client.members_page(1, joined=Days(TODAY + dt.timedelta(1)))) == []
    assert await client.count_members() == 2
    assert {row.email for row in await client.members()} == {LEA, "orphan@example.test"}


async def test_dates_are_asked_for_with_their_offset(client: CyberimpactClient, vendor: CyberimpactSandbox) -> None:
    vendor.admin.add(LEA)
    row = await client.member_row(LEA)
    assert row is not None
    assert row["joinedOn"] == "2026-07-14T08:00:00-0400"


@exercises("GET /members/unsubscribed", "GET /members/bounced", "GET /members/unsubscribed/{email}")
async def test_who_said_no_is_listed_with_the_day(client: CyberimpactClient, vendor: CyberimpactSandbox) -> None:
    for address in (LEA, "bad@example.test", "kept@example.test"):
        vendor.admin.add(address)
    vendor.admin.unsubscribe(LEA)
    vendor.admin.bounce("bad@example.test")
    assert emails(await client.unsubscribed_page(1, Days(TODAY))) == [LEA]
    assert emails(await client.unsubscribed_page(1, Days(until=TODAY - dt.timedelta(1)))) == []
    assert emails(await client.bounced_page(1, updated=Days(TODAY))) == ["bad@example.test"]
    assert [row.email for row in await client.unsubscribed()] == [LEA]
    assert [row.email for row in await client.bounced()] == ["bad@example.test"]
    row = await client.unsubscribed_member(LEA)
    assert row is not None
    assert "id" not in row
    assert await client.unsubscribed_member("kept@example.test") is None


@exercises("POST /members", "GET /members/{key}")
async def test_a_member_is_created_with_groups_as_a_text(
    client: CyberimpactClient, vendor: CyberimpactSandbox, tap: Wiretap
) -> None:
    groups = [vendor.admin.create_group("Clients"), vendor.admin.create_group("Partners")]
    orders = str(vendor.admin.add_custom_field("Orders", "integer"))
    profile = Profile(email=LEA, firstname="Lea", postal_code="H2X 1Y4", custom_fields={orders: 42})
    assert body(await client.create_member(profile, groups), 201)["email"] == LEA
    sent = json.loads(tap.requests[-1].content)
    assert sent["groups"] == ",".join(map(str, groups))
    assert sent["postalCode"] == "H2X 1Y4"
    known = vendor.contacts()[LEA]
    assert known.groups == {"Clients", "Partners"}
    assert known.fields == {"firstname": "Lea", "postalCode": "H2X 1Y4", "Orders": 42}
    member = await client.member(LEA)
    assert member is not None
    assert member.firstname == "Lea"
    assert (await client.create_member(profile)).status == 409


@pytest.mark.parametrize("local", ["a+b", "a/b", "a%2Fb", "100%", "a?b#c"])
async def test_an_address_in_a_path_is_encoded(
    client: CyberimpactClient, vendor: CyberimpactSandbox, local: str
) -> None:
    address = f"{local}@example.test"
    vendor.admin.add(address)
    vendor.admin.add("a@example.test")
    member = await client.member(address)
    assert member is not None
    assert member.email == address
    assert (await client.delete_member(address)).good
    assert list(vendor.contacts()) == ["a@example.test"]


@exercises("PUT /members/{key}")
async def test_put_wipes_what_it_does_not_name(client: CyberimpactClient, vendor: CyberimpactSandbox) -> None:
    vendor.admin.add(LEA, fields={"firstname": "Lea", "company": "Maple"})
    assert (await client.put_member(LEA, Profile(email=LEA, company="Birch"))).good
    assert vendor.contacts()[LEA].fields == {"company": "Birch"}


@exercises("PATCH /members/{key}")
async def test_patch_keeps_what_it_does_not_name_and_wipes_what_is_empty(
    client: CyberimpactClient, vendor: CyberimpactSandbox
) -> None:
    vendor.admin.add(LEA, fields={"firstname": "Lea", "company": "Maple", "note": "?"})
    assert (await client.patch_member(LEA, Profile(company="Birch", note=None))).good
    assert vendor.contacts()[LEA].fields == {"firstname": "Lea", "company": "Birch"}
    assert (await client.patch_member(LEA, {"firstname": ""})).good
    assert vendor.contacts()[LEA].fields == {"company": "Birch"}


def test_emptying_is_written_as_each_kind_of_call_has_it() -> None:
    profile = Profile(email=LEA, note=None, custom_fields={"3": None, "4": "x"})
    assert single_body(profile) == {"email": LEA, "note": "", "customFields": {"3": "", "4": "x"}}
    assert batch_row(profile) == {
        "email": LEA,
        "note": "__EMPTY__",
        "customFields": {"3": "__EMPTY__", "4": "x"},
    }
    assert single_body(Profile(email=LEA), [27, 14])["groups"] == "14,27"
    assert single_body(Profile(email=LEA), [])["groups"] == ""


@exercises("DELETE /members/{key}")
async def test_a_member_is_deleted(client: CyberimpactClient, vendor: CyberimpactSandbox) -> None:
    vendor.admin.add(LEA)
    assert body(await client.delete_member(LEA)) == {LEA: "deleted"}
    assert vendor.contacts() == {}
    assert (await client.delete_member(LEA)).status == 404


@exercises("POST /members/unsubscribed/{key}")
async def test_unsubscribing_twice_says_that_it_was_not_new(
    client: CyberimpactClient, vendor: CyberimpactSandbox
) -> None:
    vendor.admin.add(LEA)
    assert body(await client.unsubscribe_member(LEA))["isNewUnsubscription"] is True
    assert body(await client.unsubscribe_member(LEA))["isNewUnsubscription"] is False
    assert vendor.contacts()[LEA].state == "unsubscribed"


@exercises("POST /members/optins")
async def test_an_optin_brings_somebody_when_it_is_confirmed(
    client: CyberimpactClient, vendor: CyberimpactSandbox
) -> None:
    group = vendor.admin.create_group("Clients")
    answer = await client.request_optin(Profile(email=LEA), [group], "https://example.test/thanks")
    (request,) = body(answer, 201)
    assert LEA not in vendor.contacts()
    vendor.admin.confirm_optin(int(request))
    assert vendor.contacts()[LEA].groups == {"Clients"}


@exercises("GET /members/{key}/groups", "POST /members/{key}/groups", "PUT /members/{key}/groups",
           "DELETE /members/{key}/groups/{id}")  # fmt: skip
async def test_a_member_joins_replaces_and_leaves_groups(
    client: CyberimpactClient, vendor: CyberimpactSandbox, tap: Wiretap
) -> None:
    first, second, third = (vendor.admin.create_group(title) for title in ("One", "Two", "Three"))
    vendor.admin.add(LEA, groups=["One"])
    assert {row["title"] for row in body(await client.join_groups(LEA, [third, second]))["groups"]} == {
        "One", "Two", "Three",
    }  # fmt: skip
    assert json.loads(tap.requests[-1].content) == {"groups": f"{second},{third}"}
    assert (await client.replace_groups(LEA, [second, third])).good
    assert (await client.leave_group(LEA, third)).good
    assert [group.id for group in await client.member_groups(LEA)] == [second]
    assert (await client.leave_group(LEA, first)).status == 404


@exercises("GET /members/{key}/mailings")
async def test_the_mailings_of_a_member(client: CyberimpactClient, vendor: CyberimpactSandbox) -> None:
    vendor.admin.create_group("Clients")
    vendor.admin.add(LEA, groups=["Clients"])
    mailing = vendor.admin.send_mailing("Offer", ["Clients"])
    vendor.admin.receive(mailing, LEA, "opened")
    page = await client.member_mailings_page(LEA, 1)
    assert page is not None
    assert [(row["id"], row["opened"]) for row in page.rows] == [(mailing, True)]
    assert await client.member_mailings_page("nobody@example.test", 1) is None


@exercises("GET /members/{key}/consent", "PUT /members/{key}/consent")
async def test_consent_is_read_and_stated_and_an_express_one_stays(
    client: CyberimpactClient, vendor: CyberimpactSandbox
) -> None:
    vendor.admin.add(LEA)
    assert (await client.put_consent(LEA, "active-clients", dt.date(2026, 6, 1), "order 1")).good
    consent = await client.member_consent(LEA)
    assert consent is not None
    assert (consent.relation_type, consent.consent_proof) == ("active-clients", "order 1")
    assert (await client.put_consent(LEA, "express-consent", dt.date(2026, 6, 2), "form")).good
    assert (await client.put_consent(LEA, "active-clients", dt.date(2026, 6, 3), "order 2")).status == 422
    assert await client.member_consent("nobody@example.test") is None
