"""`plan`: what it lists, that it lists exactly what `sync` then does, and that it writes nothing anywhere."""

import datetime as dt
import json
import re
from typing import Any

import pytest

from connectors.impact.sandbox.book import Partner
from syncengine.sandbox.kit import Fault
from tests.cli.shop import SINCE, Shop

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
OTHERS = """
[mappings.others]
use = "new-customers"
start = "2020-01-01"
tests = []
set_once = []
[mappings.others.fields]
email        = "{{ customer.email }}"
groups       = ["Others"]
relationType = "active-clients"
consentDate  = "{{ EventDate }}"
consentProof = "action {{ Id }}"
"""
GROUPS = ["Affiliate customers", "Partner: Acme Partner"]


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """One person of every kind."""
    shop.knows("C1", "ana@example.com", first_name="Ana")
    shop.knows("C2", "bea@example.com")
    shop.cyberimpact.admin.add("bea@example.com", relation="active-clients", date="2026-01-02", proof="by hand")
    shop.knows("C3", "cleo@example.com")
    shop.cyberimpact.admin.add("cleo@example.com")
    shop.cyberimpact.admin.unsubscribe("cleo@example.com")
    shop.knows("C4", "dan@example.com", opted_out="yes")
    shop.knows("C5", "no-address")
    for customer in ("C1", "C2", "C3", "C4", "C5", "C6"):
        shop.sells(customer)
    shop.sells("C1", status="EXISTING")
    return shop


def planned(shop: Shop, *arguments: str) -> dict[str, Any]:
    ended = shop("plan", "--json", *arguments)
    assert (ended.code, ended.err) == (0, "")
    found: dict[str, Any] = json.loads(ended.out)
    return found


def whats(plan: dict[str, Any]) -> dict[str, str]:
    return {row["who"]: row["what"] for row in plan["rows"]}


def test_plan_tells_of_everybody_what_would_happen_and_why(busy: Shop) -> None:
    plan = planned(busy)
    ids = list(busy.impact.book.actions)
    assert whats(plan) == {
        "ana@example.com": "create",
        "bea@example.com": "change",
        "cleo@example.com": "left out",
        "dan@example.com": "left out",
        ids[4]: "reject",
        ids[5]: "wait",
    }
    by_who = {row["who"]: row for row in plan["rows"]}
    assert by_who["ana@example.com"]["fields"] == {"firstname": "Ana", "language": "fr_ca"}
    assert by_who["ana@example.com"]["join"] == GROUPS
    assert by_who["ana@example.com"]["consent"].startswith("active-clients of ")
    assert by_who["cleo@example.com"]["why"] == "unsubscribed"
    assert by_who["dan@example.com"]["why"] == "the shop or a record says no"
    assert by_who[ids[4]]["why"] == "email: Not an e-mail address."
    assert by_who[ids[5]]["why"] == "no lookup knows it yet"
    assert plan["totals"] == {
        "create": 1, "change": 1, "ask": 0, "unsubscribe": 0, "delete": 0,
        "left out": 2, "reject": 1, "wait": 1, "leave alone": 0,
    }  # fmt: skip
    counts = plan["mappings"][0]["counts"]
    assert {name: counts[name] for name in ("read", "drafted", "renewals", "rejected", "waiting", "suppressed")} == {
        "read": 7, "drafted": 4, "renewals": 1, "rejected": 1, "waiting": 1, "suppressed": 1,
    }  # fmt: skip


def test_plan_writes_nothing_here_or_there(busy: Shop) -> None:
    before = sorted(path.name for path in busy.config.parent.iterdir())
    planned(busy)
    assert sorted(path.name for path in busy.config.parent.iterdir()) == before
    assert not busy.cyberimpact.write_requests()
    busy("sync")
    content, writes = busy.state.read_bytes(), len(busy.cyberimpact.write_requests())
    busy.sells("C1", ago=SINCE)
    assert planned(busy)["totals"]["change"] == 1
    assert busy.state.read_bytes() == content
    assert len(busy.cyberimpact.write_requests()) == writes


def test_sync_then_does_exactly_what_plan_lists(busy: Shop) -> None:
    before = set(busy.cyberimpact.contacts())
    plan = planned(busy)
    assert busy("sync").code == 3
    after = busy.cyberimpact.contacts()
    assert set(after) - before == {who for who, what in whats(plan).items() if what == "create"}
    for row in plan["rows"]:
        if row["what"] in {"create", "change"}:
            assert set(row["join"]) <= after[row["who"]].groups
            assert row["fields"].items() <= after[row["who"]].fields.items()
        elif "@" in row["who"]:
            assert not busy.cyberimpact.mentions(row["who"])


def test_after_a_sync_only_those_who_wait_are_listed(busy: Shop) -> None:
    busy("sync")
    plan = planned(busy)
    assert set(whats(plan).values()) == {"wait"}


def test_a_purchase_taken_back_is_planned_as_leaving_its_groups(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    bought = shop.sells("C1")
    assert shop("sync").code == 0
    shop.impact.book.reverse(bought, at=dt.datetime.now(dt.UTC) - SINCE)
    (row,) = planned(shop)["rows"]
    assert (row["who"], row["what"], row["leave"], row["why"]) == ("ana@example.com", "change", GROUPS, "taken back")


def test_the_limit_is_of_rows_and_never_of_totals(shop: Shop) -> None:
    for number in range(5):
        shop.knows(f"C{number}", f"jo.{number}@example.com")
        shop.sells(f"C{number}")
    plan = planned(shop, "--limit", "2")
    assert len(plan["rows"]) == 2
    assert plan["totals"]["create"] == 5
    told = shop("plan", "--limit", "2").out
    assert "… and 3 more; --limit 0 shows all." in told
    assert "If sync ran now: 5 created." in told
    assert shop("plan", "--limit", "0").out.count("@example.com") == 5


def test_somebody_who_is_left_out_is_one_row_however_often_they_bought(shop: Shop) -> None:
    shop.knows("C1", "dan@example.com", opted_out="yes")
    for _ in range(3):
        shop.sells("C1")
    plan = planned(shop)
    assert whats(plan) == {"dan@example.com": "left out"}
    assert (len(plan["rows"]), plan["totals"]["left out"]) == (1, 1)
    assert plan["mappings"][0]["counts"]["suppressed"] == 3


def test_plan_reads_well_for_people(busy: Shop) -> None:
    told = busy("plan")
    lines = {line.split()[0]: line.split() for line in told.out.splitlines() if line}
    assert lines["who"][:3] == ["who", "what", "why"]
    assert lines["cleo@example.com"] == ["cleo@example.com", "left", "out", "unsubscribed"]
    assert "If sync ran now: 1 created, 1 changed, 2 left out, 1 rejected, 1 waiting." in told.out
    assert "7 read = 1 waiting + 1 rejected + 1 suppressed + 4 drafted" in told.out
    assert "\n  1 of those drafted renew a consent where there is one, and create nobody\n" in told.out
    assert not CONTROL.search(told.out)
    assert told.out.rstrip().endswith("Nothing was written. Next: syncengine sync")


def test_nothing_to_do_is_said_in_so_many_words(shop: Shop) -> None:
    assert "If sync ran now: nothing to do, all is as it should be." in shop("plan").out


def test_a_misspelt_mapping_is_a_fault_of_usage_with_a_suggestion(shop: Shop) -> None:
    ended = shop("plan", "new-customer")
    assert ended.code == 2
    assert 'Did you mean "new-customers"?' in ended.err
    assert not shop.requests()


def test_a_plan_that_could_not_ask_everything_says_so_and_fails(busy: Shop) -> None:
    busy.cyberimpact.admin.revoke_token(busy.cyberimpact.settings()["token"])
    ended = busy("plan")
    assert ended.code == 1
    assert "cyberimpact.contacts: connections.cyberimpact: the credentials are refused (401)." in ended.out
    assert "This plan is not complete. Missing: cyberimpact.contacts." in ended.out


def test_a_plan_that_could_read_nothing_never_says_that_all_is_well(shop: Shop) -> None:
    shop.impact.faults.add(Fault(kind="malformed", path="Actions", times=50))
    told = shop("plan").out
    assert "all is as it should be" not in told
    assert "This plan is not complete. Missing: " in told


UNREAD = "who said no could not be read, so delivering would stop at the first contact to add."


def hide_lists(shop: Shop, times: int = 100) -> None:
    shop.cyberimpact.faults.add(Fault(kind="malformed", path="unsubscribed", times=times))


def test_a_plan_without_the_lists_of_who_said_no_says_that_delivering_would_stop(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    shop.sells("C1")
    hide_lists(shop)
    told, data, real = shop("plan"), shop("plan", "--json"), shop("sync")
    assert told.code == data.code == real.code == 1
    assert "This plan is not complete. Missing: cyberimpact.contacts." in told.out
    assert json.loads(data.out)["destinations"][0]["failure"]["code"] == "not_json"
    assert UNREAD not in told.out


def test_a_plan_that_adds_nobody_says_all_the_same_that_the_lists_could_not_be_read(shop: Shop) -> None:
    hide_lists(shop)
    told, data, real = shop("plan"), json.loads(shop("plan", "--json").out), shop("sync")
    assert told.code == real.code == 0
    for each in (told, real):
        assert f"Warning: cyberimpact.contacts: {UNREAD} The answer (status 200, " in each.out
    assert "all is as it should be" not in told.out
    (destination,) = data["destinations"]
    assert (destination["failure"], destination["unlisted"]["code"]) == (None, "not_json")


def test_lists_that_could_be_read_after_all_are_no_matter(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    shop.sells("C1")
    hide_lists(shop, times=1)
    told = shop("plan")
    assert (told.code, UNREAD in told.out) == (0, False)
    assert "If sync ran now: 1 created." in told.out


def test_whoever_is_there_by_others_is_told_so_also_where_several_pages_speak_of_them(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    shop.cyberimpact.admin.add("ana@example.com")
    shop.sells("C1")
    shop.config.write_text(f"{shop.config.read_text()}{OTHERS}")
    (row,) = planned(shop)["rows"]
    assert (row["what"], row["why"]) == ("change", "there already, not by us")
    assert shop("sync").code == 0
    shop.sells("C1", ago=SINCE, partner=Partner("9", "Café Élan"))
    (row,) = planned(shop)["rows"]
    assert (row["what"], row["why"]) == ("change", "its records say something new")
