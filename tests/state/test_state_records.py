"""Records and pages: committed whole, in the order of readings, with a checkpoint that moves only forward with them."""

import datetime as dt
import sqlite3

import pytest
from sqlalchemy import Connection

from syncengine.errors import StateError
from syncengine.state import backfills, records, rejects, reports, runs, suppressions
from syncengine.state.records import Refusal
from syncengine.state.store import Store
from tests.clock import NOON
from tests.state.pages import MAIL, SALES, begin, commit, kept, page, part, pending, rows


def known(store: Store, *ids: str) -> dict[str, records.Known]:
    return store.read_now(records.known, SALES, ids)


def refusal(record: str = "1", key: str | None = None) -> Refusal:
    return Refusal(record, key, "invalid", "email", "is no address")


async def test_readings_are_numbered_without_end_or_repetition(store: Store, url: str) -> None:
    assert [await store.next_seq() for _ in range(3)] == [1, 2, 3]
    with Store.open(url, store.clock) as other:
        assert await other.next_seq() == 4


def test_what_is_known_of_a_record(store: Store) -> None:
    commit(store, kept(person="crm.customers:C1"))
    (record,) = known(store, "1", "2").values()
    assert record == records.Known("1", 1, "digest", "live", "jo@example.com", "crm.customers:C1", NOON, False, True)


def test_a_record_keeps_the_time_of_its_first_reading(store: Store) -> None:
    commit(store, kept())
    commit(store, kept(first_at=(NOON + dt.timedelta(days=1)).isoformat(), seq=2))
    assert known(store, "1")["1"].first_at == NOON


def test_a_record_is_anchored_once_its_address_was_written_to(store: Store) -> None:
    commit(store, kept(), kept("2", "lea@example.com"), kept("3", None, "waiting"))
    begin(store, part())
    assert {id: record.anchored for id, record in known(store, "1", "2", "3").items()} == {
        "1": True,
        "2": False,
        "3": False,
    }


def test_a_record_is_anchored_once_its_address_says_no(store: Store) -> None:
    commit(store, kept())
    commit(store, refused_by_shop={"jo@example.com"})
    assert known(store, "1")["1"].anchored


def test_what_was_read_again_moves_its_place_in_the_order(store: Store) -> None:
    commit(store, kept())
    commit(store, seen=[(9, "newer", "1")])
    record = known(store, "1")["1"]
    assert (record.seq, record.digest, record.state) == (9, "newer", "live")


def test_waiting_records_are_released_when_due_in_slices_by_id(store: Store) -> None:
    due = (NOON + dt.timedelta(hours=1)).isoformat()
    commit(
        store,
        *(kept(str(number), None, "waiting", due_at=NOON.isoformat()) for number in range(3)),
        kept("8", None, "waiting", due_at=due),
        kept("9", None, "rejected", due_at=NOON.isoformat()),
        kept("live"),
    )
    first = store.read_now(records.released, SALES, "", 2, NOON)
    assert [(waiting.id, waiting.values) for waiting in first] == [("0", {"Id": "0"}), ("1", {"Id": "1"})]
    assert [waiting.id for waiting in store.read_now(records.released, SALES, "1", 2, NOON)] == ["2"]
    later = store.read_now(records.released, SALES, "2", 2, NOON + dt.timedelta(hours=1))
    assert [waiting.id for waiting in later] == ["8"]


def test_a_record_has_one_reject_its_last(store: Store) -> None:
    commit(store, kept(key=None, state="rejected"), refusals=[refusal()])
    commit(store, kept(key=None, state="rejected"), refusals=[refusal()])
    assert [(reject.record, reject.field) for reject in store.read_now(rejects.rejects)] == [("1", "email")]


def test_a_record_that_goes_through_after_all_is_off_the_list(store: Store) -> None:
    commit(store, kept(key=None, state="rejected"), refusals=[refusal()])
    commit(store, kept())
    assert store.read_now(rejects.rejects) == []


def test_the_reject_of_a_newer_version_leaves_the_standing_draft(store: Store) -> None:
    commit(store, kept())
    commit(store, refusals=[refusal(key="jo@example.com")], seen=[(2, "newer", "1")])
    assert known(store, "1")["1"].state == "live"
    assert len(store.read_now(rejects.rejects)) == 1
    assert pending(store)["jo@example.com"].desired.groups == ("Customers",)


@pytest.mark.parametrize(
    ("stored", "then"),
    [("unsubscribed", "refused"), ("bounced", "refused"), ("deleted", "deleted"), ("forgotten", "forgotten")],
)
def test_the_shops_no_outlives_a_list_and_yields_to_a_command(store: Store, stored: str, then: str) -> None:
    store.write_now(
        lambda connection: connection.exec_driver_sql(
            "INSERT INTO suppression VALUES(?, 'jo@example.com', ?, ?, NULL)", (MAIL, stored, NOON.isoformat())
        )
    )
    commit(store, refused_by_shop={"jo@example.com"})
    assert store.read_now(suppressions.suppressed, MAIL, ["jo@example.com"]) == {"jo@example.com": then}


def test_a_checkpoint_is_committed_with_its_page_or_not_at_all(store: Store) -> None:
    commit(store, kept(), partition="one", checkpoint="5")
    assert store.read_now(records.checkpoints, SALES) == {"one": "5"}
    broken = kept("2")._replace(digest=None)  # type: ignore[arg-type]  # the table refuses it
    with pytest.raises(StateError):
        commit(store, kept("3"), broken, partition="one", checkpoint="9")
    assert store.read_now(records.checkpoints, SALES) == {"one": "5"}
    assert list(known(store, "1", "2", "3")) == ["1"]


def test_a_page_without_a_safe_place_to_stop_moves_nothing(store: Store) -> None:
    commit(store, kept(), partition="one")
    assert store.read_now(records.checkpoints, SALES) == {}


def test_why_a_partition_stands_still_is_noted_until_it_moves(store: Store) -> None:
    commit(store, partition="one", checkpoint="5")
    store.write_now(records.fail_partition, SALES, "one", "down", NOON)
    store.write_now(records.fail_partition, SALES, "two", "down", NOON)
    assert store.read_now(records.checkpoints, SALES) == {"one": "5"}
    commit(store, partition="one", checkpoint="6")
    query = "SELECT partition, position, error FROM checkpoint ORDER BY partition"
    assert rows(store, query) == [("one", "6", None), ("two", None, "down")]


def test_a_mapping_counts_from_its_first_run(store: Store) -> None:
    assert store.write_now(records.first_run, SALES, NOON) == NOON
    assert store.write_now(records.first_run, SALES, NOON + dt.timedelta(days=9)) == NOON


def test_records_are_counted_by_state(store: Store) -> None:
    commit(store, kept(), kept("2"), kept("3", None, "waiting"))
    assert store.read_now(records.states, SALES) == {"live": 2, "waiting": 1}


# --- ranges that are read again ---


DAY = dt.timedelta(days=1)


def ask(store: Store, since_days: int = 9) -> int:
    return store.write_now(backfills.ask_backfill, SALES, NOON - dt.timedelta(days=since_days), NOON, False, NOON)


def test_a_range_moves_on_without_the_live_checkpoint(store: Store) -> None:
    commit(store, partition="one", checkpoint="live")
    number = ask(store)
    commit(store, kept(), partition="one", checkpoint="range", backfill=number)
    (range_,) = store.read_now(backfills.open_backfills, SALES)
    assert range_.positions == {"one": "range"}
    assert store.read_now(records.checkpoints, SALES) == {"one": "live"}


def test_a_partition_that_is_through_is_not_read_again(store: Store) -> None:
    number = ask(store)
    store.write_now(backfills.move_backfill, number, "one", "7")
    store.write_now(backfills.end_partition, number, "one")
    store.write_now(backfills.move_backfill, number, "two", "3")
    (range_,) = store.read_now(backfills.open_backfills, SALES)
    assert (range_.positions, range_.done) == ({"two": "3"}, frozenset({"one"}))


def test_ranges_are_worked_off_oldest_first_until_they_are_through(store: Store) -> None:
    numbers = [ask(store, days) for days in (3, 9)]
    found = store.read_now(backfills.open_backfills, SALES)
    assert [each.id for each in found] == numbers
    assert (found[0].since, found[0].until) == (NOON - dt.timedelta(days=3), NOON)
    store.write_now(backfills.finish, numbers[0], NOON)
    assert [each.id for each in store.read_now(backfills.open_backfills, SALES)] == numbers[1:]
    assert store.read_now(backfills.open_backfills, "other") == []


def test_a_page_of_a_record_that_moved_away_folds_both_addresses(store: Store) -> None:
    commit(store, kept(person="crm:C1"))
    moved = page(kept(key="new@example.com", person="crm:C1"), former=[("crm:C1", "jo@example.com")])
    moved.touched.add("jo@example.com")
    assert store.write_now(records.commit_page, moved, NOON) == 2
    wanted = {key: target.desired.groups for key, target in pending(store).items()}
    assert wanted == {"jo@example.com": (), "new@example.com": ("Customers",)}


def test_a_range_that_is_asked_for_again_is_the_same_until_it_is_through(store: Store) -> None:
    def unfinished(until: dt.datetime | None, *, force: bool = False) -> int | None:
        found = store.read_now(backfills.unfinished_backfill, SALES, NOON - 9 * DAY, until, force)
        return found.id if found else None

    until_now, early = ask(store), store.write_now(
        backfills.ask_backfill, SALES, NOON - 9 * DAY, NOON - DAY, False, NOON
    )  # fmt: skip
    assert (unfinished(None), unfinished(NOON - DAY), unfinished(NOON - 2 * DAY)) == (until_now, early, None)
    assert unfinished(None, force=True) is None
    assert not store.read_now(backfills.is_done, until_now)
    store.write_now(backfills.finish, until_now, NOON)
    assert store.read_now(backfills.is_done, until_now)
    assert unfinished(None) is None


def test_a_run_that_never_ended_is_told_by_the_next_one_that_has_its_lock(store: Store) -> None:
    for kind in ("manual", "resync"):
        store.write_now(runs.start_run, SALES, kind, NOON, {"resync"})
    store.write_now(runs.start_run, SALES, "scheduled", NOON, runs.KINDS - {"resync"})
    assert [(run.kind, run.state) for run in store.read_now(runs.runs, SALES, 9)] == [
        ("scheduled", "running"), ("resync", "running"), ("manual", "failed"),
    ]  # fmt: skip


def test_since_when_a_record_is_in_its_state_and_when_it_was_taken_back(store: Store) -> None:
    told = []
    for day, state in enumerate(("live", "live", "retracted", "retracted", "live")):
        store.write_now(records.commit_page, page(kept(state=state)), NOON + day * DAY)
        (row,) = store.read_now(reports.explain, "1").records
        told.append(((row.since - NOON).days, row.retracted_at and (row.retracted_at - NOON).days))
    assert told == [(0, None), (0, None), (2, 2), (2, 2), (4, 2)]


def test_records_that_come_newest_first_leave_no_page_of_the_file_half_empty(store: Store) -> None:
    """Lists are newest first; rows put in backwards left the file of records 41 % full."""
    for window in range(8):
        ids = [f"{window:02}.{number:04}" for number in range(250)]
        commit(store, *[kept(id, None, "waiting", code="unknown", note="x" * 300) for id in reversed(ids)])
    ((pages, size),) = rows(store, "SELECT page_count, page_size FROM pragma_page_count(), pragma_page_size()")
    ((used,),) = rows(
        store,
        "SELECT sum(length(mapping || id || destination || partition || moment || digest || state || body || first_at"
        " || code || note || since)) FROM record",
    )
    assert pages * size < 2 * used  # with the indexes; put in backwards it is two and a half times as much


def test_to_find_what_waits_no_live_record_is_looked_at(store: Store) -> None:
    commit(store, *[kept(f"{number:05}", f"{number}@example.com") for number in range(3_000)])
    steps: list[int] = []

    def look(connection: Connection) -> None:
        driver = connection.connection.dbapi_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_progress_handler(lambda: steps.append(1), 1_000)
        assert records.released(connection, SALES, "", 100, NOON) == []
        driver.set_progress_handler(None, 0)

    store.read_now(look)
    assert steps == []
