"""What becomes of mailings that a mapping makes or cancels, and what is never done."""

import datetime as dt
from typing import Any

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Change, Resumable
from syncengine.errors import ConfigError, RateLimited, Rejected
from syncengine.sandbox.kit import Fault
from tests.clock import NOON
from tests.cyberimpact.desk import LATER, Desk, OpenDesk, desk, open_desk

__all__ = ["desk", "open_desk"]


OFFER = {"mailing": "july", "subject": "Offer", "groups": ["Clients"], "bodyText": "Hello", "sendAt": LATER}


@pytest.fixture
def clients(vendor: CyberimpactSandbox) -> None:
    vendor.admin.create_group("Clients")
    for number in range(3):
        vendor.admin.add(f"{number}@example.test", groups=["Clients"])


async def test_nothing_is_sent_unless_it_is_allowed(open_desk: OpenDesk, vendor: CyberimpactSandbox) -> None:
    desk = open_desk()
    with pytest.raises(ConfigError) as raised:
        desk.destination("mailings").draft(OFFER)
    assert raised.value.problems[0].key == "connections.cyberimpact.allow_sending"
    change = Change("july", 1, True, {"subject": "Offer"}, frozenset(), frozenset(), None, False)
    with pytest.raises(ConfigError, match="allow_sending = true"):
        _ = [each async for each in desk.destination("mailings").apply([change], desk.book)]
    assert not vendor.write_requests()


@pytest.mark.usefixtures("clients")
async def test_a_mailing_is_made_with_its_count_and_cancelled_by_its_name(
    desk: Desk, vendor: CyberimpactSandbox
) -> None:
    outcome = await desk.write("mailings", **OFFER)
    assert (outcome.status, outcome.message) == ("delivered", "It goes to 3 contacts.")
    (mailing,) = vendor.account.mailings.values()
    assert mailing.scheduled == NOON + dt.timedelta(days=2)
    assert desk.book.entries[-1].receipts == [str(mailing.id)]
    changed = await desk.write("mailings", create=False, **{**OFFER, "subject": "Better offer"})
    assert (changed.status, changed.code) == ("rejected", "fixed")
    for _ in range(2):
        assert (await desk.write("mailings", mailing="july", cancel=True)).status == "delivered"
    assert vendor.account.mailings == {}


@pytest.mark.usefixtures("clients")
async def test_a_mailing_that_has_gone_out_can_not_be_cancelled(desk: Desk, vendor: CyberimpactSandbox) -> None:
    await desk.write("mailings", **{**OFFER, "sendAt": None})
    outcome = await desk.write("mailings", mailing="july", cancel=True)
    assert (outcome.status, outcome.code) == ("rejected", "refused")


@pytest.mark.usefixtures("clients")
async def test_a_mailing_made_elsewhere_is_cancelled_by_its_number(desk: Desk, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.send_mailing("Offer", ["Clients"], NOON + dt.timedelta(days=1))
    unknown = await desk.write("mailings", mailing="june", cancel=True)
    assert (unknown.status, unknown.code) == ("rejected", "not_found")
    assert (await desk.write("mailings", mailing=f"id:{number}", cancel=True)).status == "delivered"
    assert vendor.account.mailings == {}


async def test_a_group_that_is_not_there_sends_nothing(desk: Desk, vendor: CyberimpactSandbox) -> None:
    outcome = await desk.write("mailings", **OFFER)
    assert (outcome.status, outcome.field) == ("rejected", "groups")
    assert not vendor.write_requests()


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize("kind", ["drop_after", "drop_before", "status", "malformed", "truncate"])
async def test_a_mailing_without_an_answer_is_in_doubt_and_sent_once(
    desk: Desk, vendor: CyberimpactSandbox, kind: str
) -> None:
    vendor.faults.add(Fault.model_validate({"kind": kind, "method": "POST", "times": 9}))
    outcome = await desk.write("mailings", **OFFER)
    assert outcome.status == "in_doubt"
    assert len(vendor.faults.injected) == 1
    assert desk.book.in_doubt() == {"july"}


@pytest.mark.usefixtures("clients")
async def test_a_mailing_that_was_surely_not_taken_is_tried_again_later(desk: Desk, vendor: CyberimpactSandbox) -> None:
    vendor.faults.add(Fault(kind="status", status=429, method="POST"))
    assert (await desk.write("mailings", **OFFER)).status == "retry"
    assert not desk.book.in_doubt()
    vendor.faults.add(Fault(kind="status", status=429, headers={"Retry-After": "900"}, method="POST"))
    with pytest.raises(RateLimited):
        await desk.write("mailings", **OFFER)
    assert not desk.book.in_doubt()


@pytest.mark.usefixtures("clients")
async def test_a_receipt_says_whether_the_mailing_is_there(desk: Desk, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.send_mailing("Offer", ["Clients"], NOON + dt.timedelta(days=1))
    mailings = desk.destination("mailings")
    assert isinstance(mailings, Resumable)
    assert (await mailings.settle(str(number), ["july"])).confirmed == {"july"}
    for receipt in ("999999", "none"):
        settled = await mailings.settle(receipt, ["august"])
        assert not settled.confirmed | settled.refuted
    assert (await desk.write("mailings", mailing="july", cancel=True)).status == "delivered"


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"mailing": None}, "mailing", "missing"),
        ({"mailing": "id:812"}, "mailing", "only_cancel"),
        ({"subject": ""}, "subject", "missing"),
        ({"bodyText": None}, "bodyHtml", "missing"),
        ({"groups": []}, "groups", "missing"),
        ({"groups": [None, " "]}, "groups", "missing"),
        ({"groups": [{"id": 1}]}, "groups", "not_text"),
        ({"language": "fr"}, "language", "unknown_language"),
        ({"sendAt": "tomorrow"}, "sendAt", "not_an_instant"),
        ({"sendAt": "2026-07-16T08:00:00"}, "sendAt", "no_offset"),
    ],
)
async def test_a_mailing_that_means_nothing_is_refused(
    desk: Desk, fields: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(Rejected) as raised:
        desk.destination("mailings").draft({**OFFER, **fields})
    assert (raised.value.field, raised.value.code) == (field, code)
