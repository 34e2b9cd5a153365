"""Objects of a network are written whole and harmlessly often; promo numbers are bought once."""

import json
from typing import Any

import pytest

from connectors.invoca.sandbox.network import REFRESH_TOKEN
from syncengine.errors import AuthError, ConfigError, ProviderError, Rejected
from syncengine.sandbox.kit import Fault
from tests.invoca.desk import ADVERTISER, CAMPAIGN, NUMBER, TAKEN_PART, Desk
from tests.invoca.world import Network, ids, records

USER = {"id_from_network": "u-1", "email_settings": [{"email_address": "ops@example.test"}], "first_name": "Ana"}


def stored(desk: Desk, *path: str) -> dict[str, Any]:
    return desk.network.sandbox.network.objects[path]


# --- advertisers and affiliates ---


@pytest.mark.parametrize("kind", ["advertisers", "affiliates"])
@pytest.mark.parametrize("partial", ["replaces", "merges"])
async def test_writing_twice_is_writing_once(desk: Desk, kind: str, partial: str) -> None:
    desk.network.switches.partial_put = partial
    fields = {**ADVERTISER, "custom_data": {"channel": "Online"}}
    assert await desk.statuses(kind, fields) == ["delivered"]
    assert desk.writes() == [("PUT", "adv-7")]
    assert await desk.statuses(kind, fields) == ["delivered"]
    assert desk.writes() == [], "nothing differs"
    assert len(desk.network.sandbox.network.objects) == 1


@pytest.mark.parametrize("partial", ["replaces", "merges"])
async def test_users_sites_and_what_nobody_named_survive_an_update(desk: Desk, partial: str) -> None:
    desk.network.switches.partial_put = partial
    desk.network.switches.numbers_of_ids = "number"
    await desk.write("advertisers", {**ADVERTISER, "id_from_network": "7"})
    there = stored(desk, "advertisers", "7")
    there |= {"users": [USER], "sites": [{"id_from_network": 315, "name": "x.example.test"}], "custom_data": {"a": "1"}}
    await desk.write("advertisers", {"id_from_network": "7", "approval_status": "Suspended", "custom_data": {"b": "2"}})
    after = stored(desk, "advertisers", "7")
    assert (after["users"], after["name"], after["approval_status"]) == ([USER], "Maple Tickets", "Suspended")
    assert after["custom_data"] == {"a": "1", "b": "2"}
    assert after["sites"] == [{"id_from_network": 315, "name": "x.example.test"}]


@pytest.mark.parametrize("name", ["users", "sites"])
async def test_a_list_that_replaces_everything_is_refused_unless_that_is_meant(desk: Desk, name: str) -> None:
    fields = {**ADVERTISER, name: json.dumps([USER] if name == "users" else [{"id_from_network": "1", "name": "x"}])}
    with pytest.raises(Rejected) as caught:
        await desk.write("advertisers", fields)
    assert (caught.value.field, caught.value.code) == (name, "replaces_all")
    assert await desk.statuses("advertisers", fields, replace_lists=[name]) == ["delivered"]
    assert len(stored(desk, "advertisers", "adv-7")[name]) == 1


async def test_a_bad_list_is_refused_by_its_name(desk: Desk) -> None:
    for text in ("ops@example.test", "{}", "[1]"):
        with pytest.raises(Rejected) as caught:
            await desk.write("advertisers", {**ADVERTISER, "users": text}, replace_lists=["users"])
        assert caught.value.field == "users"
        assert "example" not in str(caught.value)


async def test_secrets_of_an_object_are_never_read_or_written_back(desk: Desk) -> None:
    await desk.write("advertisers", ADVERTISER)
    desk.network.sandbox.seen.clear()
    await desk.write("advertisers", {**ADVERTISER, "name": "Maple"})
    sent = [seen.json for seen in desk.network.sandbox.seen if seen.method == "PUT"]
    assert "oauth_refresh_token" not in sent[0]
    read = records(await desk.network.pages("advertisers"))
    assert REFRESH_TOKEN not in json.dumps([record.values for record in read])


async def test_a_name_that_is_taken_rejects_one_and_not_the_others(desk: Desk) -> None:
    outcomes = await desk.write(
        "advertisers",
        ADVERTISER,
        {"id_from_network": "adv-8", "name": "Maple Tickets"},
        {"id_from_network": "adv-9", "name": "Birch"},
    )
    assert [outcome.status for outcome in outcomes] == ["delivered", "rejected", "delivered"]
    assert (outcomes[1].code, outcomes[1].field) == ("refused", "name")
    assert desk.ledger.refuted == {"adv-8"}


async def test_a_bad_address_of_a_user_is_told_with_its_place(desk: Desk) -> None:
    users = json.dumps([{"id_from_network": "u-1", "email_settings": [{"email_address": "none"}]}])
    [outcome] = await desk.write("advertisers", {**ADVERTISER, "users": users}, replace_lists=["users"])
    assert (outcome.status, outcome.field) == ("rejected", "users.email_settings.email_address")


# --- campaigns ---


async def test_a_campaign_is_staged_until_a_mapping_says_live(campaign: Desk) -> None:
    path = ("advertisers", "adv-7", "advertiser_campaigns", "c-1")
    assert stored(campaign, *path)["current_terms"] is None
    assert await campaign.statuses("campaigns", {**CAMPAIGN, "url": "https://x.example.test"}) == ["delivered"]
    assert campaign.writes() == [("PUT", "c-1")]
    assert await campaign.statuses("campaigns", {**CAMPAIGN, "state": "live"}) == ["delivered"]
    assert campaign.writes() == [("POST", "go_live")]
    assert stored(campaign, *path)["current_terms"] == {
        "campaign_type": "DirectOnly",
        "url": "https://x.example.test",
    }
    assert await campaign.statuses("campaigns", {**CAMPAIGN, "state": "live"}) == ["delivered"]
    assert campaign.writes() == []


async def test_a_campaign_is_archived_and_brought_back(campaign: Desk) -> None:
    await campaign.write("campaigns", {**CAMPAIGN, "state": "archived"})
    await campaign.write("campaigns", {**CAMPAIGN, "state": "archived"})
    await campaign.write("campaigns", {**CAMPAIGN, "state": "staged"})
    assert campaign.writes() == [("POST", "archive"), ("POST", "unarchive")]


async def test_the_routing_of_a_campaign_is_no_field() -> None:
    from connectors.invoca.objects_fields import CampaignFields

    assert "ivr_tree" not in CampaignFields.model_fields


async def test_a_campaign_of_an_advertiser_that_does_not_exist_is_rejected(desk: Desk) -> None:
    [outcome] = await desk.write("campaigns", CAMPAIGN)
    assert (outcome.status, outcome.code) == ("rejected", "not_found")


# --- affiliate campaigns ---


async def test_a_part_in_a_campaign_begins_as_applied_and_goes_on(campaign: Desk) -> None:
    assert await campaign.statuses("affiliate_campaigns", {**TAKEN_PART, "status": "Approved"}) == ["delivered"]
    assert campaign.writes() == [("POST", "affiliate_campaigns"), ("PUT", "affiliate_campaigns")]
    assert await campaign.statuses("affiliate_campaigns", {**TAKEN_PART, "status": "Approved"}) == ["delivered"]
    assert campaign.writes() == []


async def test_a_step_that_invoca_does_not_allow_is_rejected_with_the_state_that_stays(campaign: Desk) -> None:
    [outcome] = await campaign.write("affiliate_campaigns", {**TAKEN_PART, "status": "Suspended"})
    assert (outcome.status, outcome.field) == ("rejected", "status")
    assert "It stays Applied." in outcome.message


# --- all of them ---


async def test_nothing_is_written_unless_the_connection_allows_it(network: Network) -> None:
    async with network.connect() as connection:
        for destination in connection.destinations.values():
            with pytest.raises(ConfigError) as caught:
                destination.draft({})
            assert caught.value.problems[0].key == "connections.invoca.allow_writes"


async def test_missing_rights_stop_at_the_first_object(desk: Desk) -> None:
    body = '{"errors": {"class": "UnauthorizedOperation", "invalid_data": "x"}}'
    for fault in (Fault(kind="status", status=403, body=body), Fault(kind="status", status=403, method="PUT")):
        desk.network.sandbox.faults.add(fault)
        with pytest.raises(AuthError):
            await desk.write("advertisers", ADVERTISER, {"id_from_network": "b", "name": "Birch"})
    assert desk.network.sandbox.network.objects == {}


@pytest.mark.parametrize("shape", ["text", "xml", "message"])
async def test_a_refusal_that_names_neither_class_nor_field_is_taken_for_rights(desk: Desk, shape: str) -> None:
    """It may mean either, and taking it for arguments would reject every record of a token without rights."""
    await desk.write("advertisers", ADVERTISER)
    desk.network.switches.error_shape = shape
    desk.network.switches.random_words = True
    with pytest.raises(AuthError, match="rights or by arguments"):
        await desk.write("advertisers", {"id_from_network": "adv-8", "name": ADVERTISER["name"]})
    assert desk.ledger.refuted == {"adv-8"}, "it surely had no effect"


async def test_a_lost_answer_to_an_upsert_is_a_doubt_that_may_be_sent_again(desk: Desk) -> None:
    desk.network.sandbox.faults.add(Fault(kind="status", status=500, method="PUT"))
    assert await desk.statuses("advertisers", ADVERTISER) == ["in_doubt"]
    assert not desk.ledger.confirmed | desk.ledger.refuted
    assert await desk.statuses("advertisers", ADVERTISER) == ["delivered"]


async def test_a_stated_wait_is_kept_before_writing_again(desk: Desk) -> None:
    desk.network.sandbox.faults.add(Fault(kind="status", status=429, method="PUT", headers={"Retry-After": "17"}))
    assert await desk.statuses("advertisers", ADVERTISER) == ["delivered"]
    assert sum(desk.network.clock.slept) >= 17


@pytest.mark.parametrize("id", ["a/b", ".", ".."])
@pytest.mark.parametrize("name", ["id_from_network", "advertiser"])
async def test_an_id_that_leads_elsewhere_cannot_be_an_address(desk: Desk, id: str, name: str) -> None:
    with pytest.raises(Rejected) as caught:
        await desk.write("campaigns", {**CAMPAIGN, name: id})
    assert caught.value.field == name
    assert desk.network.sandbox.seen == []


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("campaigns", {**CAMPAIGN, "state": "live"}), ("affiliate_campaigns", {**TAKEN_PART, "status": "Approved"})],
)
async def test_each_request_of_a_change_is_written_down_before_it_leaves(
    campaign: Desk, kind: str, fields: dict[str, str]
) -> None:
    before = campaign.ledger.begun
    await campaign.write(kind, {**fields, "url": "https://x.example.test"} if kind == "campaigns" else fields)
    assert len(campaign.writes()) == 2
    assert (campaign.ledger.begun - before, campaign.ledger.renewed) == (1, 1)


async def test_a_wait_between_two_requests_of_a_change_repeats_only_the_second(campaign: Desk) -> None:
    fault = Fault(kind="status", status=429, method="PUT", headers={"Retry-After": "17"})
    campaign.network.sandbox.faults.add(fault)
    assert await campaign.statuses("affiliate_campaigns", {**TAKEN_PART, "status": "Approved"}) == ["delivered"]
    assert [method for method, _ in campaign.writes()] == ["POST", "PUT", "PUT"]


async def test_only_a_networks_token_has_the_networks_objects(network: Network) -> None:
    for role in ("advertiser", "affiliate"):
        connection = network.connect(role=role)
        assert set(connection.streams) == {"transactions", "calls"}
        assert set(connection.destinations) == {"signals"}


# --- reading them ---


async def test_each_object_is_read_with_the_ids_of_what_it_belongs_to(campaign: Desk) -> None:
    await campaign.write("affiliate_campaigns", {**TAKEN_PART, "status": "Applied"})
    await campaign.write("promo_numbers", NUMBER)
    network = campaign.network
    [number] = records(await network.pages("promo_numbers"))
    assert number.id == f"adv-7/c-1/{number.values['promo_number']}"
    assert (number.values["advertiser"], number.values["campaign"]) == ("adv-7", "c-1")
    assert ids(await network.pages("advertisers")) == ["adv-7"]
    assert ids(await network.pages("affiliates")) == ["aff-1"]
    assert ids(await network.pages("campaigns")) == ["adv-7/c-1"]
    assert ids(await network.pages("affiliate_campaigns")) == ["adv-7/c-1/aff-1"]
    [cut] = records(await network.pages("campaigns", fields=frozenset({"name", "advertiser"})))
    assert cut.values == {"name": "Spring", "advertiser": "adv-7"}


async def test_an_object_without_an_id_is_an_error(campaign: Desk) -> None:
    stored(campaign, "advertisers", "adv-7")["id_from_network"] = None
    with pytest.raises(ProviderError) as caught:
        await campaign.network.pages("advertisers")
    assert caught.value.code == "no_id"
