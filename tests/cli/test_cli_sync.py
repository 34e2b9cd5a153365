"""`sync`: its report, its exit codes, and how it is stopped."""

import json
import signal
import time

import pytest

from syncengine.cli.progress import describe_progress
from syncengine.clock import SystemClock
from syncengine.engine.report import Progress
from syncengine.sandbox.kit import Fault
from syncengine.state.locks import Locks
from tests.cli.shop import SINCE, Shop
from tests.forking import Process

SECONDS = 30.0


@pytest.fixture
def sold(shop: Shop) -> Shop:
    """Three customers; the directory has a good address of two of them."""
    shop.knows("C1", "ana@example.com")
    shop.knows("C2", "bea@example.com")
    shop.knows("C3", "no-address")
    for customer in ("C1", "C2", "C3"):
        shop.sells(customer)
    return shop


def test_the_report_has_both_sums_and_the_code_says_that_something_was_rejected(sold: Shop) -> None:
    ended = sold("sync")
    assert ended.code == 3
    assert "  records     3 read = 1 rejected + 2 drafted\n" in ended.out
    assert "  this run    2 delivered (2 created), in 1 request\n" in ended.out
    assert "  all runs    2 revisions = 2 delivered\n" in ended.out
    assert "1 reject: syncengine rejects list shows why." in ended.out
    assert ended.err == ""  # no progress where nobody watches
    assert set(sold.cyberimpact.contacts()) == {"ana@example.com", "bea@example.com"}


def test_a_second_sync_sends_no_write_and_is_done(sold: Shop) -> None:
    sold("sync")
    writes = sold.cyberimpact.writes()
    ended = sold("sync", "new-customers")
    assert (ended.code, sold.cyberimpact.writes()) == (0, writes)
    assert "nothing to deliver" in ended.out


def test_json_tells_the_same_to_programs(sold: Shop) -> None:
    told = json.loads(sold("--json", "sync").out)
    (mapping,), (destination,) = told["mappings"], told["destinations"]
    assert (mapping["mapping"], mapping["state"], mapping["failures"]) == ("new-customers", "done", [])
    assert (mapping["counts"]["read"], mapping["counts"]["rejected"]) == (3, 1)
    assert destination["revisions"]["delivered"] == destination["counts"]["created"] == 2
    assert told["requests"]["requests"] == sold.requests()
    assert told["stopped"] is False


def test_what_was_refused_and_tried_again_is_told(sold: Shop) -> None:
    sold.impact.faults.add(Fault(kind="status", status=429, headers={"Retry-After": "1"}, path="Actions"))
    ended = sold("sync")
    assert ended.code == 3
    assert "1 of them failed and were sent again or put off (status 429 1 times)." in ended.out


def test_a_used_up_quota_defers_the_run_and_says_until_when(sold: Shop) -> None:
    sold.impact.faults.add(Fault(kind="status", status=429, headers={"Retry-After": "1800"}, path="Actions"))
    ended = sold("sync")
    assert ended.code == 1
    assert "new-customers: deferred until 20" in ended.out
    assert "Deferred: new-customers, 1000/updated: " in ended.out
    assert "It can go on at 20" in ended.out
    assert "Error" not in ended.out
    assert "UTC" not in ended.out
    assert "Nothing is lost; the next run goes on from here." in ended.out


def test_wrong_credentials_are_one_clear_message(sold: Shop) -> None:
    config = sold.config.read_text(encoding="utf-8")
    sold.config.write_text(config.replace('auth_token = "', 'auth_token = "wrong'), encoding="utf-8")
    ended = sold("sync")
    assert ended.code == 1
    assert ended.out.count("the credentials are refused (401).") == 1
    assert "→ Check that they are complete" in ended.out
    assert not sold.cyberimpact.contacts()


def test_who_comes_second_is_told_who_holds_the_mapping_and_sends_nothing(sold: Shop) -> None:
    sold("plan")
    before = sold.requests()
    with Locks(sold.state, SystemClock()).hold("mapping new-customers"):
        ended = sold("sync")
    assert (ended.code, ended.out, sold.requests()) == (1, "", before)
    assert "mapping new-customers is being worked on by process" in ended.err


def test_a_signal_finishes_the_batch_in_hand_and_the_next_sync_goes_on(sold: Shop) -> None:
    with _interrupted(sold) as process:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=SECONDS)
    assert process.returncode in {0, 3}
    assert "Stopping: the batch in hand is finished first." in err
    assert "Stopped as asked. The same command goes on from here." in out
    assert not sold.cyberimpact.contacts()
    sold.impact.faults.clear()
    sold("sync")
    assert set(sold.cyberimpact.contacts()) == {"ana@example.com", "bea@example.com"}


def test_a_second_signal_stops_at_once_and_loses_nothing(sold: Shop) -> None:
    with _interrupted(sold, seconds=SECONDS * 10) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "Stopping" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in err
    runs = json.loads(sold("runs", "--json").out)
    assert [run["state"] for run in runs] == ["stopped"]
    sold.impact.faults.clear()
    sold("sync")
    assert set(sold.cyberimpact.contacts()) == {"ana@example.com", "bea@example.com"}


def _interrupted(shop: Shop, seconds: float = 2.0) -> Process:
    """A sync that is just waiting for impact.com's first page."""
    shop.impact.faults.add(Fault(kind="delay", seconds=seconds, path="Actions"))
    process = shop.run.start("sync")
    until = time.monotonic() + SECONDS
    while not any("Actions" in seen.path for seen in shop.impact.seen):
        assert time.monotonic() < until
        time.sleep(0.02)
    return process


def test_somebody_who_unsubscribed_meanwhile_is_left_alone(sold: Shop) -> None:
    sold("sync")
    before = len(sold.cyberimpact.mentions("ana@example.com"))
    sold.cyberimpact.admin.unsubscribe("ana@example.com")
    sold.sells("C1", ago=SINCE)
    ended = sold("sync")
    assert ended.code == 0
    assert "  this run    1 suppressed\n" in ended.out
    assert len(sold.cyberimpact.mentions("ana@example.com")) == before


def test_a_line_of_progress_says_what_how_much_and_what_is_left() -> None:
    from collections import Counter

    reading = Progress("new-customers", "campaign 1000, June", Counter(read=1200), 934)
    assert describe_progress(reading) == "new-customers: campaign 1000, June · 1,200 records read · 934 requests left"
    delivering = Progress("cyberimpact.contacts", "delivering", Counter(seen=7, delivered=6), None)
    assert describe_progress(delivering) == "cyberimpact.contacts: delivering · 7 contacts done, 6 delivered"
