"""Whose consent ends when, by what, and who has nothing left to rest on: asked of the state."""

import datetime as dt
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mappings.fold import Consent, Draft, LiveDraft, fold
from syncengine.contracts import Settled
from syncengine.state import attempts, consents
from syncengine.state.consents import Basis, Gone
from syncengine.state.delivered import Delivered, keep_delivered
from syncengine.state.models import iso
from syncengine.state.records import Kept
from syncengine.state.store import Store
from tests.clock import NOON
from tests.state.pages import MAIL, begin, commit, kept, part

TODAY = NOON.date()
JO = "jo@example.com"
OWN = "engine.expiring_consents/30"
TERM = 730
MONTH = dt.timedelta(days=30)


def client(ends_in: int, **changes: Any) -> Consent:
    """An implied consent that ends in so many days."""
    end = TODAY + dt.timedelta(days=ends_in)
    return Consent(
        **{"basis": "client", "date": end - dt.timedelta(days=TERM), "proof": "order", "expires": end} | changes
    )


EXPRESS = Consent("express", dt.date(2020, 1, 1), "form", None, True)
UNKNOWN_TERM = Consent("partner", TODAY, "card")


def drafted(
    id: str, consent: Consent | None, key: str = JO, state: str = "live", *, renews: bool = False, **changes: Any
) -> Kept:
    groups = () if renews else ("Customers",)
    draft = Draft(key, {}, groups, consent, renews=renews)
    return kept(id, key, state, body=msgspec.json.encode(draft).decode() if state == "live" else None, **changes)


def buys(store: Store, id: str, consent: Consent | None, key: str = JO, state: str = "live", **changes: Any) -> None:
    commit(store, drafted(id, consent, key, state, **changes))


def is_contact(store: Store, key: str = JO, consent: Consent | None = None) -> None:
    """Something was delivered, with this consent or the one in effect."""
    store.write_now(
        attempts.settle, MAIL, begin(store, part(key, consent=consent)), Settled(confirmed=frozenset({key}))
    )


def knows(store: Store, there: Delivered, key: str = JO, destination: str = MAIL) -> None:
    """What is known to be there, however that came about."""
    store.write_now(keep_delivered, destination, {key: there})


def ending(store: Store, within: int = 30, destination: str = MAIL, limit: int = 100) -> list[Basis]:
    since, until = TODAY - dt.timedelta(days=within), TODAY + dt.timedelta(days=within)
    take = partial(consents.ending, since=since, until=until, limit=limit)
    return [basis for basis in store.read_now(lambda state: list(consents.walk(state, take)))
            if basis.destination == destination]  # fmt: skip


def gone(store: Store) -> list[Gone]:
    return store.read_now(lambda state: list(consents.walk(state, partial(consents.basis_gone, limit=2))))


def test_whoever_ends_within_the_window_is_listed_with_the_purchase_it_rests_on(store: Store) -> None:
    buys(store, "77", client(20))
    is_contact(store)
    (basis,) = ending(store)
    assert (basis.key, basis.mapping, basis.record, basis.consent) == (JO, "sales", "77", client(20))
    assert basis.ends == TODAY + dt.timedelta(days=20)


@pytest.mark.parametrize(("ends_in", "listed"), [(31, 0), (30, 1), (1, 1), (0, 1), (-30, 1), (-31, 0)])
def test_both_ends_of_the_window_are_in_it(store: Store, ends_in: int, listed: int) -> None:
    buys(store, "1", client(ends_in))
    is_contact(store)
    assert len(ending(store)) == listed


@pytest.mark.parametrize("consent", [EXPRESS, UNKNOWN_TERM, None, client(31)])
def test_what_has_no_end_in_the_window_is_not_listed(store: Store, consent: Consent | None) -> None:
    buys(store, "1", consent)
    is_contact(store)
    assert ending(store) == []


def test_a_later_purchase_takes_somebody_off_the_list_and_its_reversal_puts_them_on_it_again(store: Store) -> None:
    buys(store, "1", client(20))
    buys(store, "2", client(400))
    is_contact(store, consent=client(400))
    assert ending(store) == []
    buys(store, "2", None, state="retracted")
    assert [basis.record for basis in ending(store)] == ["1"]


def test_a_consent_that_was_read_there_and_ends_later_counts(store: Store) -> None:
    buys(store, "1", client(20))
    is_contact(store, consent=client(50, basis="form", proof=None))
    assert ending(store) == []
    (basis,) = ending(store, 60)
    assert (basis.consent.basis, basis.mapping, basis.record) == ("form", None, None)


def test_express_consent_there_never_ends_whatever_our_records_say(store: Store) -> None:
    buys(store, "1", client(20))
    is_contact(store, consent=EXPRESS)
    assert ending(store) == []


def test_express_consent_that_was_only_seen_there_never_ends_either(store: Store) -> None:
    buys(store, "1", client(20))
    is_contact(store)
    knows(store, Delivered(present=True, express=True))
    assert ending(store) == []


def test_only_contacts_are_listed(store: Store) -> None:
    buys(store, "1", client(20))
    assert ending(store) == []  # nothing was delivered yet


@pytest.mark.parametrize("reason", ["unsubscribed", "bounced", "deleted", "forgotten", "refused"])
def test_who_must_not_be_written_to_is_on_neither_list(store: Store, reason: str) -> None:
    for key in (JO, "lea@example.com"):
        buys(store, key, client(20), key)
        is_contact(store, key)
    buys(store, "lea@example.com", None, "lea@example.com", "retracted")
    assert len(ending(store)) == len(gone(store)) == 1
    store.write_now(
        lambda state: state.exec_driver_sql(
            "INSERT INTO suppression SELECT destination, key, ?, ?, NULL FROM target", (reason, iso(NOON))
        )
    )
    assert ending(store) == gone(store) == []


def test_who_was_found_deleted_there_is_on_neither_list(store: Store) -> None:
    for key in (JO, "lea@example.com"):
        buys(store, key, client(20), key)
        is_contact(store, key)
    buys(store, "lea@example.com", None, "lea@example.com", "retracted")
    store.write_now(lambda state: state.exec_driver_sql("UPDATE target SET state='rejected', code='gone'"))
    assert ending(store) == gone(store) == []


def test_a_record_of_our_own_streams_is_no_ground(store: Store) -> None:
    buys(store, "1", client(20))
    buys(store, "own", client(400), mapping="confirm", partition=OWN)
    is_contact(store)
    assert [basis.record for basis in ending(store)] == ["1"]
    buys(store, "1", None, state="retracted")
    assert ending(store, 500) == []
    assert [each.key for each in gone(store)] == [JO]


def test_what_only_renews_is_a_ground_beside_a_purchase_and_never_alone(store: Store) -> None:
    buys(store, "1", client(20))
    buys(store, "2", client(25), renews=True)
    is_contact(store)
    assert [(basis.record, basis.ends) for basis in ending(store)] == [("2", TODAY + dt.timedelta(days=25))]
    assert gone(store) == []
    buys(store, "1", None, state="retracted")
    assert ending(store) == []
    assert [(each.key, each.record) for each in gone(store)] == [(JO, "1")]
    buys(store, "3", client(20))
    assert gone(store) == []


def test_taking_back_what_only_renews_takes_no_basis_away(store: Store) -> None:
    buys(store, "1", client(20))
    buys(store, "2", client(25), renews=True)
    is_contact(store)
    buys(store, "1", client(20), "lea@example.com")  # it moved to another address
    buys(store, "2", None, state="retracted")
    assert gone(store) == []


def test_slices_are_walked_to_the_end(store: Store) -> None:
    for number in range(7):
        buys(store, str(number), client(number + 1), f"{number}@example.com")
        is_contact(store, f"{number}@example.com")
    assert [basis.record for basis in ending(store, limit=3)] == list("0123456")


def test_basis_is_gone_when_the_last_purchase_is_taken_back_and_not_before(store: Store) -> None:
    buys(store, "1", client(20))
    buys(store, "2", client(400))
    is_contact(store, consent=client(400))
    buys(store, "2", None, state="retracted")
    assert gone(store) == []
    buys(store, "1", None, state="retracted")
    (found,) = gone(store)
    assert (found.key, found.since, found.consent) == (JO, NOON, client(400))
    buys(store, "1", client(20))
    assert gone(store) == []


def test_basis_is_not_gone_of_somebody_to_whom_nothing_was_delivered(store: Store) -> None:
    buys(store, "1", client(20))
    buys(store, "1", None, state="retracted")
    knows(store, Delivered(present=True))
    assert gone(store) == []


def test_basis_is_not_gone_of_somebody_with_express_consent(store: Store) -> None:
    buys(store, "1", client(20))
    is_contact(store, consent=EXPRESS)
    buys(store, "1", None, state="retracted")
    assert gone(store) == []


def test_everybody_whose_basis_is_gone_is_walked_to(store: Store) -> None:
    for number in range(5):
        buys(store, str(number), client(20), f"{number}@example.com")
        is_contact(store, f"{number}@example.com")
        buys(store, str(number), None, f"{number}@example.com", "retracted")
    assert [each.record for each in gone(store)] == list("01234")


def test_what_was_handed_over_is_known_until_it_is_taken_back(store: Store) -> None:
    for id_, state in (("a", "live"), ("b", "waiting"), ("c", "rejected"), ("d", "retracted"), ("e", "dropped")):
        buys(store, id_, client(20), mapping="confirm", partition=OWN)
        if state != "live":
            buys(store, id_, None, state=state, mapping="confirm", partition=OWN)
    buys(store, "f", client(20))
    assert store.read_now(consents.handed_over, "engine.expiring_consents") == ["a", "b", "c"]
    assert store.read_now(consents.handed_over, "engine.basis_gone") == []


class Person(NamedTuple):
    """Records as (consent, state, partition, renews), and what is known to be there."""

    records: list[tuple[Consent | None, str, str, bool]]
    there: Consent | None
    express: bool
    contact: bool

    def ends(self) -> dt.date | None:
        """When the consent that stands ends, said a second way."""
        bought = [(consent, state, renews) for consent, state, partition, renews in self.records if partition == "one"]
        live = [Draft(JO, consent=consent, renews=renews) for consent, state, renews in bought if state == "live"]
        asked = any(state == "live" and not renews for _, state, renews in bought)
        if not self.contact or not asked or self.express or (self.there and self.there.express):
            return None
        ours = fold([LiveDraft("sales", str(at), NOON, draft) for at, draft in enumerate(live)]).consent
        theirs = self.there if len(live) == len(bought) else None
        stands = max((consent for consent in (ours, theirs) if consent), key=Consent.rank, default=None)
        return None if stands is None or stands.express else stands.expires


implied = st.builds(client, st.integers(-60, 60), basis=st.sampled_from(["client", "inquiry"]))
any_consent = st.one_of(st.none(), st.just(EXPRESS), st.just(UNKNOWN_TERM), implied)
states = st.sampled_from(["live", "live", "retracted"])
record = st.tuples(any_consent, states, st.sampled_from(["one", "one", OWN]), st.booleans())
person = st.builds(Person, st.lists(record, min_size=1, max_size=4), any_consent, st.booleans(), st.booleans())
examples = count()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # each example has a destination of its own
@given(st.lists(person, min_size=1, max_size=5), st.integers(1, 60))
def test_nobody_is_listed_with_express_consent_or_whose_fold_ends_later_and_nobody_is_left_out(
    store: Store, people: list[Person], within: int
) -> None:
    mail = f"mail{next(examples)}.contacts"
    keyed = {f"{at}@example.com": each for at, each in enumerate(people)}
    rows = [
        drafted(f"{mail}/{key}/{at}", consent, key, state, renews=renews, destination=mail, partition=partition)
        for key, each in keyed.items()
        for at, (consent, state, partition, renews) in enumerate(each.records)
    ]
    commit(store, *rows, destination=mail)
    for key, each in keyed.items():
        knows(store, Delivered(present=each.contact, express=each.express, consent=each.there), key, mail)
    due = {key: end for key, each in keyed.items() if (end := each.ends()) and abs((end - TODAY).days) <= within}
    found = ending(store, within, mail)
    assert {basis.key: basis.ends for basis in found} == due
    assert not any(basis.express or basis.consent.express for basis in found)
