"""Targets: revisions, their ends, and the sum in which each is counted once."""

import datetime as dt

import msgspec
import pytest

from mappings.fold import Consent, Draft
from syncengine.contracts import Outcome
from syncengine.engine.report import DeliveryReport
from syncengine.errors import StateError
from syncengine.state import rejects, targets
from syncengine.state.store import Store
from syncengine.state.targets import AFTER_RETRY, LONGEST_RETRY, Ending
from tests.clock import NOON
from tests.state.pages import CONSENT, MAIL, begin, commit, conclude, kept, part, pending, revisions, rows


def test_the_same_again_is_no_new_revision(store: Store) -> None:
    assert commit(store, kept()) == 1
    assert commit(store, kept(digest="other", note="a note")) == 0
    assert revisions(store) == {"revisions": 1, "pending": 1}


def test_what_no_draft_asks_for_is_an_empty_target(store: Store) -> None:
    commit(store, kept())
    assert commit(store, kept(state="retracted", body=None)) == 1
    (target,) = pending(store).values()
    assert (target.desired.fields, target.desired.groups, target.desired.consent) == ({}, (), None)
    assert revisions(store) == {"revisions": 2, "pending": 1, "superseded": 1}


@pytest.mark.parametrize("status", ["delivered", "suppressed", "rejected"])
def test_a_new_revision_counts_the_end_of_the_one_before(store: Store, status: str) -> None:
    commit(store, kept())
    conclude(store, status, code="some")
    assert revisions(store) == {"revisions": 1, status: 1}
    commit(store, kept(name="New"))
    assert revisions(store) == {"revisions": 2, status: 1, "pending": 1}


def test_already_there_is_an_end_of_its_own(store: Store) -> None:
    commit(store, kept())
    conclude(store, "delivered", there=True)
    assert revisions(store) == {"revisions": 1, "there": 1}
    assert rows(store, "SELECT state, delivered_rev FROM target") == [("there", 1)]


def test_the_end_of_an_older_revision_only_moves_what_was_delivered(store: Store) -> None:
    commit(store, kept())
    commit(store, kept(name="New"))
    conclude(store, "delivered", revision=1)
    assert rows(store, "SELECT state, desired_rev, delivered_rev FROM target") == [("pending", 2, 1)]
    assert revisions(store) == {"revisions": 2, "superseded": 1, "pending": 1}


def test_of_several_ends_each_finds_its_own_revision(store: Store) -> None:
    commit(store, kept(), kept("2", "lea@example.com"))
    commit(store, kept(name="New"))
    endings = [Ending(Outcome(key, "delivered"), 1) for key in ("jo@example.com", "lea@example.com")]
    store.write_now(targets.conclude, MAIL, endings, NOON)
    assert rows(store, "SELECT key, state, delivered_rev FROM target ORDER BY key") == [
        ("jo@example.com", "pending", 1),
        ("lea@example.com", "delivered", 1),
    ]


def test_the_refusal_of_an_older_revision_is_no_reject(store: Store) -> None:
    """Nobody would ever take it off the list again: the newer revision may be delivered."""
    commit(store, kept())
    commit(store, kept(name="New"))
    conclude(store, "rejected", revision=1, code="refused")
    assert store.read_now(rejects.rejects) == []
    conclude(store, "delivered", revision=2)
    assert revisions(store) == {"revisions": 2, "superseded": 1, "delivered": 1}


def test_a_refused_target_is_one_reject_however_often_it_is_refused(store: Store) -> None:
    commit(store, kept())
    conclude(store, "rejected", code="refused", message="It is refused.")
    conclude(store, "rejected", code="refused", message="It is refused again.")
    (reject,) = store.read_now(rejects.rejects)
    assert (reject.key, reject.record, reject.message) == ("jo@example.com", None, "It is refused again.")


def test_a_new_revision_takes_the_targets_reject_off_the_list(store: Store) -> None:
    commit(store, kept(), kept("2", "lea@example.com"))
    conclude(store, "rejected", code="refused")
    conclude(store, "rejected", code="refused", key="lea@example.com")
    commit(store, kept(name="New"))
    assert [reject.key for reject in store.read_now(rejects.rejects)] == ["lea@example.com"]


def test_what_is_in_doubt_waits_for_nothing_once_it_is_settled(store: Store) -> None:
    commit(store, kept())
    conclude(store, "in_doubt", tries=3)
    assert pending(store)["jo@example.com"].tries == 0


def test_what_may_be_tried_again_waits_twice_as_long_each_time(store: Store) -> None:
    commit(store, kept())
    waits = []
    for tries in range(12):
        conclude(store, "retry", tries=tries)
        (due,) = (dt.datetime.fromisoformat(row[0]) for row in rows(store, "SELECT due_at FROM target"))
        waits.append(due - NOON)
        assert pending(store) == {}
        assert pending(store, due)["jo@example.com"].tries == tries + 1
    assert waits[:3] == [AFTER_RETRY, AFTER_RETRY * 2, AFTER_RETRY * 4]
    assert waits[-1] == LONGEST_RETRY
    assert revisions(store) == {"revisions": 1, "pending": 1}


def test_a_new_revision_is_due_at_once(store: Store) -> None:
    commit(store, kept())
    conclude(store, "retry", tries=5)
    commit(store, kept(name="New"))
    assert pending(store)["jo@example.com"].tries == 0


def test_what_waits_to_be_tried_again_leaves_no_run_done_but_who_was_asked_does(store: Store) -> None:
    commit(store, kept())
    assert store.read_now(targets.put_off, MAIL) == 0
    conclude(store, "retry", code="throttled")
    waiting = store.read_now(targets.put_off, MAIL)
    failure = DeliveryReport(MAIL, put_off=waiting).unfinished()
    assert (waiting, failure.code if failure else "") == (1, "put_off")
    conclude(store, "retry", code="unanswered")
    assert store.read_now(targets.put_off, MAIL) == 0


def test_a_target_in_a_request_of_unknown_end_is_not_sent_again(store: Store) -> None:
    commit(store, kept(), kept("2", "lea@example.com"))
    begin(store, part())
    assert list(pending(store)) == ["lea@example.com"]
    assert revisions(store) == {"revisions": 2, "pending": 1, "in_doubt": 1}
    commit(store, kept(name="New"))
    assert revisions(store) == {"revisions": 3, "pending": 1, "in_doubt": 1, "superseded": 1}


def test_pending_targets_come_in_slices_by_key(store: Store) -> None:
    commit(store, *(kept(str(number), f"p{number}@example.com") for number in range(5)))
    after, seen = "", []
    while slice_ := store.read_now(targets.pending, MAIL, after, 2, NOON):
        assert len(slice_) <= 2
        seen += [target.key for target in slice_]
        after = seen[-1]
    assert seen == [f"p{number}@example.com" for number in range(5)]


def test_destinations_do_not_see_each_other(store: Store) -> None:
    commit(store, kept())
    commit(store, kept(destination="other.contacts", id="2"), destination="other.contacts")
    conclude(store, "delivered")
    assert store.read_now(targets.revisions, "other.contacts") == {"revisions": 1, "pending": 1, "in_doubt": 0}


def test_a_revision_that_went_missing_undoes_the_page(store: Store) -> None:
    commit(store, kept())
    store.write_now(lambda connection: connection.exec_driver_sql("DELETE FROM target"))
    with pytest.raises(StateError) as caught:
        commit(store, kept("2", "lea@example.com"), checkpoint="9", partition="one")
    assert caught.value.code == "not_conserved"
    assert rows(store, "SELECT id FROM record") == [("1",)]
    assert rows(store, "SELECT * FROM checkpoint") == []


def test_records_that_only_renew_move_a_target_as_far_as_all_its_drafts_say(store: Store) -> None:
    jo, later = "jo@example.com", Consent("client", dt.date(2026, 7, 20), "later", dt.date(2028, 7, 20))
    body = msgspec.json.encode(Draft(jo, consent=later, renews=True)).decode()
    commit(store, kept())
    assert commit(store, kept("2", body=body), touched=set(), renewed={jo: [later]}) == 1
    assert pending(store)[jo].desired.consent == later
    assert commit(store, touched={jo}) == 0
    assert revisions(store) == {"revisions": 2, "pending": 1, "superseded": 1}


def test_records_that_only_renew_make_no_target(store: Store) -> None:
    body = msgspec.json.encode(Draft("jo@example.com", consent=CONSENT, renews=True)).decode()
    assert commit(store, kept(body=body), touched=set(), renewed={"jo@example.com": [CONSENT]}) == 0
    assert revisions(store) == {}


def test_a_page_that_moves_no_target_does_not_look_at_all_of_them(store: Store) -> None:
    commit(store, kept())
    store.write_now(lambda connection: connection.exec_driver_sql("UPDATE tally SET number=7"))
    assert commit(store, touched=set()) == 0
    with pytest.raises(StateError, match="7 revisions, but 1"):
        commit(store, touched={"jo@example.com"})
