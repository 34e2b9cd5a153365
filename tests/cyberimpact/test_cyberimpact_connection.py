"""Credentials, what `check` says, and that nothing of a token or a person ever shows."""

import datetime as dt
import logging

import pytest
from pydantic import ValidationError

from connectors.cyberimpact import CyberimpactConnector
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Destination, Resumable, Standings, Suppressing
from syncengine.errors import AuthError, ConfigError
from syncengine.sandbox.kit import Fault
from tests.clock import NOON, FakeClock
from tests.cyberimpact.conftest import connection, contacts_of, mint
from tests.cyberimpact.scripted import Scripted


@pytest.mark.parametrize("token", ["not-a-token", "a.b.c", " "])
def test_what_is_no_token_is_a_fault_of_the_configuration(clock: FakeClock, token: str) -> None:
    with pytest.raises(ConfigError) as raised:
        connection(clock, Scripted(), token=token)
    assert raised.value.problems[0].key == "token"
    assert "a.b.c" not in str(raised.value)
    assert "not-a" not in str(raised.value)


async def test_an_expired_token_sends_nothing(clock: FakeClock) -> None:
    server = Scripted()
    async with connection(clock, server, token=mint(NOON)) as opened:
        with pytest.raises(AuthError, match="expired on 2026-07-14") as raised:
            await opened.check()
    assert raised.value.code == "expired"
    assert not server.requests


async def test_a_token_that_expires_while_running_stops_it(clock: FakeClock) -> None:
    nobody = {"members": [], "totalCount": 0}
    server = Scripted(
        groups=lambda _: {"groups": [], "totalCount": 0},
        members__unsubscribed=lambda _: nobody,
        members__bounced=lambda _: nobody,
    )
    async with connection(clock, server, token=mint(NOON + dt.timedelta(seconds=5))) as opened:
        await contacts_of(opened).standing([], frozenset({"A"}))
        before = len(server.requests)
        clock.move(6)
        with pytest.raises(AuthError):
            await opened.check()
    assert len(server.requests) == before > 0


@pytest.mark.parametrize(
    ("expires", "level", "words"),
    [
        (NOON + dt.timedelta(days=59), "warning", "expires on 2026-09-11"),
        (NOON + dt.timedelta(days=61), "ok", "good until 2026-09-13"),
        (None, "ok", "doesn't say"),
    ],
)
async def test_check_says_how_long_the_token_lasts(
    clock: FakeClock, expires: dt.datetime | None, level: str, words: str
) -> None:
    server = Scripted(
        ping=lambda _: {"ping": "success", "email": "robin@example.test", "account": "Maple Bakery Inc."},
        groups=lambda _: {"groups": [], "totalCount": 0},
        customfields=lambda _: {"customFields": []},
    )
    async with connection(clock, server, token=mint(expires)) as opened:
        findings = await opened.check()
    assert any(finding.level == level and words in finding.message for finding in findings)
    assert findings[0].message == "account Maple Bakery Inc. answers"
    assert not any("robin" in finding.message for finding in findings)


async def test_check_counts_and_warns_of_groups_with_one_title(
    vendor: CyberimpactSandbox, vendor_server: tuple[CyberimpactSandbox, str], clock: FakeClock
) -> None:
    for title in ("Clients", "clients ", "Other"):
        vendor.admin.create_group(title)
    vendor.admin.add_custom_field("Orders", "integer")
    settings = {"token": vendor.settings()["token"], "base_url": vendor_server[1]}
    async with connection(clock, None, **settings) as opened:
        findings = await opened.check()
    assert "3 groups, 1 custom fields" in [finding.message for finding in findings]
    assert [finding.message for finding in findings if finding.level == "warning"] == [
        "several groups have the same title: Clients; the oldest of each is used"
    ]


async def test_a_refused_token_is_said_by_the_same_path_as_a_real_call(
    vendor: CyberimpactSandbox, vendor_server: tuple[CyberimpactSandbox, str], clock: FakeClock
) -> None:
    async with connection(clock, None, base_url=vendor_server[1]) as opened:
        with pytest.raises(AuthError):
            await opened.check()


async def test_no_address_token_or_claim_is_in_errors_of_failing_calls(
    vendor: CyberimpactSandbox,
    vendor_server: tuple[CyberimpactSandbox, str],
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="connectors")
    caplog.set_level(logging.DEBUG, logger="syncengine")
    token = vendor.settings()["token"]
    vendor.faults.add(Fault(kind="status", status=500, body="lea.roy@example.test", path="/members/", times=99))
    async with connection(clock, None, token=token, base_url=vendor_server[1]) as opened:
        with pytest.raises(Exception, match="status 500") as raised:
            await contacts_of(opened).standing(["lea.roy@example.test"], frozenset())
    text = f"{raised.value!r} {raised.value}"
    said = " ".join(
        record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))
    )
    for secret in ("lea.roy", token, token.split(".")[1], "Robin", "ops@"):
        assert secret not in text
        assert secret not in said


def test_settings_are_bounded_and_hide_the_token() -> None:
    settings = CyberimpactConnector.Settings(token=mint(), batch_deadline="20 minutes")  # type: ignore[arg-type]  # wrong on purpose, or read from text
    assert settings.batch_deadline == dt.timedelta(minutes=20)
    assert settings.batch_size == 500
    assert mint() not in repr(settings)
    with pytest.raises(ValidationError) as raised:
        CyberimpactConnector.Settings(token=mint(), batch_size=10_001, polling=3)  # type: ignore[call-arg,arg-type]  # wrong on purpose, or read from text
    assert {error["loc"][0] for error in raised.value.errors()} == {"batch_size", "polling"}
    assert mint() not in str(raised.value)


def test_contacts_keep_the_contract(clock: FakeClock) -> None:
    contacts: Destination = contacts_of(connection(clock, Scripted()))
    assert isinstance(contacts, Resumable)
    assert isinstance(contacts, Suppressing)
    assert isinstance(contacts, Standings)
    assert contacts.repeatable
    assert contacts.key_field in contacts.Fields.model_fields
