"""Attempts: written down first, one open request per key, and what may be there counts as there."""

import pytest

from syncengine.contracts import Settled, Suppression
from syncengine.errors import StateError
from syncengine.state import attempts, suppressions
from syncengine.state.store import Store
from tests.clock import NOON
from tests.state.pages import (
    CONSENT,
    MAIL,
    begin,
    commit,
    conclude,
    delivered,
    kept,
    leaving,
    members,
    part,
    pending,
    rows,
)  # fmt: skip

JO, LEA = "jo@example.com", "lea@example.com"


@pytest.fixture(autouse=True)
def two_targets(store: Store) -> None:
    commit(store, kept(), kept("2", LEA))


def settle(store: Store, attempt: int, **keys: str) -> None:
    settled = Settled(**{name: frozenset({key}) for name, key in keys.items()})
    store.write_now(attempts.settle, MAIL, attempt, settled)


def suppress(store: Store, *keys: str) -> None:
    store.write_now(suppressions.suppress, MAIL, [Suppression(key, "unsubscribed") for key in keys], NOON)


def test_what_was_attempted_counts_as_possibly_there(store: Store) -> None:
    attempt = begin(store, part())
    assert JO not in pending(store)  # nothing is decided about it before the end of the request is known
    store.write_now(attempts.lose, MAIL, attempt)
    assert members(store) == {"Customers": "maybe"}
    assert delivered(store)[0].fields == {}


def test_a_confirmed_part_is_delivered_and_its_groups_are_ours(store: Store) -> None:
    attempt = begin(store, part())
    settle(store, attempt, confirmed=JO)
    (there,) = delivered(store)
    assert (there.present, there.fields, there.consent) == (True, {"name": "Jo"}, CONSENT)
    assert members(store) == {"Customers": "ours"}
    assert rows(store, "SELECT state, body FROM attemptpart") == [("confirmed", None)]


def test_a_refuted_part_is_not_there(store: Store) -> None:
    attempt = begin(store, part())
    settle(store, attempt, refuted=JO)
    assert members(store) == {}
    assert not delivered(store)[0].present
    assert list(pending(store)) == [JO, LEA]


def test_a_refuted_part_takes_nothing_away_that_was_there(store: Store) -> None:
    settle(store, begin(store, part()), confirmed=JO)
    settle(store, begin(store, part(join=("Customers", "More"))), refuted=JO)
    assert members(store) == {"Customers": "ours"}
    assert delivered(store)[0].present


def test_a_group_that_a_lost_request_may_have_given_stays_possible(store: Store) -> None:
    lost = begin(store, part())
    store.write_now(attempts.lose, MAIL, lost)
    settle(store, begin(store, part()), refuted=JO)
    assert members(store) == {"Customers": "maybe"}


@pytest.mark.parametrize("state", ["before", "gone"])
def test_what_was_there_first_or_left_does_not_become_ours(store: Store, state: str) -> None:
    store.write_now(
        lambda connection: connection.exec_driver_sql(
            "INSERT INTO membership VALUES(?, ?, 'customers', 'Customers', ?)", (MAIL, JO, state)
        )
    )
    settle(store, begin(store, part()), confirmed=JO)
    settle(store, begin(store, leaving()), confirmed=JO)
    assert members(store) == {"Customers": state}


def test_a_confirmed_leave_ends_the_membership_and_says_nothing_of_the_rest(store: Store) -> None:
    settle(store, begin(store, part(join=("Customers", "More"))), confirmed=JO)
    settle(store, begin(store, leaving(JO, " CUSTOMERS ")), confirmed=JO)
    assert members(store) == {"More": "ours"}
    assert delivered(store)[0].fields == {"name": "Jo"}


def test_a_refuted_leave_leaves_the_membership(store: Store) -> None:
    settle(store, begin(store, part()), confirmed=JO)
    settle(store, begin(store, leaving()), refuted=JO)
    assert members(store) == {"Customers": "ours"}


def test_keys_of_neither_set_stay_in_doubt(store: Store) -> None:
    attempt = begin(store, part(), part(LEA))
    settle(store, attempt, confirmed=JO, refuted="stranger@example.com")
    (left,) = store.read_now(attempts.unsettled, MAIL)
    assert (left.id, left.keys, left.receipt, left.sent_at) == (attempt, frozenset({LEA}), None, NOON)


def test_who_is_in_both_sets_is_confirmed(store: Store) -> None:
    settle(store, begin(store, part()), confirmed=JO, refuted=JO)
    assert members(store) == {"Customers": "ours"}


def test_settling_twice_changes_nothing(store: Store) -> None:
    attempt = begin(store, part())
    settle(store, attempt, confirmed=JO)
    settle(store, attempt, refuted=JO)
    assert members(store) == {"Customers": "ours"}
    assert delivered(store)[0].present


def test_a_key_is_in_one_open_request_only(store: Store) -> None:
    begin(store, part())
    with pytest.raises(StateError) as caught:
        begin(store, part(), part(LEA))
    assert JO not in str(caught.value)
    assert len(rows(store, "SELECT * FROM attempt")) == 1  # the second was undone whole


def test_a_receipt_is_kept_until_the_request_is_settled(store: Store) -> None:
    attempt = begin(store, part())
    store.write_now(attempts.give_receipt, attempt, "batch-7")
    assert [each.receipt for each in store.read_now(attempts.unsettled, MAIL)] == ["batch-7"]
    settle(store, attempt, confirmed=JO)
    assert store.read_now(attempts.unsettled, MAIL) == []


def test_who_said_no_is_left_out_of_what_adds_only(store: Store) -> None:
    suppress(store, JO)
    attempt, barred = store.write_now(attempts.begin, MAIL, [part(), part(LEA)], {JO: 1, LEA: 1}, NOON)
    assert barred == {JO: "unsubscribed"}
    assert [each.keys for each in store.read_now(attempts.unsettled, MAIL)] == [{LEA}]
    assert members(store) == {}
    leaves, barred = store.write_now(attempts.begin, MAIL, [leaving()], {JO: 1}, NOON)
    assert leaves > attempt
    assert barred == {}


def test_a_request_of_which_nothing_may_go_is_not_written_down(store: Store) -> None:
    suppress(store, JO)
    assert store.write_now(attempts.begin, MAIL, [part()], {JO: 1}, NOON) == (0, {JO: "unsubscribed"})
    assert rows(store, "SELECT * FROM attempt") == []


def test_who_says_no_between_two_sendings_is_dropped_from_the_second(store: Store) -> None:
    attempt = begin(store, part(), part(LEA))
    suppress(store, JO)
    left, gone = store.write_now(attempts.drop_suppressed, MAIL, attempt)
    assert (left, gone) == (frozenset({LEA}), {JO: "unsubscribed"})
    assert members(store) == {"Customers": "maybe"}  # the first sending may have taken effect
    assert [each.keys for each in store.read_now(attempts.unsettled, MAIL)] == [{LEA}]


def test_who_only_leaves_is_not_dropped(store: Store) -> None:
    attempt = begin(store, leaving())
    suppress(store, JO)
    assert store.write_now(attempts.drop_suppressed, MAIL, attempt) == (frozenset({JO}), {})


@pytest.mark.parametrize("way", ["lose", "drop_suppressed"])
def test_what_a_lost_request_may_have_set_is_asked_for_again(store: Store, way: str) -> None:
    """It may say the new name there or the old one; so neither is known, and wanting the old one again is a change."""
    settle(store, begin(store, part(fields={"name": "Old", "city": "Laval"})), confirmed=JO)
    attempt = begin(store, part(fields={"name": "New"}))
    if way == "lose":
        store.write_now(attempts.lose, MAIL, attempt)
    else:
        suppress(store, JO)
        store.write_now(attempts.drop_suppressed, MAIL, attempt)
    assert delivered(store)[0].fields == {"city": "Laval"}
    assert store.read_now(attempts.unsettled, MAIL) == []


def test_a_lost_request_is_due_again_at_once(store: Store) -> None:
    attempt = begin(store, part())
    conclude(store, "in_doubt", tries=8)
    store.write_now(attempts.lose, MAIL, attempt)
    assert JO in pending(store)


def test_a_closed_part_keeps_nothing_but_its_key(store: Store) -> None:
    settle(store, begin(store, part()), confirmed=JO)
    settle(store, begin(store, part()), refuted=JO)
    store.write_now(attempts.lose, MAIL, begin(store, part()))
    assert {row[0] for row in rows(store, "SELECT body FROM attemptpart")} == {None}
