"""`reconcile` on a real account: one line says how many were verified, the others whom it is about and what to do."""

import datetime as dt
import json

import pytest

from tests.cli.shop import SINCE, Shop

ANA, BEA = "ana@example.com", "bea@example.com"
NAME = "cyberimpact.contacts"


@pytest.fixture
def delivered(shop: Shop) -> Shop:
    """Ana and Bea are contacts, with names that are kept as the shop has them."""
    configure(shop, "[mappings.new-customers]\n", "set_once = []\n")
    shop.knows("C1", ANA, first_name="Ana")
    shop.knows("C2", BEA, first_name="Bea")
    for customer in ("C1", "C2"):
        shop.sells(customer)
    assert shop("sync").code == 0
    return shop


def configure(shop: Shop, table: str, line: str) -> None:
    text = shop.config.read_text(encoding="utf-8")
    assert table in text
    shop.config.write_text(text.replace(table, f"{table}{line}"), encoding="utf-8")


def group_of(shop: Shop, email: str) -> str:
    return sorted(shop.cyberimpact.contacts()[email].groups)[0]


def test_all_as_delivered(delivered: Shop) -> None:
    writes = delivered.cyberimpact.writes()
    ended = delivered("reconcile")
    assert (ended.code, ended.out) == (0, f"{NAME}: 2 contacts verified, all as delivered\n")
    assert delivered.cyberimpact.writes() == writes


def test_before_anything_was_delivered_there_is_nothing_to_verify(shop: Shop) -> None:
    ended = shop("reconcile", NAME)
    assert (ended.code, ended.out) == (0, f"{NAME}: 0 contacts verified, all as delivered\n")


def test_who_was_deleted_is_named_and_a_person_can_lift_it(delivered: Shop) -> None:
    delivered.cyberimpact.admin.delete(ANA)
    ended = delivered("reconcile")
    assert ended.code == 0
    assert f"{NAME}: 2 contacts verified, 1 deleted by hand\n" in ended.out
    assert f"  deleted     {ANA}: gets nothing any more; --allow {ANA} lifts that\n" in ended.out
    delivered.sells("C1", ago=SINCE)
    delivered("sync")
    assert set(delivered.cyberimpact.contacts()) == {BEA}
    assert "deleted by hand" in delivered("explain", ANA).out
    ended = delivered("reconcile", "--allow", ANA.upper())
    assert (ended.code, ended.out) == (0, "1 contact may be added again by the next run: syncengine sync\n")
    assert delivered("sync").code == 0
    assert set(delivered.cyberimpact.contacts()) == {ANA, BEA}
    (run,) = [run for run in json.loads(delivered("runs", "--json").out) if "allowed" in run["counts"]]
    assert (run["kind"], run["mapping"], run["counts"]["allowed"]) == ("reconcile", NAME, 1)


def test_nobody_to_lift_is_an_error_with_a_next_step(delivered: Shop) -> None:
    ended = delivered("reconcile", "--allow", ANA)
    assert ended.code == 1
    assert "Nothing of that address can be lifted" in ended.err
    assert "syncengine explain" in ended.err


def test_a_group_that_was_left_and_a_field_that_differs_are_listed(delivered: Shop) -> None:
    title = group_of(delivered, ANA)
    delivered.cyberimpact.admin.leave_group(ANA, title)
    delivered.cyberimpact.admin.edit(BEA, firstname="Beatrice")
    out = delivered("reconcile").out
    assert "2 contacts verified, 1 left a group, 1 with fields that differ\n" in out
    assert f"  left        {ANA}: {title}; it stays left\n" in out
    assert f'  differs     {BEA}: firstname is "Beatrice" there, "Bea" was delivered\n' in out
    assert "--repair has it set again." in out
    out = delivered("reconcile", "--repair").out
    assert "1 to be corrected" in out
    assert "Next: syncengine sync sets these fields again." in out
    assert delivered("sync").code == 0
    contacts = delivered.cyberimpact.contacts()
    assert contacts[BEA].fields["firstname"] == "Bea"
    assert title not in contacts[ANA].groups


def test_a_group_that_was_renamed_was_left_by_nobody(delivered: Shop) -> None:
    title = group_of(delivered, ANA)
    delivered.cyberimpact.admin.rename_group(title, "Something else")
    out = delivered("reconcile").out
    assert f"  no group    {title}: deleted or renamed; nobody counts as having left it\n" in out
    assert "left a group" not in out


def test_json_tells_the_same_to_programs(delivered: Shop) -> None:
    delivered.cyberimpact.admin.delete(ANA)
    told = json.loads(delivered("reconcile", "--json").out)
    (destination,) = told["destinations"]
    assert (destination["destination"], destination["state"]) == (NAME, "done")
    assert (destination["counts"]["verified"], destination["counts"]["deleted"]) == (2, 1)
    assert destination["found"]["deleted"] == [ANA]
    assert told["requests"]["requests"] > 0


def test_a_destination_that_can_not_be_compared_is_named(shop: Shop) -> None:
    ended = shop("reconcile", "shop.table")
    assert ended.code == 2
    assert "shop.table" in ended.err
    assert NAME in ended.err


def test_a_run_of_the_other_commands_shows_its_row(delivered: Shop) -> None:
    delivered("reconcile")
    out = delivered("status").out
    assert "  reconciled  done, " in out
    assert " ago, 2 contacts verified\n" in out
    (destination,) = json.loads(delivered("status", "--json").out)["destinations"]
    assert destination["reconciled"]["counts"]["verified"] == 2
    out = delivered("runs").out
    assert "reconcile" in out
    assert NAME in out


def test_sync_asks_for_a_yes_and_plan_says_so(delivered: Shop) -> None:
    configure(delivered, "[engine]\n", "most_removals = 1\n")
    for action in list(delivered.impact.book.actions):
        delivered.impact.book.reverse(action, at=dt.datetime.now(dt.UTC).replace(microsecond=0) - SINCE)
    planned = delivered("plan")
    assert planned.code == 1
    assert "too many would be removed at once: waits for sync --yes" in planned.out
    assert "2 of 2 contacts would be taken out of groups at once, more than 1 and 10%" in planned.out
    assert "not complete" not in planned.out
    before = delivered.cyberimpact.writes()
    ended = delivered("sync")
    assert (ended.code, delivered.cyberimpact.writes()) == (1, before)
    assert "syncengine sync --yes" in ended.out
    assert delivered("sync", "--yes").code == 0
    assert all(not contact.groups for contact in delivered.cyberimpact.contacts().values())
