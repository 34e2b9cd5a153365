"""What the proofs have found, each as short as it can be told."""

import datetime as dt
from pathlib import Path

import pytest
import stamina

from mappings.fold import Consent, Desired
from syncengine.contracts import Standing
from syncengine.engine.difference import difference
from syncengine.sandbox.kit import Fault
from syncengine.state.delivered import Delivered
from syncengine.state.targets import Target
from tests.engine.world import Killed, World
from tests.promises.chaos import weather


async def take_back_and_forget(world: World) -> None:
    """Jo buys and is delivered; the purchase is reversed, and reset while the directory doesn't know Jo."""
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    await world.sync()
    world.buy("1", "C1", State="REVERSED")
    await world.sync()
    world.crm.rows.clear()
    world.buy("1", "C1", State="APPROVED")
    await world.sync()


async def test_a_record_that_waits_again_keeps_the_address_under_which_it_was_delivered(world: World) -> None:
    await take_back_and_forget(world)
    world.crm.person("C1", "new@example.com")
    await world.sync()
    assert set(world.mail.contacts) == {"jo@example.com"}
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}


async def test_a_no_counts_for_the_new_address_also_when_the_record_waited_in_between(world: World) -> None:
    await take_back_and_forget(world)
    world.mail.unsubscribed.add("jo@example.com")
    world.crm.person("C1", "new@example.com")
    world.buy("2", "C1")
    await world.sync()
    assert set(world.mail.contacts) == {"jo@example.com"}


async def test_a_no_counts_for_the_new_address_also_when_the_record_was_rejected_in_between(world: World) -> None:
    world.add_mapping("sales", lookup=[{"from": "crm.customers", "key": "{{ Customer }}", "as": "customer"}])
    await take_back_and_forget(world)
    world.mail.unsubscribed.add("jo@example.com")
    world.crm.person("C1", "new@example.com")
    world.buy("2", "C1")
    await world.sync()
    assert set(world.mail.contacts) == {"jo@example.com"}


async def test_a_no_that_is_lifted_is_lifted_for_the_other_address_too(world: World) -> None:
    world.crm.person("C1", "old@example.com")
    world.buy("1", "C1", days_ago=9)
    await world.sync()
    world.mail.unsubscribed.add("old@example.com")
    world.crm.rows["C1"][0]["email"] = "new@example.com"
    world.buy("2", "C1")
    await world.sync()
    assert set(world.mail.contacts) == {"old@example.com"}
    world.mail.unsubscribed.clear()
    world.buy("1", "C1", days_ago=9, Partner="Other")  # something for the old address, so that it is asked about
    await world.sync()
    await world.sync()
    assert set(world.mail.contacts) == {"old@example.com", "new@example.com"}


async def test_a_group_whose_leaving_nobody_heard_of_is_joined_again_when_it_is_asked_for_again(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    await world.sync()

    def kill(part: object) -> None:
        raise Killed

    world.mail.after_effect = kill
    world.buy("1", "C1", State="REVERSED")
    with pytest.raises(Killed):
        await world.sync()
    world.mail.after_effect = lambda part: None
    assert world.groups("jo@example.com") == set()
    world.restart()
    world.buy("1", "C1", State="APPROVED")
    await world.sync()
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}


def test_an_express_consent_does_not_take_back_the_date_of_a_lesser_one_that_was_read() -> None:
    """Ours was express once; an administrator made it a later, implied one; then an older purchase comes in."""
    ours, theirs, older = (dt.date(2026, 1, 1), dt.date(2026, 3, 1), dt.date(2026, 2, 1))
    target = Target(
        "jo@example.com",
        Desired(consent=Consent("express", older, express=True)),
        2,
        Delivered(present=True, consent=Consent("express", ours, express=True)),
        {},
        0,
    )
    standing = Standing("subscribed", consent=Consent("client", theirs))
    assert difference(target, standing, None, theirs).change is None


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_page_of_something_in_between_is_no_word_of_the_provider(tmp_path: Path, method: str) -> None:
    """A gateway answers 200 with a page and lets nothing through: what was asked for is not believed to be done."""
    with stamina.set_testing(True, attempts=4, cap=True), weather(tmp_path, 0) as made:
        made.mail.admin.create_group("Partner: Acme")
        made.mail.admin.add(made.email("C1"), relation="express-consent", date="2026-01-01")
        made.print_directory()
        made.sell("C1", days_ago=1)
        if method == "DELETE":
            await made.come_to_rest()
            made.clock.move(3600)
            made.take_back(next(iter(made.sales)))
        made.mail.faults.add(Fault(kind="malformed", method=method, path="/members/"))
        await made.sync()
        assert made.injected() == ["malformed"]
        await made.come_to_rest()
        known = made.mail.contacts()[made.email("C1")]
        assert known.groups == made.expected_groups("C1")
