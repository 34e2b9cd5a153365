"""What could not go through: looked at, tried again, or put aside."""

import datetime as dt

from syncengine.contracts import Settled
from syncengine.state import attempts, records, rejects, runs
from syncengine.state.records import Refusal
from syncengine.state.store import Store
from tests.clock import NOON
from tests.state.pages import MAIL, SALES, begin, commit, conclude, delivered, kept, members, part, pending, rows

LATER = NOON + dt.timedelta(hours=1)


def refused(store: Store, *ids: str) -> list[int]:
    refusals = [Refusal(id, None, "invalid", "email", "is no address") for id in ids]
    commit(store, *(kept(id, None, "rejected", code="invalid") for id in ids), refusals=refusals)
    return [reject.id for reject in store.read_now(rejects.rejects)][::-1]


def retry(store: Store, *ids: int) -> int:
    return store.write_now(rejects.retry, ids, LATER)


def test_rejects_are_listed_newest_first_with_the_records_values(store: Store) -> None:
    refused(store, "1", "2", "3")
    found = store.read_now(rejects.rejects, limit=2)
    assert [(reject.record, reject.values) for reject in found] == [("3", {"Id": "3"}), ("2", {"Id": "2"})]
    assert found[0].at == NOON


def test_rejects_of_one_mapping(store: Store) -> None:
    refused(store, "1")
    commit(store, kept("2"))
    conclude(store, "rejected", code="refused")
    assert [reject.record for reject in store.read_now(rejects.rejects, mapping=SALES)] == ["1"]
    assert store.read_now(rejects.rejects, mapping="other") == []


def test_a_retried_record_waits_for_the_next_run(store: Store) -> None:
    (number,) = refused(store, "1")
    assert retry(store, number) == 1
    (waiting,) = store.read_now(records.released, SALES, "", 10, LATER)
    assert (waiting.id, waiting.values) == ("1", {"Id": "1"})
    assert store.read_now(rejects.rejects) == []


def test_a_retried_reject_of_a_standing_draft_leaves_the_draft(store: Store) -> None:
    commit(store, kept())
    commit(store, seen=[(2, "newer", "1")], refusals=[Refusal("1", None, "invalid", None, "is no address")])
    (reject,) = store.read_now(rejects.rejects)
    assert reject.values is None
    retry(store, reject.id)
    assert rows(store, "SELECT state, digest FROM record") == [("live", "")]  # its next reading is no repetition


def test_a_retried_target_is_pending_again(store: Store) -> None:
    commit(store, kept())
    conclude(store, "rejected", code="refused")
    (reject,) = store.read_now(rejects.rejects)
    assert retry(store, reject.id) == 1
    assert list(pending(store)) == ["jo@example.com"]


def test_a_retried_target_that_was_deleted_by_somebody_begins_anew(store: Store) -> None:
    commit(store, kept())
    attempt = begin(store, part())
    store.write_now(attempts.settle, MAIL, attempt, Settled(confirmed=frozenset({"jo@example.com"})))
    conclude(store, "rejected", code="gone")
    (reject,) = store.read_now(rejects.rejects)
    retry(store, reject.id)
    assert members(store) == {}
    assert not delivered(store)[0].present
    assert list(pending(store)) == ["jo@example.com"]


def test_an_unknown_number_is_not_counted(store: Store) -> None:
    (number,) = refused(store, "1")
    assert retry(store, 99, number) == 1
    assert retry(store, number) == 0


def test_what_is_put_aside_is_listed_apart_and_can_still_be_retried(store: Store) -> None:
    (number,) = refused(store, "1")
    assert store.write_now(rejects.dismiss, [number, 99], NOON) == 1
    assert store.write_now(rejects.dismiss, [number], NOON) == 0
    assert store.read_now(rejects.rejects) == []
    (aside,) = store.read_now(rejects.rejects, dismissed=True)
    assert aside.dismissed_at == NOON
    assert [reject.id for reject in store.read_now(rejects.rejects, id=number)] == [number]
    assert retry(store, number) == 1


def test_a_number_is_never_given_twice(store: Store) -> None:
    (number,) = refused(store, "1")
    assert retry(store, number) == 1
    assert refused(store, "2")[-1] > number


# --- runs ---


def test_a_run_that_never_ended_was_interrupted(store: Store) -> None:
    first = store.write_now(runs.start_run, SALES, "manual", NOON)
    other = store.write_now(runs.start_run, "other", "manual", NOON)
    store.write_now(runs.keep_counts, first, {"read": 7})
    second = store.write_now(runs.start_run, SALES, "scheduled", LATER)
    found = {run.id: run for run in store.read_now(runs.runs, None, 10)}
    assert (found[first].state, found[first].message, found[first].ended_at) == ("failed", "interrupted", LATER)
    assert found[first].counts == {"read": 7}  # as far as it came
    assert (found[second].state, found[other].state) == ("running", "running")


def test_runs_are_listed_newest_first(store: Store) -> None:
    numbers = [store.write_now(runs.start_run, name, "manual", NOON) for name in (SALES, "other", SALES)]
    store.write_now(runs.end_run, numbers[2], "done", {"read": 1}, None, LATER)
    assert [run.id for run in store.read_now(runs.runs, None, 2)] == [numbers[2], numbers[1]]
    assert [run.id for run in store.read_now(runs.runs, SALES, 9)] == [numbers[2], numbers[0]]
    assert store.read_now(runs.runs, SALES, 1)[0].state == "done"
