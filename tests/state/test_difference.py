"""The difference between what somebody should be and what was delivered, whatever both are."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mappings.fold import Consent, Desired, group_identity
from syncengine.contracts import Standing
from syncengine.engine.difference import Verdict, adds_something, difference, renews
from syncengine.state.delivered import Delivered
from syncengine.state.targets import Membership, Target

TODAY = dt.date(2026, 7, 14)
TITLES = ("Customers", " CUSTOMERS ", "Partner: Acme", "Café", "Cafe\u0301")

days = st.dates(dt.date(2023, 1, 1), dt.date(2026, 12, 31))
values = st.dictionaries(
    st.sampled_from(("city", "name", "language")), st.sampled_from(("a", "b", 1, True)), max_size=3
)


@st.composite
def consents(draw: st.DrawFn) -> Consent:
    date, express = draw(days), draw(st.booleans())
    term = draw(st.sampled_from((None, 183, 730)))
    expires = None if express or term is None else date + dt.timedelta(days=term)
    return Consent(draw(st.sampled_from(("client", "inquiry"))), date, "proof", expires, express)


maybe_consent = st.none() | consents()
groups = st.lists(st.sampled_from(TITLES), unique_by=group_identity, max_size=3).map(tuple)
desires = st.builds(
    lambda fields, groups, consent, once: Desired(fields, tuple(n for n in once if n in fields), groups, consent),
    values, groups, maybe_consent, st.sets(st.sampled_from(("city", "name"))).map(sorted),
)  # fmt: skip
deliveries = st.just(Delivered()) | st.builds(
    Delivered, present=st.just(True), express=st.booleans(), fields=values, consent=maybe_consent
)
memberships = groups.flatmap(
    lambda titles: st.lists(
        st.sampled_from(("ours", "maybe", "before", "gone")), min_size=len(titles), max_size=len(titles)
    ).map(lambda states: {group_identity(t): Membership(t, s) for t, s in zip(titles, states, strict=True)})
)
targets = st.builds(
    Target, key=st.just("jo@example.com"), desired=desires, revision=st.just(3), delivered=deliveries,
    members=memberships, tries=st.just(0),
)  # fmt: skip
standings = st.none() | st.builds(
    Standing,
    state=st.sampled_from(("subscribed", "absent")),
    groups=st.just(frozenset[str]()),
    consent=maybe_consent,
    express=st.booleans(),
)
renewing = st.builds(
    Target,
    key=st.just("jo@example.com"),
    desired=st.builds(Desired, consent=consents()),
    revision=st.just(3),
    delivered=st.builds(Delivered, present=st.just(True), express=st.booleans(), consent=maybe_consent),
    members=st.just({}),
    tries=st.just(0),
)
"""Somebody who is there already, about whom only consents differ."""
subscribed = st.builds(Standing, state=st.just("subscribed"), consent=maybe_consent, express=st.booleans())
reasons = st.sampled_from((None, "unsubscribed", "bounced", "refused", "earlier_address"))


def adds(verdict: Verdict) -> bool:
    change = verdict.change
    return change is not None and bool(change.fields or change.join or change.renew or change.create)


def identities(titles: Any) -> set[str]:
    return {group_identity(title) for title in titles}


@given(targets, standings, reasons)
def test_a_change_is_never_empty(target: Target, standing: Standing | None, barred: str | None) -> None:
    change = difference(target, standing, barred, TODAY).change
    assert change is None or change.fields or change.join or change.leave or change.renew or change.create
    assert change is None or (change.key, change.revision) == (target.key, target.revision)


@given(targets, standings, reasons)
def test_what_was_delivered_is_not_sent_again(target: Target, standing: Standing | None, barred: str | None) -> None:
    change = difference(target, standing, barred, TODAY).change
    assume(change is not None)
    assert change is not None
    for name, value in change.fields.items():
        assert target.desired.fields[name] == value
        assert target.delivered.fields.get(name) != value


@given(targets, standings)
def test_nothing_that_should_be_is_forgotten(target: Target, standing: Standing | None) -> None:
    """Sent once more after it was delivered, the same desire is no change."""
    verdict = difference(target, standing, None, TODAY)
    assume(not verdict.withheld)
    change = verdict.change
    fields, joined = (dict(change.fields), change.join) if change else ({}, frozenset[str]())
    settled = {i for i, member in target.members.items() if member.state in {"ours", "before", "gone"}}
    assert identities(target.desired.groups) - settled == identities(joined)
    there = target.delivered.present or (standing is not None and standing.state == "subscribed")
    for name, value in target.desired.fields.items():
        if not (there and name in target.desired.once):
            assert {**target.delivered.fields, **fields}[name] == value


@given(targets, standings, reasons)
def test_nobody_joins_a_group_they_were_in_or_left(
    target: Target, standing: Standing | None, barred: str | None
) -> None:
    change = difference(target, standing, barred, TODAY).change
    assume(change is not None)
    assert change is not None
    settled = {i for i, member in target.members.items() if member.state in {"ours", "before", "gone"}}
    assert not identities(change.join) & settled


@given(targets, standings, reasons)
def test_only_what_we_gave_is_taken_away_and_always_is(
    target: Target, standing: Standing | None, barred: str | None
) -> None:
    change = difference(target, standing, barred, TODAY).change
    ours = {i for i, member in target.members.items() if member.state in {"ours", "maybe"}}
    left = identities(change.leave) if change else set()
    assert left == ours - identities(target.desired.groups)


@given(targets, standings, reasons.filter(bool))
def test_nothing_is_added_to_who_said_no(target: Target, standing: Standing | None, barred: str | None) -> None:
    verdict = difference(target, standing, barred, TODAY)
    assert not adds(verdict)
    assert verdict.withheld in {barred, ""}
    if not verdict.withheld:
        assert not adds(difference(target, standing, None, TODAY))  # nothing was to be added anyway


@given(targets, standings)
def test_nothing_is_added_on_a_consent_that_no_longer_stands(target: Target, standing: Standing | None) -> None:
    verdict = difference(target, standing, None, TODAY)
    express = target.delivered.express or (standing is not None and standing.express)
    if adds(verdict) and not express:
        assert verdict.change is not None
        assert verdict.change.consent is None or not verdict.change.consent.expired(TODAY)


@given(targets)
def test_who_was_delivered_and_is_no_longer_there_is_not_added_again(target: Target) -> None:
    verdict = difference(target, Standing("absent"), None, TODAY)
    if target.delivered.present:
        assert not adds(verdict)


@settings(max_examples=400)
@given(renewing, st.none() | subscribed)
def test_an_express_consent_is_never_replaced(target: Target, standing: Standing | None) -> None:
    change = difference(target, standing, None, TODAY).change
    express = target.delivered.express or (standing is not None and standing.express)
    known = [c for c in (target.delivered.consent, standing.consent if standing else None) if c is not None]
    if change is not None and express:
        assert not change.renew
    if change is not None and change.renew and any(consent.express for consent in known):
        assert change.consent is not None
        assert change.consent.express


@settings(max_examples=400)
@given(renewing, st.none() | subscribed)
def test_the_date_of_a_consent_that_stands_never_goes_back(target: Target, standing: Standing | None) -> None:
    change = difference(target, standing, None, TODAY).change
    if change is None or not change.renew:
        return
    assert change.consent is not None
    for known in (target.delivered.consent, standing.consent if standing else None):
        if known is not None and not known.expired(TODAY):
            assert change.consent.date >= known.date


@given(targets, standings)
def test_a_consent_is_stated_as_it_is_known_or_asked_for_never_mixed(target: Target, standing: Standing | None) -> None:
    change = difference(target, standing, None, TODAY).change
    known = [target.desired.consent, target.delivered.consent, standing.consent if standing else None]
    if change is not None:
        assert change.consent in known
        if change.renew:
            assert change.consent == target.desired.consent


@given(targets, st.sampled_from((None, Standing("absent"))))
def test_who_should_be_nothing_and_is_not_there_needs_nothing(target: Target, standing: Standing | None) -> None:
    nothing = target._replace(desired=Desired(), delivered=Delivered(), members={})
    assert difference(nothing, standing, None, TODAY) == Verdict(None)


@given(targets, standings, reasons)
def test_only_what_is_not_known_to_be_there_is_created(
    target: Target, standing: Standing | None, barred: str | None
) -> None:
    change = difference(target, standing, barred, TODAY).change
    present = target.delivered.present or (standing is not None and standing.state == "subscribed")
    if change is not None and change.create:
        assert not present
        assert target.desired != Desired()


@given(targets)
def test_what_is_written_once_is_written_only_to_who_is_created(target: Target) -> None:
    change = difference(target, Standing("subscribed"), None, TODAY).change
    if change is not None:
        assert not set(change.fields) & set(target.desired.once)


@given(targets, standings)
def test_whoever_could_be_added_to_is_asked_about_before(target: Target, standing: Standing | None) -> None:
    """`adds_something` knows nothing of the provider yet, and must not leave out anybody to whom something is added."""
    if adds(difference(target, standing, None, TODAY)):
        assert adds_something(target)


@settings(max_examples=400)
@example(Consent("client", dt.date(2024, 7, 14), None, TODAY), Consent("client", dt.date(2024, 7, 13), None, TODAY))
@given(consents(), consents())
def test_a_renewal_is_better_than_what_is_there(asked: Consent, there: Consent) -> None:
    if renews(asked, there, TODAY):
        assert asked.rank() > there.rank()
        assert asked.date >= there.date or there.expired(TODAY)
        assert not renews(there, asked, TODAY)


@pytest.mark.parametrize(("asked", "there", "expected"), [
    (None, None, False),
    (None, Consent("client", TODAY), False),
    (Consent("client", TODAY), None, True),
    (Consent("client", TODAY), Consent("client", TODAY), False),
])  # fmt: skip
def test_without_a_consent_on_one_side(asked: Consent | None, there: Consent | None, expected: bool) -> None:
    assert renews(asked, there, TODAY) is expected
