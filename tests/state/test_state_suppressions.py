"""Who must not be written to: it stays until the provider says subscribed, and counts for the whole person."""

import pytest

from syncengine.contracts import Suppression
from syncengine.state import suppressions
from syncengine.state.store import Store
from tests.clock import NOON
from tests.state.pages import MAIL, commit, conclude, kept, pending, revisions, rows

JO, LEA = "jo@example.com", "lea@example.com"


def read_lists(store: Store, *listed: tuple[str, str]) -> int:
    store.write_now(suppressions.start_lists, MAIL)
    entries = [Suppression(key, reason) for key, reason in listed]  # type: ignore[arg-type]  # a word of the two
    store.write_now(suppressions.add_listed, MAIL, entries)
    return store.write_now(suppressions.take_lists, MAIL, NOON)


def suppressed(store: Store, *keys: str) -> dict[str, str]:
    return store.read_now(suppressions.suppressed, MAIL, keys or (JO, LEA))


def test_who_is_new_on_a_list_is_remembered(store: Store) -> None:
    assert read_lists(store, (JO, "unsubscribed"), (LEA, "bounced")) == 2
    assert read_lists(store, (JO, "unsubscribed"), (LEA, "bounced")) == 0
    assert suppressed(store) == {JO: "unsubscribed", LEA: "bounced"}


def test_who_is_on_both_lists_is_unsubscribed(store: Store) -> None:
    read_lists(store, (JO, "unsubscribed"), (JO, "bounced"), (LEA, "bounced"), (LEA, "unsubscribed"))
    assert suppressed(store) == {JO: "unsubscribed", LEA: "unsubscribed"}


def test_absence_from_a_list_lifts_nothing(store: Store) -> None:
    read_lists(store, (JO, "unsubscribed"))
    read_lists(store)
    assert suppressed(store) == {JO: "unsubscribed"}


def test_a_reading_that_ended_early_suppresses_nobody_and_lifts_nobody(store: Store) -> None:
    read_lists(store, (JO, "unsubscribed"))
    store.write_now(suppressions.start_lists, MAIL)
    store.write_now(suppressions.add_listed, MAIL, [Suppression(LEA, "bounced")])
    assert suppressed(store) == {JO: "unsubscribed"}


def test_the_lists_themselves_never_stand_in_the_file(store: Store, path: object) -> None:
    read_lists(store, ("stranger@example.com", "bounced"))
    assert rows(store, "SELECT name FROM main.sqlite_master WHERE name='listed'") == []


def test_a_single_answer_of_the_provider_counts_too(store: Store) -> None:
    store.write_now(suppressions.suppress, MAIL, [Suppression(JO, "bounced")], NOON)
    store.write_now(suppressions.suppress, MAIL, [Suppression(JO, "unsubscribed")], NOON)
    assert list(suppressed(store)) == [JO]


def test_other_destinations_are_other_lists(store: Store) -> None:
    store.write_now(suppressions.suppress, "other.contacts", [Suppression(JO, "bounced")], NOON)
    assert suppressed(store) == {}


def test_the_new_address_of_somebody_who_said_no_counts_as_said_no(store: Store) -> None:
    commit(store, kept("1", LEA, person="crm:C1"), former=[("crm:C1", JO)])
    assert suppressed(store) == {}
    store.write_now(suppressions.suppress, MAIL, [Suppression(JO, "unsubscribed")], NOON)
    assert suppressed(store) == {JO: "unsubscribed", LEA: "earlier_address"}


def test_any_address_of_the_same_person_counts(store: Store) -> None:
    commit(store, kept("1", JO, person="crm:C1"), kept("2", LEA, person="crm:C1"))
    store.write_now(suppressions.suppress, MAIL, [Suppression(JO, "unsubscribed")], NOON)
    assert suppressed(store)[LEA] == "earlier_address"


def test_people_without_a_name_are_not_one_person(store: Store) -> None:
    commit(store, kept("1", JO), kept("2", LEA))
    store.write_now(suppressions.suppress, MAIL, [Suppression(JO, "unsubscribed")], NOON)
    assert suppressed(store) == {JO: "unsubscribed"}


def test_an_address_is_its_own_reason_before_its_persons(store: Store) -> None:
    commit(store, kept("1", LEA, person="crm:C1"), former=[("crm:C1", JO)])
    read_lists(store, (JO, "unsubscribed"), (LEA, "bounced"))
    assert suppressed(store)[LEA] == "bounced"


# --- the way back ---


def test_only_targets_that_are_on_no_list_now_are_asked_about(store: Store) -> None:
    commit(store, kept("1", JO), kept("2", LEA), kept("3", "done@example.com"))
    conclude(store, "delivered", key="done@example.com")
    read_lists(store, (JO, "unsubscribed"), *((key, "bounced") for key in (LEA, "done@example.com", "x@example.com")))
    read_lists(store, (LEA, "bounced"))
    assert store.read_now(suppressions.to_confirm, MAIL, 10) == [JO]


def test_no_more_are_asked_about_than_asked_for(store: Store) -> None:
    commit(store, kept("1", JO), kept("2", LEA))
    read_lists(store, (JO, "unsubscribed"), (LEA, "bounced"))
    read_lists(store)
    assert len(store.read_now(suppressions.to_confirm, MAIL, 1)) == 1


def test_a_destination_without_lists_can_be_asked_all_the_same(store: Store) -> None:
    commit(store, kept("1", JO))
    store.write_now(suppressions.suppress, MAIL, [Suppression(JO, "unsubscribed")], NOON)
    assert store.read_now(suppressions.to_confirm, MAIL, 10) == [JO]


@pytest.mark.parametrize("reason", ["unsubscribed", "bounced"])
def test_subscribed_again_makes_the_target_pending_again_as_the_same_revision(store: Store, reason: str) -> None:
    commit(store, kept("1", JO))
    read_lists(store, (JO, reason))
    conclude(store, "suppressed", code=reason)
    store.write_now(suppressions.lift, MAIL, [JO])
    assert suppressed(store) == {}
    assert list(pending(store)) == [JO]
    assert revisions(store) == {"revisions": 1, "pending": 1}


@pytest.mark.parametrize("reason", ["refused", "deleted", "forgotten"])
def test_what_a_person_decided_is_not_lifted_by_the_provider(store: Store, reason: str) -> None:
    store.write_now(
        lambda connection: connection.exec_driver_sql(
            "INSERT INTO suppression VALUES(?, ?, ?, ?, NULL)", (MAIL, JO, reason, NOON.isoformat())
        )
    )
    store.write_now(suppressions.lift, MAIL, [JO])
    assert suppressed(store) == {JO: reason}
    commit(store, kept("1", JO))
    read_lists(store)
    assert store.read_now(suppressions.to_confirm, MAIL, 10) == []
