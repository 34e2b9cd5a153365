"""`explain`: why is this address there, or not?"""

import json

import pytest

from tests.cli.shop import MAIL, SINCE, Shop
from tests.cli.writing import ANA, BEA, CLEO, write


@pytest.fixture
def told(shop: Shop) -> Shop:
    """Ana is delivered and was in the newsletter before; Cleo is unsubscribed; C6 waits."""
    shop.cyberimpact.admin.create_group("Affiliate customers")
    shop.knows("C1", "Ana@Example.com", first_name="Ana")
    shop.cyberimpact.admin.add("ana@example.com", groups=["Affiliate customers"])
    shop.knows("C3", "cleo@example.com")
    shop.cyberimpact.admin.add("cleo@example.com")
    shop.cyberimpact.admin.unsubscribe("cleo@example.com")
    shop.sells("C1", oid="77")
    shop.sells("C3", oid="78")
    shop.sells("C6", oid="79")
    assert shop("sync").code == 0
    return shop


@pytest.mark.parametrize("key", ["ana@example.com", " ANA@Example.com", "C1", "77", "the action"])
def test_an_address_is_found_by_any_name_that_it_has(told: Shop, key: str) -> None:
    if key == "the action":
        key = next(iter(told.impact.book.actions))
    ended = told("explain", key)
    assert ended.code == 0
    assert "ana@example.com in cyberimpact.contacts\n" in ended.out
    assert "  now         delivered\n" in ended.out


def test_it_says_what_was_delivered_who_added_the_groups_and_by_which_record(told: Shop) -> None:
    out = told("explain", "C1").out
    action = next(iter(told.impact.book.actions))
    assert "firstname Ana, language fr_ca" in out
    assert f"(impact.com action {action}, order 77)" in out
    assert "  group       Affiliate customers: was in it before us: never taken away by us\n" in out
    assert "  group       Partner: Acme Partner: added by us\n" in out
    assert ": took effect\n" in out
    assert f"new-customers, {action}: in effect\n" in out
    assert "    person    shop.customers:C1\n" in out


def test_it_says_why_somebody_is_not_written_to(told: Shop) -> None:
    out = told("explain", "cleo@example.com").out
    assert "  now         not written to: unsubscribed\n" in out
    assert "  suppressed  unsubscribed, known since 20" in out
    assert "  delivered   nothing\n" in out


def test_a_record_that_waits_is_found_by_its_customer_and_its_order(told: Shop) -> None:
    for key in ("C6", "79"):
        ended = told("explain", key)
        assert ended.code == 0
        assert ": waits for a lookup to know it\n" in ended.out


def test_it_says_when_a_purchase_was_taken_back_and_when_it_was_back(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    bought = shop.sells("C1")
    shop("sync")
    shop.impact.book.reverse(bought)
    shop("resync", "new-customers", "--record", bought)
    out = shop("explain", bought).out
    assert f"new-customers, {bought}: taken back\n    retracted 20" in out
    assert "back since" not in out
    shop.impact.book.reset(bought)
    shop("resync", "new-customers", "--record", bought)
    out = shop("explain", bought).out
    assert f"new-customers, {bought}: in effect\n    retracted 20" in out
    assert ", back since 20" in out


def test_an_address_on_a_list_that_we_never_wrote_to_is_told_as_such(told: Shop) -> None:
    told.cyberimpact.admin.add("eve@example.com")
    told.cyberimpact.admin.bounce("eve@example.com")
    told.knows("C7", "fay@example.com")
    told.sells("C7", ago=SINCE)
    told("sync")
    out = told("explain", "eve@example.com").out
    assert out == "cyberimpact.contacts: never written to by us, and must not be: mail to it bounces\n"


def test_the_reason_of_a_reject_stands_beside_its_record(shop: Shop) -> None:
    shop.knows("C5", "no-address")
    bought = shop.sells("C5")
    shop("sync")
    assert "email: Not an e-mail address." in shop("explain", bought).out


def test_it_says_who_was_unsubscribed_deleted_or_asked_by_a_line(shop: Shop) -> None:
    shop.config.write_text(shop.config.read_text().replace(MAIL, f"{MAIL}allow_sending = true\n"))
    for address in (ANA, BEA):
        shop.cyberimpact.admin.add(address)
    ask = {"email": CLEO, "optin": True, "groups": ["Club"]}
    assert write(shop, {"email": ANA, "unsubscribe": True}, {"email": BEA, "delete": True}, ask).code == 0
    unsubscribed, deleted, asked = (shop("explain", address).out for address in (ANA, BEA, CLEO))
    assert "  should be   to be unsubscribed\n  delivered   unsubscribed by us\n" in unsubscribed
    assert "  suppressed  the shop or a record says no, known since 20" in unsubscribed
    assert "  should be   to be deleted\n  delivered   deleted by us\n" in deleted
    assert "  now         asked by mail on 20" in asked
    assert ", and has not answered\n  should be   in Club\n              asked by mail\n" in asked
    assert ", receipt optin: took effect\n" in asked
    letter = shop("explain", ANA, "--ask", "--lang", "en").out
    assert "no mail is to go to you, and your address has been unsubscribed since " in letter
    assert "You unsubscribed" not in letter
    letters = json.loads(shop("explain", CLEO, "--lang", "en", "--json").out)["letters"]
    assert "The reason is in our records: an entry made by hand, of " in " ".join(letters[0]["paragraphs"])


def test_what_was_never_met_is_said_plainly(told: Shop) -> None:
    ended = told("explain", "nobody@example.com")
    assert ended.code == 1
    assert '"nobody@example.com" was never met' in ended.out
    assert "ask by its id, or by a value that it was read with" in ended.out


def test_a_record_that_keeps_its_first_address_is_found_by_the_new_one(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    bought = shop.sells("C1")
    shop("sync")
    shop.knows("C1", "ana.new@example.com")
    shop("resync", "new-customers", "--record", bought, "--force")
    out = shop("explain", "ana.new@example.com").out
    assert (
        "cyberimpact.contacts: another address of the same person, whose records stand under ana@example.com\n" in out
    )
    assert f"new-customers, {bought}: in effect, address changed to ana.new@example.com\n" in out
    assert "ana@example.com in cyberimpact.contacts\n  now         delivered\n" in out


def test_a_purchase_that_was_taken_back_is_found_by_its_order(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    bought = shop.sells("C1", oid="77")
    shop("sync")
    shop.impact.book.reverse(bought)
    shop("resync", "new-customers", "--record", bought)
    assert f"new-customers, {bought}: taken back\n" in shop("explain", "77").out


def test_json_has_all_of_it(told: Shop) -> None:
    found = json.loads(told("explain", "C1", "--json").out)
    (target,), (record,) = found["targets"], found["records"]
    assert target["state"] == "delivered"
    assert target["delivered"]["consent"]["basis"] == "active-clients"
    assert {member["state"] for member in target["memberships"]} == {"before", "ours"}
    assert target["attempts"][0]["state"] == "confirmed"
    assert record["body"]["key"] == "ana@example.com"
    assert json.loads(told("explain", "nobody", "--json").out)["targets"] == []
