"""People are unsubscribed and erased by few batches, each row is settled, and nothing is read from prose."""

import json
from typing import Literal

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Stop
from syncengine.errors import AuthError, RateLimited
from syncengine.sandbox.kit import Fault
from tests.clock import FakeClock
from tests.cyberimpact.attempts import Book
from tests.cyberimpact.conftest import Connect, active, change, deliver, stop

LEA, JO, MIA = "lea.roy@example.test", "jo@example.test", "mia@example.test"
KINDS: tuple[Stop, ...] = ("unsubscribe", "delete")


def known(vendor: CyberimpactSandbox) -> dict[str, str]:
    return {key: each.state for key, each in vendor.contacts().items()}


@pytest.mark.parametrize(("kind", "left"), [("unsubscribe", {LEA: "unsubscribed", JO: "unsubscribed"}), ("delete", {})])
async def test_many_are_stopped_by_one_batch(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, kind: Stop, left: dict[str, str]
) -> None:
    for key in (LEA, JO):
        vendor.admin.add(key)

    outcomes = await deliver(connect(), [stop(key, kind) for key in (LEA, JO)], book)

    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}
    assert known(vendor) == left
    assert vendor.writes() == {"POST /batches": 1}
    assert [part.stop for key in (LEA, JO) for part in book.confirmed(key)] == [kind, kind]
    assert not book.in_doubt()


@pytest.mark.parametrize("kind", KINDS)
async def test_who_is_not_there_needs_no_stop(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, kind: Stop
) -> None:
    vendor.admin.add(JO)
    outcomes = await deliver(connect(), [stop(LEA, kind), stop(JO, kind)], book)
    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}
    assert book.confirmed(LEA)[0].stop == kind


async def test_each_kind_has_batches_of_its_own_and_of_the_size_that_is_set(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    keys = [f"p{number}@example.test" for number in range(7)]
    for key in keys:
        vendor.admin.add(key)
    asked = [stop(key, "delete" if number < 2 else "unsubscribe") for number, key in enumerate(keys)]
    await deliver(connect(batch_size=3), asked, book)
    assert vendor.writes() == {"POST /batches": 1 + 2}
    assert known(vendor) == dict.fromkeys(keys[2:], "unsubscribed")


async def test_stops_leave_before_anything_is_added(vendor: CyberimpactSandbox, connect: Connect, book: Book) -> None:
    vendor.admin.add(JO)
    await deliver(connect(), [change(LEA, join=["G"], consent=active()), stop(JO)], book)
    assert [set(entry.parts) for entry in book.entries] == [{JO}, {LEA}]
    assert known(vendor) == {JO: "unsubscribed", LEA: "subscribed"}


async def test_a_row_that_is_refused_is_told_and_the_others_are_stopped(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    """The row says that it failed, and reading shows that the contact is still subscribed."""
    for key in (LEA, JO):
        vendor.admin.add(key)
    result = {"errors": [{"id": LEA, "description": "No"}], "successes": []}
    body = json.dumps({"id": "1", "status": "COMPLETED", "result": result})
    vendor.faults.add(Fault(kind="status", status=200, body=body, method="GET", path="/batches/"))
    outcomes = await deliver(connect(), [stop(LEA), stop(JO)], book)
    assert {key: (each.status, each.code) for key, each in outcomes.items()} == {
        LEA: ("rejected", "refused"),
        JO: ("retry", "unconfirmed"),
    }
    assert not book.in_doubt()


@pytest.mark.parametrize("maximum", [1, 3])
async def test_a_batch_that_is_too_large_is_halved(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, maximum: int
) -> None:
    vendor.switches.batch_maximum = maximum
    keys = [f"p{number}@example.test" for number in range(8)]
    for key in keys:
        vendor.admin.add(key)
    outcomes = await deliver(connect(), [stop(key) for key in keys], book)
    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}
    assert known(vendor) == dict.fromkeys(keys, "unsubscribed")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("found", ["there", "absent"])
async def test_a_batch_of_an_earlier_process_is_settled_by_its_receipt(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, clock: FakeClock, kind: Stop, found: str
) -> None:
    if found == "there":
        vendor.admin.add(LEA)
    vendor.switches.batch_progress = "stuck_applied"
    outcomes = await deliver(connect(batch_deadline="1 second"), [stop(LEA, kind)], book)
    assert outcomes[LEA].status == "in_doubt"
    (receipt,) = book.entries[0].receipts
    vendor.switches.batch_progress = "completes"

    settled = await connect().settle(receipt, [LEA])

    assert (settled.confirmed, settled.refuted) == ({LEA}, frozenset())


async def test_a_stop_without_an_answer_is_sent_again_and_is_one_effect(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.add(LEA)
    vendor.faults.add(Fault(kind="drop_after", method="POST", path="/batches"))
    outcomes = await deliver(connect(), [stop(LEA)], book)
    assert outcomes[LEA].status == "delivered"
    assert known(vendor) == {LEA: "unsubscribed"}


async def test_when_nothing_more_may_be_sent_no_other_change_leaves(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.add(LEA)
    vendor.faults.add(Fault(kind="status", status=429, headers={"Retry-After": "7200"}, method="POST", path="/batches"))
    with pytest.raises(RateLimited):
        await deliver(connect(), [stop(LEA), change(JO, join=["G"], consent=active())], book)
    assert known(vendor) == {LEA: "subscribed"}
    assert not book.in_doubt()


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize("listed", ["unsubscribed", "bounced"])
async def test_who_said_no_can_be_erased(
    vendor: CyberimpactSandbox,
    connect: Connect,
    book: Book,
    memory: bool,
    listed: Literal["unsubscribed", "bounced"],
) -> None:
    """Whether the provider then forgets that they said no is unknown; we don't (docs/cyberimpact.md)."""
    vendor.switches.delete_forgets = memory
    vendor.admin.add(LEA)
    (vendor.admin.unsubscribe if listed == "unsubscribed" else vendor.admin.bounce)(LEA)
    outcomes = await deliver(connect(), [stop(LEA, "delete")], book)
    assert outcomes[LEA].status == "delivered"


async def test_a_batch_under_way_is_seen_to_its_end_when_another_one_is_refused_by_the_account(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    """Else people who are stopped already would be called in doubt."""
    keys = [f"p{number}@example.test" for number in range(4)]
    for key in keys:
        vendor.admin.add(key)
    vendor.faults.add(Fault(kind="status", status=401, method="POST", path="/batches", after=1))
    told = connect(batch_size=1, batches_in_flight=2).apply([stop(key) for key in keys], book)
    outcomes: dict[str, str] = {}

    async def listen() -> None:
        async for outcome in told:
            outcomes[outcome.key] = outcome.status

    with pytest.raises(AuthError):
        await listen()
    stopped = {key for key, state in known(vendor).items() if state == "unsubscribed"}
    assert stopped
    assert outcomes == dict.fromkeys(stopped, "delivered")
    assert not book.in_doubt()
