"""What people and administrators did at the provider is found, told, and respected from then on."""

import asyncio
from typing import Any

import msgspec
import pytest

from syncengine.contracts import Walk
from syncengine.engine.limits import DELETIONS
from syncengine.engine.reconcile import Findings, auditable
from syncengine.errors import Busy, ConfigError, Transient
from syncengine.state import attempts, rejects, reports, runs
from tests.engine.world import Contact, World

JO, MAX = "jo@example.com", "max@example.com"
GROUPS = {"Customers", "Partner: Acme"}


@pytest.fixture
async def shop(world: World) -> World:
    """Jo and Max have bought, and are contacts."""
    for number, email in enumerate((JO, MAX), 1):
        world.crm.person(f"C{number}", email, name=email[:2].title())
        world.buy(str(number), f"C{number}")
    await world.sync()
    return world


async def found(world: World, **options: object) -> Findings:
    report, findings = await world.reconcile(**options)
    assert report.failures == []
    assert findings is not None
    return findings


def suppression(world: World, key: str) -> str | None:
    return world.store.read_now(reports.explain, key).targets[0].suppression


async def fill(world: World, number: int) -> None:
    """So many customers more, all of them contacts."""
    for at in range(number):
        world.crm.person(f"N{at}", f"n{at}@example.com")
        world.buy(f"n{at}", f"N{at}")
    await world.sync()


async def test_all_as_delivered_is_said_by_a_number_and_sends_nothing(shop: World) -> None:
    sent = len(shop.mail.requests)
    report, findings = await shop.reconcile()
    assert report.mappings[0].counts["verified"] == 2
    assert findings is not None
    assert [*findings.deleted, *findings.left, *findings.drifted, *findings.said_no] == []
    assert len(shop.mail.requests) == sent
    await shop.sync()
    assert len(shop.mail.requests) == sent


async def test_who_was_deleted_by_hand_is_suppressed_and_never_added_again(shop: World) -> None:
    del shop.mail.contacts[JO]
    assert (await found(shop)).deleted == [JO]
    assert suppression(shop, JO) == "deleted"
    shop.buy("9", "C1", Partner="Other")
    report = await shop.sync()
    assert report.deliveries[0].counts["suppressed"] == 1
    assert JO not in shop.mail.contacts
    assert (await found(shop)).deleted == []  # known already


async def test_who_is_missing_on_the_lists_and_there_when_asked_for_was_not_deleted(shop: World) -> None:
    shop.mail.hidden.add(JO)
    findings = await found(shop)
    assert (findings.verified, findings.deleted) == (2, [])
    assert suppression(shop, JO) is None


async def test_a_walk_that_breaks_off_concludes_nothing(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    del shop.mail.contacts[JO]

    async def broken(groups: object, fields: object) -> Walk:
        raise Transient("the list broke off")

    monkeypatch.setattr(shop.mail, "walk", broken)
    report, findings = await shop.reconcile()
    assert (report.mappings[0].state, findings) == ("failed", None)
    assert [error.code for error in report.failures] == ["transient"]
    assert suppression(shop, JO) is None


async def test_a_list_that_is_empty_is_an_error_and_nobody_was_deleted(shop: World) -> None:
    await fill(shop, 12)
    people = dict(shop.mail.contacts)
    shop.mail.contacts.clear()
    report, findings = await shop.reconcile()
    assert [error.code for error in report.failures] == ["empty"]
    assert "14 should be there" in str(report.failures[0])
    assert findings is None
    shop.mail.contacts.update(people)
    assert (await found(shop)).verified == 14
    assert suppression(shop, JO) is None


async def test_too_many_missing_at_once_conclude_nothing_until_a_person_says_yes(shop: World) -> None:
    await fill(shop, DELETIONS.most + 1)
    for key in [key for key in shop.mail.contacts if key.startswith("n")]:
        del shop.mail.contacts[key]
    report, _ = await shop.reconcile()
    (error,) = report.failures
    assert error.code == "too_many_gone"
    assert f"{DELETIONS.most + 1} of {DELETIONS.most + 3} contacts" in error.message
    assert "--yes" in error.hint
    assert suppression(shop, "n0@example.com") is None
    assert len((await found(shop, confirmed=True)).deleted) == DELETIONS.most + 1
    assert suppression(shop, "n0@example.com") == "deleted"


async def test_a_group_that_somebody_left_stays_left(shop: World) -> None:
    shop.mail.contacts[JO].groups.pop("customers")
    findings = await found(shop)
    assert findings.left == [(JO, "customers", "Customers")]
    notes = shop.store.read_now(reports.explain, JO).targets[0].memberships
    assert [(note.title, note.state) for note in notes] == [("Customers", "gone"), ("Partner: Acme", "ours")]
    shop.buy("9", "C1", Partner="Other")
    await shop.sync()
    assert shop.groups(JO) == {"Partner: Acme", "Partner: Other"}
    assert (await found(shop)).left == []


async def test_nobody_left_a_group_that_is_not_there_at_all(shop: World) -> None:
    for contact in shop.mail.contacts.values():
        contact.groups.pop("customers")
    shop.mail.no_groups.add("customers")
    findings = await found(shop)
    assert (findings.left, findings.missing_groups) == ([], ["Customers"])


async def test_a_field_that_somebody_corrected_is_listed_and_left(shop: World) -> None:
    shop.mail.contacts[JO].fields["name"] = "Joanna"
    (drift,) = (await found(shop)).drifted
    assert drift == (JO, "name", "Jo", "Joanna")
    await shop.sync()
    assert shop.mail.contacts[JO].fields["name"] == "Joanna"


async def test_repair_has_the_field_set_again_by_the_next_run(shop: World) -> None:
    shop.mail.contacts[JO].fields["name"] = None
    shop.mail.contacts[JO].groups.pop("customers")
    report, _ = await shop.reconcile(repair=True)
    assert report.mappings[0].counts["repaired"] == 1
    assert shop.mail.contacts[JO].fields["name"] is None
    sent = len(shop.mail.requests)
    report = await shop.sync()
    (part,) = shop.mail.requests[sent:]
    assert (part.key, part.fields, part.join) == (JO, {"name": "Jo"}, ())
    assert (await found(shop)).drifted == []


@pytest.mark.parametrize("theirs", ["JO", " jo ", "Jo"])
async def test_capitals_and_spaces_that_were_tidied_up_are_no_drift(shop: World, theirs: str) -> None:
    shop.mail.contacts[JO].fields["name"] = theirs
    assert (await found(shop)).drifted == []


async def test_a_field_that_is_its_owners_is_no_drift(world: World) -> None:
    world.add_mapping("sales", set_once=["name"])
    world.crm.person("C1", JO, name="Jo")
    world.buy("1", "C1")
    await world.sync()
    world.mail.contacts[JO].fields["name"] = "Joanna"
    assert (await found(world)).drifted == []


async def test_who_said_no_is_noted_and_nothing_else_of_theirs_is_judged(shop: World) -> None:
    shop.mail.unsubscribed.add(JO)
    shop.mail.bounced.add(MAX)
    shop.mail.contacts[JO].fields["name"] = "Joanna"
    report, findings = await shop.reconcile()
    assert findings is not None
    assert (findings.drifted, findings.deleted) == ([], [])
    counts = report.mappings[0].counts
    assert (counts["verified"], counts["unsubscribed"], counts["bounced"]) == (2, 1, 1)
    assert (suppression(shop, JO), suppression(shop, MAX)) == ("unsubscribed", "bounced")


async def test_only_a_person_lifts_what_was_deleted_and_then_all_begins_anew(shop: World) -> None:
    del shop.mail.contacts[JO]
    await shop.reconcile()
    shop.mail.contacts[JO] = Contact()  # a form, or an administrator
    findings = await found(shop)
    assert findings.back == [JO]
    await shop.sync()
    assert shop.groups(JO) == set()
    assert await shop.allow("nobody@example.com") == 0
    assert await shop.allow(JO.upper()) == 1
    assert suppression(shop, JO) is None
    await shop.sync()
    assert shop.groups(JO) == GROUPS
    assert (await found(shop)).verified == 2


async def test_a_reject_of_somebody_deleted_that_is_tried_again_lifts_it_too(shop: World) -> None:
    del shop.mail.contacts[JO]
    shop.buy("9", "C1", Partner="Other")
    await shop.sync()
    (reject,) = shop.store.read_now(rejects.rejects)
    assert reject.code == "gone"
    assert (await found(shop)).deleted == [JO]
    shop.store.write_now(rejects.retry, [reject.id], shop.clock.now())
    await shop.sync()
    assert shop.groups(JO) == {*GROUPS, "Partner: Other"}


async def test_a_request_whose_end_is_not_known_is_not_judged(shop: World) -> None:
    shop.mail.repeatable = False
    shop.mail.silent = True
    shop.buy("9", "C1", Partner="Other")
    await shop.sync()
    shop.mail.receipts.clear()
    del shop.mail.contacts[JO]
    findings = await found(shop)
    assert (findings.verified, findings.deleted) == (1, [])


async def test_what_was_in_doubt_is_settled_before_the_walk(shop: World) -> None:
    shop.mail.silent = True
    shop.buy("9", "C1", Partner="Other")
    await shop.sync()
    assert shop.store.read_now(attempts.unsettled, "mail.contacts") != []
    assert (await found(shop)).verified == 2
    assert shop.store.read_now(attempts.unsettled, "mail.contacts") == []


async def test_nobody_delivers_meanwhile(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bool] = []
    walk = shop.mail.walk

    async def watched(groups: frozenset[str], fields: frozenset[str]) -> Walk:
        held.append(shop.store.locks.held("destination mail.contacts"))
        return await walk(groups, fields)

    monkeypatch.setattr(shop.mail, "walk", watched)
    await shop.reconcile()
    assert held == [True]
    with shop.store.locks.hold("destination mail.contacts"):
        report, _ = await shop.reconcile(stopping=lambda: True)
    assert isinstance(report.failures[0], Busy)


async def test_a_run_that_is_stopped_writes_nothing_down(shop: World) -> None:
    del shop.mail.contacts[JO]
    report, findings = await shop.reconcile(stopping=lambda: True)
    assert (report.mappings[0].state, findings) == ("stopped", None)
    assert suppression(shop, JO) is None


async def test_the_run_is_kept_with_its_counts_and_no_address(shop: World) -> None:
    del shop.mail.contacts[JO]
    await shop.reconcile()
    (run,) = shop.store.read_now(runs.runs, "mail.contacts", 5)
    assert (run.kind, run.state, run.message) == ("reconcile", "done", None)
    assert (run.counts["verified"], run.counts["deleted"]) == (2, 1)


async def test_a_cancelled_run_ends_its_row(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancelled(groups: object, fields: object) -> Walk:
        raise asyncio.CancelledError

    monkeypatch.setattr(shop.mail, "walk", cancelled)
    with pytest.raises(asyncio.CancelledError):
        await shop.reconcile()
    assert shop.store.read_now(runs.runs, "mail.contacts", 1)[0].state == "stopped"


async def test_who_was_there_and_is_no_target_of_ours_is_nobodys_business(shop: World) -> None:
    shop.mail.contacts["friend@example.com"] = Contact()
    assert (await found(shop)).verified == 2


def test_a_destination_that_can_not_be_walked_is_named(world: World) -> None:
    destinations: dict[str, Any] = {"shop.table": object(), "mail.contacts": world.mail}
    with pytest.raises(ConfigError, match="can't be walked") as raised:
        auditable(destinations, ["shop.table"])
    assert "mail.contacts" in raised.value.hint
    assert auditable(destinations) == ["mail.contacts"]


async def test_a_list_of_a_group_that_is_short_ends_no_membership(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = shop.mail.walk

    async def short(groups: Any, fields: Any) -> Walk:
        whole = await walk(groups, fields)
        return Walk([msgspec.structs.replace(each, groups=frozenset()) for each in whole.keys], whole.groups)

    monkeypatch.setattr(shop.mail, "walk", short)
    assert (await found(shop)).left == []
    notes = shop.store.read_now(reports.explain, JO).targets[0].memberships
    assert {note.state for note in notes} == {"ours"}
