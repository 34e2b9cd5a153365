"""What `write` refuses: what is no line stops all of it, and a refused value is a reject, told by its line."""

import json
import os
import pty
import subprocess
from typing import Any

import pytest

from tests.cli.shop import Shop
from tests.cli.writing import ANA, BEA, CONTACTS, MAPPING, contact, retract, text_of, write


def rejects(shop: Shop, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shop("rejects", "list", "--json", *arguments).out)
    return found


def test_lines_that_are_none_are_told_together_and_nothing_is_written(shop: Shop) -> None:
    bad = ["nonsense", contact(BEA, frstname="Bea"), "[1]"]
    ended = write(shop, contact(ANA), *bad)
    assert (ended.code, ended.out, shop.requests()) == (2, "", 0)
    assert ended.err == (
        "Error: There are 3 problems on standard input, so nothing was written.\n"
        "  line 2: It is not JSON: Expecting value (at character 1).\n"
        '      → Each line is one object: {"FIELD": "value", …}.\n'
        '  line 3: The destination has no field "frstname".\n'
        '      → Did you mean "firstname"?\n'
        "  line 4: It is no JSON object.\n"
        '      → Each line is one object: {"FIELD": "value", …}.\n'
    )
    ended = write(shop, *bad * 3, options=("--json",))
    told = json.loads(ended.err)["error"]
    assert told["message"] == "There are 9 problems on standard input, so nothing was written. The first 5:"
    assert (ended.code, len(told["problems"])) == (2, 5)


def test_what_is_taken_back_needs_a_key(shop: Shop) -> None:
    ended = retract(shop, {"firstname": "Ana"})
    assert ended.code == 2
    assert 'line 1: The field "email" is missing.' in ended.err


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("cyberimpct.contacts", 'There is no such connection.\n      → Did you mean "cyberimpact"?'),
        ("cyberimpact.contcts", 'It has no destination "contcts".\n      → Did you mean "contacts"?'),
        ("shop.customers", "It offers no destinations."),
    ],
)
def test_a_destination_that_there_is_not_is_told(shop: Shop, to: str, message: str) -> None:
    ended = write(shop, contact(ANA), to=to)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_refused_line_is_a_reject_and_told_by_its_number_each_time(shop: Shop) -> None:
    lines = (contact(ANA), contact("nobody"), contact(BEA, language="klingon"))
    for _ in range(2):
        ended = write(shop, *lines)
        assert (ended.code, ended.err) == (3, "")
        assert "line 2: email: Not an e-mail address.\nline 3: language: Not en_ca or fr_ca.\n" in ended.out
        assert shop.cyberimpact.contacts().keys() == {ANA}
    assert [reject["mapping"] for reject in rejects(shop, "--mapping", MAPPING)] == [MAPPING, MAPPING]
    assert f"{MAPPING}  line 2" in shop("rejects", "list").out
    told = shop("rejects", "show", "1").out
    assert "  line         line 2\n" in told
    assert "  as read      email = nobody\n" in told


def test_a_refused_line_can_only_be_written_again_which_clears_it(shop: Shop) -> None:
    write(shop, contact(BEA, language="klingon"))
    ended = shop("rejects", "retry", "1")
    assert (ended.code, ended.out) == (1, "")
    assert "Reject 1 is a line written by hand, which can only be written again." in ended.err
    assert shop("rejects", "retry", "--all", "--json").code == 1
    assert len(rejects(shop)) == 1
    assert write(shop, contact(BEA.title(), language="fr_ca")).code == 0
    assert rejects(shop) == []
    assert shop.cyberimpact.contacts().keys() == {BEA}


def test_what_was_written_before_a_refused_line_stands(shop: Shop) -> None:
    write(shop, contact(ANA, groups=["Club"]))
    ended = write(shop, contact(ANA.upper(), groups=["Other"], language="klingon"))
    assert ended.code == 3
    assert "line 1: language: Not en_ca or fr_ca.\n" in ended.out
    assert shop.cyberimpact.contacts()[ANA].groups == {"Club"}
    assert f"{MAPPING}  a line for {ANA}  " in shop("rejects", "list").out


def test_a_reject_that_is_put_aside_is_told_no_more(shop: Shop) -> None:
    write(shop, contact("nobody"))
    assert shop("rejects", "dismiss", "1").code == 0
    ended = write(shop, contact("nobody"))
    assert (ended.code, "line 1" in ended.out) == (0, False)


def test_a_line_without_any_key_is_a_reject_of_its_own(shop: Shop) -> None:
    ended = write(shop, contact(""), contact("", firstname="Ana"))
    assert ended.code == 3
    assert "line 1: email: Missing.\nline 2: email: Missing.\n" in ended.out


def test_many_who_would_leave_a_group_wait_for_a_yes(shop: Shop) -> None:
    text = shop.config.read_text(encoding="utf-8")
    shop.config.write_text(text.replace("[engine]", "[engine]\nmost_removals = 1"), encoding="utf-8")
    people = [contact(f"{name}@example.com", groups=["Club"]) for name in "abc"]
    write(shop, *people)
    ended = retract(shop, *people)
    assert ended.code == 1
    assert ended.out.endswith("To go on: the same command with --yes.\n")
    assert all(known.groups == {"Club"} for known in shop.cyberimpact.contacts().values())
    assert write(shop, *people, options=("--retract", "--yes")).code == 0
    assert all(not known.groups for known in shop.cyberimpact.contacts().values())


def test_whoever_watches_sees_how_far_it_is(shop: Shop) -> None:
    ours, theirs = pty.openpty()
    try:
        process = shop.run.start("write", CONTACTS, stdin=subprocess.PIPE, stderr=theirs)
        process.communicate(text_of(contact(ANA), contact(BEA)))
        shown = os.read(ours, 100_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert f"{CONTACTS}: looking at the lines · 2 records read" in shown
    assert f"{CONTACTS}: delivering · 2 contacts done, 2 delivered" in shown


def test_whoever_types_is_told_what_is_expected(shop: Shop) -> None:
    ours, theirs = pty.openpty()
    try:
        process = shop.run.start("write", CONTACTS, stdin=theirs)
        os.write(ours, json.dumps(contact(ANA)).encode() + b"\n\x04")
        ended = process.ended()
    finally:
        os.close(ours)
        os.close(theirs)
    assert ended.code == 0
    assert ended.err.startswith("Reading JSON lines, one object each: ")
    assert shop.cyberimpact.contacts().keys() == {ANA}
