"""A user's name and password still open the connection, where Cyberimpact lets them, and `check` warns of it."""

import base64

import pytest
from pydantic import ValidationError

from connectors.cyberimpact import CyberimpactConnector
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.cyberimpact.sandbox.tokens import PASSWORD, USER
from syncengine.errors import AuthError
from tests.clock import FakeClock
from tests.cyberimpact.conftest import connection, mint

LOGIN = {"token": None, "username": USER["username"], "password": PASSWORD}


async def test_a_login_works_and_is_warned_of(
    vendor: CyberimpactSandbox, vendor_server: tuple[CyberimpactSandbox, str], clock: FakeClock
) -> None:
    vendor.switches.legacy_login = "on"
    async with connection(clock, None, base_url=vendor_server[1], **LOGIN) as opened:
        findings = await opened.check()
    (warning,) = [finding for finding in findings if finding.level == "warning"]
    assert "legacy" in warning.message
    assert "API token" in warning.hint


async def test_a_login_is_refused_where_it_is_gone(
    vendor: CyberimpactSandbox, vendor_server: tuple[CyberimpactSandbox, str], clock: FakeClock
) -> None:
    async with connection(clock, None, base_url=vendor_server[1], **LOGIN) as opened:
        with pytest.raises(AuthError) as raised:
            await opened.check()
    assert PASSWORD not in str(raised.value)


def test_name_and_password_go_as_basic_and_no_message_shows_them(clock: FakeClock) -> None:
    opened = connection(clock, None, **LOGIN)
    credentials = opened.client.credentials
    assert credentials.header == "Basic " + base64.b64encode(f"{USER['username']}:{PASSWORD}".encode()).decode()
    assert PASSWORD not in credentials.account
    assert PASSWORD not in repr(CyberimpactConnector.Settings.model_validate(LOGIN))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "Set token."),
        ({"username": "svc"}, "Set token."),
        ({"password": "made-up"}, "Set token."),
        ({"token": mint(), "username": "svc", "password": "made-up"}, "not both"),
        ({"token": mint(), "password": "made-up"}, "not both"),
    ],
)
def test_there_is_one_way_to_sign_in(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as raised:
        CyberimpactConnector.Settings.model_validate(settings)
    assert "made-up" not in str(raised.value)
