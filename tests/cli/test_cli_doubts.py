"""A request that nobody can tell of, and that must not leave twice: every command says so until it is over."""

import pytest

from syncengine.sandbox.kit import Fault
from tests.cli.shop import Shop
from tests.cli.writing import ANA, write

MAILINGS = "cyberimpact.mailings"
JULY = {"mailing": "july", "subject": "Offer", "groups": ["Club"], "bodyText": "Hello"}
LEFT = "cyberimpact.mailings: 1 left in doubt, and sent again only by syncengine rejects retry.\n"


@pytest.fixture
def unsure(shop: Shop) -> Shop:
    """The answer to a mailing is lost, and so it is written once more."""
    text = shop.config.read_text(encoding="utf-8")
    mail = 'connector = "cyberimpact"\n'
    shop.config.write_text(text.replace(mail, f"{mail}allow_sending = true\n"), encoding="utf-8")
    shop.cyberimpact.admin.add(ANA)
    shop.cyberimpact.admin.create_group("Club")
    shop.cyberimpact.admin.join_group(ANA, "Club")
    shop.cyberimpact.faults.add(Fault(kind="drop_after", method="POST"))
    ended = write(shop, JULY, to=MAILINGS)
    assert (ended.code, len(shop.cyberimpact.account.mailings)) == (1, 1)
    assert "no answer says whether the last request took effect; in doubt: 1." in ended.out
    assert "contacts" not in ended.out
    return shop


def test_it_is_a_reject_and_stays_one_until_it_is_decided(unsure: Shop) -> None:
    for _ in range(2):
        ended = write(unsure, JULY, to=MAILINGS)
        assert ended.code == 3
        assert "line 1: Nobody knows whether it arrived. Look at the provider" in ended.out
        assert "Write these lines again" not in ended.out
        assert LEFT in ended.out
    planned = write(unsure, JULY, to=MAILINGS, options=("--plan",)).out
    assert LEFT in planned
    assert "nothing is known to do." in planned
    assert "  rejects     1: syncengine rejects list\n" in unsure("status").out
    assert "Nobody knows whether it arrived." in unsure("rejects", "list").out
    told = unsure("explain", "july").out
    assert "in doubt: nobody knows whether the last request took effect, and it is not sent again by itself\n" in told
    assert len(unsure.cyberimpact.account.mailings) == 1


def test_what_is_dismissed_is_left_and_no_failure(unsure: Shop) -> None:
    write(unsure, JULY, to=MAILINGS)
    assert unsure("rejects", "dismiss", "--all").code == 0
    ended = write(unsure, JULY, to=MAILINGS)
    assert (ended.code, len(unsure.cyberimpact.account.mailings)) == (0, 1)
    assert "in doubt" in unsure("explain", "july").out


def test_what_is_retried_is_sent_once_more(unsure: Shop) -> None:
    write(unsure, JULY, to=MAILINGS)
    ended = unsure("rejects", "retry", "--all")
    assert ended.out == f"1 reject will be tried again by the next syncengine write {MAILINGS}\n"
    for _ in range(2):
        assert write(unsure, JULY, to=MAILINGS).code == 0
        assert len(unsure.cyberimpact.account.mailings) == 2
    assert unsure("rejects", "list").out == "There are no rejects.\n"
