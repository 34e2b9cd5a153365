"""A run that a quota ends early is deferred: the report says until when and why, and it isn't done."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from click import unstyle

from syncengine.cli.report import exit_code, report_lines
from syncengine.engine.report import DeliveryReport, MappingReport, RunReport
from syncengine.errors import RateLimited
from syncengine.pacing import BACKGROUND, Limiter, Pace
from tests.clock import FakeClock

TORONTO = ZoneInfo("America/Toronto")


async def refused(*, background: bool) -> RateLimited:
    """What a limiter says once nothing more may leave."""
    limiter = Limiter("impact account", Pace(20, 3600), FakeClock())
    token = BACKGROUND.set(background)
    try:
        for _ in range(21):
            await limiter.take()
    except RateLimited as error:
        return error
    finally:
        BACKGROUND.reset(token)
    pytest.fail("nothing was refused")


@pytest.mark.parametrize(
    ("background", "code", "why"),
    [
        (False, "rate_limited", "the provider's quota is used up."),
        (True, "reserved", "the rest of the quota is kept for live work."),
    ],
)
async def test_reading_that_is_deferred_says_until_when_and_why(background: bool, code: str, why: str) -> None:
    error = await refused(background=background)
    report = RunReport([MappingReport("sales", "deferred", failures={"1000/updated": error})])
    told = [unstyle(line) for line in report_lines(report, TORONTO)]
    moment = f"{error.until.astimezone(TORONTO):%Y-%m-%d %H:%M}"
    assert error.code == code
    assert told[0] == f"sales: deferred until {moment}"
    assert f"Deferred: sales, 1000/updated: impact account: {why} It can go on at {moment}." in told
    assert "used up" not in "".join(told).replace(why, "")
    assert not any(line.startswith("Error") for line in told)
    assert exit_code(report) == 1


def test_delivering_that_is_deferred_says_until_when() -> None:
    until = dt.datetime(2026, 7, 14, 18, 5, tzinfo=dt.UTC)
    error = RateLimited("mail: asked to wait until 2026-07-14 18:05:00 UTC (status 429).", until=until)
    report = RunReport([MappingReport("sales", "deferred")], [DeliveryReport("mail.contacts", failure=error)])
    told = [unstyle(line) for line in report_lines(report, TORONTO)]
    assert told[0] == "sales: deferred until 2026-07-14 14:05"
    assert "Deferred: mail.contacts: mail: asked to wait (status 429). It can go on at 2026-07-14 14:05." in told
