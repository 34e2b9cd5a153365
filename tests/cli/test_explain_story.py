"""What `explain` tells of records that stop somebody, take out of groups, ask by mail, or renew only."""

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec
import pytest

from mappings.fold import Consent, Desired, Draft, LiveDraft, Stop, bind_group, fold
from syncengine.cli.explaining.story import tell_story
from syncengine.state.delivered import Delivered
from syncengine.state.reports import AttemptNote, Explanation, RecordNote, TargetNote

TORONTO = ZoneInfo("America/Toronto")
LETTERS, JO = "mail.contacts", "jo@example.com"
MOMENT = dt.datetime(2026, 6, 1, 12, tzinfo=TORONTO)
NOTHING = "nothing: none of its records is in effect"


def record(draft: Draft, id: str = "1", state: str = "live") -> RecordNote:
    return RecordNote(
        "verbs", id, "one", MOMENT, state, JO, None, MOMENT, None, None, msgspec.to_builtins(draft), MOMENT, None,
        LETTERS,
    )  # fmt: skip


def sent(number: int, day: int, receipt: str | None = None, state: str = "confirmed") -> AttemptNote:
    return AttemptNote(number, MOMENT.replace(day=day), receipt, 1, state)


def told(
    *drafts: Draft,
    delivered: Delivered | None = None,
    state: str = "delivered",
    code: str | None = None,
    attempts: tuple[AttemptNote, ...] = (),
) -> str:
    """The story of Jo, who should be what these drafts ask for."""
    desired = fold(LiveDraft("verbs", str(number), MOMENT, draft) for number, draft in enumerate(drafts))
    target = TargetNote(
        LETTERS, JO, state, code, 1, 1, desired, delivered or Delivered(), [], None, None, list(attempts)
    )
    records = [record(draft, str(number)) for number, draft in enumerate(drafts)]
    return "\n".join(tell_story(Explanation(JO, [target], records, [], []), [], [], TORONTO))


@pytest.mark.parametrize(
    ("stop", "wanted", "done"),
    [("unsubscribe", "to be unsubscribed", "unsubscribed by us"), ("delete", "to be deleted", "deleted by us")],
)
def test_whoever_is_to_be_stopped_is_told_as_such_before_and_after(stop: Stop, wanted: str, done: str) -> None:
    story = told(Draft(JO, stop=stop), delivered=Delivered(stopped=stop))
    assert f"  should be   {wanted}\n  delivered   {done}\n" in story
    assert f"    gives     {JO}, {wanted}\n" in story
    assert NOTHING not in story
    assert f"  should be   {wanted}\n  delivered   nothing\n" in told(Draft(JO, stop=stop), state="pending")


def test_fields_that_were_set_before_somebody_was_unsubscribed_are_still_told() -> None:
    before = Delivered(present=True, fields={"firstname": "Jo"}, stopped="unsubscribe")
    assert "  delivered   unsubscribed by us, firstname Jo\n" in told(Draft(JO, stop="unsubscribe"), delivered=before)


def test_groups_to_be_out_of_are_told_by_their_titles() -> None:
    story = told(Draft(JO, groups=("Club",), leave=(bind_group("Old", "partner:7"), "Older")))
    assert "  should be   in Club\n              out of Old, Older\n" in story
    assert f"    gives     {JO}, groups Club, out of Old, Older\n" in story


def test_groups_that_are_all_there_may_be_are_told_as_such() -> None:
    story = told(Draft(JO, groups=("A", "B"), exact=True))
    assert "  should be   only in A, B\n" in story
    assert f"    gives     {JO}, only in A, B\n" in story
    assert f"    gives     {JO}, in no group\n" in told(Draft(JO, exact=True))


def test_a_record_that_renews_only_is_in_effect_and_says_so() -> None:
    consent = Consent("client", dt.date(2026, 6, 1), "order 1")
    story = told(Draft(JO, consent=consent, renews=True))
    assert "  should be   nothing: its records in effect ask for nothing by themselves\n" in story
    assert f"    gives     renews only: {JO} another consent, which counts beside a record" in story
    assert NOTHING not in story


def test_only_records_in_effect_keep_it_from_being_nothing() -> None:
    target = TargetNote(LETTERS, JO, "delivered", None, 1, 1, Desired(), Delivered(), [], None, None, [])
    taken_back = record(Draft(JO, renews=True), state="retracted")
    story = "\n".join(tell_story(Explanation(JO, [target], [taken_back], [], []), [], [], TORONTO))
    assert f"  should be   {NOTHING}\n" in story


# --- asked by mail ---


def test_who_was_asked_by_mail_and_has_not_answered_is_told_with_the_day() -> None:
    story = told(
        Draft(JO, groups=("Club",), ask=True), delivered=Delivered(asked=True), state="pending", code="unanswered",
        attempts=(sent(1, 3, "optin:"), sent(2, 5), sent(3, 7, state="refuted")),
    )  # fmt: skip
    assert "  now         asked by mail on 2026-06-03, and has not answered\n" in story
    assert "  should be   in Club\n              asked by mail\n" in story
    assert f"    gives     {JO}, groups Club, asked by mail\n" in story
    assert "request 1, receipt optin: took effect" in story
    assert "something to deliver" not in story


def test_who_was_asked_again_is_told_with_the_day_of_the_last_question() -> None:
    asked = (sent(1, 3, "optin:"), sent(2, 9, "optin:"))
    draft = Draft(JO, ask=True)
    story = told(draft, delivered=Delivered(asked=True), state="pending", code="unanswered", attempts=asked)
    assert "  now         asked by mail on 2026-06-09, and has not answered\n" in story


def test_a_question_of_which_no_request_is_kept_has_no_day() -> None:
    story = told(Draft(JO, ask=True), delivered=Delivered(asked=True), state="pending", code="unanswered")
    assert "  now         asked by mail, and has not answered\n" in story


def test_who_may_have_been_asked_is_in_doubt() -> None:
    story = told(Draft(JO, ask=True), state="pending", attempts=(sent(1, 3, state="open"),))
    assert "  now         in doubt: " in story
    assert "has not answered" not in story


def test_who_is_still_to_be_asked_has_something_to_deliver() -> None:
    assert "  now         there is something to deliver" in told(Draft(JO, ask=True), state="pending")
