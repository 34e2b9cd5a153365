"""`write`: JSON lines reach a destination by the way of every record: once, the last for a key, never who said no."""

import json
import signal
import subprocess
import time
from typing import Any

import pytest

from syncengine.clock import SystemClock
from syncengine.failpoints import DIED
from syncengine.sandbox.kit import Fault
from syncengine.state.locks import Locks
from tests.cli.shop import Shop
from tests.cli.writing import ANA, BEA, CLEO, CONTACTS, MAPPING, PATIENCE, contact, retract, text_of, write

WHILE = 0.3
"""Seconds for the command to begin."""


def groups(shop: Shop, email: str) -> frozenset[str]:
    return shop.cyberimpact.contacts()[email].groups


def test_lines_become_contacts_with_the_same_sums_as_a_sync(shop: Shop) -> None:
    ended = write(shop, contact("Ana@Example.com", firstname="Ana", groups=["Club"]), contact(BEA, postalCode=1234))
    assert (ended.code, ended.err) == (0, "")
    assert f"{MAPPING}: done\n  records     2 read = 2 drafted\n" in ended.out
    assert "  this run    2 delivered (2 created), in " in ended.out
    there = shop.cyberimpact.contacts()
    assert there.keys() == {ANA, BEA}
    assert (there[ANA].groups, there[ANA].fields["firstname"]) == ({"Club"}, "Ana")
    assert there[BEA].fields["postalCode"] == "1234"


def test_the_same_lines_again_cost_nothing_and_send_nothing(shop: Shop) -> None:
    lines = (contact(ANA, groups=["Club"]), contact(BEA))
    write(shop, *lines)
    writes = shop.cyberimpact.writes()
    ended = write(shop, *lines)
    assert (ended.code, shop.cyberimpact.writes()) == (0, writes)
    assert "  records     2 read = 2 repeated\n" in ended.out
    assert "nothing to deliver" in ended.out


def test_the_last_line_for_a_key_is_what_is_asked_for_it_also_where_it_was_written_before(shop: Shop) -> None:
    one, other = contact(ANA, firstname="Ana", groups=["One"]), contact(ANA, firstname="Anna", groups=["Other"])
    write(shop, other, contact(BEA), one)
    assert groups(shop, ANA) == {"One"}
    write(shop, other)
    assert groups(shop, ANA) == {"Other"}
    write(shop, one)
    known = shop.cyberimpact.contacts()[ANA]
    assert (known.groups, known.fields["firstname"]) == ({"One"}, "Ana")


def test_what_is_taken_back_leaves_its_groups_and_what_others_ask_for_stays(shop: Shop) -> None:
    shop.knows("C1", ANA)
    shop.sells("C1")
    shop("sync")
    bought = groups(shop, ANA)
    write(shop, contact(ANA, groups=["Club", *sorted(bought)[:1]]), contact(BEA, groups=["Club"]))
    assert groups(shop, ANA) == bought | {"Club"}
    ended = retract(shop, {"email": "ANA@example.com ", "firstname": "is not looked at"})
    assert (ended.code, ended.err) == (0, "")
    assert "  records     1 read = 1 retracted\n" in ended.out
    assert (groups(shop, ANA), groups(shop, BEA)) == (bought, {"Club"})


def test_what_was_taken_back_can_be_written_again_as_it_was(shop: Shop) -> None:
    line = contact(ANA, groups=["Club"])
    for _ in range(2):
        write(shop, line)
        assert groups(shop, ANA) == {"Club"}
        retract(shop, line)
        assert groups(shop, ANA) == set()
    assert "1 read = 1 repeated" in retract(shop, {"email": ANA}).out


def test_taking_back_what_was_never_written_says_so(shop: Shop) -> None:
    ended = retract(shop, {"email": ANA}, contact(BEA))
    assert ended.code == 0
    assert "Nothing to take back for 2 keys: nothing was written from here." in ended.out


def test_nobody_is_written_to_who_said_no(shop: Shop) -> None:
    shop.cyberimpact.admin.add(ANA)
    shop.cyberimpact.admin.unsubscribe(ANA)
    ended = write(shop, contact(ANA, groups=["Club"]))
    assert "  this run    1 suppressed\n" in ended.out
    assert shop.cyberimpact.mentions(ANA) == []


def test_a_plan_shows_what_would_be_sent_and_sends_nothing(shop: Shop) -> None:
    lines = (contact(ANA, groups=["Club"]), contact("nobody"))
    ended = write(shop, *lines, options=("--plan",))
    assert (ended.code, ended.err) == (0, "")
    assert f"{ANA}  " in ended.out
    assert "+ Club" in ended.out
    assert "line 2" in ended.out
    assert "email: Not an e-mail address." in ended.out
    assert "If these lines were written now: 1 created, 1 rejected.\n" in ended.out
    assert "Nothing was written. Next: the same command without --plan\n" in ended.out
    told = json.loads(write(shop, *lines, options=("--plan", "--json")).out)
    assert [(row["who"], row["what"]) for row in told["rows"]] == [(ANA, "create"), ("line 2", "reject")]
    assert (shop.cyberimpact.writes().total(), shop.state.exists()) == (0, False)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"email": ANA, "unsubscribe": True}, "1 unsubscribed"),
        ({"email": ANA, "delete": True}, "1 deleted"),
        (contact(ANA, leaveGroups=["Club"]), "1 changed"),
    ],
)
def test_a_plan_of_whatever_would_be_sent_says_that_nothing_was_and_how_to_go_on(
    shop: Shop, line: dict[str, Any], told: str
) -> None:
    write(shop, contact(ANA, groups=["Club"]))
    ended = write(shop, line, options=("--plan",))
    assert "a record says so" in ended.out
    assert f"If these lines were written now: {told}.\n" in ended.out
    assert ended.out.endswith("Nothing was written. Next: the same command without --plan\n")


def test_a_plan_that_leaves_only_the_groups_of_its_lines_says_which_are_left(shop: Shop) -> None:
    write(shop, contact(ANA, groups=["Club"]))
    assert "out of all" in write(shop, contact(ANA, replaceGroups=True), options=("--plan",)).out
    line = contact(ANA, groups=["Club", "Ski"], replaceGroups=True)
    assert "only Club, Ski" in write(shop, line, options=("--plan",)).out


def test_a_long_plan_names_the_option_that_shows_all_of_it(shop: Shop) -> None:
    lines = [contact(f"jo.{number}@example.com") for number in range(51)]
    ended = write(shop, *lines, options=("--plan",))
    assert "… and 1 more; --json shows all.\n" in ended.out
    assert len(json.loads(write(shop, *lines, options=("--plan", "--json")).out)["rows"]) == 51


def test_json_tells_the_same_to_programs(shop: Shop) -> None:
    told = json.loads(write(shop, contact(ANA), contact("nobody"), options=("--json",)).out)
    assert (told["lines"], told["refused"]) == (
        2,
        [{"number": 2, "field": "email", "message": "Not an e-mail address.", "code": "not_an_address"}],
    )
    assert told["mappings"][0]["counts"]["drafted"] == told["destinations"][0]["counts"]["created"] == 1


def test_an_empty_input_is_done_and_asks_nobody(shop: Shop) -> None:
    for lines in ((), ("", "  ")):
        ended = write(shop, *lines)
        assert (ended.code, ended.out) == (0, "Nothing came on standard input, and nothing waits to be sent.\n")
    assert json.loads(write(shop, options=("--json",)).out)["lines"] == 0
    assert shop.requests() == 0


def test_an_empty_input_sends_what_still_waits(shop: Shop) -> None:
    assert write(shop, contact(ANA), die="before begin:1").code == DIED
    assert not shop.cyberimpact.contacts()
    ended = write(shop)
    assert (ended.code, shop.cyberimpact.contacts().keys()) == (0, {ANA})
    assert "  records     0 read\n" in ended.out


def test_a_second_one_is_told_who_holds_the_first(shop: Shop) -> None:
    write(shop, contact(ANA))
    before = shop.requests()
    with Locks(shop.state, SystemClock()).hold(f"mapping {MAPPING}"):
        ended = write(shop, contact(BEA))
    assert (ended.code, ended.out, shop.requests()) == (1, "", before)
    assert f"mapping {MAPPING} is being worked on by process" in ended.err


def test_ctrl_c_before_the_input_has_ended_writes_nothing(shop: Shop) -> None:
    process = shop.run.start("write", CONTACTS, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(text_of(contact(ANA)))
    process.stdin.flush()
    time.sleep(WHILE)  # it has begun to read by then; were it later, the signal would end it all the same
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err, shop.requests()) == (130, "", 0)


def test_a_signal_ends_it_in_peace_and_the_same_command_goes_on(shop: Shop) -> None:
    shop.cyberimpact.faults.add(Fault(kind="delay", seconds=0.8, path="members/unsubscribed"))
    lines = (contact(ANA), contact(BEA), contact(CLEO))
    process = shop.run.start("write", CONTACTS, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(text_of(*lines))
    process.stdin.close()
    until = time.monotonic() + PATIENCE
    while not shop.cyberimpact.seen:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.stdin = None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "Stopping: the batch in hand is finished first." in err
    assert "Stopped as asked. The same command goes on from here." in out
    assert not shop.cyberimpact.contacts()
    assert write(shop, *lines).code == 0
    assert shop.cyberimpact.contacts().keys() == {ANA, BEA, CLEO}
