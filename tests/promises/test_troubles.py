"""Each kind of trouble by itself: it really happens, all promises hold after it, and all comes to rest."""

from collections.abc import Iterator

import pytest

from tests.promises.machine import Merchant
from tests.promises.troubles import KINDS, WALKING


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    made = Merchant()
    made.choose_provider(repeatable=True, batch=2)
    made.open_shop(known=2)
    made.decide("cyd@example.com", "unsubscribe")
    made.decide("dan@example.com", "bounce")
    yield made
    made.teardown()  # all comes to rest, and everybody is as they should be


@pytest.mark.parametrize(("place", "kind"), [(place, kind) for place, kinds in KINDS.items() for kind in kinds])
def test_a_trouble_breaks_no_promise(merchant: Merchant, place: str, kind: str) -> None:
    if place == "settle":
        merchant.sync({"request": ["unread"]})  # something to ask for
    merchant.sync({place: [kind]})
    assert (place, kind) in {(each.place, each.kind) for each in merchant.world.outside.troubles.happened}
    merchant.sync({})


@pytest.mark.parametrize(("place", "kind"), [(place, kind) for place, kinds in WALKING.items() for kind in kinds])
def test_a_trouble_of_a_reconciliation_breaks_no_promise(merchant: Merchant, place: str, kind: str) -> None:
    merchant.sync({})
    merchant.learn("customers", "C2", "bea@example.com", "Bea", None)
    merchant.sell("3", "C2", "Other", False, 2.0, 0, False)
    merchant.sync({"request": ["unread"]})
    merchant.decide("ana@example.com", "delete")
    merchant.reconcile({place: [kind]})
    assert (place, kind) in {(each.place, each.kind) for each in merchant.world.outside.troubles.happened}
    merchant.reconcile({})
    assert merchant.world.outside.guard.deleted == {"ana@example.com"}


def test_a_reconciliation_dies_at_each_of_its_boundaries() -> None:
    lives, through = 0, False
    while not through:
        lives += 1
        made = Merchant()
        made.choose_provider(repeatable=True, batch=2)
        made.open_shop(known=2)
        made.sync({})
        made.decide("ana@example.com", "delete")
        made.correct("bea@example.com", "Anabelle")
        through = made.reconcile({}, lives=lives)
        made.reconcile({})
        assert made.world.outside.guard.deleted == {"ana@example.com"}
        made.teardown()
    assert lives > 8


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_sync_dies_at_each_of_its_boundaries(repeatable: bool) -> None:
    """n = 1, 2, 3 … until it passes all of them alive."""
    lives = 0
    while True:
        lives += 1
        made = Merchant()
        made.choose_provider(repeatable=repeatable, batch=2)
        made.open_shop(known=2)
        through = made.sync({}, lives=lives)
        made.teardown()
        if through:
            break
    assert lives > 20
