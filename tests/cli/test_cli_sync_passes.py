"""The passes of impact.com through the whole program: what is pending is remembered, and asked for again."""

import json
import sqlite3
from contextlib import closing

from tests.cli.shop import Shop


def watched(shop: Shop) -> set[str]:
    with closing(sqlite3.connect(shop.state)) as state:
        return {row[0] for row in state.execute("SELECT id FROM watch")}


def test_a_pending_action_is_watched_until_it_is_approved(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    first, second = shop.sells("C1"), shop.sells("C1")
    shop("sync")
    assert watched(shop) == {first, second}
    shop.impact.book.approve(first)
    with closing(sqlite3.connect(shop.state)) as state, state:  # the sweep is due
        state.execute(
            "UPDATE checkpoint SET position='{\"swept\":\"2026-01-01T00:00:00Z\"}' WHERE partition='1000/open'"
        )
    shop("sync")
    assert watched(shop) == {second}


def test_the_requests_of_each_mapping_are_told_and_kept(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    shop.sells("C1")
    shop("sync")
    assert sums(shop) == shop.requests()
    asked = len(shop.impact.seen)
    ended = shop("sync")
    (counts,) = (json.loads(run["counts"]) for run in runs(shop)[-1:])
    assert counts["requests_to_impact"] == len(shop.impact.seen) - asked == 3  # its campaigns, and two passes
    told = f"  requests    {counts['requests_to_cyberimpact']:,} to cyberimpact, 3 to impact\n"
    assert told in ended.out
    again = json.loads(shop("sync", "--json").out)
    assert again["mappings"][0]["requests"]["impact"] == 3
    assert sum(again["mappings"][0]["requests"].values()) <= again["requests"]["requests"]
    assert shop("reconcile").code == 0
    assert sums(shop) == shop.requests()


def sums(shop: Shop) -> int:
    """All requests of all runs, which are the same by connection and as a whole."""
    every = [json.loads(run["counts"]) for run in runs(shop)]
    by_connection = [
        sum(number for name, number in counts.items() if name.removeprefix("targets_").startswith("requests_to_"))
        for counts in every
    ]
    assert by_connection == [counts["requests"] for counts in every]
    return sum(by_connection)


def runs(shop: Shop) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(shop.state)) as state:
        state.row_factory = sqlite3.Row
        return state.execute("SELECT counts FROM run ORDER BY id").fetchall()
