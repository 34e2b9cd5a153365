"""`status` and `runs`: what stands in the state, without asking anybody."""

import json
import sqlite3
from contextlib import closing

import pytest

from syncengine.clock import SystemClock
from syncengine.sandbox.kit import Fault
from syncengine.state.locks import Locks
from tests.cli.shop import Shop

ONE_CAMPAIGN = '[mappings.new-customers]\noptions = { campaigns = ["1000"] }'
REPORTS = (("status",), ("runs",), ("rejects", "list"), ("explain", "ana@example.com"))


@pytest.mark.parametrize("arguments", REPORTS, ids=" ".join)
def test_a_report_before_the_first_run_makes_no_state(shop: Shop, arguments: tuple[str, ...]) -> None:
    ended = shop(*arguments)
    assert ended.code == (1 if arguments[0] == "explain" else 0)
    assert ended.out
    assert not shop.state.exists()
    assert json.loads(shop(*arguments, "--json").out) is not None
    assert not shop.state.exists()


@pytest.mark.parametrize("arguments", REPORTS, ids=" ".join)
def test_a_report_asks_nobody(shop: Shop, arguments: tuple[str, ...]) -> None:
    shop.knows("C1", "ana@example.com")
    shop.sells("C1")
    shop("sync")
    before = shop.requests()
    assert shop(*arguments).code == 0
    assert shop.requests() == before


def test_status_says_no_run_yet(shop: Shop) -> None:
    assert "There was no run yet. Next: syncengine plan, then syncengine sync." in shop("status").out


def test_status_tells_how_fresh_what_is_left_out_and_both_sums(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    shop.knows("C2", "no-address")
    shop.knows("C4", "dan@example.com", opted_out="yes")
    for customer in ("C1", "C2", "C3", "C4"):
        shop.sells(customer)
    shop("sync")
    told = shop("status").out
    assert "  last run    done, manual, " in told
    assert "  fresh       3 partitions, the oldest read " in told
    assert "  records     1 in effect, 1 waiting, 1 rejected, 1 refused by the shop\n" in told
    assert "  waiting     since 20" in told
    assert "  rejects     1: syncengine rejects list --mapping new-customers\n" in told
    assert "(every 15 minutes), but no daemon is running: syncengine run\n" in told
    assert "  all runs    1 revision = 1 delivered\n" in told
    assert "  suppressed  1 the shop or a record says no\n" in told
    data = json.loads(shop("status", "--json").out)
    (mapping,), (destination,) = data["mappings"], data["destinations"]
    assert mapping["next"] > mapping["last_run"]["started_at"]
    assert mapping["fresh"] == min(partition["moved_at"] for partition in mapping["partitions"])
    assert destination["suppressions"] == {"refused": 1}


def test_status_names_the_partition_that_fails_and_why(shop: Shop) -> None:
    shop("sync")
    shop.impact.faults.add(Fault(kind="malformed", path="Actions", times=50))
    assert shop("sync").code == 1
    told = shop("status").out
    assert "  last run    failed, manual, " in told
    assert "; last good one 20" in told
    assert "  failing     1000/updated, since 20" in told
    assert "XML or HTML" in told


def test_status_counts_no_partition_that_the_configuration_does_not_read(shop: Shop) -> None:
    shop.impact.book.add_campaign("2000", "Southern Outfitters")
    shop("sync")
    shop.impact.faults.add(Fault(kind="malformed", path="Actions", query="CampaignId=2000", times=50))
    assert shop("sync").code == 1
    assert "  fresh       6 partitions, the oldest read " in shop("status").out
    assert "  failing     2000/updated, since 20" in shop("status").out
    text = shop.config.read_text()
    shop.config.write_text(text.replace("[mappings.new-customers]\n", f"{ONE_CAMPAIGN}\n", 1))
    shop("sync")
    told, (mapping,) = shop("status").out, json.loads(shop("status", "--json").out)["mappings"]
    assert "  fresh       3 partitions, the oldest read " in told
    assert "2000" not in told
    retired = {each["partition"] for each in mapping["partitions"] if each["retired_at"]}
    assert retired == {"2000/locked", "2000/open", "2000/updated"}
    assert mapping["fresh"] == min(each["moved_at"] for each in mapping["partitions"] if not each["retired_at"])


def test_status_tells_of_a_partition_that_was_never_read_beside_the_others(shop: Shop) -> None:
    shop.impact.book.add_campaign("2000", "Southern Outfitters")
    shop.impact.faults.add(Fault(kind="malformed", path="Actions", query="CampaignId=2000", times=50))
    shop("sync")
    told, (mapping,) = shop("status").out, json.loads(shop("status", "--json").out)["mappings"]
    never = [each["partition"] for each in mapping["partitions"] if not each["moved_at"]]
    assert {"2000/updated"} <= set(never) <= {"2000/locked", "2000/open", "2000/updated"}
    assert f"  fresh       6 partitions, {len(never)} never read, the oldest read " in told
    assert mapping["fresh"] is None


def test_runs_are_listed_the_newest_first(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    shop.sells("C1")
    shop("sync")
    shop("sync")
    lines = [line.split() for line in shop("runs").out.splitlines()]
    assert [line[:4] for line in lines[1:]] == [[number, "new-customers", "manual", "done"] for number in ("2", "1")]
    assert len(shop("runs", "new-customers", "--limit", "1").out.splitlines()) == 2
    newest, oldest = json.loads(shop("runs", "--json").out)
    assert (newest["counts"].get("read", 0), oldest["counts"]["targets_delivered"]) == (0, 1)
    assert shop("runs", "nobody").code == 2


def test_a_run_that_nobody_works_on_any_more_is_told_as_interrupted(shop: Shop) -> None:
    shop("sync")
    with closing(sqlite3.connect(shop.state)) as state, state:
        state.execute("UPDATE run SET state='running', ended_at=NULL")
    assert "  last run    interrupted, manual, " in shop("status").out
    assert [run["state"] for run in json.loads(shop("runs", "--json").out)] == ["interrupted"]
    with Locks(shop.state, SystemClock()).hold("mapping new-customers"):
        assert "  last run    running, manual, " in shop("status").out


def test_status_tells_a_comparison_that_died_as_interrupted(shop: Shop) -> None:
    shop("reconcile")
    with closing(sqlite3.connect(shop.state)) as state, state:
        state.execute("UPDATE run SET state='running', ended_at=NULL")
    assert "  reconciled  interrupted, " in shop("status").out
    with Locks(shop.state, SystemClock()).hold("destination cyberimpact.contacts"):
        assert "  reconciled  running, " in shop("status").out


def test_status_says_whether_the_daemon_is_running(shop: Shop) -> None:
    assert json.loads(shop("status", "--json").out)["daemon"] is False
    shop("sync")
    with Locks(shop.state, SystemClock()).hold("daemon"):
        assert "(every 15 minutes)\n" in shop("status").out
        assert json.loads(shop("status", "--json").out)["daemon"] is True
    assert json.loads(shop("status", "--json").out)["daemon"] is False
