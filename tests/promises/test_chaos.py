"""Promises 1, 3, 4, 6 over HTTP: real connectors, real answers, random faults on random requests, restarts between."""

import datetime as dt
import os
from pathlib import Path

import pytest
import stamina

from connectors.cyberimpact.sandbox import Known
from syncengine.engine.conserved import ENDS, STARTS
from tests.promises.chaos import ALL, Weather, bodies_with, weather

SHORT = range(3)
LONG = range(100, 100 + int(os.environ.get("CHAOS_SEEDS", "60")))
STORMY_SYNCS = 4


@pytest.fixture(autouse=True)
def at_once():  # type: ignore[no-untyped-def]  # a context, no value
    """No real waiting between two tries of a request."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.mark.parametrize("seed", SHORT)
async def test_effects_are_exact_whatever_the_weather(tmp_path: Path, seed: int) -> None:
    await tell_the_story(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", LONG)
async def test_effects_are_exact_whatever_the_weather_for_long(tmp_path: Path, seed: int) -> None:
    await tell_the_story(tmp_path, seed)


async def tell_the_story(folder: Path, seed: int) -> None:
    with weather(folder, seed) as made:
        arrange(made)
        injected = await storm(made, buy_something)
        first = await made.come_to_rest()
        assert not first.failures
        expect_everybody(made)
        before = await say_no(made)
        injected += await storm(made, take_something_back)
        await made.come_to_rest()
        expect_everybody(made)
        expect_who_said_no_is_left_alone(made, before)
        assert len(injected) >= STORMY_SYNCS, "the weather was too good to prove anything"
        for report in made.reports:
            counts = report.mappings[0].counts
            assert sum(counts[name] for name in STARTS) == sum(counts[name] for name in ENDS)
            revisions = dict(report.deliveries[0].revisions)
            assert revisions.pop("revisions", 0) == sum(revisions.values())


def arrange(made: Weather) -> None:
    """People who are there before us: subscribed with groups of their own, by express consent, or not any more."""
    admin = made.mail.admin
    admin.create_group(ALL)
    admin.create_group("Friends")
    old = (made.clock.now() - dt.timedelta(days=170)).date()
    admin.add(made.email("C0"), groups=["Friends", ALL], relation="active-clients", date=old, proof="theirs")
    admin.add(made.email("C1"), relation="express-consent", date=old, proof="a form")
    for customer in ("C2", "C3"):
        admin.add(made.email(customer), fields={"firstname": "Theirs"}, relation="active-clients", date=old, proof="x")
    admin.unsubscribe(made.email("C2"))
    admin.bounce(made.email("C3"))
    made.people["C4"] = made.people["C4"]._replace(opted_out="yes")
    made.people["C5"] = made.people["C5"]._replace(listed=False)
    made.print_directory()


async def storm(made: Weather, happens) -> list[str]:  # type: ignore[no-untyped-def]  # one of the two below
    """Some syncs in bad weather while things happen. The kinds of fault that really hit a request."""
    injected = []
    for number in range(STORMY_SYNCS):
        happens(made, number)
        made.break_things()
        await made.sync()
        injected += made.injected()
        made.clear_up()
        made.mail.settle()
        made.clock.move(15 * 60)
    return injected


def buy_something(made: Weather, number: int) -> None:
    for at, customer in enumerate(made.people):
        if number == 0 or made.rng.random() < 0.4:
            made.sell(customer, days_ago=1 + number * len(made.people) + at)
    if number == 1:
        made.people["C5"] = made.people["C5"]._replace(listed=True)
        made.print_directory()


async def say_no(made: Weather) -> int:
    """Between two storms somebody unsubscribes and somebody leaves a group. How many requests there were by then."""
    made.mail.admin.unsubscribe(made.email("C6"))
    made.mail.admin.leave_group(made.email("C7"), ALL)
    return len(made.mail.seen)


def take_something_back(made: Weather, number: int) -> None:
    """Purchases are reversed, and those who said no buy again."""
    standing = sorted(made.sales.keys() - made.reversed)
    for id in made.rng.sample(standing, 2):
        made.take_back(id)
    made.sell("C6", days_ago=60 + number)
    made.sell(made.rng.choice(["C8", "C9", "C10"]), days_ago=70 + number)


def expect_everybody(made: Weather) -> None:
    contacts = made.mail.contacts()
    assert set(contacts) == {made.email(customer) for customer in made.people if customer != "C4"}
    for customer in made.people.keys() - {"C2", "C3", "C4"}:
        expect_one(made, customer, contacts[made.email(customer)])
    for customer, state in (("C2", "unsubscribed"), ("C3", "bounced")):
        left_alone = contacts[made.email(customer)]
        assert (left_alone.state, left_alone.groups, left_alone.fields) == (state, set(), {"firstname": "Theirs"})
    for customer in ("C2", "C3", "C4"):
        assert bodies_with(made.mail, made.email(customer)) == []


def expect_one(made: Weather, customer: str, found: Known) -> None:
    said_no = found.state == "unsubscribed"
    wanted = made.expected_groups(customer)
    if customer == "C0":
        wanted |= {"Friends", ALL}  # there before us, and never taken away
    if customer == "C7" and left(made, customer):
        wanted -= {ALL}  # left by their own hand, and not joined again
    assert found.groups <= wanted if said_no else found.groups == wanted, customer
    if customer == "C1":
        assert found.consent.relation == "express-consent"
        assert found.consent.proof == "a form"
    elif not said_no:
        assert (found.consent.relation, found.consent.date, found.consent.proof) == made.expected_consent(customer)
    if customer not in {"C0", "C1"}:
        number = customer.removeprefix("C")
        assert (found.fields["firstname"], found.fields["lastname"]) == (f"First{number}", f"Last{number}")
        assert found.fields["language"] == "fr_ca"


def left(made: Weather, customer: str) -> bool:
    """Whether somebody took them out of the group of all customers; it is the only one who may be missing there."""
    return ALL not in made.mail.contacts()[made.email(customer)].groups


def expect_who_said_no_is_left_alone(made: Weather, before: int) -> None:
    assert bodies_with(made.mail, made.email("C6"), before) == []
    assert left(made, "C7")
