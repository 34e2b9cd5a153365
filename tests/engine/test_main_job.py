"""The main job on a provider in memory: what a person gets from us, and what is never done to them."""

import datetime as dt

import pytest

from mappings.fold import Consent
from syncengine.errors import Transient
from syncengine.state import backfills, records, rejects, status
from tests.engine.world import TORONTO, Contact, Killed, World


async def test_a_new_customer_becomes_a_contact_once(world: World) -> None:
    world.crm.person("C1", "Jo@Example.com", name="Jo")
    world.buy("1", "C1")
    report = await world.sync()
    assert set(world.mail.contacts) == {"jo@example.com"}
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}
    assert report.deliveries[0].counts["created"] == 1
    sent = len(world.mail.requests)
    again = await world.sync()
    assert len(world.mail.requests) == sent
    assert again.mappings[0].counts["read"] == 0


async def test_addresses_that_differ_in_case_are_one_contact(world: World) -> None:
    world.crm.person("C1", "Jo@Example.com")
    world.crm.person("C2", "JO@example.COM ")
    world.buy("1", "C1")
    world.buy("2", "C2", Partner="Other")
    await world.sync()
    assert list(world.mail.contacts) == ["jo@example.com"]
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme", "Partner: Other"}


async def test_the_consent_that_expires_last_stands_whatever_is_read_last(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("late", "C1", days_ago=1)
    await world.sync()
    day = world.mail.contacts["jo@example.com"].consent
    world.buy("early", "C1", days_ago=300)
    await world.sync()
    assert world.mail.contacts["jo@example.com"].consent == day
    assert day is not None
    assert day.date == (world.clock.now() - dt.timedelta(days=1)).astimezone(TORONTO).date()


async def test_an_expired_consent_creates_nobody(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1", days_ago=731)
    report = await world.sync()
    assert world.mail.contacts == {}
    assert report.deliveries[0].counts["suppressed"] == 1
    with_a_later_one = world
    with_a_later_one.buy("2", "C1", days_ago=2)
    await world.sync()
    assert set(world.mail.contacts) == {"jo@example.com"}


async def test_reversing_the_later_purchase_leaves_what_the_other_gives(world: World) -> None:
    world.crm.person("C1", "jo@example.com", name="Old name")
    world.crm.person("C2", "jo@example.com", name="New name")
    world.buy("1", "C1", days_ago=9, Partner="Acme")
    world.buy("2", "C2", days_ago=5, Partner="Other")
    await world.sync()
    assert world.mail.contacts["jo@example.com"].fields["name"] == "New name"
    consent = world.mail.contacts["jo@example.com"].consent
    world.buy("2", "C2", days_ago=5, Partner="Other", State="REVERSED")
    await world.sync()
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}
    assert world.mail.contacts["jo@example.com"].fields["name"] == "Old name"
    assert world.mail.contacts["jo@example.com"].consent == consent  # a date never goes back


async def test_a_reset_reversal_brings_it_back(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    await world.sync()
    world.buy("1", "C1", State="REVERSED")
    await world.sync()
    assert world.groups("jo@example.com") == set()
    world.buy("1", "C1", State="APPROVED")
    await world.sync()
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}


async def test_a_retraction_before_delivery_needs_no_request(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    world.buy("1", "C1", State="REVERSED")
    await world.sync()
    assert world.mail.requests == []


async def test_a_membership_that_was_there_before_is_never_removed(world: World) -> None:
    there = world.mail.contacts["jo@example.com"] = Contact()
    there.groups = {"customers": "Customers"}
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    await world.sync()
    world.buy("1", "C1", State="REVERSED")
    await world.sync()
    assert world.groups("jo@example.com") == {"Customers"}


async def test_what_somebody_corrected_or_left_is_not_sent_again(world: World) -> None:
    world.crm.person("C1", "jo@example.com", name="Jo")
    world.buy("1", "C1", days_ago=9)
    await world.sync()
    contact = world.mail.contacts["jo@example.com"]
    contact.fields["name"] = "Joséphine"
    contact.groups.pop("customers")
    world.buy("2", "C1", days_ago=1)
    await world.sync()
    assert contact.fields["name"] == "Joséphine"
    assert world.groups("jo@example.com") == {"Partner: Acme"}
    assert contact.consent is not None
    assert contact.consent.date == (world.clock.now() - dt.timedelta(days=1)).astimezone(TORONTO).date()


async def test_set_once_is_written_only_to_who_is_created(world: World) -> None:
    world.add_mapping("sales", set_once=["name"])
    there = world.mail.contacts["old@example.com"] = Contact()
    there.fields = {"name": "Theirs"}
    world.crm.person("C1", "old@example.com", name="Ours")
    world.crm.person("C2", "new@example.com", name="Ours")
    world.buy("1", "C1")
    world.buy("2", "C2")
    await world.sync()
    assert there.fields["name"] == "Theirs"
    assert world.mail.contacts["new@example.com"].fields["name"] == "Ours"


async def test_a_later_consent_at_the_provider_stays(world: World) -> None:
    there = world.mail.contacts["jo@example.com"] = Contact()
    later = there.consent = Consent("client", dt.date(2026, 7, 13), "theirs", dt.date(2028, 7, 13))
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1", days_ago=30)
    await world.sync()
    assert there.consent == later
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}


@pytest.mark.parametrize("where", ["unsubscribed", "bounced"])
async def test_who_said_no_is_in_no_request_that_adds(world: World, where: str) -> None:
    getattr(world.mail, where).add("jo@example.com")
    world.crm.person("C1", "Jo@example.com")
    world.buy("1", "C1")
    report = await world.sync()
    assert world.mail.requests == []
    assert report.deliveries[0].counts["suppressed"] == 1
    getattr(world.mail, where).clear()  # absence from a list lifts nothing: they are simply not there
    world.buy("2", "C1")
    world.crm.person("C2", "other@example.com")
    world.buy("3", "C2")  # who is kept from us is asked about when something is sent
    for _ in range(2):  # the one after a lift would send
        await world.sync()
    assert set(world.mail.contacts) == {"other@example.com"}


async def test_subscribed_again_lifts_the_suppression(world: World) -> None:
    world.mail.unsubscribed.add("jo@example.com")
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    await world.sync()
    world.mail.unsubscribed.clear()
    world.mail.contacts["jo@example.com"] = Contact()
    world.crm.person("C2", "other@example.com")
    world.buy("2", "C2")
    await world.sync()
    await world.sync()
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}


async def test_an_unsubscribe_between_planning_and_sending_is_heard(world: World) -> None:
    for number in range(3):
        world.crm.person(f"C{number}", f"p{number}@example.com")
        world.buy(str(number), f"C{number}")

    def meanwhile(part: object) -> None:
        world.mail.unsubscribed.add("p2@example.com")
        world.clock.move(61)

    world.mail.after_effect = meanwhile
    report = await world.sync()
    assert set(world.mail.contacts) == {"p0@example.com", "p1@example.com"}
    assert report.deliveries[0].counts["suppressed"] == 1


async def test_leaving_groups_is_not_withheld_from_somebody_unsubscribed(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    await world.sync()
    world.mail.unsubscribed.add("jo@example.com")
    world.buy("1", "C1", State="REVERSED")
    await world.sync()
    assert world.groups("jo@example.com") == set()


async def test_the_shops_own_no_counts_and_takes_back(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    await world.sync()
    world.crm.rows["C1"][0]["opted_out"] = "yes"
    world.buy("1", "C1", Partner="Other")
    report = await world.sync()
    assert report.mappings[0].counts["suppressed"] == 1
    assert world.groups("jo@example.com") == set()
    world.crm.rows["C1"][0]["opted_out"] = "no"
    world.buy("2", "C1")
    await world.sync()
    assert world.groups("jo@example.com") == set()  # only an audited command lifts it


async def test_the_new_address_of_somebody_who_said_no_is_not_added(world: World) -> None:
    world.mail.unsubscribed.add("old@example.com")
    world.crm.person("C1", "old@example.com")
    world.buy("1", "C1")
    await world.sync()
    world.crm.rows["C1"][0]["email"] = "new@example.com"
    world.buy("1", "C1", Partner="Other")
    world.buy("2", "C1")
    await world.sync()
    assert world.mail.requests == []


async def test_a_record_stays_with_the_address_under_which_it_was_delivered(world: World) -> None:
    world.crm.person("C1", "old@example.com")
    world.buy("1", "C1")
    await world.sync()
    world.crm.rows["C1"][0]["email"] = "new@example.com"
    world.buy("1", "C1", Partner="Other")
    report = await world.sync()
    assert set(world.mail.contacts) == {"old@example.com"}
    assert report.mappings[0].counts["address_changed"] == 1


async def test_somebody_deleted_at_the_provider_is_not_added_again_without_a_word(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1", days_ago=9)
    await world.sync()
    del world.mail.contacts["jo@example.com"]
    world.buy("2", "C1")
    report = await world.sync()
    assert world.mail.contacts == {}
    assert report.rejected == 1
    number = world.store.read_now(rejects.rejects)[0].id
    world.store.write_now(rejects.retry, [number], world.clock.now())
    await world.sync()
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}


async def test_a_customer_whom_the_shop_does_not_know_yet_waits(world: World) -> None:
    world.buy("1", "C1")
    report = await world.sync()
    assert report.mappings[0].counts["waiting"] == 1
    world.crm.person("C1", "jo@example.com")
    report = await world.sync()
    assert report.mappings[0].counts["released"] == 1
    assert set(world.mail.contacts) == {"jo@example.com"}


async def test_waiting_ends_as_a_reject_that_can_be_retried(world: World) -> None:
    world.buy("1", "C1")
    await world.sync()
    world.clock.move(3 * 86400 + 1)
    report = await world.sync()
    assert report.mappings[0].counts["rejected"] == 1
    (reject,) = world.store.read_now(rejects.rejects)
    assert (reject.code, reject.record) == ("unknown", "1")
    world.crm.person("C1", "jo@example.com")
    assert world.store.write_now(rejects.retry, [reject.id], world.clock.now()) == 1
    await world.sync()
    assert set(world.mail.contacts) == {"jo@example.com"}
    assert world.store.read_now(rejects.rejects) == []


async def test_an_unknown_customer_is_not_the_end_of_a_standing_draft(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    await world.sync()
    world.crm.rows.clear()
    world.buy("1", "C1", Partner="Other")
    report = await world.sync()
    assert report.mappings[0].counts["rejected"] == 1
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}


@pytest.mark.parametrize(
    ("arrange", "code"),
    [
        (lambda world: [world.crm.person("C1", "a@example.com"), world.crm.person("C1", "b@example.com")], "ambiguous"),
        (lambda world: world.crm.refused.update(C1="is no number"), "key_refused"),
        (lambda world: world.crm.person("C1", "nobody"), "invalid"),
        (lambda world: world.crm.person("C1", "jo@example.com", opted_out="maybe"), "mapping"),
    ],
)
async def test_a_record_that_cannot_go_through_is_rejected_alone(world: World, arrange: object, code: str) -> None:
    arrange(world)  # type: ignore[operator]  # a lambda of the table above
    world.crm.person("C2", "ok@example.com")
    world.buy("1", "C1")
    world.buy("2", "C2")
    report = await world.sync()
    assert set(world.mail.contacts) == {"ok@example.com"}
    assert [reject.code for reject in world.store.read_now(rejects.rejects)] == [code]
    assert report.rejected == 1


async def test_a_record_without_any_key_is_rejected_at_once(world: World) -> None:
    world.buy("1", "")
    await world.sync()
    assert [reject.code for reject in world.store.read_now(rejects.rejects)] == ["no_key"]


async def test_lookups_are_tried_in_order_and_an_empty_address_is_no_answer(world: World) -> None:
    world.add_mapping(
        "sales",
        lookup=[
            {"from": "crm.customers", "key": "{{ Customer }}", "as": "customer"},
            {"from": "crm.orders", "key": "{{ Order }}", "as": "customer"},
        ],
    )
    world.crm.person("C1", " ")
    world.orders.person("O1", "jo@example.com")
    world.buy("1", "C1", Order="O1")
    world.crm.person("C2", "two@example.com")
    world.buy("2", "C2", Order="O2")
    await world.sync()
    assert set(world.mail.contacts) == {"jo@example.com", "two@example.com"}
    assert world.orders.calls == [{"O1"}]


async def test_a_partition_that_fails_stops_no_other_and_keeps_its_checkpoint(world: World) -> None:
    for number in range(5):
        world.crm.person(f"C{number}", f"p{number}@example.com")
        world.buy(f"a{number}", f"C{number}")
    world.crm.person("C9", "nine@example.com")
    world.buy("b", "C9", partition="two")
    world.stream.faults["one"] = Transient("down")
    report = await world.sync()
    assert set(world.mail.contacts) == {"p0@example.com", "p1@example.com", "p2@example.com", "nine@example.com"}
    assert list(report.mappings[0].failures) == ["one"]
    found = world.store.read_now(status.mapping_status, "sales")
    assert [part.error for part in found.partitions] == ["down", None]
    world.stream.faults.clear()
    await world.sync()
    assert len(world.mail.contacts) == 6


async def test_a_target_that_the_provider_refuses_is_a_reject(world: World) -> None:
    world.mail.refuses.add("jo@example.com")
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    report = await world.sync()
    assert report.rejected == 1
    assert [reject.key for reject in world.store.read_now(rejects.rejects)] == ["jo@example.com"]


async def test_a_stop_ends_after_the_page_in_hand_and_loses_nothing(world: World) -> None:
    for number in range(9):
        world.crm.person(f"C{number}", f"p{number}@example.com")
        world.buy(f"{number}", f"C{number}")
    asked = iter([False, True])
    await world.sync(stopping=lambda: next(asked, True))
    assert world.mail.contacts == {}
    await world.sync()
    assert len(world.mail.contacts) == 9


@pytest.mark.parametrize("moment", ["before_effect", "after_effect"])
@pytest.mark.parametrize("nth", [1, 2, 3, 4])
async def test_a_kill_around_any_request_leads_to_the_same_end(world: World, moment: str, nth: int) -> None:
    for number in range(4):
        world.crm.person(f"C{number}", f"p{number}@example.com", name=f"N{number}")
        world.buy(f"{number}", f"C{number}")
    countdown = [nth]

    def kill(part: object) -> None:
        countdown[0] -= 1
        if countdown[0] == 0:
            raise Killed

    setattr(world.mail, moment, kill)
    with pytest.raises(Killed):
        await world.sync()
    world.restart()
    await world.sync()
    assert {email: world.groups(email) for email in world.mail.contacts} == {
        f"p{number}@example.com": {"Customers", "Partner: Acme"} for number in range(4)
    }
    requests = len(world.mail.requests)
    world.restart()
    report = await world.sync()
    assert len(world.mail.requests) == requests
    revisions = report.deliveries[0].revisions
    assert revisions["revisions"] == revisions["delivered"] + revisions.get("there", 0) == 4


async def test_what_was_attempted_and_never_heard_of_is_removed_by_a_retraction_too(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")

    def kill(part: object) -> None:
        raise Killed

    world.mail.after_effect = kill
    with pytest.raises(Killed):
        await world.sync()
    world.mail.after_effect = lambda part: None
    world.restart()
    world.buy("1", "C1", State="REVERSED")
    await world.sync()
    assert world.groups("jo@example.com") == set()


async def test_plan_says_what_sync_then_does_and_writes_nothing(world: World) -> None:
    world.mail.unsubscribed.add("no@example.com")
    for name in ("jo", "no"):
        world.crm.person(name, f"{name}@example.com")
        world.buy(name, name)
    _, items = await world.plan()
    planned = {item.target.key: item.verdict.change for item in items}
    assert world.mail.requests == []
    assert planned["no@example.com"] is None
    again = {item.target.key: item.verdict.change for item in (await world.plan())[1]}
    assert again == planned
    await world.sync()
    sent = {part.key: part for part in world.mail.requests}
    change = planned["jo@example.com"]
    assert change is not None
    assert set(sent) == {"jo@example.com"}
    assert set(sent["jo@example.com"].join) == change.join


async def test_the_sums_of_a_run_come_out(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    world.buy("2", "C2")
    world.buy("3", "")
    world.buy("4", "C1", Kind="OLD")
    world.buy("5", "C1", State="REVERSED")
    world.buy("1", "C1")
    counts = (await world.sync()).mappings[0].counts
    assert counts["read"] == 6
    assert {name: counts[name] for name in ("drafted", "waiting", "rejected", "filtered", "repeated")} == {
        "drafted": 1,
        "waiting": 1,
        "rejected": 1,
        "filtered": 2,
        "repeated": 1,
    }


async def test_two_mappings_that_want_one_group_share_it(world: World) -> None:
    world.add_mapping("repeat", where="Kind == 'OLD'", retract="State == 'REVERSED'")
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    world.buy("2", "C1", Kind="OLD", Partner="Other")
    await world.sync()
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme", "Partner: Other"}
    world.buy("1", "C1", State="REVERSED")
    await world.sync()
    assert world.groups("jo@example.com") == {"Customers", "Partner: Other"}


async def test_a_record_from_before_the_start_that_a_resync_brought_in_is_followed(world: World) -> None:
    world.add_mapping("sales", start="2026-07-10")
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1", days_ago=30)
    await world.sync()
    assert world.mail.contacts == {}
    since = world.clock.now() - dt.timedelta(days=40)
    world.store.write_now(backfills.ask_backfill, "sales", since, world.clock.now(), False, world.clock.now())
    await world.sync()
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}
    checkpoint = world.store.read_now(records.checkpoints, "sales")
    world.buy("1", "C1", days_ago=30, State="REVERSED")
    await world.sync()
    assert world.groups("jo@example.com") == set()
    world.buy("1", "C1", days_ago=30, State="APPROVED")
    await world.sync()
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}
    assert checkpoint == {"one": "1"}


async def test_resync_with_force_plans_again_what_has_not_changed(world: World) -> None:
    world.crm.person("C1", "jo@example.com", name="Old")
    world.buy("1", "C1")
    await world.sync()
    world.crm.rows["C1"][0]["name"] = "New"
    now = world.clock.now()
    for force, name in ((False, "Old"), (True, "New")):
        world.store.write_now(backfills.ask_backfill, "sales", now - dt.timedelta(days=5), now, force, now)
        await world.sync()
        assert world.mail.contacts["jo@example.com"].fields["name"] == name


async def test_when_an_earlier_address_is_subscribed_again_the_later_one_is_written_to(world: World) -> None:
    world.mail.unsubscribed.add("old@example.com")
    world.crm.person("C1", "old@example.com")
    world.buy("1", "C1")
    await world.sync()
    world.crm.rows["C1"][0]["email"] = "new@example.com"
    world.buy("2", "C1")
    await world.sync()
    assert world.mail.requests == []
    world.mail.unsubscribed.clear()
    world.mail.contacts["old@example.com"] = Contact()
    for number in range(2):  # whoever is lifted in one delivery is written to in the next
        world.crm.person(f"N{number}", f"n{number}@example.com")
        world.buy(f"n{number}", f"N{number}")
        await world.sync()
    assert world.groups("new@example.com") == {"Customers", "Partner: Acme"}


async def test_a_run_that_leaves_somebody_in_doubt_is_not_done(world: World) -> None:
    world.crm.person("C1", "jo@example.com")
    world.buy("1", "C1")
    world.mail.silent = True
    report = await world.sync()
    assert [error.code for error in report.failures] == ["in_doubt"]
    assert report.mappings[0].state == "failed"
    world.mail.silent = False
    again = await world.sync()
    assert again.failures == []
    assert world.groups("jo@example.com") == {"Customers", "Partner: Acme"}
    assert again.deliveries[0].revisions["pending"] == 0


async def test_rows_that_differ_only_in_case_and_blanks_are_one_person(world: World) -> None:
    world.crm.person("C1", "Jo@Example.com", name="Jo")
    world.crm.person("C1", "jo@example.com ", name="JO")
    world.buy("1", "C1")
    assert (await world.sync()).rejected == 0
    assert set(world.mail.contacts) == {"jo@example.com"}
