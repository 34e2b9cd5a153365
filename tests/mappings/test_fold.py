"""What a target should be does not depend on the order in which the drafts of its records arrived."""

import datetime as dt
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mappings.fold import (
    STOPS,
    Consent,
    Desired,
    Draft,
    LiveDraft,
    better,
    bind_group,
    fold,
    group_identity,
    group_key,
    group_title,
    renew,
)

DAYS_OF_BASIS = {"active-clients": 730, "information-request": 183, "partners": None, "express-consent": None}
MOMENTS = st.integers(0, 3).map(lambda hours: dt.datetime(2026, 6, 1, hours, tzinfo=dt.UTC))
GROUPS = st.sampled_from(
    [
        "Affiliate customers",
        "affiliate customers",
        " Québec",
        unicodedata.normalize("NFD", "Québec"),
        "B",
        bind_group("B", "partner:7"),
        bind_group("Birch", "partner:7"),
    ]
)


def consent(basis: str, date: dt.date, proof: str | None = None) -> Consent:
    """A consent as a destination makes it: basis and date say when it ends."""
    days = DAYS_OF_BASIS[basis]
    expires = None if days is None else date + dt.timedelta(days=days)
    return Consent(basis, date, proof, expires, basis == "express-consent")


CONSENTS = st.builds(
    consent,
    st.sampled_from(sorted(DAYS_OF_BASIS)),
    st.dates(dt.date(2024, 1, 1), dt.date(2024, 1, 5)),
    st.none() | st.sampled_from(["action 1", "action 2"]),
)
DRAFTS = st.builds(
    Draft,
    key=st.just("jo@example.test"),
    fields=st.dictionaries(st.sampled_from(["firstname", "language"]), st.sampled_from(["a", "b", 1])),
    groups=st.lists(GROUPS, max_size=3).map(tuple),
    consent=st.none() | CONSENTS,
    leave=st.lists(GROUPS, max_size=1).map(tuple),
    exact=st.booleans(),
    ask=st.booleans(),
    renews=st.booleans(),
)
STOPPING = st.builds(Draft, key=st.just("jo@example.test"), stop=st.sampled_from(STOPS))
LIVE = st.lists(
    st.builds(
        LiveDraft,
        mapping=st.sampled_from(["one", "two"]),
        record=st.sampled_from(["1", "2", "3"]),
        moment=MOMENTS,
        draft=st.one_of(DRAFTS, DRAFTS, DRAFTS, STOPPING),
        once=st.frozensets(st.sampled_from(["firstname", "language"])),
    ),
    max_size=6,
    unique_by=lambda live: (live.mapping, live.record),
)


def standing_of(drafts: list[LiveDraft]) -> list[LiveDraft]:
    """The drafts that ask for something: none where one of them says stop."""
    standing = [live for live in drafts if not live.draft.renews]
    return [] if any(live.draft.stop for live in standing) else standing


@given(drafts=LIVE, seed=st.integers())
def test_the_order_of_arrival_never_shows(drafts: list[LiveDraft], seed: int) -> None:
    shuffled = random.Random(seed).sample(drafts, len(drafts))
    assert fold(shuffled) == fold(drafts)


@given(drafts=LIVE)
def test_a_draft_that_arrives_twice_counts_once(drafts: list[LiveDraft]) -> None:
    assert fold(drafts + drafts) == fold(drafts)


@given(drafts=LIVE)
def test_taking_a_draft_back_is_as_if_it_had_never_been(drafts: list[LiveDraft]) -> None:
    for at, dead in enumerate(drafts):
        rest = drafts[:at] + drafts[at + 1 :]
        assert fold(live for live in drafts if live is not dead) == fold(rest)


@given(drafts=LIVE)
def test_the_newest_record_that_names_a_field_decides_it(drafts: list[LiveDraft]) -> None:
    desired, standing = fold(drafts), standing_of(drafts)
    for name, value in desired.fields.items():
        newest = max((live for live in standing if name in live.draft.fields), key=LiveDraft.order)
        assert value == newest.draft.fields[name]
        assert (name in desired.once) == (name in newest.once)
    assert set(desired.fields) == {name for live in standing for name in live.draft.fields}


@given(drafts=LIVE)
def test_every_group_is_joined_or_left_as_the_newest_record_that_names_it_says(drafts: list[LiveDraft]) -> None:
    desired, said = fold(drafts), dict[str, bool]()
    for live in sorted(standing_of(drafts), key=LiveDraft.order):
        said |= {group_identity(group): True for group in live.draft.groups}
        said |= {group_identity(group): False for group in live.draft.leave}
    assert sorted(map(group_identity, desired.groups)) == sorted(group for group, joined in said.items() if joined)
    assert sorted(map(group_identity, desired.leave)) == sorted(group for group, joined in said.items() if not joined)


@given(drafts=LIVE)
def test_whoever_is_to_be_stopped_is_asked_for_nothing_else(drafts: list[LiveDraft]) -> None:
    stops = [live.draft.stop for live in drafts if live.draft.stop]
    desired = fold(drafts)
    assert desired == Desired(stop=max(stops, key=STOPS.index)) if stops else not desired.stop


@given(drafts=LIVE)
def test_what_renews_only_asks_for_nothing_and_never_makes_a_consent_worse(drafts: list[LiveDraft]) -> None:
    without = fold(live for live in drafts if not live.draft.renews)
    desired = fold(drafts)
    assert replace(desired, consent=None) == replace(without, consent=None)
    assert (desired.consent is None) == (without.consent is None)
    assert better(desired.consent, without.consent) == desired.consent


@given(drafts=LIVE)
def test_more_drafts_that_only_renew_need_no_look_at_the_others(drafts: list[LiveDraft]) -> None:
    before = [live for live in drafts if not (live.draft.renews and live.mapping == "two")]
    more = [live.draft.consent for live in drafts if live not in before and live.draft.consent]
    assert renew(fold(before), more) == fold(drafts)


@given(drafts=LIVE)
def test_nobody_is_asked_for_whom_a_record_brings_a_consent(drafts: list[LiveDraft]) -> None:
    desired = fold(drafts)
    assert not (desired.ask and desired.consent)


@given(one=st.none() | CONSENTS, other=st.none() | CONSENTS)
def test_which_consent_stands_does_not_depend_on_the_side(one: Consent | None, other: Consent | None) -> None:
    assert better(one, other) == better(other, one)
    assert better(one, one) == one
    assert better(one, other) in (one, other)


@given(one=st.none() | CONSENTS, other=st.none() | CONSENTS, third=st.none() | CONSENTS)
def test_which_consent_stands_does_not_depend_on_the_grouping(
    one: Consent | None, other: Consent | None, third: Consent | None
) -> None:
    assert better(better(one, other), third) == better(one, better(other, third))


DAY = dt.date(2026, 6, 1)
LATER = dt.date(2026, 6, 2)


@pytest.mark.parametrize(
    ("stands", "other"),
    [
        (consent("active-clients", LATER), consent("active-clients", DAY)),
        (consent("active-clients", DAY), consent("information-request", LATER)),
        (consent("express-consent", DAY), consent("active-clients", LATER)),
        (consent("express-consent", LATER), consent("express-consent", DAY)),
        (consent("active-clients", DAY), consent("partners", LATER)),
        (consent("active-clients", DAY, "action 1"), consent("active-clients", DAY, "action 2")),
    ],
)
def test_express_stands_then_what_expires_last_then_what_was_given_last(stands: Consent, other: Consent) -> None:
    assert better(stands, other) == stands


def test_a_consent_is_over_on_the_day_it_expires() -> None:
    given = consent("information-request", DAY)
    assert given.expires is not None
    assert given.expired(given.expires)
    assert not given.expired(given.expires - dt.timedelta(days=1))
    assert not consent("partners", DAY).expired(dt.date(2099, 1, 1))


def test_no_drafts_ask_for_nothing() -> None:
    assert fold([]) == Desired()


def test_reversing_the_later_purchase_leaves_what_the_earlier_one_gives() -> None:
    def purchase(record: str, hour: int, name: str, group: str) -> LiveDraft:
        moment = dt.datetime(2026, 6, 1, hour, tzinfo=dt.UTC)
        draft = Draft("jo@example.test", {"firstname": name}, (group,), consent("active-clients", DAY, record))
        return LiveDraft("new-customers", record, moment, draft)

    first, second = purchase("1", 9, "Jo", "Acme"), purchase("2", 10, "Joe", "Birch")
    assert fold([second, first]).fields == {"firstname": "Joe"}
    assert fold([first]) == Desired({"firstname": "Jo"}, (), ("Acme",), consent("active-clients", DAY, "1"))


def test_a_bound_group_is_the_same_by_every_title_and_has_the_newest() -> None:
    def sale(record: str, title: str) -> LiveDraft:
        moment = dt.datetime(2026, 6, int(record), tzinfo=dt.UTC)
        return LiveDraft("m", record, moment, Draft("jo@example.test", groups=(bind_group(title, "partner:7"),)))

    (reference,) = fold([sale("2", "Zebra"), sale("1", "Acme"), sale("3", "Birch")]).groups
    assert (group_title(reference), group_key(reference)) == ("Birch", "partner:7")
    assert (group_title("Birch"), group_key("Birch")) == ("Birch", "")
    assert group_identity(reference) != group_identity("Birch")
