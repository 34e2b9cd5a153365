"""How people stand before we touch them is read once, by whichever way costs less, with the same answer."""

import datetime as dt

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Consent, Standing
from syncengine.sandbox.kit import Fault
from tests.cyberimpact.attempts import Book
from tests.cyberimpact.conftest import Connect, active, change, deliver

KEYS = [f"{name}@example.test" for name in ("implied", "express", "undated", "off", "bounced", "absent", "up/+%er")]


def furnish(vendor: CyberimpactSandbox) -> None:
    vendor.admin.create_group("clients")
    vendor.admin.create_group("Other")
    vendor.admin.add(
        "Implied@example.test", relation="active-clients", date="2026-01-20", proof="Order 1", groups=["clients"]
    )
    vendor.admin.add("express@example.test", relation="express-consent", date="2020-01-01", groups=["clients", "Other"])
    vendor.admin.add("undated@example.test")
    vendor.admin.add("up/+%er@example.test", relation="web-contacts", date="2025-02-01", groups=["Other"])
    vendor.admin.add("off@example.test", groups=["clients"])
    vendor.admin.unsubscribe("off@example.test")
    vendor.admin.add("bounced@example.test")
    vendor.admin.bounce("bounced@example.test")


EXPECTED = {
    "implied@example.test": Standing(
        "subscribed",
        frozenset({"Clients"}),
        Consent("active-clients", dt.date(2026, 1, 20), "Order 1", expires=dt.date(2028, 1, 20)),
    ),
    "express@example.test": Standing("subscribed", frozenset({"Clients"}), express=True),
    "undated@example.test": Standing("subscribed"),
    "off@example.test": Standing("unsubscribed"),
    "bounced@example.test": Standing("bounced"),
    "absent@example.test": Standing("absent"),
    "up/+%er@example.test": Standing("subscribed", consent=Consent("web-contacts", dt.date(2025, 2, 1))),
}


@pytest.mark.parametrize("shown", ["hidden", "shown"])
@pytest.mark.parametrize("many", [False, True])
async def test_both_roads_give_the_same_answer(
    vendor: CyberimpactSandbox, connect: Connect, many: bool, shown: str
) -> None:
    furnish(vendor)
    vendor.switches.read_suppressed = shown  # type: ignore[assignment]  # a parameter of this test
    contacts = connect()
    titles = frozenset({"Clients", "Not there yet"})
    answers: dict[str, Standing] = {}
    if many:
        others = [f"new{number}@example.test" for number in range(30)]
        answers.update(await contacts.standing([*KEYS, *others], titles))
        assert {answers.pop(key) for key in others} == {Standing("absent")}
    else:
        for key in KEYS:
            answers.update(await contacts.standing([key], titles))
    assert answers == EXPECTED
    walked = [seen for seen in vendor.seen if seen.path == "/members" and ("limit", "10000") in seen.query]
    assert bool(walked) == many
    assert all(("status", "all") in seen.query for seen in walked)


async def test_only_implied_consent_of_people_who_are_there_is_read(
    vendor: CyberimpactSandbox, connect: Connect
) -> None:
    furnish(vendor)
    await connect().standing([*KEYS, *(f"new{number}@example.test" for number in range(300))], frozenset())
    assert {seen.path for seen in vendor.seen if seen.path.endswith("/consent")} == {
        f"/members/{key}/consent" for key in ("implied@example.test", "undated@example.test", "up/+%er@example.test")
    }
    assert len(vendor.seen) < 15


async def test_without_groups_to_ask_about_no_group_is_read(vendor: CyberimpactSandbox, connect: Connect) -> None:
    furnish(vendor)
    await connect().standing(KEYS[:2], frozenset())
    assert not [seen for seen in vendor.seen if "groups" in seen.path]


async def test_nobody_asked_about_is_no_answer(vendor: CyberimpactSandbox, connect: Connect) -> None:
    assert await connect().standing([], frozenset({"Clients"})) == {}


@pytest.mark.parametrize("many", [False, True])
async def test_consent_that_cannot_be_read_is_not_taken_for_none(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, many: bool
) -> None:
    """Fields and groups get there by requests that state no consent, so that nothing newer is replaced."""
    vendor.admin.add("a@example.test", relation="active-clients", date="2026-06-20", proof="newer")
    vendor.faults.add(Fault(kind="status", status=404, method="GET", path="/consent", times=99))
    contacts = connect()
    others = [f"new{number}@example.test" for number in range(30 if many else 0)]
    standings = await contacts.standing(["a@example.test", *others], frozenset({"A"}))
    assert standings["a@example.test"] == Standing("subscribed", express=True)
    wanted = change("a@example.test", join=["A"], fields={"firstname": "Al"}, consent=active(), create=False)
    outcomes = await deliver(contacts, [wanted], book)
    assert outcomes["a@example.test"].status == "delivered"
    contact = vendor.contacts()["a@example.test"]
    assert (contact.groups, contact.fields) == ({"A"}, {"firstname": "Al"})
    assert (contact.consent.date, contact.consent.proof) == (dt.date(2026, 6, 20), "newer")
