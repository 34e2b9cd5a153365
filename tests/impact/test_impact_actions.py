"""Actions are read by "last updated", in windows that answer completely, and none is missed."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from syncengine.contracts import NOTHING_OPEN, Checkpoint, Page, Range
from syncengine.errors import ConfigError, ProviderError, StateError, Transient
from tests.clock import NOON, FakeClock
from tests.impact.conftest import Connect
from tests.impact.provider import DAY, FakeImpact
from tests.impact.reading import ids, last_checkpoint, pages

MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


async def test_all_campaigns_are_partitions_closed_ones_too(provider: FakeImpact, connect: Connect) -> None:
    provider.campaigns = [{"Id": "1000", "State": "ACTIVE"}, {"Id": 2000, "State": "CLOSED"}]
    stream = connect().streams["actions"]
    assert await stream.partitions(stream.Options()) == [
        *("1000/updated", "1000/locked", "1000/open"),
        *("2000/updated", "2000/locked", "2000/open"),
    ]


async def test_chosen_campaigns_are_partitions(provider: FakeImpact, connect: Connect) -> None:
    provider.campaigns = [{"Id": "5"}, {"Id": "6"}, {"Id": "7"}]
    stream = connect().streams["actions"]
    options = stream.Options(campaigns=["7", 5, "7"], passes=["updated"])
    assert await stream.partitions(options) == ["7/updated", "5/updated"]


async def test_passes_are_chosen_by_name_but_the_first_can_not_be_left_out(connect: Connect) -> None:
    stream = connect().streams["actions"]
    assert await stream.partitions(stream.Options(passes=["open", "updated"])) == ["1000/updated", "1000/open"]
    with pytest.raises(ValidationError, match="can't be left out"):
        stream.Options(passes=["locked"])
    with pytest.raises(ValidationError, match="'updated', 'locked' or 'open'"):
        stream.Options(passes=["all"])


async def test_a_campaign_that_the_account_does_not_have_is_no_empty_list(connect: Connect) -> None:
    stream = connect().streams["actions"]
    with pytest.raises(ConfigError, match=r"options\.campaigns: impact\.com has no campaign 999"):
        await stream.partitions(stream.Options(campaigns=["1000", "999"]))


async def test_chosen_campaigns_need_no_right_to_list_campaigns(provider: FakeImpact, connect: Connect) -> None:
    provider.may_list = False
    stream = connect().streams["actions"]
    assert await stream.partitions(stream.Options(campaigns=["7"], passes=["updated"])) == ["7/updated"]


async def test_windows_are_at_most_44_days_and_leave_no_gap(provider: FakeImpact, connect: Connect) -> None:
    await pages(connect(), Range(NOON - 200 * DAY))
    bounds = [(moment(start), moment(end)) for start, end in provider.windows]
    assert bounds[0][0] == NOON - 200 * DAY - HOUR
    assert bounds[-1][1] == NOON - 5 * MINUTE
    assert all(end - start <= 44 * DAY for start, end in bounds)
    assert all(end == start for (_, end), (start, _) in pairwise(bounds))


async def test_a_window_never_reaches_from_over_a_week_ago_to_now(provider: FakeImpact, connect: Connect) -> None:
    await pages(connect(), Range(NOON - 20 * DAY))
    cut = f"{NOON - 7 * DAY + HOUR:%Y-%m-%dT%H:%M:%SZ}"
    assert [end for _, end in provider.windows] == [cut, "2026-07-14T11:55:00Z"]


async def test_three_years_is_as_far_back_as_it_goes(provider: FakeImpact, connect: Connect) -> None:
    await pages(connect(), Range(NOON - 5000 * DAY))
    assert moment(provider.windows[0][0]) == NOON - 1094 * DAY


async def test_filters_are_utc_whatever_the_zone(provider: FakeImpact, connect: Connect) -> None:
    since = dt.datetime(2026, 7, 13, 20, 0, 0, 999_999, tzinfo=ZoneInfo("America/Toronto"))
    await pages(connect(overlap="0 seconds"), Range(since))
    assert provider.windows == [("2026-07-14T00:00:00Z", "2026-07-14T11:55:00Z")]


async def test_lag_and_overlap_are_settings(provider: FakeImpact, connect: Connect) -> None:
    await pages(connect(lag="10 minutes", overlap="2 days"), Range(NOON - DAY))
    assert provider.windows == [("2026-07-11T12:00:00Z", "2026-07-14T11:50:00Z")]


async def test_pages_say_what_they_are_about(provider: FakeImpact, connect: Connect) -> None:
    scopes = [page.scope for page in await pages(connect(), Range(moment("2026-06-02T10:00:00Z")))]
    assert scopes[0] == "campaign 1000, 2026-06-02 … 2026-07-07"


async def test_a_window_is_so_short_that_its_rows_fit_on_one_page(provider: FakeImpact, connect: Connect) -> None:
    """No row can move from one page to another where there is but one."""
    provider.page_size = 5
    for number in range(60):
        provider.add(str(number), NOON - 30 * DAY + number * HOUR)
    read = await pages(connect(), Range(NOON - 31 * DAY))
    assert len(ids(read)) == 60
    assert not [request for request in provider.requests if "Page" in request.url.params]
    assert all(page.checkpoint is not None for page in read)
    assert len(provider.requests) < 60


async def test_windows_stay_short_in_a_busy_season_and_grow_after_it(provider: FakeImpact, connect: Connect) -> None:
    """Each window that is cut costs a request in vain, so the ones after it begin as short as its parts."""
    provider.page_size = 20
    for number in range(400):
        provider.add(str(number), NOON - 300 * DAY + number * 12 * HOUR)
    assert len(ids(await pages(connect(), Range(NOON - 301 * DAY)))) == 400
    assert len(provider.requests) < 2 * 400 / 20, len(provider.requests)


async def test_only_the_last_page_of_a_window_moves_the_checkpoint(provider: FakeImpact, connect: Connect) -> None:
    """More than a page within a minute is read page by page; a list is newest first, so its first page is no place to
    go on from."""
    provider.page_size = 2
    for number in range(5):
        provider.add(str(number), NOON - DAY)
    read = [page for page in await pages(connect(), Range(NOON - 2 * DAY)) if page.records]
    assert [page.checkpoint is None for page in read] == [True, True, False]


async def test_when_nothing_happened_a_read_is_one_request_and_still_gives_a_checkpoint(
    provider: FakeImpact, connect: Connect, clock: FakeClock
) -> None:
    first = await pages(connect(), Range(NOON - DAY))
    clock.move(900)
    provider.requests.clear()
    (page,) = await pages(connect(), last_checkpoint(first))
    assert len(provider.requests) == 1
    assert provider.windows == [("2026-07-14T10:55:00Z", "2026-07-14T12:10:00Z")]
    assert page.checkpoint not in {None, last_checkpoint(first)}


async def test_a_window_of_no_length_gives_a_checkpoint_without_a_request(
    provider: FakeImpact, connect: Connect
) -> None:
    (page,) = await pages(connect(), Range(NOON + DAY))
    assert page.records == []
    assert page.checkpoint is not None
    assert provider.requests == []


async def test_a_checkpoint_never_moves_back(connect: Connect, clock: FakeClock) -> None:
    first = last_checkpoint(await pages(connect(), Range(NOON - DAY)))
    clock.move(-1800)
    assert last_checkpoint(await pages(connect(), first)) == first


async def test_a_later_change_is_handed_over_again(provider: FakeImpact, connect: Connect, clock: FakeClock) -> None:
    action = provider.add("1", NOON - DAY)
    first = await pages(connect(), Range(NOON - 2 * DAY))
    clock.move(2 * 86_400)
    action.updated = clock.now() - HOUR
    assert ids(first) == ids(await pages(connect(), last_checkpoint(first))) == {"1"}


async def test_an_action_that_shows_up_late_is_caught_by_the_overlap(
    provider: FakeImpact, connect: Connect, clock: FakeClock
) -> None:
    first = await pages(connect(), Range(NOON - DAY))
    provider.add("late", NOON - 50 * MINUTE)
    clock.move(300)
    assert ids(await pages(connect(), last_checkpoint(first))) == {"late"}


async def test_another_campaigns_checkpoint_is_its_own(provider: FakeImpact, connect: Connect) -> None:
    provider.add("1", NOON - DAY)
    provider.add("2", NOON - 2 * DAY, campaign="2000")
    assert ids(await pages(connect(), Range(NOON - 3 * DAY), partition="2000/updated")) == {"2"}


async def test_a_range_holds_what_is_dated_in_it_however_late_it_was_updated(
    provider: FakeImpact, connect: Connect
) -> None:
    since, until = NOON - 100 * DAY, NOON - 50 * DAY
    provider.add("before", since - MINUTE, updated=NOON - DAY)
    provider.add("first", since)
    provider.add("modified yesterday", since + DAY, updated=NOON - DAY)
    provider.add("last", until - MINUTE)
    provider.add("after", until)
    provider.add("now", NOON - HOUR)
    assert ids(await pages(connect(), Range(since, until))) == {"first", "modified yesterday", "last"}


async def test_an_interrupted_range_goes_on_as_that_range(provider: FakeImpact, connect: Connect) -> None:
    since, until = NOON - 100 * DAY, NOON - 50 * DAY
    provider.add("inside", since + 49 * DAY)
    provider.add("outside", NOON - 40 * DAY)
    read = await pages(connect(), Range(since, until))
    interrupted = read[0].checkpoint
    assert interrupted is not None
    assert ids(await pages(connect(), interrupted)) == {"inside"}


async def test_reading_on_from_a_start_hands_over_older_actions_that_change(
    provider: FakeImpact, connect: Connect, clock: FakeClock
) -> None:
    """One that came in by a resync may be reversed now; the engine leaves out those it never knew."""
    old = provider.add("old", NOON - 30 * DAY)
    first = await pages(connect(), Range(NOON - DAY))
    assert ids(first) == set()
    clock.move(86_400)
    old.updated = clock.now() - HOUR
    provider.add("new", clock.now() - HOUR)
    assert ids(await pages(connect(), last_checkpoint(first))) == {"new", "old"}


@pytest.mark.parametrize("text", ["", "{}", "null", "2026-07-14", '{"read":"2026-07-14T00:00:00"}', '{"read":7}'])
async def test_a_strange_checkpoint_is_refused(connect: Connect, text: str) -> None:
    with pytest.raises(StateError):
        await pages(connect(), Checkpoint(text))


# --- windows that can't be read as they are ---


async def test_a_window_of_more_than_ten_pages_is_halved_until_it_fits(provider: FakeImpact, connect: Connect) -> None:
    provider.page_size = 3
    for number in range(200):
        provider.add(str(number), NOON - 30 * DAY + number * HOUR)
    read = await pages(connect(), Range(NOON - 31 * DAY))
    assert ids(read) == {str(number) for number in range(200)}
    asked = [(moment(start), moment(end)) for start, end in provider.windows]
    assert min(end - start for start, end in asked) >= HOUR


async def test_a_stated_total_over_ten_pages_is_halved_too(provider: FakeImpact, connect: Connect) -> None:
    for number in range(40):
        provider.add(str(number), NOON - 30 * DAY + number * HOUR)
    provider.edit = lambda body: {**body, "@pagesize": "2"}
    assert len(ids(await pages(connect(), Range(NOON - 31 * DAY)))) == 40
    assert len(provider.windows) > 3


@pytest.mark.parametrize("status", [400, 402, 422])
async def test_a_window_that_stays_refused_fails_after_one_try_per_level(connect: Connect, status: int) -> None:
    asked: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status)

    with pytest.raises(ProviderError, match="campaign 1000") as caught:
        await pages(connect(httpx.MockTransport(refuse)), Range(NOON - 44 * DAY))
    assert caught.value.code == "refused"
    assert 20 < len(asked) < 40  # of each of two dates


async def test_what_was_read_before_a_failing_window_keeps_its_checkpoint(
    provider: FakeImpact, connect: Connect
) -> None:
    """Only the stretch that fails is read again."""
    edge = NOON - 60 * DAY

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400) if moment(request.url.params["EndDate"]) > edge else provider(request)

    stream = connect(httpx.MockTransport(answer)).streams["actions"]
    read: list[Page] = []

    async def read_all() -> None:
        async for page in stream.read("1000/updated", Range(NOON - 200 * DAY), fields=None, open=NOTHING_OPEN):
            read.append(page)

    with pytest.raises(ProviderError):
        await read_all()
    provider.requests.clear()
    await pages(connect(), last_checkpoint(read))
    first = moment(provider.windows[0][0])
    assert edge - HOUR - 2 * MINUTE < first <= edge - HOUR


async def test_a_server_in_trouble_is_not_taken_for_a_refused_window(provider: FakeImpact, connect: Connect) -> None:
    with pytest.raises(Transient):
        await pages(connect(httpx.MockTransport(lambda _: httpx.Response(504))), Range(NOON - DAY))


async def test_an_action_skipped_because_another_left_the_list_is_found_again(
    provider: FakeImpact, connect: Connect, clock: FakeClock
) -> None:
    """One of page 1 is updated while paging: the first of page 2 moves up to page 1, which was read already."""
    provider.page_size = 3
    for number in range(9):
        provider.add(str(number), NOON - 30 * DAY + number * DAY)
    left: list[str] = []

    def leave() -> None:
        if not left and len(provider.requests) == 1:
            event = provider.events[-1]
            event.updated = NOON - MINUTE  # inside the lag: not read by this run
            left.append(event.id)

    provider.moved = leave
    read = await pages(connect(), Range(NOON - 40 * DAY))
    assert left == ["8"]
    clock.move(600)
    later = await pages(connect(), last_checkpoint(read))
    assert ids(read) | ids(later) == {str(number) for number in range(9)}
    assert ids(read) >= {str(number) for number in range(8)}


async def test_no_action_is_skipped_where_one_leaves_the_list_and_another_shows_up_late(
    provider: FakeImpact, connect: Connect
) -> None:
    """The total stays the same, so that nothing but the rows tells of it: a page is no safe place to go on from."""
    provider.page_size = 3
    for number in range(9):
        provider.add(str(number), NOON - 30 * DAY + number * DAY)

    def move() -> None:
        if len(provider.requests) == 1:
            provider.events[-1].updated = NOON - MINUTE
            provider.add("late", NOON - 30 * DAY - MINUTE)

    provider.moved = move
    assert ids(await pages(connect(), Range(NOON - 40 * DAY))) >= {str(number) for number in range(8)}


async def test_a_list_that_keeps_changing_ends_in_an_error(provider: FakeImpact, connect: Connect) -> None:
    for number in range(6):
        provider.add(str(number), NOON - 2 * DAY)
    provider.page_size = 2
    provider.edit = lambda body: {**body, "@total": str(6 + int(body["@page"])) if body["Actions"] else "0"}
    with pytest.raises(ProviderError) as caught:
        await pages(connect(), Range(NOON - 3 * DAY))
    assert caught.value.code == "drifted"
    assert len(provider.requests) < 60


# --- filters that are ignored ---


async def test_rows_created_after_the_window_mean_an_ignored_filter(provider: FakeImpact, connect: Connect) -> None:
    provider.add("recent", NOON - DAY)
    provider.ignore_dates = True
    with pytest.raises(ProviderError) as caught:
        await pages(connect(), Range(NOON - 10 * DAY))
    assert caught.value.code == "ignored_filter"


async def test_an_ignored_filter_in_the_last_week_loses_nothing(provider: FakeImpact, connect: Connect) -> None:
    provider.add("recent", NOON - DAY)
    provider.ignore_dates = True
    assert ids(await pages(connect(), Range(NOON - 6 * DAY))) == {"recent"}


@pytest.mark.parametrize("other", ["2000", 2000, "", None])
async def test_rows_of_another_campaign_mean_an_ignored_filter(
    provider: FakeImpact, connect: Connect, other: object
) -> None:
    provider.add("1", NOON - DAY, others={"CampaignId": other})
    with pytest.raises(ProviderError) as caught:
        await pages(connect(), Range(NOON - 2 * DAY))
    assert caught.value.code == "ignored_filter"


# --- clocks ---


@pytest.mark.parametrize("change", ["2026-11-01T09:00:00Z", "2026-03-08T10:00:00Z"])
async def test_nothing_is_lost_or_refused_when_the_clocks_change(
    provider: FakeImpact, connect: Connect, clock: FakeClock, change: str
) -> None:
    """In autumn the local hour from 1 to 2 comes twice: as text, the later action is the earlier one."""
    at = moment(change)
    clock.move((at - clock.now()).total_seconds() - 3 * 3600)
    position: Checkpoint | Range = Range(clock.now())
    found: set[str] = set()
    for step in range(24):
        clock.move(900)
        provider.add(str(step), clock.now())
        read = await pages(connect(overlap="0 seconds"), position)
        position = last_checkpoint(read)
        found |= ids(read)
    clock.move(900)
    found |= ids(await pages(connect(overlap="0 seconds"), position))
    assert found == {str(step) for step in range(24)}


async def test_a_start_out_of_reach_is_said(provider: FakeImpact, connect: Connect) -> None:
    provider.add("1", NOON - DAY)
    with capture_logs() as lines:
        assert ids(await pages(connect(), Range(NOON - 1500 * DAY))) == {"1"}
    assert [line["event"] for line in lines] == ["impact.com answers three years back at most"]
