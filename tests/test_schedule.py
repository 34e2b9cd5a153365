"""Schedules: what is understood, what is refused and why, and when the next run is."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given, settings
from hypothesis import strategies as st

from syncengine.schedule import Cron, Every, ScheduleError, parse_schedule

TORONTO = ZoneInfo("America/Toronto")


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("every 15 minutes", 900),
        ("Every  2 hours", 7200),
        ("every hour", 3600),
        ("every 90s", 90),
        ("every 1 hour 30 minutes", 5400),
        ("every second", 1),
    ],
)
def test_an_interval_is_read_as_people_write_it(text: str, seconds: float) -> None:
    schedule = parse_schedule(text)
    assert isinstance(schedule, Every)
    assert schedule.seconds == seconds
    assert schedule.next_after(utc("2026-06-01T00:00Z"), TORONTO) == utc("2026-06-01T00:00Z") + dt.timedelta(
        seconds=seconds
    )


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "SUN"])
def test_sunday_is_0_and_7_and_sun(sunday: str) -> None:
    schedule = parse_schedule(f"30 9 * * {sunday}")
    assert isinstance(schedule, Cron)
    assert schedule.weekdays == (0,)
    assert schedule.next_after(utc("2026-06-01T00:00Z"), TORONTO) == utc("2026-06-07T09:30-04:00")


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("1-5", (1, 2, 3, 4, 5)),
        ("mon-fri", (1, 2, 3, 4, 5)),
        ("5-7", (0, 5, 6)),
        ("fri-mon", (0, 1, 5, 6)),
        ("*/2", (0, 2, 4, 6)),
        ("sat,sun", (0, 6)),
        ("*", (0, 1, 2, 3, 4, 5, 6)),
    ],
)
def test_weekdays_are_counted_as_cron_counts_them(field: str, days: tuple[int, ...]) -> None:
    schedule = parse_schedule(f"0 0 * * {field}")
    assert isinstance(schedule, Cron)
    assert schedule.weekdays == days


def test_lists_ranges_steps_and_names_are_expanded() -> None:
    schedule = parse_schedule("*/20,5 8-10,23 1/10 jan,6-7 *")
    assert isinstance(schedule, Cron)
    assert (schedule.minutes, schedule.hours) == ((0, 5, 20, 40), (8, 9, 10, 23))
    assert (schedule.days, schedule.months) == ((1, 11, 21, 31), (1, 6, 7))


@pytest.mark.parametrize(
    ("text", "sentence", "hint"),
    [
        ("sometimes", '"sometimes" is no schedule.', '"every 15 minutes"'),
        ("", '"" is no schedule.', '"every 15 minutes"'),
        ("every now and then", "is no schedule", '"every 15 minutes"'),
        ("every 0 minutes", "too often", '"every 15 minutes"'),
        ("* * * *", "is no schedule", "minute, hour, day, month, weekday"),
        ("60 * * * *", '"60" is no minute (0 to 59).', "cron line"),
        ("* 24 * * *", '"24" is no hour (0 to 23).', "cron line"),
        ("* * 0 * *", '"0" is no day (1 to 31).', "cron line"),
        ("* * * 13 *", '"13" is no month (1 to 12).', "cron line"),
        ("* * * * 8", '"8" is no weekday (0 to 7).', "cron line"),
        ("* * * * dimanche", '"dimanche" is no weekday', "cron line"),
        ("*/0 * * * *", '"*/0" has a step of 0.', "cron line"),
        ("30-10 * * * *", '"30-10" runs backwards.', "cron line"),
        ("1;2 * * * *", "can't be read as minute", "cron line"),
        ("0 0 30 2 *", "is never due", "Check the day and the month."),
        ("0 0 1 * mon", "names days of the month and weekdays", "write * for the other"),
    ],
)
def test_what_is_no_schedule_is_refused_with_a_reason(text: str, sentence: str, hint: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse_schedule(text)
    assert sentence in caught.value.message
    assert hint in caught.value.hint


def test_29_february_is_found_years_ahead() -> None:
    schedule = parse_schedule("0 0 29 2 *")
    assert schedule.next_after(utc("2026-06-01T00:00Z"), TORONTO) == utc("2028-02-29T00:00-05:00")


def test_a_time_that_spring_skips_is_due_after_the_change() -> None:
    schedule = parse_schedule("30 2 * * *")
    assert schedule.next_after(utc("2026-03-07T12:00-05:00"), TORONTO) == utc("2026-03-08T03:30-04:00")
    assert schedule.next_after(utc("2026-03-08T03:30-04:00"), TORONTO) == utc("2026-03-09T02:30-04:00")


def test_every_quarter_of_an_hour_goes_on_through_the_hour_that_autumn_repeats() -> None:
    schedule = parse_schedule("*/15 * * * *")
    moment, due = utc("2026-11-01T00:50-04:00"), []
    for _ in range(9):
        moment = schedule.next_after(moment, TORONTO)
        due.append(moment)
    assert [later - earlier for earlier, later in pairwise(due)] == [dt.timedelta(minutes=15)] * 8


def fields(cron: Cron) -> dict[str, str]:
    """The arguments of APScheduler's trigger, which counts weekdays from Monday: so by name."""
    names = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
    return {
        "minute": ",".join(map(str, cron.minutes)),
        "hour": ",".join(map(str, cron.hours)),
        "day": ",".join(map(str, cron.days)),
        "month": ",".join(map(str, cron.months)),
        "day_of_week": ",".join(names[day] for day in cron.weekdays),
    }


@settings(max_examples=300, deadline=None)
@given(
    minute=st.sampled_from(["*", "*/7", "0", "59", "10-20/3"]),
    hour=st.sampled_from(["*", "0", "2", "*/5", "22,23"]),
    day=st.sampled_from(["*", "1", "29", "*/9"]),
    month=st.sampled_from(["*", "2", "jan-mar"]),
    weekday=st.sampled_from(["*", "0", "7", "mon-fri", "fri-sun"]),
    moment=st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2027, 1, 1), timezones=st.just(dt.UTC)).filter(  # noqa: DTZ001 - bounds
        lambda moment: moment.month not in (3, 11)  # they differ in the half hour after the clocks change; see above
    ),
)
def test_the_next_time_is_the_one_that_apscheduler_would_choose(
    minute: str, hour: str, day: str, month: str, weekday: str, moment: dt.datetime
) -> None:
    schedule = parse_schedule(f"{minute} {hour} {day if weekday == '*' else '*'} {month} {weekday}")
    assert isinstance(schedule, Cron)
    theirs = CronTrigger(timezone=TORONTO, **fields(schedule)).get_next_fire_time(
        None, moment + dt.timedelta(microseconds=1)
    )
    assert theirs is not None
    assert schedule.next_after(moment, TORONTO) == theirs.astimezone(dt.UTC)
