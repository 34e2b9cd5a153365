"""What is watched: by mapping and partition, in the order of readings, touching only rows that change."""

import datetime as dt

from syncengine.state import watching
from syncengine.state.models import iso
from syncengine.state.store import Store
from tests.clock import NOON
from tests.state.pages import SALES, commit, kept, rows

OPEN = "1000/open"


def watch(store: Store, seq: int, *ids: str, partition: str = OPEN, moment: dt.datetime = NOON) -> None:
    commit(store, seq=seq, watched=[(id, partition, iso(moment)) for id in ids])


def finish(store: Store, seq: int, *ids: str) -> None:
    commit(store, seq=seq, finished=list(ids))


def watched(store: Store) -> list[tuple[str, str, int]]:
    return [(id, partition, seq) for id, partition, seq in rows(store, "SELECT id, partition, seq FROM watch")]


def test_an_older_reading_changes_nothing(store: Store) -> None:
    watch(store, 5, "1")
    finish(store, 4, "1")
    watch(store, 3, "1", partition="2000/open")
    assert watched(store) == [("1", OPEN, 5)]


def test_a_newer_reading_moves_it_to_another_partition_or_date(store: Store) -> None:
    watch(store, 1, "1")
    watch(store, 2, "1", partition="2000/open", moment=NOON - dt.timedelta(days=1))
    assert watched(store) == [("1", "2000/open", 2)]
    assert store.read_now(watching.oldest_watched, SALES, "2000/open") == NOON - dt.timedelta(days=1)
    assert store.read_now(watching.oldest_watched, SALES, OPEN) is None


def test_a_row_that_says_the_same_is_not_touched(store: Store) -> None:
    watch(store, 1, "1", "2")
    watch(store, 9, "1", "2")
    assert watched(store) == [("1", OPEN, 1), ("2", OPEN, 1)]


def test_moments_are_compared_as_moments(store: Store) -> None:
    """With and without fractions of a second, whatever zone they came in."""
    half = NOON + dt.timedelta(seconds=0.5)
    watch(store, 1, "1", moment=half)
    watch(store, 1, "2", moment=NOON.astimezone(dt.timezone(dt.timedelta(hours=-4))))
    assert store.read_now(watching.watched_within, SALES, OPEN, NOON, half) == {"2"}
    assert store.read_now(watching.watched_within, SALES, OPEN, half, half + dt.timedelta(seconds=1)) == {"1"}


def test_asking_walks_an_index(store: Store) -> None:
    plan = rows(store, "EXPLAIN QUERY PLAN SELECT min(moment) FROM watch WHERE mapping='a' AND partition='b'")
    assert "watch_partition" in str(plan)


def test_it_is_committed_with_its_page(store: Store) -> None:
    commit(store, kept(), seq=1, watched=[("1", OPEN, iso(NOON))], partition="one", checkpoint="5")
    assert watched(store) == [("1", OPEN, 1)]
