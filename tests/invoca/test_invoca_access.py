"""Who asks, where, in which version; and what a refusal means."""

import json
from typing import Any

import httpx
import msgspec
import pytest
from pydantic import ValidationError

from connectors.invoca import InvocaSettings
from connectors.invoca.refusals import Refusal, read_refusal
from connectors.invoca.sandbox.model import PASSWORD, TOKEN, USERNAME
from syncengine.errors import AuthError, ProviderError, Transient
from syncengine.http import Answer
from syncengine.sandbox.kit import Fault
from tests.invoca.world import URL, Network, ids

BASE: dict[str, Any] = {"network_id": "1", "token": "t", "base_url": URL}


async def test_the_token_goes_bare_in_the_header_and_nowhere_else(network: Network) -> None:
    network.book.call()
    await network.pages("calls")
    for seen in network.sandbox.seen:
        assert TOKEN not in json.dumps(seen.query)
        assert TOKEN not in seen.path
    assert {seen.status for seen in network.sandbox.seen} == {200}, "the sandbox takes the bare token only"


@pytest.mark.parametrize(
    "settings", [{"auth": "oauth_token"}, {"auth": "basic", "token": None, "username": USERNAME, "password": PASSWORD}]
)
async def test_the_other_documented_ways_work_where_invoca_takes_them(
    network: Network, settings: dict[str, Any]
) -> None:
    call = network.book.call()
    with pytest.raises(AuthError):
        await network.pages("transactions", **settings)
    network.switches.auth = "everything"
    assert ids(await network.pages("transactions", **settings)) == [call.id]


@pytest.mark.parametrize("role", ["network", "advertiser", "affiliate"])
async def test_each_role_asks_at_its_own_path_in_the_version_of_the_product(network: Network, role: str) -> None:
    network.switches.role = role
    network.switches.versions = "exact"
    network.book.call()
    async with network.connect(role=role) as connection:
        assert (await connection.check())[0].level == "ok"
    assert network.sandbox.seen[0].path == f"/api/2020-10-01/{role}s/transactions/1.json"


async def test_a_version_that_invoca_does_not_know_is_no_matter_of_rights(network: Network) -> None:
    with pytest.raises(ProviderError, match="version"):
        await network.pages("transactions", versions={"transactions": "2012-01-01"})


async def test_the_wrong_role_is_a_matter_of_rights(network: Network) -> None:
    with pytest.raises(AuthError, match="role"):
        await network.pages("transactions", role="advertiser")


async def test_check_says_which_useful_columns_a_token_does_not_get(network: Network) -> None:
    network.switches.role = "affiliate"
    network.book.call()
    async with network.connect(role="affiliate") as connection:
        findings = await connection.check()
    assert [finding.level for finding in findings] == ["ok", "warning"]
    assert "calling_phone_number" in findings[1].message


async def test_check_of_a_network_without_calls_is_fine(network: Network) -> None:
    async with network.connect() as connection:
        assert [finding.level for finding in await connection.check()] == ["ok"]


async def test_an_internal_error_is_tried_again_and_then_left_to_the_next_run(network: Network) -> None:
    network.sandbox.faults.add(Fault(kind="status", status=500, times=2))
    network.book.call()
    assert len(ids(await network.pages("transactions"))) == 1
    network.sandbox.faults.add(Fault(kind="status", status=500, times=99))
    with pytest.raises(Transient):
        await network.pages("transactions")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"base_url": None}, "subdomain or base_url"),
        ({"subdomain": "maple"}, "only one"),
        ({"token": None}, "token is needed"),
        ({"auth": "basic"}, "username and password"),
        ({"subdomain": "maple.invoca.net", "base_url": None}, "subdomain"),
        ({"network_id": "../2"}, "network_id"),
        ({"page_rows": 4001}, "page_rows"),
        ({"versions": {"transactions": "latest"}}, "versions"),
        ({"misspelt": 1}, "misspelt"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], told: str) -> None:
    given = {name: value for name, value in {**BASE, **wrong}.items() if value is not None}
    with pytest.raises(ValidationError, match=told):
        InvocaSettings.model_validate(given)


def test_the_subdomain_makes_the_address() -> None:
    settings = InvocaSettings.model_validate({"network_id": 1, "token": "t\n", "subdomain": "leadtrust"})
    assert settings.url == "https://leadtrust.invoca.net"
    assert settings.token is not None
    assert settings.token.get_secret_value() == "t"


def _answer(status: int, body: Any) -> Answer:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Answer(status, httpx.Headers(), content)


DEEP_TREE = {"ivr_tree": {"children": [{"0": {"prompt": ["x"]}}]}}


@pytest.mark.parametrize(
    ("status", "body", "meant"),
    [
        (404, {"errors": {"class": "RecordNotFound", "invalid_data": "x"}}, Refusal("not_found")),
        (403, {"errors": {"name": ["x"], "pool_type": ["x"]}}, Refusal("invalid", ("name", "pool_type"))),
        (
            403,
            {"errors": {"users": [{"email_settings": [{"email_address": ["x"]}]}]}},
            Refusal("invalid", ("users.email_settings.email_address",)),
        ),
        (403, {"error": DEEP_TREE}, Refusal("invalid", ("ivr_tree.children.0.prompt",))),
        (403, {"errors": {"status": ["x"]}, "status": "Applied"}, Refusal("invalid", ("status",), "Applied")),
        (403, {"errors": {"class": "RecordInvalid", "invalid_data": "x; y"}}, Refusal("invalid")),
        (403, {"errors": {"class": "InvalidInput", "invalid_data": "x"}}, Refusal("invalid")),
        (403, {"errors": {"class": "RecordNotFound", "invalid_data": "x"}}, Refusal("not_found")),
        (403, {"errors": {"class": "UnauthorizedOperation", "invalid_data": "x"}}, Refusal("forbidden")),
        (403, {"errors": {"class": "UnauthorizedAdvertiser", "invalid_data": "x"}}, Refusal("forbidden")),
        (403, {"errors": {"class": "call.start_time", "invalid_data": "x"}}, Refusal("invalid")),
        (500, {"errors": {"class": "InternalServiceError", "invalid_data": "handle"}}, Refusal("internal")),
        (403, b"<errors/>", Refusal("unclear")),
        (403, b"", Refusal("unclear")),
        (403, {"message": "x"}, Refusal("unclear")),
        (403, [], Refusal("unclear")),
        (400, b"plain text", Refusal("invalid")),
        (404, b"", Refusal("not_found")),
        (418, b"", Refusal("internal")),
    ],
)
def test_a_refusal_is_told_by_its_class_and_fields_and_never_by_its_words(
    status: int, body: Any, meant: Refusal
) -> None:
    assert read_refusal(_answer(status, body)) == meant


def test_an_error_body_without_a_bottom_is_survived() -> None:
    body: Any = ["x"]
    for _ in range(200):
        body = {"a": body}
    assert read_refusal(_answer(403, {"errors": body})) == Refusal("unclear")


async def test_what_invoca_says_of_a_refusal_is_never_repeated(network: Network) -> None:
    body = '{"errors": {"limit": ["call 514-555-0123 for help"]}}'
    network.sandbox.faults.add(Fault(kind="status", status=403, body=body))
    with pytest.raises(ProviderError) as caught:
        await network.pages("transactions")
    assert "limit" in str(caught.value)
    assert "555" not in str(caught.value)
