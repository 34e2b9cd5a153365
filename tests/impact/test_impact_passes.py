"""Three passes see everything that happens to an action, and cost next to nothing while nothing does."""

import datetime as dt
import math
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from connectors.impact import ImpactConnection
from connectors.impact.sandbox import Action, ImpactSandbox
from syncengine.contracts import NOTHING_OPEN, Checkpoint, Page, Range
from syncengine.errors import AuthError, ProviderError, StateError, Transient
from tests.clock import NOON, FakeClock
from tests.impact.conftest import connection
from tests.impact.ledger import Killed, Ledger
from tests.impact.provider import DAY
from tests.impact.reading import ids, pages
from tests.impact.wire import Wire

HOUR = 3600
ONE_DAY = 86_400


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(NOON - 200 * DAY, campaigns=["1000"])


def states(ledger: Ledger) -> dict[str, str]:
    return {id: values["State"] for id, values in ledger.seen.items()}


def create(sandbox: ImpactSandbox, days_ago: float, *, locking_days: int | None = None) -> Action:
    """An action of campaign 1000, as old as that; it locks when a person says so, unless said otherwise."""
    at = (sandbox.now() - days_ago * DAY).replace(microsecond=0)
    return sandbox.book.create("1000", event=at, at=at, locking_days=locking_days)


# --- what each pass is for ---


async def test_an_approval_by_date_is_seen_by_the_pass_over_locking_dates(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock
) -> None:
    ledger = Ledger(NOON - 20 * DAY, campaigns=["1000"], passes=["updated", "locked"])
    action = create(sandbox, 10, locking_days=14)
    await ledger.sync(source)
    clock.move(4 * ONE_DAY)
    sandbox.book.approve_due()
    await ledger.sync(source)
    assert states(ledger) == {action.id: "APPROVED"}


async def test_an_approval_that_takes_hours_after_its_date_is_seen(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock
) -> None:
    ledger = Ledger(NOON - 20 * DAY, campaigns=["1000"], passes=["updated", "locked"])
    action = create(sandbox, 10, locking_days=11)
    await ledger.sync(source)
    for _ in range(24 * 2):
        clock.move(HOUR / 2)
        await ledger.sync(source)  # its date comes, and it is read as still pending
        if action.locking_date and clock.now() > action.locking_date + dt.timedelta(hours=8):
            break
    assert states(ledger) == {action.id: "PENDING"}
    sandbox.book.approve_due()
    await ledger.sync(source)
    assert states(ledger) == {action.id: "APPROVED"}


@pytest.mark.parametrize("what_becomes_of_the_date", ["kept", "moved", "empty"])
@pytest.mark.parametrize("locking_days", [None, 60])
async def test_an_early_approval_is_seen_by_the_sweep_once_it_is_due(
    sandbox: ImpactSandbox,
    source: ImpactConnection,
    clock: FakeClock,
    ledger: Ledger,
    locking_days: int | None,
    what_becomes_of_the_date: str,
) -> None:
    action = create(sandbox, 10, locking_days=locking_days)
    await ledger.sync(source)
    clock.move(ONE_DAY)
    sandbox.switches.early_approval_date = what_becomes_of_the_date
    sandbox.book.approve(action.id)
    await ledger.sync(source)
    assert states(ledger) == {action.id: "APPROVED"}
    assert not ledger.watched("1000/open")


async def test_a_reset_that_is_no_update_is_seen_by_the_sweep(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    action = create(sandbox, 10, locking_days=60)
    sandbox.book.reverse(action.id)
    clock.move(HOUR)
    await ledger.sync(source)
    assert states(ledger) == {action.id: "REVERSED"}
    action.state, action.encoded = "PENDING", None
    sandbox.book.action_shelf("1000").touch()
    clock.move(ONE_DAY)
    await ledger.sync(source)
    assert states(ledger) == {action.id: "PENDING"}


@pytest.mark.parametrize(
    ("days_ago", "locking_days", "watched"), [(10, 60, True), (10, 5, False), (10, None, True), (50, None, False)]
)
async def test_a_reversed_action_is_watched_until_it_locks(
    sandbox: ImpactSandbox,
    source: ImpactConnection,
    ledger: Ledger,
    days_ago: float,
    locking_days: int | None,
    watched: bool,
) -> None:
    """One without a date: for 44 days, so that it never costs a window of its own."""
    action = create(sandbox, days_ago, locking_days=locking_days)
    sandbox.book.reverse(action.id, at=action.creation_date + DAY)
    await ledger.sync(source)
    assert (action.id in ledger.watched("1000/open")) is watched


async def test_a_state_that_nobody_knows_is_watched_until_it_locks(
    sandbox: ImpactSandbox, source: ImpactConnection, ledger: Ledger
) -> None:
    create(sandbox, 10, locking_days=60).state = "ON_HOLD"
    create(sandbox, 10, locking_days=5).state = "ON_HOLD"
    await ledger.sync(source)
    assert sorted(ledger.watched("1000/open")) == ["1000.4636.200001"]


async def test_a_test_action_comes_as_reversed_like_any_other(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    """Its State is all that a mapping needs: `where` leaves it out, or `retract` takes back what came of it."""
    before = create(sandbox, 10)
    await ledger.sync(source)
    never_seen_pending = create(sandbox, 0)
    for action in (before, never_seen_pending):
        sandbox.book.reverse(action.id, reason="TEST_ACTION")
    clock.move(HOUR)
    await ledger.sync(source)
    assert [(id, values["State"]) for id, values in ledger.versions] == [
        (before.id, "PENDING"),
        (never_seen_pending.id, "REVERSED"),
        (before.id, "REVERSED"),
    ]


# --- what it costs ---


@pytest.mark.parametrize("ages", [[0.5], [3, 43], [1, 44], [1, 50, 51, 100, 160], [10, 199]])
async def test_idle_a_campaign_costs_two_requests_and_one_per_window_of_open_actions(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock, ledger: Ledger, ages: list[float]
) -> None:
    for age in ages:
        create(sandbox, age)
        create(sandbox, age)
        sandbox.book.approve(create(sandbox, age).id)
    sandbox.book.reverse(create(sandbox, 20).id, at=NOON - 19 * DAY)
    await ledger.sync(source)
    for _ in range(3):
        clock.move(ONE_DAY + HOUR)
        wire.requests.clear()
        await ledger.sync(source)
        oldest = ledger.watched("1000/open")
        age = max(clock.now() - moment for moment in oldest.values())
        assert wire.count("1000") <= 2 + math.ceil(age / dt.timedelta(days=44))
        assert not ledger.versions[len(ledger.seen) :]


async def test_while_the_sweep_is_not_due_a_campaign_costs_two_requests(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock, ledger: Ledger
) -> None:
    create(sandbox, 100)
    create(sandbox, 3)
    await ledger.sync(source)
    for _ in range(5):
        clock.move(900)
        wire.requests.clear()
        await ledger.sync(source)
        assert wire.asked() == ["Campaigns", "Actions StartDate", "Actions LockingDateStart"]


async def test_the_sweep_has_its_own_rhythm(
    sandbox: ImpactSandbox, wire: Wire, clock: FakeClock, ledger: Ledger
) -> None:
    often = connection(clock, wire, **sandbox.settings(), sweep_every="2 hours")
    create(sandbox, 100)
    for _ in range(9):
        await ledger.sync(often)
        clock.move(HOUR)
    assert len([asked for asked in wire.asked() if asked.startswith("Actions/")]) == 4


async def test_a_window_without_open_actions_is_never_asked_for(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock, ledger: Ledger
) -> None:
    for age in (190, 190, 2, 2):
        create(sandbox, age)
    await ledger.sync(source)
    clock.move(ONE_DAY)
    wire.requests.clear()
    await ledger.sync(source)
    swept = [request.url.params for request in wire.requests if "ActionDateStart" in request.url.params]
    assert [params["ActionDateStart"][:10] for params in swept] == ["2026-01-05", "2026-06-30"]
    assert "State" in swept[0]  # of an old window only what is open is asked for
    assert "State" not in swept[1]


async def test_few_vanished_actions_are_asked_for_by_id_and_many_by_their_window(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock, ledger: Ledger
) -> None:
    made = [create(sandbox, 120 - number) for number in range(20)]
    await ledger.sync(source)
    for approved, shown in ((made[:5], ["Actions/"] * 5), (made[5:15], ["Actions"])):
        for action in approved:
            sandbox.book.approve(action.id)
        clock.move(ONE_DAY)
        wire.requests.clear()
        await ledger.sync(source)
        asked = wire.asked()[3:]
        assert asked[0] == "Actions State+ActionDateStart"
        assert [each[: len(form)] for each, form in zip(asked[1:], shown, strict=True)] == shown
        assert all(states(ledger)[action.id] == "APPROVED" for action in approved)


async def test_more_actions_than_a_page_holds_are_swept_in_shorter_windows(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    sandbox.switches.max_page_size, sandbox.switches.small_page_size = 4, "accept"
    made = [create(sandbox, 150 - number * 3) for number in range(50)]
    await ledger.sync(source)
    for action in made[::2]:
        sandbox.book.approve(action.id)
    clock.move(ONE_DAY)
    await ledger.sync(source)
    assert states(ledger) == {action.id: action.state for action in made}


# --- what can go wrong ---


async def test_a_sweep_that_dies_goes_on_where_it_was(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock, ledger: Ledger
) -> None:
    made = [create(sandbox, age) for age in (190, 189, 100, 99, 5, 4)]
    await ledger.sync(source)
    for action in made:
        sandbox.book.approve(action.id)
    clock.move(ONE_DAY)
    with pytest.raises(Killed):
        await ledger.sync(source, pages=8)
    assert sorted(states(ledger).values()) == ["APPROVED"] * 2 + ["PENDING"] * 4
    wire.requests.clear()
    await ledger.sync(source)
    swept = [request.url.params for request in wire.requests if "ActionDateStart" in request.url.params]
    assert all(params["ActionDateStart"] > "2026-01-06" for params in swept)
    assert set(states(ledger).values()) == {"APPROVED"}


async def test_a_sweep_that_was_interrupted_counts_from_its_beginning(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    made = [create(sandbox, age) for age in (190, 100, 5)]
    await ledger.sync(source)
    clock.move(ONE_DAY)
    with pytest.raises(Killed):
        await ledger.sync(source, pages=8)
    for action in made:
        sandbox.book.approve(action.id)  # also what the sweep has passed already
    clock.move(ONE_DAY)
    await ledger.sync(source)
    assert sorted(states(ledger).values()) == ["APPROVED"] * 2 + ["PENDING"]
    await ledger.sync(source)
    assert set(states(ledger).values()) == {"APPROVED"}


async def test_an_action_that_is_gone_is_asked_for_twice(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock, ledger: Ledger
) -> None:
    """No record can be made of it; nothing becomes of it any more, and it stays as it was."""
    gone = create(sandbox, 100)
    await ledger.sync(source)
    sandbox.book.remove(gone.id)
    told = []
    for _ in range(4):
        clock.move(ONE_DAY)
        with capture_logs() as lines:
            await ledger.sync(source)
        told.append([line["event"] for line in lines if line.get("record") == gone.id])
    assert told == [
        ["what is open is not known at impact.com; asked again"],
        ["what was open is gone at impact.com"],
        [],
        [],
    ]
    assert wire.asked().count(f"Actions/{gone.id}") == 2


def refuse(wire: Wire, refused: Callable[[httpx.Request], bool], status: int = 403) -> httpx.AsyncBaseTransport:
    class Refusing(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(status) if refused(request) else await wire.handle_async_request(request)

    return Refusing()


@pytest.mark.parametrize("age", [5, 100])
async def test_a_token_that_may_read_lists_only_misses_nothing(
    sandbox: ImpactSandbox, wire: Wire, clock: FakeClock, ledger: Ledger, age: float
) -> None:
    lists = connection(clock, refuse(wire, lambda request: "/Actions/" in request.url.path), **sandbox.settings())
    made = [create(sandbox, age), create(sandbox, age + 50), create(sandbox, age + 51)]
    await ledger.sync(lists)
    for action in made[:2]:
        sandbox.book.approve(action.id)
    clock.move(ONE_DAY)
    await ledger.sync(lists)
    assert states(ledger) == {action.id: action.state for action in made}


class Untrue:
    """A connection of which the sweep's lists are empty and single reads refused, as long as `status` says."""

    def __init__(self, clock: FakeClock, sandbox: ImpactSandbox, wire: Wire) -> None:
        self.lists_are_empty = False
        self.status: int | None = None
        self.refused: set[str] = set()
        self._wire = wire
        self.source = connection(clock, httpx.MockTransport(self._answer), **sandbox.settings())

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.lists_are_empty and "ActionDateStart" in request.url.params:
            return httpx.Response(200, content=b"null")
        id = request.url.path.rpartition("/")[2]
        if self.status and "/Actions/" in request.url.path and (id in self.refused or not self.refused):
            return httpx.Response(self.status)
        return await self._wire.handle_async_request(request)


@pytest.fixture
def untrue(clock: FakeClock, sandbox: ImpactSandbox, wire: Wire) -> Untrue:
    return Untrue(clock, sandbox, wire)


def warnings(lines: Sequence[MutableMapping[str, Any]]) -> list[str]:
    return [line["event"] for line in lines if line["log_level"] == "warning"]


LEFT = "some of what is open could not be read and stays open"


@pytest.mark.parametrize("status", [None, 403])
@pytest.mark.parametrize("age", [5, 120])
async def test_lists_that_are_empty_once_finish_nothing(
    sandbox: ImpactSandbox, untrue: Untrue, clock: FakeClock, ledger: Ledger, age: float, status: int | None
) -> None:
    """Nothing but a 404 of a single read says that an action is gone."""
    made = [create(sandbox, age + number / 24) for number in range(8)]
    await ledger.sync(untrue.source)
    untrue.lists_are_empty, untrue.status = True, status
    clock.move(ONE_DAY)
    with capture_logs() as lines:
        await ledger.sync(untrue.source)
    assert warnings(lines) == ([LEFT] if status else [])
    untrue.lists_are_empty, untrue.status = False, None
    for action in made:
        sandbox.book.approve(action.id)
    clock.move(ONE_DAY)
    await ledger.sync(untrue.source)
    assert states(ledger) == {action.id: "APPROVED" for action in made}


async def test_what_no_list_shows_is_asked_for_by_id_twenty_a_sweep_and_others_the_next_time(
    sandbox: ImpactSandbox, untrue: Untrue, wire: Wire, clock: FakeClock, ledger: Ledger
) -> None:
    for number in range(50):
        create(sandbox, 120 + number / 24)
    await ledger.sync(untrue.source)
    untrue.lists_are_empty = True
    asked = []
    for _ in range(2):
        clock.move(ONE_DAY)
        wire.requests.clear()
        with capture_logs() as lines:
            await ledger.sync(untrue.source)
        asked.append({each for each in wire.asked() if each.startswith("Actions/")})
        assert [line["records"] for line in lines if line["event"] == LEFT] == [30]
    assert [len(each) for each in asked] == [20, 20]
    assert asked[0] != asked[1]


async def test_a_404_that_passes_finishes_nothing(
    sandbox: ImpactSandbox, untrue: Untrue, clock: FakeClock, ledger: Ledger
) -> None:
    action = create(sandbox, 100)
    await ledger.sync(untrue.source)
    untrue.status = 404
    clock.move(ONE_DAY)
    await ledger.sync(untrue.source)
    untrue.status = None
    sandbox.book.approve(action.id)
    clock.move(ONE_DAY)
    await ledger.sync(untrue.source)
    assert states(ledger) == {action.id: "APPROVED"}
    assert "missed" not in ledger.checkpoints["1000/open"]


@pytest.mark.parametrize("listed", [False, True])
async def test_what_is_found_again_has_to_be_missed_twice_anew(
    sandbox: ImpactSandbox, untrue: Untrue, clock: FakeClock, ledger: Ledger, listed: bool
) -> None:
    action = create(sandbox, 100)
    await ledger.sync(untrue.source)

    async def sweep(status: int | None) -> None:
        untrue.status = status
        clock.move(ONE_DAY)
        await ledger.sync(untrue.source)

    await sweep(404)
    assert "missed" in ledger.checkpoints["1000/open"]
    if listed:  # two in one window are asked for by a list
        other = sandbox.book.create("1000", event=action.event_date)
        await sweep(None)
        sandbox.book.approve(other.id)
    await sweep(None)
    await sweep(404)
    assert "gone" not in ledger.checkpoints["1000/open"]


async def test_a_sweep_that_comes_often_asks_again_a_day_later_only(
    sandbox: ImpactSandbox, wire: Wire, clock: FakeClock, ledger: Ledger
) -> None:
    often = connection(clock, wire, **sandbox.settings(), sweep_every="1 hour")
    gone = create(sandbox, 100)
    await ledger.sync(often)
    sandbox.book.remove(gone.id)
    asked = []
    for hour in range(48):
        clock.move(HOUR)
        wire.requests.clear()
        await ledger.sync(often)
        asked += [hour] * wire.asked().count(f"Actions/{gone.id}")
    assert asked == [0, 20]


async def test_a_clock_that_was_set_back_puts_off_no_second_look(
    sandbox: ImpactSandbox, wire: Wire, clock: FakeClock, ledger: Ledger
) -> None:
    often = connection(clock, wire, **sandbox.settings(), sweep_every="1 hour")
    gone = create(sandbox, 100)
    clock.move(400 * ONE_DAY)
    await ledger.sync(often)
    sandbox.book.remove(gone.id)
    clock.move(HOUR)
    await ledger.sync(often)
    clock.move(-300 * ONE_DAY)
    await ledger.sync(often)
    assert wire.asked().count(f"Actions/{gone.id}") == 2


async def test_an_action_that_was_gone_and_is_listed_again_is_watched_again(
    sandbox: ImpactSandbox, untrue: Untrue, clock: FakeClock, ledger: Ledger
) -> None:
    back, other = create(sandbox, 120), create(sandbox, 119)
    third = create(sandbox, 118)
    await ledger.sync(untrue.source)
    untrue.lists_are_empty, untrue.status, untrue.refused = True, 404, {back.id}
    for _ in range(2):
        clock.move(ONE_DAY)
        await ledger.sync(untrue.source)
    assert f'"gone":["{back.id}"]' in ledger.checkpoints["1000/open"]
    untrue.lists_are_empty, untrue.status = False, None
    clock.move(ONE_DAY)
    await ledger.sync(untrue.source)
    assert back.id not in ledger.checkpoints["1000/open"]
    for action in (back, other, third):
        sandbox.book.approve(action.id)
    clock.move(ONE_DAY)
    await ledger.sync(untrue.source)
    assert set(states(ledger).values()) == {"APPROVED"}


@pytest.mark.parametrize("age", [100, 1200])
async def test_one_action_that_cannot_be_read_alone_holds_back_no_other(
    sandbox: ImpactSandbox, untrue: Untrue, clock: FakeClock, ledger: Ledger, age: int
) -> None:
    """In the reach of the lists its window is listed instead; beyond it, it stays open."""
    bad, others = create(sandbox, 160), [create(sandbox, 159), create(sandbox, 5)]
    await ledger.sync(untrue.source)
    clock.move((age - 100) * ONE_DAY)
    untrue.status, untrue.refused = 400, {bad.id}
    for action in (bad, *others):
        sandbox.book.approve(action.id)
    clock.move(ONE_DAY)
    with capture_logs() as lines:
        await ledger.sync(untrue.source)
    in_reach = age == 100
    assert states(ledger) == {bad.id: "APPROVED" if in_reach else "PENDING"} | {each.id: "APPROVED" for each in others}
    assert warnings(lines)[-2:] == (["can't be read by its id", LEFT] if not in_reach else ["can't be read by its id"])
    assert (bad.id in ledger.watched("1000/open")) is not in_reach


async def test_an_open_action_beyond_the_reach_of_the_lists_is_asked_for_by_id(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    action = create(sandbox, 190)
    await ledger.sync(source)
    clock.move(1000 * ONE_DAY)
    sandbox.book.approve(action.id)
    await ledger.sync(source)
    assert states(ledger) == {action.id: "APPROVED"}


@pytest.mark.parametrize("gateway", ["once", "wide"])
async def test_a_gateway_that_gives_up_on_locking_dates_gets_shorter_windows(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, gateway: str
) -> None:
    ledger = Ledger(NOON - 20 * DAY, campaigns=["1000"], passes=["updated", "locked"])
    made = [create(sandbox, 10, locking_days=days) for days in range(15, 60, 5)]
    await ledger.sync(source)
    clock.move(60 * ONE_DAY)
    sandbox.book.approve_due()
    sandbox.switches.locking_504 = gateway
    await ledger.sync(source)
    assert states(ledger) == dict.fromkeys((action.id for action in made), "APPROVED")


async def test_a_gateway_that_always_gives_up_fails_and_skips_nothing(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    await ledger.sync(source)
    before = dict(ledger.checkpoints)
    clock.move(2 * HOUR)
    sandbox.switches.locking_504 = "always"
    asked, began = len(sandbox.seen), clock.now()
    with pytest.raises(Transient):
        await ledger.sync(source)
    assert ledger.checkpoints["1000/locked"] == before["1000/locked"]
    assert len(sandbox.seen) - asked < 40  # two tries of each length, down to the shortest
    assert clock.now() - began < dt.timedelta(seconds=10)  # nobody waits longer and longer for each


@pytest.mark.parametrize("ignored", [{"LockingDateStart", "LockingDateEnd"}, {"ActionDateStart", "ActionDateEnd"}])
async def test_a_date_filter_that_is_ignored_is_noticed(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger, ignored: set[str]
) -> None:
    for age in (60, 61):
        create(sandbox, age, locking_days=500)
    await ledger.sync(source)
    clock.move(30 * ONE_DAY)
    sandbox.book.create("1000", event=clock.now() - 2 * DAY, at=clock.now() - DAY, locking_days=900)
    sandbox.switches.ignored_filters = frozenset(ignored)
    with pytest.raises(ProviderError) as caught:
        await ledger.sync(source)
    assert caught.value.code == "ignored_filter"


async def test_a_range_is_the_business_of_the_first_pass(source: ImpactConnection, wire: Wire) -> None:
    """What a range holds it hands over in its present state: the others would only read it again."""
    past = Range(NOON - 100 * DAY, NOON - 50 * DAY)
    for partition in ("1000/locked", "1000/open"):
        (page,) = await pages(source, past, partition=partition)
        assert page.records == []
        assert page.checkpoint is not None
    assert wire.requests == []


async def test_a_clock_that_was_set_back_does_not_stop_the_sweep(
    sandbox: ImpactSandbox, source: ImpactConnection, clock: FakeClock, ledger: Ledger
) -> None:
    action = create(sandbox, 50)
    clock.move(400 * ONE_DAY)
    await ledger.sync(source)
    clock.move(-399 * ONE_DAY)
    sandbox.book.approve(action.id)
    await ledger.sync(source)
    assert states(ledger) == {action.id: "APPROVED"}


@pytest.mark.parametrize("text", ["", "{}", '{"swept":"2026-07-14T00:00:00"}', '{"read":"2026-07-14T00:00:00Z"}'])
async def test_a_strange_checkpoint_of_the_sweep_is_refused(source: ImpactConnection, text: str) -> None:
    with pytest.raises(StateError):
        await pages(source, Checkpoint(text), partition="1000/open")


# --- single actions ---


async def fetch(source: ImpactConnection, *wanted: str, **options: object) -> list[Page]:
    stream = source.streams["actions"]
    chosen = stream.Options.model_validate(options)
    return [page async for page in stream.fetch(wanted, chosen, fields=frozenset({"Id", "State", "Amount"}))]  # type: ignore[attr-defined]  # not every stream can


@pytest.mark.parametrize("alone", ["bare", "wrapped"])
@pytest.mark.parametrize("scalars", ["strings", "schema"])
async def test_a_single_action_is_the_record_that_the_list_gives(
    sandbox: ImpactSandbox, source: ImpactConnection, alone: str, scalars: str
) -> None:
    sandbox.switches.single_object, sandbox.switches.scalars = alone, scalars
    action = create(sandbox, 3)
    listed = await pages(source, Range(NOON - 5 * DAY), fields={"Id", "State", "Amount"})
    (page,) = await fetch(source, action.id)
    assert page.records == [record for each in listed for record in each.records]
    assert page.records[0].watch == "1000/open"
    assert page.checkpoint is None


async def test_an_unknown_action_and_one_of_another_campaign_are_in_no_page(
    sandbox: ImpactSandbox, source: ImpactConnection
) -> None:
    mine, other = create(sandbox, 3), sandbox.book.create("2000")
    assert ids(await fetch(source, mine.id, "1000.1.1", other.id, campaigns=["1000"])) == {mine.id}
    assert ids(await fetch(source, mine.id, other.id)) == {mine.id, other.id}


async def test_an_id_with_a_slash_asks_for_nothing_else(source: ImpactConnection, wire: Wire) -> None:
    assert await fetch(source, "../Campaigns?x=1") == []
    assert wire.requests[0].url.raw_path.endswith(b"/Actions/..%2FCampaigns%3Fx%3D1")


async def test_an_id_that_is_refused_is_unknown_and_holds_back_no_other(sandbox: ImpactSandbox, untrue: Untrue) -> None:
    mine = create(sandbox, 3)
    untrue.status, untrue.refused = 400, {"no-id"}
    assert ids(await fetch(untrue.source, "no-id", mine.id)) == {mine.id}


@pytest.mark.parametrize(("status", "error"), [(403, AuthError), (405, ProviderError)])
async def test_other_trouble_with_single_actions_is_raised(
    sandbox: ImpactSandbox, untrue: Untrue, status: int, error: type[Exception]
) -> None:
    untrue.status = status
    with pytest.raises(error):
        await fetch(untrue.source, create(sandbox, 3).id)


async def test_nothing_is_watched_without_an_engine(source: ImpactConnection) -> None:
    stream = source.streams["actions"]
    read = stream.read("1000/open", Checkpoint('{"swept":"2020-01-01T00:00:00Z"}'), fields=None, open=NOTHING_OPEN)
    assert [list(page.records) async for page in read] == [[]]
