"""A group that has a key is shown by its title everywhere, and nothing is printed that a screen can't show."""

import json
import re

import pytest

from tests.cli.shop import Shop

ANA = "ana@example.com"
PARTNER = "Partner: Acme Partner"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]|\\u00[01]")


@pytest.fixture
def sold(shop: Shop) -> Shop:
    """Ana has bought, and is in the group of her partner."""
    shop.knows("C1", ANA, first_name="Ana")
    shop.sells("C1", oid="77")
    return shop


def said(shop: Shop, *arguments: str) -> str:
    ended = shop(*arguments)
    assert not CONTROL.search(ended.out)
    return ended.out


def test_plan_names_it_by_its_title(sold: Shop) -> None:
    (row,) = json.loads(said(sold, "plan", "--json"))["rows"]
    assert PARTNER in row["join"]
    assert f"+ {PARTNER}" in said(sold, "plan")


def test_explain_knows_it_under_the_name_that_an_administrator_gave_it(sold: Shop) -> None:
    sold("sync")
    assert f"  group       {PARTNER}: added by us\n" in said(sold, "explain", ANA)
    assert PARTNER in json.loads(said(sold, "explain", ANA, "--json"))["targets"][0]["desired"]["groups"]
    admin = sold.cyberimpact.admin
    admin.rename_group(PARTNER, "VIP")
    mail = str(admin.send_mailing("June", ["VIP"]))
    told = json.loads(said(sold, "explain", ANA, "--mailing", mail, "--ask", "--json"))
    (group,) = told["reasons"][0]["groups"]
    assert (group["title"], group["how"], group["there"]) == ("VIP", "ours", True)
    assert len(group["sources"]) == 1
    assert 'The mail went to our list "VIP". We added your address to it on ' in said(
        sold, "explain", ANA, "--mailing", mail
    )


def test_reconcile_names_it_by_its_title(sold: Shop) -> None:
    sold("sync")
    sold.cyberimpact.admin.leave_group(ANA, PARTNER)
    assert f"  left        {ANA}: {PARTNER}; it stays left\n" in said(sold, "reconcile")
    sold.cyberimpact.admin.rename_group(PARTNER, "VIP")
    sold.cyberimpact.admin.join_group(ANA, "VIP")
    assert "all as delivered" in said(sold, "reconcile")
    sold.cyberimpact.admin.delete_group("Affiliate customers")
    found = json.loads(said(sold, "reconcile", "--json"))["destinations"][0]["found"]
    assert found["missing_groups"] == ["Affiliate customers"]


def test_a_bound_group_that_is_gone_is_missed_by_its_title(sold: Shop) -> None:
    sold("sync")
    sold.cyberimpact.admin.delete_group(PARTNER)
    assert f"  no group    {PARTNER}: deleted or renamed; nobody counts as having left it\n" in said(sold, "reconcile")


def test_where_groups_may_not_be_made_the_reject_names_it_and_a_retry_works_once_it_is_there(sold: Shop) -> None:
    text = sold.config.read_text(encoding="utf-8")
    place = 'connector = "cyberimpact"\n'
    assert place in text
    sold.config.write_text(text.replace(place, f"{place}create_groups = false\n"), encoding="utf-8")
    sold.cyberimpact.admin.create_group("Affiliate customers")
    assert sold("sync").code == 3
    (reject,) = json.loads(said(sold, "rejects", "list", "--json"))
    assert reject["message"] == f'Create the group "{PARTNER}" in Cyberimpact.'
    sold.cyberimpact.admin.create_group(PARTNER)
    assert sold("rejects", "retry", "--all").code == 0
    assert sold("sync").code == 0
    assert PARTNER in sold.cyberimpact.contacts()[ANA].groups
