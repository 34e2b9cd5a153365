"""More actions at one moment than impact.com lists: all are seen, and not again and again.

LockingDate is a local midnight (impact.md section 2), so all that locks on one day locks at one moment; a list has ten
pages at most (section 3).
"""

import asyncio
import datetime as dt
import os
from contextlib import suppress

import httpx
import pytest
import stamina
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.impact import ImpactConnection
from connectors.impact.sandbox import ImpactSandbox
from syncengine.errors import ProviderError
from tests.clock import NOON, FakeClock
from tests.impact.conftest import connection
from tests.impact.ledger import Killed, Ledger
from tests.impact.provider import DAY
from tests.impact.wire import Wire

PAGE = 4
"""Rows of a page, so that ten pages are soon too few."""
TOO_MANY = 10 * PAGE + 1
HOUR = 3600
QUARTER = 900
IDLE = 3
"""Requests of a sync in which nothing is new: the campaigns, and one for each of the two passes."""
MIDNIGHT = dt.datetime(2026, 7, 15, 7, tzinfo=dt.UTC)
"""The next one in Los Angeles, where the account is."""
EXAMPLES = int(os.environ.get("IMPACT_EXAMPLES", "1000"))


@pytest.fixture(autouse=True)
def _small_pages(sandbox: ImpactSandbox) -> None:
    sandbox.switches.max_page_size, sandbox.switches.small_page_size = PAGE, "accept"


@pytest.fixture
def ledger() -> Ledger:
    """Without the sweep, which would find all that the others miss."""
    return Ledger(NOON - 60 * DAY, campaigns=["1000"], passes=["updated", "locked"])


def sell(sandbox: ImpactSandbox, count: int, *, one_event: bool = False) -> None:
    """So many actions that lock at midnight, tracked over twenty days; `one_event`: submitted later, sold at once."""
    for number in range(count):
        at = (NOON - DAY - number * 20 * DAY / count).replace(microsecond=0)
        event = NOON - 30 * DAY if one_event else at
        sandbox.book.create("1000", event=event, at=at).locking_date = MIDNIGHT


def states(ledger: Ledger) -> dict[str, str]:
    return {id: values["State"] for id, values in ledger.seen.items()}


# --- more than can be listed ---


async def test_more_than_a_list_has_that_lock_at_one_midnight_are_all_seen(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    sell(sandbox, TOO_MANY)
    await ledger.sync(source)
    clock.move(20 * HOUR)
    sandbox.book.approve_due()
    await ledger.sync(source)
    assert states(ledger) == dict.fromkeys(sandbox.book.actions, "APPROVED")


async def test_more_than_a_list_has_that_were_updated_within_a_minute_are_all_seen(
    sandbox: ImpactSandbox, source: ImpactConnection, ledger: Ledger
) -> None:
    sell(sandbox, TOO_MANY)
    for id in sandbox.book.actions:
        sandbox.book.modify(id, amount="1.00", at=NOON - DAY / 2)
    await ledger.sync(source)
    assert {id: row["Amount"] for id, row in ledger.seen.items()} == dict.fromkeys(sandbox.book.actions, "1.00")


async def test_a_read_of_too_many_that_dies_in_between_is_begun_again(
    sandbox: ImpactSandbox, wire: Wire, clock: FakeClock, ledger: Ledger
) -> None:
    sell(sandbox, TOO_MANY)
    for id in sandbox.book.actions:
        sandbox.book.modify(id, amount="1.00", at=NOON - DAY / 2)
    exactly = connection(clock, wire, **sandbox.settings(), overlap="0 seconds")
    for pages in range(30, 60):
        with suppress(Killed):
            await ledger.sync(exactly, pages=pages)
    assert {id: row["Amount"] for id, row in ledger.seen.items()} == dict.fromkeys(sandbox.book.actions, "1.00")


async def test_more_than_a_list_has_that_lock_at_one_midnight_and_were_sold_within_a_minute_fail_and_skip_nothing(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    sell(sandbox, TOO_MANY, one_event=True)
    await ledger.sync(source)
    clock.move(20 * HOUR)
    sandbox.book.approve_due()
    for _ in range(2):
        with pytest.raises(ProviderError, match="can't be read at") as caught:
            await ledger.sync(source)
        assert caught.value.code == "refused"
    sandbox.switches.max_page_size = 20_000
    await ledger.sync(source)
    assert states(ledger) == dict.fromkeys(sandbox.book.actions, "APPROVED")


@pytest.mark.parametrize(("ignored", "code"), [("ActionDate", "refused"), ("LockingDate", "ignored_filter")])
async def test_a_filter_that_is_ignored_beside_the_other_is_noticed(
    sandbox: ImpactSandbox, wire: Wire, clock: FakeClock, ledger: Ledger, ignored: str, code: str
) -> None:
    """The documents show each date alone; that both hold at once is read from their being filters."""

    class Ignoring(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            both = {"ActionDateStart", "LockingDateStart"} <= set(request.url.params)
            sandbox.switches.ignored_filters = frozenset({f"{ignored}Start", f"{ignored}End"} if both else ())
            return await wire.handle_async_request(request)

    sell(sandbox, TOO_MANY)
    for days in (3, 4):
        sandbox.book.create("1000", at=NOON - days * DAY, locking_days=90)
    source = connection(clock, Ignoring(), **sandbox.settings())
    await ledger.sync(source)
    clock.move(20 * HOUR)
    with pytest.raises(ProviderError) as caught:
        await ledger.sync(source)
    assert caught.value.code == code


# --- what it costs ---


@pytest.mark.parametrize("count", [PAGE + 1, 10 * PAGE, TOO_MANY])
async def test_a_crowd_at_one_midnight_is_read_twice_whatever_the_number_of_syncs(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock, ledger: Ledger, count: int
) -> None:
    sell(sandbox, count)
    await ledger.sync(source)
    clock.move((MIDNIGHT - clock.now()).total_seconds() - 5 * QUARTER - 60)
    asked: list[int] = []
    while clock.now() < MIDNIGHT + dt.timedelta(hours=26):
        if MIDNIGHT + dt.timedelta(hours=8) < clock.now():
            sandbox.book.approve_due()
        clock.move(QUARTER)
        wire.requests.clear()
        await ledger.sync(source)
        asked.append(len(wire.requests))
    busy = [requests for requests in asked if requests > IDLE]
    assert len(busy) == 2
    assert max(busy) <= IDLE + most_requests(count)
    assert states(ledger) == dict.fromkeys(sandbox.book.actions, "APPROVED")


def most_requests(count: int) -> int:
    """docs/impact.md: to find its minute, and its days, and twice its pages."""
    return 60 + 2 * -(-count // PAGE)


async def test_an_approval_of_a_crowd_is_seen_when_its_time_to_settle_is_over(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    sell(sandbox, PAGE + 1)
    clock.move((MIDNIGHT - clock.now()).total_seconds() + HOUR)
    await ledger.sync(source)
    sandbox.book.approve_due()
    clock.move(12 * HOUR - 1)
    await ledger.sync(source)
    assert set(states(ledger).values()) == {"PENDING"}
    clock.move(1)
    await ledger.sync(source)
    assert set(states(ledger).values()) == {"APPROVED"}


async def test_a_crowd_that_had_time_to_settle_holds_nothing_up(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    sell(sandbox, PAGE + 1)
    late = sandbox.book.create("1000", at=NOON - DAY)
    late.locking_date = MIDNIGHT + DAY
    await ledger.sync(source)
    clock.move((MIDNIGHT - clock.now()).total_seconds() + 13 * HOUR)
    await ledger.sync(source)
    clock.move(11 * HOUR + QUARTER)
    await ledger.sync(source)
    sandbox.book.approve_due()
    clock.move(QUARTER)
    await ledger.sync(source)
    assert states(ledger)[late.id] == "APPROVED"


async def test_a_second_look_that_dies_is_taken_again(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    sell(sandbox, TOO_MANY)
    clock.move((MIDNIGHT - clock.now()).total_seconds() + HOUR)
    await ledger.sync(source)
    sandbox.book.approve_due()
    clock.move(12 * HOUR)
    with pytest.raises(Killed):
        await ledger.sync(source, pages=6)
    await ledger.sync(source)
    assert set(states(ledger).values()) == {"APPROVED"}


# --- whatever happens ---

# (days until it locks, hours from then to its approval)
crowds = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 11)), min_size=1, max_size=24)
pauses = st.lists(st.sampled_from([QUARTER, QUARTER, HOUR, 7 * HOUR, 12 * HOUR, 26 * HOUR]), min_size=1, max_size=12)


def check(crowds: list[tuple[int, int]], pauses: list[int], page: int) -> None:
    with stamina.set_testing(True, attempts=1):
        asyncio.run(_follow(crowds, pauses, page))


@settings(max_examples=40, deadline=None)
@given(crowds, pauses, st.integers(1, 4))
def test_every_approval_by_date_is_seen_by_the_pass_over_locking_dates_alone(
    crowds: list[tuple[int, int]], pauses: list[int], page: int
) -> None:
    check(crowds, pauses, page)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None)
@given(crowds, pauses, st.integers(1, 4))
def test_every_approval_by_date_is_seen_by_that_pass_alone_in_a_thousand_histories(
    crowds: list[tuple[int, int]], pauses: list[int], page: int
) -> None:
    check(crowds, pauses, page)


async def _follow(crowds: list[tuple[int, int]], pauses: list[int], page: int) -> None:
    clock = FakeClock()
    sandbox = ImpactSandbox(now=clock.now)
    sandbox.switches.max_page_size, sandbox.switches.small_page_size = page, "accept"
    sandbox.book.add_campaign("1000", "Northern Outfitters")
    approvals: dict[str, dt.datetime] = {}
    for number, (days, hours) in enumerate(crowds):
        action = sandbox.book.create("1000", at=NOON - DAY - number * dt.timedelta(minutes=7), locking_days=days + 1)
        assert action.locking_date is not None
        approvals[action.id] = action.locking_date + dt.timedelta(hours=hours)
    ledger = Ledger(NOON - 60 * DAY, campaigns=["1000"], passes=["updated", "locked"])
    source = connection(clock, Wire(sandbox), **sandbox.settings())
    await ledger.sync(source)
    for pause in [*pauses, 8 * 24 * HOUR, 12 * HOUR]:
        clock.move(pause)
        for id in [id for id, at in approvals.items() if at <= clock.now()]:
            sandbox.book.approve(id)
            del approvals[id]
        await ledger.sync(source)
    assert states(ledger) == dict.fromkeys(sandbox.book.actions, "APPROVED")
