"""How targets stood at the provider before us: what was there first is never ours to take away."""

import datetime as dt

import msgspec
import pytest

from mappings.fold import Consent
from syncengine.contracts import Settled, Standing
from syncengine.state import attempts, standings
from syncengine.state.store import Store
from syncengine.state.targets import Target
from tests.state.pages import CONSENT, MAIL, begin, commit, delivered, kept, members, part, pending

JO = "jo@example.com"
LATER = Consent("client", dt.date(2026, 7, 10), "theirs", dt.date(2028, 7, 10))


def keep(store: Store, standing: Standing) -> Target:
    (target,) = store.write_now(standings.keep_standings, MAIL, list(pending(store).values()), {JO: standing})
    return target


@pytest.fixture(autouse=True)
def target(store: Store) -> None:
    commit(store, kept())


def test_a_group_in_which_somebody_was_is_before_us(store: Store) -> None:
    target = keep(store, Standing("subscribed", frozenset({"Customers"}), LATER))
    assert members(store) == {"Customers": "before"}
    assert {member.state for member in target.members.values()} == {"before"}
    assert (target.delivered.present, target.delivered.consent) == (True, LATER)


def test_a_group_that_we_may_have_given_is_ours_once_it_is_seen_there(store: Store) -> None:
    attempt = begin(store, part())
    store.write_now(attempts.lose, MAIL, attempt)
    keep(store, Standing("subscribed", frozenset({"Customers"})))
    assert members(store) == {"Customers": "ours"}


@pytest.mark.parametrize("state", ["absent", "unsubscribed", "bounced"])
def test_who_is_not_subscribed_is_not_there(store: Store, state: str) -> None:
    target = keep(store, Standing(state))  # type: ignore[arg-type]  # a word of the four
    assert not target.delivered.present
    assert members(store) == {}


@pytest.mark.parametrize(("read", "stands"), [(LATER, LATER), (None, CONSENT)])
def test_the_best_consent_that_was_delivered_or_read_is_kept(
    store: Store, read: Consent | None, stands: Consent
) -> None:
    store.write_now(attempts.settle, MAIL, begin(store, part()), Settled(confirmed=frozenset({JO})))
    keep(store, Standing("subscribed", frozenset(), read, express=True))
    (there,) = delivered(store)
    assert (there.consent, there.express, there.fields) == (stands, True, {"name": "Jo"})


def test_reading_again_changes_nothing(store: Store) -> None:
    standing = Standing("subscribed", frozenset({"Customers"}), LATER)
    first = keep(store, standing)
    assert msgspec.json.encode(keep(store, standing).delivered) == msgspec.json.encode(first.delivered)
    assert members(store) == {"Customers": "before"}
