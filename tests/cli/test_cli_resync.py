"""`resync`: days, or single records, are read again beside live work."""

import datetime as dt
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from syncengine.cli.app import app
from syncengine.cli.progress import Estimate, describe_progress
from syncengine.cli.resync import _look
from syncengine.clock import SystemClock
from syncengine.contracts import Checkpoint, Page, Record
from syncengine.engine.report import Headway, Progress
from syncengine.failpoints import DIED
from syncengine.state import runs
from syncengine.state.backfills import ask_backfill
from syncengine.state.locks import Locks, range_lock
from tests.cli.conftest import Program
from tests.cli.desk_setup import ENVIRON, known_desk
from tests.cli.shop import Shop
from tests.clock import NOON
from tests.engine.conftest import world
from tests.engine.world import World
from tests.forking import Process

__all__ = ["world"]  # a fixture

DAY = dt.timedelta(days=1)
RANGE = range_lock("new-customers")
DIES = "from syncengine.failpoints import arm; arm({!r}); from syncengine.cli import main; main()"
SECONDS = 30.0


def days_ago(days: int) -> str:
    return (dt.datetime.now(dt.UTC) - days * DAY).date().isoformat()


def resync(shop: Shop, *arguments: str) -> Any:
    """The report of a resync that goes well; a range begins nine days ago."""
    days = () if "--record" in arguments else ("--since", days_ago(9))
    ended = shop("resync", "new-customers", *days, *arguments, "--json")
    assert ended.code in {0, 3}, ended
    return json.loads(ended.out)


def counts(report: Any) -> dict[str, int]:
    (part,) = report["mappings"]
    told: dict[str, int] = part["counts"]
    return told


def rows(shop: Shop, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(shop.state) as state:
        found = state.execute(query).fetchall()
    state.close()
    return found


def checkpoints(shop: Shop) -> list[tuple[object, ...]]:
    return rows(shop, "SELECT partition, position FROM checkpoint")


def open_ranges(shop: Shop) -> int:
    ((number,),) = rows(shop, "SELECT count(*) FROM backfill WHERE done_at IS NULL")
    assert isinstance(number, int)
    return number


@pytest.fixture
def sold(shop: Shop) -> Shop:
    """Three customers bought, 40, 20 and 10 days ago, and are contacts; then the directory learns their last names."""
    for number, days in enumerate((40, 20, 10)):
        shop.knows(f"C{number}", f"jo.{number}@example.com", first_name="Jo")
        shop.sells(f"C{number}", ago=days * DAY)
    config = shop.config.read_text(encoding="utf-8")
    shop.config.write_text(config.replace("use = ", "set_once = []\nuse = "), encoding="utf-8")
    assert shop("sync").code == 0
    for number in range(3):
        shop.knows(f"C{number}", f"jo.{number}@example.com", last_name="Doe")
    directory = shop.config.with_name("customers.csv")
    os.utime(directory, (directory.stat().st_atime, directory.stat().st_mtime - 60))  # a file just written may wait
    return shop


def named(shop: Shop) -> set[str]:
    return {email for email, known in shop.cyberimpact.contacts().items() if known.fields.get("lastname")}


def action(shop: Shop, customer: str) -> str:
    return next(id_ for id_, row in shop.impact.book.actions.items() if row.customer_id == customer)


# --- days ---


def test_a_change_in_the_directory_reaches_the_old_records_of_the_range(sold: Shop) -> None:
    before = checkpoints(sold)
    ended = sold("resync", "new-customers", "--since", days_ago(25), "--until", days_ago(15), "--force")
    assert ended.code == 0, ended
    assert "1 delivered" in ended.out
    assert ended.err == ""  # no progress where nobody watches
    assert named(sold) == {"jo.1@example.com"}
    assert checkpoints(sold) == before
    assert open_ranges(sold) == 0


def test_a_dry_run_shows_what_the_range_would_do_and_writes_nothing(sold: Shop) -> None:
    before, writes = rows(sold, "SELECT count(*) FROM run"), sold.cyberimpact.writes()
    ended = sold("resync", "new-customers", "--since", days_ago(25), "--until", days_ago(15), "--force", "--dry-run")
    assert ended.code == 0, ended
    assert "jo.1@example.com" in ended.out
    assert "jo.0@example.com" not in ended.out
    assert "If this were read again now: 1 changed." in ended.out
    assert "Next: the same command without --dry-run" in ended.out
    assert (rows(sold, "SELECT count(*) FROM run"), sold.cyberimpact.writes(), open_ranges(sold)) == (before, writes, 0)


def test_without_force_what_has_not_changed_is_repeated_and_the_run_is_one_of_its_own(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    bought = shop.sells("C1", ago=5 * DAY)
    shop("sync")
    told = counts(resync(shop))
    assert told["read"] == told["repeated"] >= 1
    assert json.loads(shop("runs", "--json").out)[0]["kind"] == "resync"
    day = shop.impact.book.actions[bought].event_date.astimezone(ZoneInfo("America/Toronto")).date().isoformat()
    ended = shop("resync", "new-customers", "--since", day, "--until", day, "--json")
    assert counts(json.loads(ended.out))["read"] >= 1  # the last day is part of the range


def test_a_range_that_was_killed_goes_on_where_it_stood(sold: Shop) -> None:
    days = ("--since", days_ago(60), "--force")
    killed = sold.run.start("resync", "new-customers", *days, code=DIES.format("after commit_page:1")).ended()
    assert killed.code == DIED
    assert open_ranges(sold) == 1
    assert json.loads(sold("runs", "--json").out)[0]["state"] == "interrupted"
    ended = sold("resync", "new-customers", *days)
    assert ended.code == 0, ended
    assert "Going on with the range from 20" in ended.err
    assert (open_ranges(sold), len(named(sold))) == (0, 3)
    assert rows(sold, "SELECT count(*) FROM backfill") == [(1,)]


def test_a_range_that_the_quota_ends_says_who_goes_on(sold: Shop) -> None:
    from syncengine.sandbox.kit import Fault

    sold.impact.faults.add(Fault(kind="status", status=429, headers={"Retry-After": "1800"}, path="Actions"))
    ended = sold("resync", "new-customers", "--since", days_ago(25))
    assert ended.code == 1
    assert "new-customers, read again: deferred until 20" in ended.out
    assert "The range isn't through: the next sync, run or resync of it goes on from here." in ended.out
    assert open_ranges(sold) == 1


# --- beside others ---


def test_live_work_that_holds_the_mapping_does_not_turn_a_range_away(sold: Shop) -> None:
    with Locks(sold.state, SystemClock()).hold("mapping new-customers"):
        process = sold.run.start("resync", "new-customers", "--since", days_ago(25))
        until = time.monotonic() + SECONDS
        while not open_ranges(sold):
            assert time.monotonic() < until
            time.sleep(0.02)
    ended = process.ended()
    assert (ended.code, open_ranges(sold)) == (0, 0)


def test_a_range_is_noted_for_who_reads_ranges_of_the_mapping_already(sold: Shop) -> None:
    with Locks(sold.state, SystemClock()).hold(RANGE):
        ended = sold("resync", "new-customers", "--since", days_ago(9), "--no-wait")
    assert ended.code == 0
    assert f"{RANGE} is being worked on by process" in ended.out
    assert "The range is noted: that process reads it" in ended.out
    assert "1 range to be read again" in sold("status").out
    assert "new-customers: done\n" in (told := sold("sync").out)
    assert "new-customers, read again: done\n" in told
    assert "to be read again" not in sold("status").out


def waiting(shop: Shop) -> Process:
    """A resync that has said that another process is at it."""
    process = shop.run.start("resync", "new-customers", "--since", days_ago(25), "--force")
    assert process.stderr is not None
    assert "The range is noted" in process.stderr.readline()
    return process


def test_it_waits_until_the_other_process_is_through(sold: Shop) -> None:
    with Locks(sold.state, SystemClock()).hold(RANGE), waiting(sold) as process:
        with sqlite3.connect(sold.state) as state:
            state.execute("UPDATE backfill SET done_at=created_at")
        state.close()
        out, _ = process.communicate(timeout=SECONDS)
    assert (process.returncode, out) == (0, "The range has been read. Next: syncengine runs\n")


def test_it_takes_the_range_over_from_a_process_that_is_gone(sold: Shop) -> None:
    with Locks(sold.state, SystemClock()).hold(RANGE):
        process = waiting(sold)
    with process:
        out, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert "2 delivered" in out
    assert (open_ranges(sold), len(named(sold))) == (0, 2)


# --- single records ---


def test_single_records_are_read_again_and_unknown_ones_are_named(sold: Shop) -> None:
    before = checkpoints(sold)
    known = action(sold, "C2")
    ended = sold("resync", "new-customers", "--record", known, "--record", "1000.1.1", "--force")
    assert ended.code == 3, ended
    assert "  unknown     the provider has no 1000.1.1 that the mapping's options let through\n" in ended.out
    assert named(sold) == {"jo.2@example.com"}
    assert checkpoints(sold) == before
    assert open_ranges(sold) == 0


def test_a_record_that_was_never_seen_may_be_asked_for(shop: Shop) -> None:
    shop("sync")
    shop.knows("C1", "ana@example.com")
    bought = shop.sells("C1", ago=500 * DAY)
    planned = shop("resync", "new-customers", "--record", bought, "--dry-run")
    assert "If this were read again now: 1 created." in planned.out
    assert not shop.cyberimpact.contacts()
    report = resync(shop, "--record", bought)
    assert counts(report)["drafted"] == 1
    assert set(shop.cyberimpact.contacts()) == {"ana@example.com"}


# --- usage, and what is shown ---


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, run: Program) -> Iterator[Path]:
    """The configuration of a help desk, for commands in this process."""
    monkeypatch.setenv("DESK_TOKEN", ENVIRON["DESK_TOKEN"])
    monkeypatch.chdir(run.folder)
    for _ in known_desk(monkeypatch):
        yield run.configure()


def refused(config: Path, *arguments: str) -> str:
    ended = CliRunner().invoke(app, ["--config", str(config), "resync", *arguments])
    assert ended.exit_code == 2, ended.output
    return " ".join(ended.output.replace("│", " ").split())


def test_a_stream_without_single_records_says_so_at_once(desk: Path) -> None:
    said = refused(desk, "letters", "--record", "1")
    assert "desk.tickets can't be asked for single records; read days again, with --since." in said


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--since", "June"), 'Write a day, such as "2026-06-01".'),
        (("--since", days_ago(3), "--until", days_ago(4)), "It must not be before --since."),
        (("--since", days_ago(-3)), "It must not be in the future."),
        ((), "Give the first day, or single records with --record."),
        (("--until", days_ago(3)), "Give the first day, or single records with --record."),
        (("--record", "1", "--since", days_ago(3)), "Give days or records, not both."),
    ],
)
def test_what_makes_no_sense_is_a_fault_of_usage(desk: Path, arguments: tuple[str, ...], fault: str) -> None:
    assert fault in refused(desk, "letters", *arguments)
    assert [path.name for path in desk.parent.iterdir()] == [desk.name]


def test_a_mapping_that_there_is_not_is_a_fault_of_usage(desk: Path) -> None:
    assert "There is no such mapping." in refused(desk, "nobody", "--since", days_ago(3))


def test_a_line_of_progress_says_how_much_of_a_range_is_done_and_how_long_it_takes() -> None:
    from collections import Counter

    headway = Headway(NOON - 100 * DAY, NOON, 2)
    headway.end_partition()
    headway.move(Page([Record("1", NOON - 50 * DAY, {})], Checkpoint("5")))
    progress = Progress("new-customers", "June", Counter(read=1200), None, headway)
    assert describe_progress(progress) == "new-customers: June · 1,200 records read · 1 window, about 75%"
    told = describe_progress(progress, dt.timedelta(minutes=12))
    assert told == "new-customers: June · 1,200 records read · 1 window, about 75%, 12 minutes to go"


def test_the_time_left_is_that_of_the_pace_since_somebody_watches() -> None:
    seconds = iter((100.0, 110.0, 120.0))
    estimate = Estimate(lambda: next(seconds))
    assert estimate.left(0.5) is None  # it may have been half through before
    assert estimate.left(0.5) is None
    assert estimate.left(0.6) == dt.timedelta(seconds=80)


async def test_a_range_that_waits_for_live_work_shows_no_counts_of_an_earlier_one(world: World) -> None:
    store, now, seen = world.store, world.clock.now(), list[Progress]()
    asked = store.write_now(ask_backfill, "sales", now - DAY, now, False, now)
    earlier = store.write_now(runs.start_run, "sales", "resync", now)
    store.write_now(runs.end_run, earlier, "done", {"read": 900}, None, now)
    opened: Any = SimpleNamespace(store=store)
    await _look(opened, "sales", asked, seen.append)
    own = store.write_now(runs.start_run, "sales", "resync", now)
    store.write_now(runs.keep_counts, own, {"read": 3})
    await _look(opened, "sales", asked, seen.append)
    assert [progress.counts for progress in seen] == [{}, {"read": 3}]
