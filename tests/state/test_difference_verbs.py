"""Stops, questions, and groups that a record takes somebody out of, in the difference, whatever was delivered."""

import datetime as dt
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mappings.fold import Consent, Desired, group_identity
from syncengine.contracts import Part, Standing
from syncengine.engine.difference import Verdict, difference, stop_needed, to_leave
from syncengine.engine.removing import removal
from syncengine.state.delivered import Delivered, better_delivered, identities
from syncengine.state.targets import Membership, Target

TODAY = dt.date(2026, 7, 14)
TITLES = ("A", "B", "C", "D")
CONSENT = Consent("client", dt.date(2026, 7, 1), "proof", dt.date(2028, 7, 1))

some = st.lists(st.sampled_from(TITLES), unique=True, max_size=3).map(tuple)
stops = st.sampled_from(("", "", "unsubscribe", "delete"))
states = st.sampled_from(("subscribed", "subscribed", "absent", "unsubscribed", "bounced"))
reasons = st.sampled_from((None, None, "unsubscribed", "refused"))
standings = st.none() | st.builds(Standing, state=states, groups=some.map(frozenset), express=st.booleans())


@st.composite
def desires(draw: st.DrawFn) -> Desired:
    """What a fold can give: a stop asks for nothing else, a question has no consent, no group is joined and left."""
    if stop := draw(stops):
        return Desired(stop=stop)
    groups, consent = draw(some), draw(st.sampled_from((None, CONSENT)))
    leave = tuple(title for title in draw(some) if title not in groups)
    ask = consent is None and draw(st.booleans())
    fields = draw(st.sampled_from(({}, {"name": "Jo"})))
    return Desired(fields, (), groups, consent, leave, draw(st.booleans()), ask=ask)


deliveries = st.builds(
    Delivered,
    present=st.booleans(),
    left=some.map(identities),
    exact=st.none() | some.map(identities),
    stopped=stops,
    asked=st.booleans(),
)
members = st.dictionaries(
    st.sampled_from(TITLES).map(group_identity),
    st.sampled_from(("ours", "maybe", "before", "gone")),
).map(lambda found: {identity: Membership(identity.upper(), state) for identity, state in found.items()})
targets = st.builds(
    Target, key=st.just("jo@example.com"), desired=desires(), revision=st.just(3), delivered=deliveries,
    members=members, tries=st.just(0),
)  # fmt: skip


def parts(verdict: Verdict) -> list[Part]:
    """What is sent, as a provider takes it."""
    change = verdict.change
    if change is None:
        return []
    if change.stop:
        return [Part(change.key, stop=change.stop)]
    join, leave = tuple(sorted(change.join)), tuple(sorted(change.leave))
    adds = Part(change.key, dict(change.fields), join, consent=None if change.ask else change.consent, ask=change.ask)
    found = [Part(change.key, leave=leave), adds] if change.fields or join or change.create or change.renew else []
    found = found or [Part(change.key, leave=leave)]
    return [*found, Part(change.key, exact=tuple(sorted(change.exact)))] if change.exact is not None else found


@given(targets, standings, reasons)
def test_a_stop_is_sent_alone_and_is_kept_from_nobody(
    target: Target, standing: Standing | None, barred: str | None
) -> None:
    change = difference(target, standing, barred, TODAY).change
    assert bool(change and change.stop) == bool(target.desired.stop and stop_needed(target, standing))
    if change is not None and change.stop:
        assert (change.fields, change.join, change.leave, change.exact, change.ask) == (
            {}, frozenset(), frozenset(), None, False,
        )  # fmt: skip
    assert not target.desired.stop or change is None or change.stop


@given(targets)
def test_a_stop_that_took_effect_is_not_sent_again_before_the_provider_shows_that_it_is_undone(target: Target) -> None:
    if not target.desired.stop:
        return
    after = better_delivered(target.delivered, Part(target.key, stop=target.desired.stop))
    done = target._replace(delivered=after)
    assert not stop_needed(done, None)
    assert not stop_needed(done, Standing("absent"))
    assert stop_needed(done, Standing("subscribed"))
    assert after.present <= (target.desired.stop == "unsubscribe" and target.delivered.present)


@given(targets, standings, reasons)
def test_only_who_is_not_there_and_was_never_asked_is_asked(
    target: Target, standing: Standing | None, barred: str | None
) -> None:
    verdict = difference(target, standing, barred, TODAY)
    asks = verdict.change is not None and verdict.change.ask
    there = target.delivered.present or (standing is not None and standing.state == "subscribed")
    free = target.desired.ask and not there and not target.delivered.asked and barred is None
    assert asks == free
    if target.desired.ask and not there and target.delivered.asked and barred is None:
        assert verdict.withheld == "unanswered"


@given(targets, standings, reasons)
def test_what_was_sent_once_is_no_change_any_more(
    target: Target, standing: Standing | None, barred: str | None
) -> None:
    """But what waits for the answer to a question, and memberships, which the state keeps beside."""
    verdict = difference(target, standing, barred, TODAY)
    if verdict.change is None:
        return
    there = target.delivered
    for part in parts(verdict):
        there = better_delivered(there, part, identities(target.desired.leave))
    gone = {identity: member for identity, member in target.members.items() if member.state == "gone"}
    again = difference(target._replace(delivered=there, members=gone), standing, barred, TODAY).change
    assert again is None or not (again.stop and standing is None)
    assert again is None or again.exact is None
    assert again is None or not again.ask
    said = identities(target.desired.leave)
    if verdict.change.exact is None and again is not None:
        assert not {*identities(again.leave)} & {*said} & {*identities(verdict.change.leave)}


@given(targets, standings)
def test_what_somebody_left_is_never_among_the_groups_that_replace_all(
    target: Target, standing: Standing | None
) -> None:
    alone = Desired(groups=("A", "B"), consent=CONSENT, exact=True)
    change = difference(target._replace(desired=alone), standing, None, TODAY).change
    if change is None or change.exact is None:
        return
    left = {identity for identity, member in target.members.items() if member.state == "gone"}
    assert not left & {*identities(change.exact)}
    assert {*change.exact} <= {"A", "B"}
    assert not change.leave


@given(targets, standings, reasons)
def test_nothing_is_replaced_or_asked_where_nothing_may_be_added(
    target: Target, standing: Standing | None, barred: str | None
) -> None:
    if barred is None:
        return
    change = difference(target, standing, barred, TODAY).change
    assert change is None or (change.exact is None and not change.ask and not change.join and not change.fields)


@given(targets, standings)
def test_who_is_seen_to_be_out_of_a_group_is_not_taken_out_of_it(target: Target, standing: Standing | None) -> None:
    if standing is None or standing.state not in {"subscribed", "absent"}:
        return
    ours: Any = {member.title for member in target.members.values() if member.state in {"ours", "maybe"}}
    assert to_leave(target, standing) - ours <= standing.groups


@given(targets, standings)
def test_whoever_loses_something_counts_as_removed(target: Target, standing: Standing | None) -> None:
    """Never too few: but a replacement that only adds to what we replaced last takes nothing from anybody."""
    change = difference(target, standing, None, TODAY).change
    if change is None:
        return
    kind = removal(target, standing)
    if change.stop:
        assert kind == ("deleted" if change.stop == "delete" else "unsubscribed")
    if change.leave:
        assert kind == "taken out of groups"
