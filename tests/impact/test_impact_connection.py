"""What can be configured, and what `check` finds out."""

import base64
from typing import Any

import httpx
import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from connectors.impact import ImpactConnector, ImpactSettings
from syncengine.contracts import Connector, Range
from syncengine.errors import AuthError, ConfigError, Rejected
from tests.clock import NOON
from tests.impact.conftest import Connect
from tests.impact.provider import DAY, SID, TOKEN, FakeImpact
from tests.impact.reading import pages


async def test_check_says_which_account_how_many_campaigns_and_the_quota(
    provider: FakeImpact, connect: Connect
) -> None:
    provider.campaigns = [
        {"Id": "1", "State": "ACTIVE"},
        {"Id": "2", "State": "CLOSED"},
        {"Id": "3", "State": "ACTIVE"},
    ]
    provider.headers = {"X-RateLimit-Limit": "500", "X-RateLimit-Remaining": "321", "X-RateLimit-Reset": "1800"}
    async with connect() as connection:
        findings = await connection.check()
    assert {finding.level for finding in findings} == {"ok"}
    text = " ".join(finding.message for finding in findings)
    assert "3 campaigns (2 ACTIVE, 1 CLOSED)" in text
    assert "320 requests left" in text  # the last list that is tried says no quota
    assert SID[:6] in text
    assert SID not in text


async def test_check_of_an_account_without_campaigns_warns(provider: FakeImpact, connect: Connect) -> None:
    provider.campaigns = []
    missing, _quota = await connect().check()
    assert missing.level == "warning"


async def test_check_tries_the_credentials_for_calls_also_where_there_are_no_campaigns(
    provider: FakeImpact, connect: Connect
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401) if request.method == "OPTIONS" else provider(request)

    provider.campaigns = []
    async with connect(httpx.MockTransport(answer), call_data={"username": "calls", "password": TOKEN}) as connection:
        with pytest.raises(AuthError, match="call_data"):
            await connection.check()


async def test_check_finds_a_token_that_may_list_campaigns_but_no_actions(
    provider: FakeImpact, connect: Connect
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403) if request.url.path.endswith("/Actions") else provider(request)

    with pytest.raises(AuthError, match="Actions") as caught:
        await connect(httpx.MockTransport(answer)).check()
    assert caught.value.code == "forbidden"


@pytest.mark.parametrize(
    ("forbidden", "missed"),
    [
        ("ActionUpdates", "the stream action_updates; actions don't need it"),
        ("ActionInquiries", "the stream action_inquiries"),
        ("MediaPartners", "PartnerSince of partner contacts"),
        ("Contacts", "the stream partner_contacts"),
        ("UnsubscribedContacts", "Unsubscribed of partner contacts"),
    ],
)
async def test_check_says_which_lists_a_token_may_not_read_and_what_is_missed(
    provider: FakeImpact, connect: Connect, forbidden: str, missed: str
) -> None:
    provider.forbidden = {forbidden}
    warnings = [finding for finding in await connect().check() if finding.level != "ok"]
    (warning,) = warnings
    assert warning.level == "warning"
    assert missed in warning.message
    assert forbidden in warning.hint
    assert len(provider.requests) == 7


async def test_check_goes_on_without_the_scope_of_campaigns_as_far_as_it_can(
    provider: FakeImpact, connect: Connect
) -> None:
    provider.may_list = False
    provider.forbidden = {"MediaPartners"}
    provider.headers = {"X-RateLimit-Limit": "500", "X-RateLimit-Remaining": "321", "X-RateLimit-Reset": "1800"}
    findings = await connect().check()
    assert [finding.level for finding in findings] == ["warning", "warning", "ok"]
    campaigns, partners, _quota = findings
    assert SID[:6] in campaigns.message
    assert "scope Campaigns," in campaigns.hint
    assert "media_partners" in partners.message


async def test_calls_are_reported_only_with_credentials_of_their_own(connect: Connect) -> None:
    with pytest.raises(ConfigError) as caught:
        connect().destinations["calls"].draft({})
    assert caught.value.problems[0].key == "connections.impact.call_data"
    settings = {"username": "calls", "password": TOKEN}
    async with connect(call_data=settings) as configured:
        assert not configured.destinations["calls"].repeatable
        with pytest.raises(Rejected):
            configured.destinations["calls"].draft({})
    assert TOKEN not in repr(
        ImpactSettings.model_validate({"account_sid": SID, "auth_token": "x", "call_data": settings})
    )


async def test_check_with_a_wrong_token_is_an_auth_error(connect: Connect) -> None:
    with pytest.raises(AuthError) as caught:
        await connect(httpx.MockTransport(lambda _: httpx.Response(401))).check()
    assert caught.value.code == "unauthorised"


def test_settings_show_no_secret_and_no_unknown_key() -> None:
    settings = ImpactSettings.model_validate({"account_sid": f" {SID}\n", "auth_token": TOKEN})
    assert settings.account_sid == SID
    assert TOKEN not in repr(settings)
    with pytest.raises(ValidationError) as caught:
        ImpactSettings.model_validate({"account_sid": "a/b", "auth_token": "", "acount": TOKEN})
    assert {error["loc"] for error in caught.value.errors()} == {("account_sid",), ("auth_token",), ("acount",)}
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("token", [f" {TOKEN}\r\n", SecretStr(f"{TOKEN}\n")])
async def test_blanks_around_credentials_are_left_out(provider: FakeImpact, connect: Connect, token: Any) -> None:
    """A variable or a file often ends with a new line."""
    await connect(account_sid=f"{SID}\r\n", auth_token=token).check()
    sent = {request.headers["authorization"] for request in provider.requests}
    assert sent == {"Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()}


@pytest.mark.parametrize("token", [" ", "\r\n", SecretStr(" ")])
def test_a_token_of_blanks_is_missing(token: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        ImpactSettings.model_validate({"account_sid": SID, "auth_token": token})
    assert [error["loc"] for error in caught.value.errors()] == [("auth_token",)]


@pytest.mark.parametrize(
    "wrong",
    [{"lag": "soon"}, {"lag": -1}, {"overlap": "8 days"}, {"base_url": "impact"}, {"advertiser_account": "Acme"}],
)
def test_settings_out_of_bounds_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        ImpactSettings.model_validate({"account_sid": SID, "auth_token": TOKEN, **wrong})
    assert [error["loc"] for error in caught.value.errors()] == [(next(iter(wrong)),)]


@pytest.mark.parametrize("campaigns", [[], ["Acme"], "1000", [""]])
def test_campaigns_are_chosen_by_their_numbers(connect: Connect, campaigns: Any) -> None:
    with pytest.raises(ValidationError):
        connect().streams["actions"].Options(campaigns=campaigns)


async def test_neither_token_nor_sid_is_logged_or_held_by_the_limiter(provider: FakeImpact, connect: Connect) -> None:
    provider.edit = lambda _: None
    connection = connect()
    with capture_logs() as lines:
        await pages(connection, Range(NOON - DAY))
    assert "taken as empty" in str(lines)
    assert TOKEN not in str(lines)
    assert SID not in str(lines)


def test_the_connector_is_one() -> None:
    connector: Connector = ImpactConnector()
    assert connector.name == "impact"
