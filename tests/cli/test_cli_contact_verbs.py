"""The mappings of docs/cyberimpact.md do what the page says, from the configuration to the provider."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.shop import MAIL, Shop

PAGE = (Path(__file__).parents[2] / "docs" / "cyberimpact.md").read_text(encoding="utf-8")
JO = "jo@example.com"


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """The shop with the mappings of the page beside new-customers."""
    (text,) = [
        each for each in re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if "mappings" in each
    ]
    shop.config.write_text(f"{shop.config.read_text()}\n{text}")
    return shop


def allow_sending(shop: Shop) -> None:
    shop.config.write_text(shop.config.read_text().replace(MAIL, f"{MAIL}allow_sending = true\n"))


def test_the_tests_of_the_page_pass(shop: Shop) -> None:
    allow_sending(shop)
    assert shop("test", "stop-mail").code == 0
    assert shop("test", "ask-first").code == 0


def test_without_allow_sending_the_question_is_a_fault_that_names_the_key(shop: Shop) -> None:
    shop.knows("C1", JO)
    shop.sells("C1")
    for command in (("check",), ("sync", "ask-first")):
        ended = shop(*command)
        assert ended.code == 2
        assert "connections.cyberimpact.allow_sending" in ended.err + ended.out
    assert shop.cyberimpact.writes() == {}


def test_whoever_told_the_shop_no_is_unsubscribed_and_plan_says_so_before(shop: Shop) -> None:
    allow_sending(shop)
    shop.cyberimpact.admin.add(JO)
    shop.knows("C1", JO, opted_out="yes")
    shop.sells("C1")
    planned = json.loads(shop("plan", "stop-mail", "--json").out)
    assert [(row["who"], row["what"]) for row in planned["rows"]] == [(JO, "unsubscribe")]
    assert shop("sync", "stop-mail").code == 0
    assert shop.cyberimpact.contacts()[JO].state == "unsubscribed"


def test_a_buyer_who_wants_it_is_asked_once_and_gets_the_group_with_a_click(shop: Shop) -> None:
    allow_sending(shop)
    shop.knows("C1", JO, wants_news="yes")
    shop.sells("C1")
    shop.knows("C2", "bea@example.com")  # nobody is asked who didn't ask for it
    shop.sells("C2")
    planned = shop("plan", "ask-first").out
    assert "asked by mail" in planned
    for _ in range(2):
        assert shop("sync", "ask-first").code == 0
    assert shop.cyberimpact.writes()["POST /members/optins"] == 1
    (request,) = shop.cyberimpact.account.optins
    shop.cyberimpact.admin.confirm_optin(request)
    assert shop.cyberimpact.contacts()[JO].groups == {"Newsletter"}
