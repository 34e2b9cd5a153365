"""`write` to other destinations than contacts, and what other commands say of what was written by hand."""

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.cli.shop import Shop
from tests.cli.writing import ANA, BEA, CONTACTS, MAPPING, contact, retract, write
from tests.forking import ROOT

PAGE = ROOT / "docs/write.md"
TEMPLATES, GROUPS, MAILINGS = "cyberimpact.templates", "cyberimpact.groups", "cyberimpact.mailings"
JULY = {"mailing": "july", "subject": "Offer", "groups": ["Club"], "bodyText": "Hello"}
CALL = {
    "CampaignId": 1000, "MediaId": 7, "EventDate": "2026-06-02T10:00:00-07:00", "ActionTrackerId": 9,
    "CallProvider": "Invoca", "CallSessionId": "s-1", "CallerId": "5145550100", "CalledPhoneNumber": "8005550100",
    "CallDuration": 90, "TalkDuration": 60,
}  # fmt: skip


def configure(shop: Shop, *changes: tuple[str, str]) -> None:
    text = shop.config.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    shop.config.write_text(text, encoding="utf-8")


@pytest.fixture
def by_hand(shop: Shop) -> Shop:
    """No mapping writes to contacts; somebody did."""
    text = shop.config.read_text(encoding="utf-8")
    shop.config.write_text(text[: text.index("\n[mappings")], encoding="utf-8")
    write(shop, contact(ANA, groups=["Club"], firstname="Ana"), contact(BEA), contact("nobody"))
    return shop


# --- other destinations ---


def test_a_mailing_is_refused_unless_it_is_allowed_and_then_says_how_many_get_it(shop: Shop) -> None:
    for name in (ANA, BEA):
        shop.cyberimpact.admin.add(name)
    shop.cyberimpact.admin.create_group("Club")
    shop.cyberimpact.admin.join_group(ANA, "Club")
    ended = write(shop, JULY, to=MAILINGS)
    assert (ended.code, ended.out, shop.cyberimpact.account.mailings) == (2, "", {})
    assert "connections.cyberimpact.allow_sending: This connection may not send mailings." in ended.err
    configure(shop, ('connector = "cyberimpact"\n', 'connector = "cyberimpact"\nallow_sending = true\n'))
    ended = write(shop, JULY, to=MAILINGS)
    assert ended.code == 0
    assert "  told        july: It goes to 1 contacts.\n" in ended.out
    ended = write(shop, JULY, to=MAILINGS, options=("--json",))
    assert json.loads(ended.out)["destinations"][0]["told"] == []
    assert len(shop.cyberimpact.account.mailings) == 1


def test_whoever_is_unsubscribed_by_a_line_is_added_by_no_later_one(shop: Shop) -> None:
    line = contact(ANA, groups=[{"key": "partner:7", "title": "Acme"}])
    write(shop, line)
    assert shop.cyberimpact.contacts()[ANA].groups == {"Acme"}
    assert write(shop, {"email": ANA, "unsubscribe": True}).code == 0
    assert shop.cyberimpact.contacts()[ANA].state == "unsubscribed"
    assert write(shop, line).code == 0
    assert "  this run    nothing to deliver" in write(shop, contact(ANA, groups=["Club"])).out
    known = shop.cyberimpact.contacts()[ANA]
    assert (known.state, known.groups & {"Club"}) == ("unsubscribed", set())


def test_whoever_was_deleted_by_a_line_is_not_told_that_they_said_no_to_the_shop(shop: Shop) -> None:
    write(shop, {"email": ANA, "delete": True})
    assert "Our records say that no mail is to go to you; we do not" in shop("explain", ANA, "--lang", "en").out
    assert "qu'aucun courriel ne doit vous être envoyé" in shop("explain", ANA, "--lang", "fr").out


def test_a_folder_of_pages_is_kept_in_step_as_the_page_says(shop: Shop) -> None:
    folder = shop.run.folder / "templates"
    folder.mkdir()
    (folder / "Welcome.html").write_text("<p>Bienvenue à tous</p>", encoding="utf-8")
    (folder / "Thanks.html").write_text("<p>Merci</p>", encoding="utf-8")
    assert _write_folder(shop) == 0
    (folder / "Thanks.html").write_text("<p>Merci bien</p>", encoding="utf-8")
    assert _write_folder(shop) == 0
    there = {each.title: each.html for each in shop.cyberimpact.account.templates.values()}
    assert there == {"Welcome": "<p>Bienvenue à tous</p>", "Thanks": "<p>Merci bien</p>"}
    writes = shop.cyberimpact.writes()
    assert _write_folder(shop) == 0
    assert shop.cyberimpact.writes() == writes


def _write_folder(shop: Shop) -> int:
    """The command of docs/write.md."""
    (code,) = re.findall(r"^python3 -c '([^']+)' \|\n  syncengine write cyberimpact\.templates$", _page(), re.M)
    made = subprocess.run([sys.executable, "-c", code], cwd=shop.run.folder, capture_output=True, text=True, check=True)
    return write(shop, *made.stdout.splitlines(), to=TEMPLATES).code


def _page() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_the_line_for_a_contact_on_the_page_can_be_written(shop: Shop) -> None:
    (line,) = re.findall(r"```json\n(.*)\n```", _page())
    assert write(shop, line).code == 0
    assert shop.cyberimpact.contacts()["jo@example.com"].groups == {"Open day"}


def test_a_group_is_made_and_deleted_and_made_again(shop: Shop) -> None:
    for line, titles in (
        ({"group": "Club"}, ["Club"]),
        ({"group": "Club", "delete": True}, []),
        ({"group": "Club"}, ["Club"]),
        ({"group": "Club", "delete": True}, []),
    ):
        assert write(shop, line, to=GROUPS).code == 0
        assert [group.title for group in shop.cyberimpact.account.groups.values()] == titles


def test_a_template_is_made_and_deleted_and_made_again(shop: Shop) -> None:
    for line, pages in (
        ({"title": "Welcome", "bodyHtml": "<p>1</p>", "bodyText": "1"}, [("<p>1</p>", "1")]),
        ({"title": "welcome", "delete": True}, []),
        ({"title": "Welcome", "bodyHtml": "<p>1</p>"}, [("<p>1</p>", "")]),
        ({"title": "Welcome", "bodyHtml": "<p>2</p>"}, [("<p>2</p>", "")]),
        ({"title": "Welcome", "delete": True}, []),
    ):
        assert write(shop, line, to=TEMPLATES).code == 0
        assert [(each.html, each.text) for each in shop.cyberimpact.account.templates.values()] == pages


def test_a_cancelled_mailing_is_not_made_again_in_silence(shop: Shop) -> None:
    configure(shop, ('connector = "cyberimpact"\n', 'connector = "cyberimpact"\nallow_sending = true\n'))
    shop.cyberimpact.admin.create_group("Club")
    line = JULY | {"sendAt": "2099-01-01T10:00:00Z"}
    assert write(shop, line, to=MAILINGS).code == 0
    assert write(shop, {"mailing": "july", "cancel": True}, to=MAILINGS).code == 0
    assert shop.cyberimpact.account.mailings == {}
    ended = write(shop, line, to=MAILINGS)
    assert ended.code == 3
    assert "line 1: A mailing can't be changed: cancel it, and make one under another name.\n" in ended.out
    assert shop.cyberimpact.account.mailings == {}


def test_rows_of_a_table_are_written_by_their_key(shop: Shop) -> None:
    path = shop.run.folder / "shop.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute('CREATE TABLE people (email varchar(80) PRIMARY KEY, "first name" text)')
    table = '[connections.db]\nconnector = "sql"\nurl = "sqlite:///shop.db"\n\n[connections.db.destinations.people]\n'
    table += 'table = "people"\nkey = "email"\ncolumns = ["first name"]\n\n'
    configure(shop, ("[connections.shop]\n", f"{table}[connections.shop]\n"))
    assert write(shop, {"email": "Ana@Example.com", "first name": "Ana"}, to="db.people").code == 0
    assert write(shop, {"email": ANA, "first name": "Anna"}, to="db.people").code == 0
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT * FROM people").fetchall() == [(ANA, "Anna")]


def test_a_call_is_reported_once_however_often_it_is_written(shop: Shop) -> None:
    for _ in range(2):
        assert write(shop, CALL, to="impact.calls").code == 0
    (call,) = shop.impact.call_data.reports
    assert call["CallSessionId"] == "s-1"


def test_an_object_of_invoca_is_refused_unless_it_is_allowed(shop: Shop) -> None:
    line = {"id_from_network": "adv-7", "name": "Maple Tickets", "approval_status": "Approved"}
    ended = write(shop, line, to="invoca.advertisers")
    assert (ended.code, ended.out) == (2, "")
    assert "connections.invoca.allow_writes: Nothing may be written to Invoca" in ended.err
    configure(shop, ('connector = "invoca"\n', 'connector = "invoca"\nallow_writes = true\n'))
    assert write(shop, line, to="invoca.advertisers").code == 0
    assert "1 repeated" in write(shop, line, to="invoca.advertisers").out


# --- what other commands say ---


def test_status_says_what_was_written_and_how_it_is_written_again(by_hand: Shop) -> None:
    out = by_hand("status").out
    assert f"{MAPPING}\n  last run    done, manual, " in out
    assert f"  rejects     1: syncengine rejects list --mapping '{MAPPING}'\n" in out
    assert f"  next run    when lines are written by hand: syncengine write {CONTACTS}\n" in out
    assert f"{CONTACTS}\n  all runs    2 revisions = 2 delivered\n" in out
    (told,) = json.loads(by_hand("status", "--json").out)["mappings"]
    assert (told["mapping"], told["records"]["live"], told["next"]) == (MAPPING, 2, None)


def test_runs_can_be_asked_for_what_was_written(by_hand: Shop) -> None:
    (run,) = json.loads(by_hand("runs", MAPPING, "--json").out)
    assert (run["mapping"], run["kind"], run["state"]) == (MAPPING, "manual", "done")
    write(by_hand, contact("cleo@example.com"), die="before commit_page:1")
    (run, _) = json.loads(by_hand("runs", MAPPING, "--json").out)
    assert run["state"] == "interrupted"
    for command in (("runs",), ("rejects", "list", "--mapping")):
        ended = by_hand(*command, "write cyberimpact.contcts")
        assert ended.code == 2
        assert f'There is no such mapping.\n      → Did you mean "{MAPPING}"?' in ended.err


def test_explain_says_by_whom_an_address_is_there(by_hand: Shop) -> None:
    out = by_hand("explain", ANA).out
    assert re.search(rf"  {MAPPING}, [0-9a-f]{{32}}: in effect\n    gives     {ANA}, groups Club\n", out)
    assert "in standard input\n" in out
    letter = by_hand("explain", ANA, "--lang", "en").out
    assert "form 7" in letter
    by_hand.cyberimpact.admin.add("stranger@example.com")
    assert "asked just now" in by_hand("explain", "stranger@example.com", "--ask").out


def test_reconcile_compares_what_was_written_by_hand_alone(by_hand: Shop) -> None:
    by_hand.cyberimpact.admin.delete(BEA)
    by_hand.cyberimpact.admin.leave_group(ANA, "Club")
    out = by_hand("reconcile").out
    assert f"{CONTACTS}: 2 contacts verified, 1 deleted by hand, 1 left a group\n" in out
    ended = write(by_hand, contact(ANA, groups=["Club"], firstname="Anna"), contact(BEA, firstname="Bea"))
    assert ended.code == 0
    assert by_hand.cyberimpact.contacts().keys() == {ANA}
    assert by_hand.cyberimpact.contacts()[ANA].groups == set()
    assert retract(by_hand, {"email": BEA}).code == 0


def test_what_was_written_to_a_connection_that_is_no_more_is_still_told(by_hand: Shop) -> None:
    configure(by_hand, ("[connections.cyberimpact]", "[connections.mail]"))
    assert f"{CONTACTS}\n  all runs    2 revisions = 2 delivered\n" in by_hand("status").out
    ended = by_hand("reconcile")
    assert (ended.code, ended.out) == (0, "Nothing is written to a destination that can be compared.\n")
    assert by_hand("explain", ANA).code == 0


def test_a_target_that_the_provider_refuses_is_tried_again_by_the_next_write(shop: Shop) -> None:
    shop.cyberimpact.admin.create_group("Club")
    shop.cyberimpact.admin.add(ANA, groups=["Club"])
    ended = write(shop, {"group": "Club", "delete": True}, to=GROUPS)
    assert ended.code == 3
    assert "line 1: delete: Contacts are in this group: it is not deleted.\n" in ended.out
    shop.cyberimpact.admin.leave_group(ANA, "Club")
    ended = shop("rejects", "retry", "1")
    assert ended.out == f"1 reject will be tried again by the next syncengine write {GROUPS}\n"
    assert write(shop, to=GROUPS).code == 0
    assert shop.cyberimpact.account.groups == {}
