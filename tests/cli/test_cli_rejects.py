"""`rejects`: what could not go through is listed, shown, tried again, or put aside."""

import json
from typing import Any

import pytest

from tests.cli.shop import Shop


@pytest.fixture
def refused(shop: Shop) -> Shop:
    """Two rejects of records, numbers 1 and 2."""
    shop.knows("C1", "no-address")
    shop.knows("C2", "neither")
    shop.sells("C1")
    shop.sells("C2")
    assert shop("sync").code == 3
    return shop


def listed(shop: Shop, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shop("rejects", "list", "--json", *arguments).out)
    return found


def test_list_says_which_field_of_which_record_and_why(refused: Shop) -> None:
    lines = refused("rejects", "list", "--mapping", "new-customers").out.splitlines()
    records = set(refused.impact.book.actions)
    assert {line.split()[4] for line in lines[1:3]} == records
    assert all(line.rstrip().endswith("email  Not an e-mail address.") for line in lines[1:3])
    assert [reject["id"] for reject in listed(refused)] == [2, 1]
    assert [reject["id"] for reject in listed(refused, "--limit", "1")] == [2]


def test_show_tells_all_also_what_was_read(refused: Shop) -> None:
    ended = refused("rejects", "show", "1")
    assert ended.code == 0
    assert "code         not_an_address" in ended.out
    assert "as read      CustomerId = C" in ended.out


def test_a_reject_that_is_tried_again_after_mending_goes_through(refused: Shop) -> None:
    refused.knows("C1", "ana@example.com")
    refused.knows("C2", "bea@example.com")
    ended = refused("rejects", "retry", "1")
    assert (ended.code, ended.out) == (0, "1 reject will be tried again by the next run: syncengine sync\n")
    assert refused("sync").code == 0
    assert len(refused.cyberimpact.contacts()) == 1
    assert refused("rejects", "retry", "--all").code == 0
    assert refused("sync").code == 0
    assert set(refused.cyberimpact.contacts()) == {"ana@example.com", "bea@example.com"}
    assert refused("rejects", "list").out == "There are no rejects.\n"


def test_a_reject_that_is_tried_again_unmended_comes_back(refused: Shop) -> None:
    refused("rejects", "retry", "--mapping", "new-customers")
    assert refused("sync").code == 3
    assert len(listed(refused)) == 2


def test_what_is_dismissed_is_put_aside_and_can_still_be_seen(refused: Shop) -> None:
    assert refused("rejects", "dismiss", "2").code == 0
    assert [reject["id"] for reject in listed(refused)] == [1]
    assert [reject["id"] for reject in listed(refused, "--dismissed")] == [2]
    assert refused("sync").code == 0


def test_a_number_that_is_none_is_told_and_the_others_are_done(refused: Shop) -> None:
    ended = refused("rejects", "dismiss", "1", "99")
    assert ended.code == 1
    assert "1 reject put aside" in ended.out
    assert "There is no reject 99." in ended.err
    ended = refused("rejects", "show", "99", "--json")
    assert (ended.code, ended.out) == (1, "")
    assert "There is no reject 99." in json.loads(ended.err)["error"]["message"]


@pytest.mark.parametrize("action", ["retry", "dismiss"])
def test_nobody_hits_all_of_them_by_accident(refused: Shop, action: str) -> None:
    for arguments in ((), ("1", "--all")):
        assert refused("rejects", action, *arguments).code == 2
    assert refused("rejects", "show").code == 2
    assert len(listed(refused)) == 2
