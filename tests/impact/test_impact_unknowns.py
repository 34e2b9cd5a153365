"""Whatever the unknowns of impact.md section 11 turn out to be: everything is read, or it fails loudly."""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connectors.impact import ImpactConnection
from connectors.impact.sandbox import ImpactSandbox, query
from syncengine.contracts import Checkpoint, Range
from syncengine.errors import AuthError, ProviderError, RateLimited
from syncengine.sandbox.kit import Fault, Server
from tests.clock import NOON, FakeClock
from tests.impact.conftest import connection
from tests.impact.provider import DAY
from tests.impact.reading import ids, last_checkpoint, pages

START = NOON - 120 * DAY
COUNT = 90


@pytest.fixture
def sandbox(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> ImpactSandbox:
    """Four months of orders, in pages of four: several windows, most of them over ten pages."""
    monkeypatch.setattr(query, "MAX_PAGE_SIZE", 4)
    monkeypatch.setattr(query, "MIN_PAGE_SIZE", 1)
    made = ImpactSandbox(now=clock.now)
    made.book.add_campaign("1000", "Northern Outfitters")
    for number in range(COUNT):
        made.book.create("1000", at=START + number * DAY * 1.3 + dt.timedelta(hours=1), oid=f"{number:04}")
    return made


@pytest.fixture
async def source(clock: FakeClock, sandbox: ImpactSandbox) -> AsyncIterator[ImpactConnection]:
    with Server(sandbox.app) as server:
        async with connection(clock, None, base_url=server.url, **sandbox.settings()) as made:
            yield made


SURVIVED: list[dict[str, Any]] = [
    {},
    {"format_without_accept": "json"},
    {"scalars": "schema"},
    {"empty_list": "absent"},
    {"empty_list": "null"},
    {"rule_status": 402, "error_body": "empty"},
    {"rule_status": 400, "error_body": "xml"},
    {"bad_filter": "error"},
    {"window_ends": "exclusive"},
    {"next_uri": "repeats_once"},
    {"next_uri": "self_loop"},
    {"next_uri": "cycle"},
    {"next_uri": "drops_json"},
    {"page_drift": "leave"},
    {"edge_rows_twice": True},
    {"latency": 1800.0},
    {"timezone": "Australia/Lord_Howe"},
    {"rate_headers": "partner", "rate_reset": "epoch"},
    {"rate_headers": "both"},
    {"rate_headers": "none"},
]


@pytest.mark.parametrize("switches", SURVIVED, ids=str)
async def test_everything_is_read_in_its_latest_version(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, switches: dict[str, Any]
) -> None:
    for name, value in switches.items():
        setattr(sandbox.switches, name, value)
    seen: dict[str, str | None] = {}
    position: Checkpoint | Range = Range(START)
    for step in range(3):
        read = await pages(source, position, fields={"Oid", "State"})
        position = last_checkpoint(read)
        seen.update({record.id: record.values["State"] for page in read for record in page.records})
        sandbox.switches.page_drift = "off"
        clock.move(3600)
        if step == 0:
            changed = list(sandbox.book.actions)[::25]  # as many as a page holds: they are updated in one second
            for action in changed:
                sandbox.book.reverse(action)
    assert seen == {action.id: action.state for action in sandbox.book.actions.values()}
    assert sum(state == "REVERSED" for state in seen.values()) == 4


FAILING: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"list_key": "absent"}, ProviderError, "incomplete"),
    ({"ignored_filters": ["StartDate", "EndDate"]}, ProviderError, "ignored_filter"),
    ({"ignored_filters": ["StartDate"]}, ProviderError, "refused"),
    ({"ignored_filters": ["CampaignId"]}, ProviderError, "refused"),
    ({"forbidden": ["Actions"]}, AuthError, "forbidden"),
    ({"rate_limit": 5, "rate_enforced": True}, RateLimited, "rate_limited"),
]


@pytest.mark.parametrize(("switches", "kind", "code"), FAILING, ids=str)
async def test_what_would_lose_actions_fails_loudly(
    sandbox: ImpactSandbox, source: ImpactConnection, switches: dict[str, Any], kind: type[Exception], code: str
) -> None:
    for name, value in switches.items():
        setattr(sandbox.switches, name, value)
    with pytest.raises(kind) as caught:
        await pages(source, Range(START))
    assert caught.value.code == code  # type: ignore[attr-defined]  # one of ours


FAULTS = [
    Fault(kind="drop_before", path="Actions", after=2, times=2),
    Fault(kind="drop_after", path="Actions", after=3, times=3),
    Fault(kind="truncate", path="Actions", after=1, times=2),
    Fault(kind="status", status=503, path="Actions", times=3),
    Fault(kind="status", status=429, headers={"Retry-After": "7"}, path="Actions", after=4, times=2),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.kind)
async def test_a_tired_provider_is_asked_again(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, fault: Fault
) -> None:
    sandbox.faults.add(fault)
    assert ids(await pages(source, Range(START))) == set(sandbox.book.actions)
    assert len(sandbox.faults.injected) == fault.times
    assert clock.slept == ([7, 7] if fault.status == 429 else [])


async def test_a_gateways_page_is_an_error_and_the_next_read_goes_on(
    sandbox: ImpactSandbox, source: ImpactConnection
) -> None:
    sandbox.faults.add(Fault(kind="malformed", path="Actions", after=1))
    with pytest.raises(ProviderError) as caught:
        await pages(source, Range(START))
    assert caught.value.code == "got_xml"
    assert ids(await pages(source, Range(START))) == set(sandbox.book.actions)


async def test_check_says_what_the_account_has(sandbox: ImpactSandbox, source: ImpactConnection) -> None:
    sandbox.book.add_campaign("2000", "Southern Outfitters", state="CLOSED")
    text = " ".join(finding.message for finding in await source.check())
    assert "2 campaigns (1 ACTIVE, 1 CLOSED)" in text
    assert "993 requests left" in text
