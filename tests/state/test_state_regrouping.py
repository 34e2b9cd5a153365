"""What is known of a membership follows when its group is called by another reference; nothing else is asked about."""

from collections.abc import Mapping

import pytest

from mappings.fold import bind_group
from syncengine.state import regrouping
from syncengine.state.store import Store
from tests.clock import NOON
from tests.state.pages import MAIL, begin, commit, kept, members, part, rows

JO = "jo@example.com"
ACME, BOUND, OTHER = "Acme", bind_group("Acme Inc", "partner:7"), bind_group("Birch", "partner:8")


def stands(store: Store, wanted: tuple[str, ...], **states: str) -> None:
    """Jo should be in these groups, and is in others with these states."""
    commit(store, kept(groups=wanted))
    for reference, state in states.items():
        member(store, {"acme": ACME, "bound": BOUND, "other": OTHER}[reference], state)


def member(store: Store, reference: str, state: str) -> None:
    identity = regrouping.group_identity(reference)
    store.write_now(
        lambda connection: connection.exec_driver_sql(
            "INSERT INTO membership VALUES(?,?,?,?,?)", (MAIL, JO, identity, reference, state)
        )
    )


def asked(store: Store) -> frozenset[str]:
    return store.read_now(regrouping.in_question, MAIL, NOON)


def take_over(store: Store, *same: str) -> Mapping[str, str]:
    store.write_now(regrouping.take_over, MAIL, same or (ACME, BOUND), NOON)
    return members(store)


def test_a_new_name_and_an_old_one_are_asked_about(store: Store) -> None:
    stands(store, (BOUND,), acme="ours")
    assert asked(store) == {ACME, BOUND}


@pytest.mark.parametrize(
    ("wanted", "states"),
    [
        ((ACME,), {"acme": "ours"}),
        ((BOUND,), {"bound": "ours"}),
        ((BOUND, ACME), {"acme": "ours", "bound": "ours"}),
        ((BOUND, OTHER), {"bound": "ours"}),
        (("Customers", ACME), {"acme": "ours"}),
        ((bind_group("Another name", "partner:7"),), {"bound": "ours"}),
        ((BOUND,), {}),
    ],
)
def test_nothing_is_asked_where_all_names_are_known_or_of_one_kind(
    store: Store, wanted: tuple[str, ...], states: dict[str, str]
) -> None:
    stands(store, wanted, **states)
    assert asked(store) == frozenset()


def test_nothing_is_asked_of_who_is_not_pending(store: Store) -> None:
    stands(store, (BOUND,), acme="ours")
    store.write_now(lambda connection: connection.exec_driver_sql("UPDATE target SET state='delivered'"))
    assert asked(store) == frozenset()
    assert take_over(store) == {ACME: "ours"}


@pytest.mark.parametrize("state", ["ours", "maybe", "before", "gone"])
@pytest.mark.parametrize(("wanted", "held"), [(BOUND, "acme"), (ACME, "bound")])
def test_every_state_follows(store: Store, state: str, wanted: str, held: str) -> None:
    stands(store, (wanted,), **{held: state})
    assert take_over(store) == {wanted: state}


def test_both_names_that_are_asked_for_have_it(store: Store) -> None:
    stands(store, (ACME, BOUND), acme="gone")
    assert take_over(store) == {ACME: "gone", BOUND: "gone"}


def test_two_names_that_nothing_asks_for_are_one_membership(store: Store) -> None:
    stands(store, ("Customers",), acme="ours", bound="ours")
    assert take_over(store) == {BOUND: "ours"}


@pytest.mark.parametrize(
    ("one", "other", "stands_for"),
    [("gone", "ours", "gone"), ("before", "ours", "before"), ("ours", "maybe", "ours"), ("gone", "before", "gone")],
)
def test_of_two_states_what_others_decided_stands(store: Store, one: str, other: str, stands_for: str) -> None:
    stands(store, (BOUND,), acme=one, bound=other)
    assert take_over(store) == {BOUND: stands_for}


def test_other_groups_and_other_people_are_left_alone(store: Store) -> None:
    stands(store, (BOUND, OTHER), acme="ours", other="gone")
    commit(store, kept("2", "lea@example.com", groups=(BOUND,)))
    assert take_over(store) == {BOUND: "ours", OTHER: "gone"}
    assert members(store, "lea@example.com") == {}


def test_who_is_in_a_request_without_an_end_is_looked_at_all_the_same(store: Store) -> None:
    stands(store, (BOUND,), acme="ours")
    begin(store, part(join=(BOUND,)))
    assert take_over(store) == {BOUND: "ours"}
    assert rows(store, "SELECT count(*) FROM attemptpart WHERE state='open'") == [(1,)]
