"""COMPLETED is not success: a row is settled by what the result says, and where it says nothing by what is there."""

import datetime as dt
from typing import Any

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.cyberimpact.wire import read_result
from syncengine.contracts import Settled
from syncengine.errors import ProviderError
from syncengine.sandbox.kit import Fault
from tests.clock import FakeClock
from tests.cyberimpact.attempts import Book
from tests.cyberimpact.conftest import Connect, active, change, deliver

SHAPES = [
    {},
    {"success_rows": "objects", "error_rows": "email"},
    {"success_rows": "member_id", "error_rows": "member_id"},
    {"error_rows_unasked": "absent"},
    {"result_order": "as_sent", "batch_seconds": 30.0},
    {"batch_polls": 9},
    {"iso_offset": "colon", "past_last_page": "404", "over_limit": "422"},
    {"unsorted_order": "random", "error_wording": "random", "error_body": "text"},
]


def people(count: int) -> list[Any]:
    return [change(f"p{number}@example.test", join=["A"], consent=active()) for number in range(count)]


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_shape_of_result_is_understood(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, clock: FakeClock, shape: dict[str, Any]
) -> None:
    for name, value in shape.items():
        setattr(vendor.switches, name, value)
    vendor.now = clock.now
    vendor.admin.add("express@example.test", relation="express-consent", date="2020-01-01", proof="form")
    vendor.admin.add("gone@example.test", relation="active-clients", date="2026-01-01")
    vendor.admin.unsubscribe("gone@example.test")
    changes = [
        *people(3),
        change("express@example.test", join=["A"], fields={"firstname": "Ed"}, consent=active(), create=False),
        change("gone@example.test", join=["A"], consent=active()),
    ]

    outcomes = await deliver(connect(), changes, book)

    assert {key: outcome.status for key, outcome in outcomes.items()} == {
        **{f"p{number}@example.test": "delivered" for number in range(3)},
        "express@example.test": "delivered",
        "gone@example.test": "suppressed",
    }
    express = vendor.contacts()["express@example.test"]
    assert (express.consent.relation, express.consent.proof) == ("express-consent", "form")
    assert (express.groups, express.fields) == ({"A"}, {"firstname": "Ed"})
    assert vendor.contacts()["gone@example.test"].state == "unsubscribed"
    assert not book.in_doubt()


async def test_better_consent_that_is_silently_kept_is_delivered(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.switches.weaker_consent = "kept"
    vendor.admin.add("a@example.test", relation="express-consent", date="2020-01-01")
    outcomes = await deliver(connect(), [change("a@example.test", join=["A"], consent=active(), create=False)], book)
    assert outcomes["a@example.test"].status == "delivered"
    assert vendor.contacts()["a@example.test"].consent.relation == "express-consent"
    assert not vendor.writes()["PATCH /members/{key}"]


async def test_better_consent_lets_all_groups_through_by_single_requests(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.add("a@example.test", relation="express-consent", date="2020-01-01")
    changes = [
        change("a@example.test", join=["All", "P1", "P2"], leave=["Old"], consent=active(), create=False),
        *[change(f"{number}@example.test", join=["All", f"P{number}"], consent=active()) for number in (1, 2)],
    ]
    vendor.admin.create_group("Old")
    vendor.admin.join_group("a@example.test", "Old")
    outcomes = await deliver(connect(), changes, book)
    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}
    assert vendor.contacts()["a@example.test"].groups == {"All", "P1", "P2"}
    assert len(vendor.mentions("a@example.test")) == 3, "one batch, one for all groups, one to leave"


async def test_a_bounced_address_named_in_an_error_is_suppressed(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.add("a@example.test")
    vendor.admin.bounce("a@example.test")
    outcomes = await deliver(connect(), [change("a@example.test", join=["A"], consent=active())], book)
    assert (outcomes["a@example.test"].status, outcomes["a@example.test"].code) == ("suppressed", "bounced")
    assert book.entries[0].states == {"a@example.test": "refuted"}


async def test_an_error_row_that_nothing_explains_is_a_reject(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.switches.batch_bad_value = "row_error"
    changes = [*people(2), change("bad@example.test", join=["A"], fields={"language": "xx"}, consent=active())]
    outcomes = await deliver(connect(), changes, book)
    assert (outcomes["bad@example.test"].status, outcomes["bad@example.test"].code) == ("rejected", "refused")
    assert sum(outcome.status == "delivered" for outcome in outcomes.values()) == 2


async def test_nobody_rides_on_whose_first_ride_was_refused(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.switches.batch_bad_value = "row_error"
    bad = change("bad@example.test", join=["All", "P1", "P2"], fields={"language": "xx"}, consent=active())
    others = [change(f"{number}@example.test", join=["All", f"P{number}"], consent=active()) for number in (1, 2)]
    outcomes = await deliver(connect(), [bad, *others], book)
    assert outcomes["bad@example.test"].status == "rejected"
    assert len(vendor.mentions("bad@example.test")) == 1


async def test_bad_rows_that_sink_a_whole_batch_are_found_by_halving(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    bad = {f"p{number}@example.test" for number in (0, 7, 8, 31)}
    changes = [
        change(f"p{number}@example.test", join=["A"], consent=active(), fields={"language": "xx"})
        if f"p{number}@example.test" in bad
        else change(f"p{number}@example.test", join=["A"], consent=active())
        for number in range(64)
    ]
    outcomes = await deliver(connect(), changes, book)
    assert {key for key, outcome in outcomes.items() if outcome.status == "rejected"} == bad
    assert vendor.contacts().keys() == {change.key for change in changes} - bad
    assert not book.in_doubt()


async def test_a_batch_that_is_too_large_is_cut_and_the_size_remembered(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.switches.batch_maximum = 20
    outcomes = await deliver(connect(batch_size=100, batches_in_flight=1), people(400), book)
    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}
    refused = [seen for seen in vendor.write_requests() if seen.status == 422]
    assert len(refused) <= 5


async def test_refusal_of_everything_stops_before_it_costs_thousands_of_requests(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.faults.add(Fault(kind="status", status=422, method="POST", path="/batches", times=10_000))
    with pytest.raises(ProviderError):
        await deliver(connect(), people(500), book)
    assert len(vendor.faults.injected) < 100
    assert not book.in_doubt()


async def test_a_batch_that_never_completes_leaves_its_contacts_in_doubt(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, clock: FakeClock
) -> None:
    vendor.switches.batch_progress = "stuck"
    started = clock.monotonic()
    outcomes = await deliver(connect(batch_deadline="3 minutes"), people(2), book)
    assert {(outcome.status, outcome.code) for outcome in outcomes.values()} == {("in_doubt", "not_completed")}
    assert len(book.in_doubt()) == 2
    assert book.entries[0].receipts
    assert 180 <= clock.monotonic() - started < 200


async def test_polls_come_ever_slower_up_to_ten_seconds(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, clock: FakeClock
) -> None:
    vendor.switches.batch_progress = "stuck"
    await deliver(connect(batch_deadline="1 minute"), people(1), book)
    assert clock.slept[:3] == [0.5, 0.75, 1.125]
    assert max(clock.slept) == 10.0


async def test_trouble_while_polling_is_waited_out(vendor: CyberimpactSandbox, connect: Connect, book: Book) -> None:
    vendor.faults.add(
        Fault(kind="status", status=503, method="GET", path="/batches", times=8),
        Fault(kind="malformed", method="GET", path="/batches"),
    )
    outcomes = await deliver(connect(), people(1), book)
    assert outcomes["p0@example.test"].status == "delivered"
    assert len(vendor.faults.injected) == 9


async def test_an_accepted_batch_whose_id_is_unreadable_is_in_doubt(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.faults.add(Fault(kind="malformed", method="POST", path="/batches"))
    outcomes = await deliver(connect(), people(1), book)
    assert outcomes["p0@example.test"].status == "in_doubt"
    assert not book.entries[0].receipts


async def test_a_row_in_neither_list_is_read_back(vendor: CyberimpactSandbox, connect: Connect, book: Book) -> None:
    """Completed, no word about anybody: who shows the change has it, who doesn't is tried again."""
    done = b'{"id":1,"status":"COMPLETED","result":null}'
    vendor.admin.create_group("A")
    vendor.admin.add(
        "there@example.test",
        fields={"firstname": "Al"},
        groups=["A"],
        relation="active-clients",
        date="2026-06-01",
        proof="action 1",
    )
    vendor.faults.add(Fault(kind="status", status=200, body=done.decode(), method="GET", path="/batches", times=9))
    changes = [
        change("there@example.test", join=["A"], fields={"firstname": "Al"}, consent=active()),
        change("absent@example.test", join=["A"], consent=active()),
    ]
    outcomes = await deliver(connect(), changes, book)
    assert outcomes["there@example.test"].status == "delivered"
    assert (outcomes["absent@example.test"].status, outcomes["absent@example.test"].code) == ("retry", "unconfirmed")
    assert book.entries[0].states == {"there@example.test": "confirmed", "absent@example.test": "refuted"}


async def test_a_receipt_of_an_earlier_run_is_settled(vendor: CyberimpactSandbox, connect: Connect, book: Book) -> None:
    vendor.admin.add("off@example.test")
    vendor.admin.unsubscribe("off@example.test")
    vendor.switches.batch_progress = "stuck_applied"
    contacts = connect(batch_deadline="5 seconds")
    await deliver(contacts, [*people(1), change("off@example.test", join=["A"], consent=active())], book)
    (receipt,) = book.entries[0].receipts
    vendor.switches.batch_progress = "completes"
    settled = await contacts.settle(receipt, ["p0@example.test", "off@example.test", "never-sent@example.test"])
    assert settled == Settled(
        frozenset({"p0@example.test"}), frozenset({"off@example.test", "never-sent@example.test"})
    )


async def test_a_receipt_that_nobody_knows_is_said_to_be_unknown(
    vendor: CyberimpactSandbox, connect: Connect, clock: FakeClock
) -> None:
    with pytest.raises(ProviderError) as raised:
        await connect().settle("999999", ["a@example.test"])
    assert raised.value.code == "not_found"
    assert not clock.slept


@pytest.mark.parametrize(
    "trouble", [{"status": 200, "body": '{"id":1,"status":"PROCESSING","result":null}'}, {"status": 503}]
)
async def test_a_batch_of_an_earlier_run_is_waited_for_a_minute_at_most(
    vendor: CyberimpactSandbox, connect: Connect, clock: FakeClock, trouble: dict[str, Any]
) -> None:
    """A run starts with it: new work waits behind one slow batch of yesterday."""
    vendor.faults.add(Fault(kind="status", method="GET", path="/batches", times=99, **trouble))
    assert await connect(batch_deadline="6 hours").settle("1", ["a@example.test"]) == Settled()
    assert sum(clock.slept) == pytest.approx(60)


@pytest.mark.parametrize("word", ["DONE", "finished", "FAILED", "PROCESSING", ""])
async def test_a_batch_with_rows_has_ended_whatever_its_word(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, clock: FakeClock, word: str
) -> None:
    rows = '{"successes":["p0@example.test"],"errors":[{"id":"p1@example.test","description":""}]}'
    body = f'{{"id":1,"status":"{word}","result":{rows}}}'
    vendor.faults.add(Fault(kind="status", status=200, body=body, method="GET", path="/batches", times=99))
    outcomes = await deliver(connect(), people(2), book)
    assert [outcomes[f"p{number}@example.test"].status for number in range(2)] == ["delivered", "rejected"]
    assert not clock.slept


@pytest.mark.parametrize("result", ["null", "{}", '{"successes":[],"errors":[]}'])
async def test_a_batch_without_rows_is_waited_for(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, result: str
) -> None:
    body = f'{{"id":1,"status":"PROCESSING","result":{result}}}'
    vendor.faults.add(Fault(kind="status", status=200, body=body, method="GET", path="/batches", times=5))
    outcomes = await deliver(connect(), people(1), book)
    assert outcomes["p0@example.test"].status == "delivered"
    assert len(vendor.faults.injected) == 5


@pytest.mark.parametrize("word", ["NEW", "PROCESSING"])
async def test_a_batch_that_shows_only_its_first_rows_is_waited_for(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, word: str
) -> None:
    """Who isn't told of yet would be taken for somebody without the change, and what is on its way for refuted."""
    asked = '{"batchType":"addMembers","members":[{"email":"p0@example.test"},{"email":"p1@example.test"}]}'
    body = f'{{"id":1,"status":"{word}","batchJson":{asked},"result":{{"successes":["p0@example.test"],"errors":[]}}}}'
    vendor.faults.add(Fault(kind="status", status=200, body=body, method="GET", path="/batches", times=3))
    outcomes = await deliver(connect(), people(2), book)
    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}
    assert len(vendor.faults.injected) == 3


@pytest.mark.parametrize("status", [404, 410, 422])
async def test_a_batch_that_is_not_shown_is_in_doubt_after_a_few_looks(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, clock: FakeClock, status: int
) -> None:
    vendor.faults.add(Fault(kind="status", status=status, method="GET", path="/batches", times=99))
    outcomes = await deliver(connect(batch_deadline="6 hours"), people(1), book)
    assert (outcomes["p0@example.test"].status, outcomes["p0@example.test"].code) == ("in_doubt", "not_completed")
    assert book.entries[0].receipts
    assert len(vendor.faults.injected) == 3


async def test_a_batch_that_shows_late_is_seen(vendor: CyberimpactSandbox, connect: Connect, book: Book) -> None:
    vendor.faults.add(Fault(kind="status", status=404, method="GET", path="/batches", times=2))
    outcomes = await deliver(connect(), people(1), book)
    assert outcomes["p0@example.test"].status == "delivered"


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("Lea@Example.test ", "lea@example.test"),
        (17, "17"),
        ({"id": 17, "code": 42}, "17"),
        ({"email": "lea@example.test"}, "lea@example.test"),
        ({"member": {"idMember": "17"}}, "17"),
    ],
)
def test_names_are_found_wherever_a_row_has_them(row: Any, name: str) -> None:
    result = read_result({"successes": [row], "errors": []})
    assert result.succeeded(name)
    assert not result.succeeded("42")


LEA, MO = "lea@example.test", "mo'r+1@example.test"


@pytest.mark.parametrize(
    ("row", "failed"),
    [
        ("Lea@example.test: not valid", {LEA}),
        ("Not valid: <lea@example.test>.", {LEA}),
        ({"description": f"'{MO}' is not valid"}, {MO}),
        ({"id": 1, "description": "Lea@Example.test, not valid"}, {LEA}),
        ({"row": 3, "error": {"message": "(lea@example.test) lea@example.test"}}, {LEA}),
        ({"description": f"{LEA} is the same as {MO}"}, set()),
        ({"id": MO, "description": f"the same as {LEA}"}, {MO}),
        ("azalea@example.test, lea@example.test.example, x.lea@example.test", set()),
        ("somebody@example.test: not valid", set()),
        ({"description": "done@example.test"}, set()),
    ],
)
def test_an_error_that_mentions_just_one_of_those_asked_for_is_about_them(row: Any, failed: set[str]) -> None:
    asked = frozenset({LEA, MO, "done@example.test"})
    result = read_result({"successes": ["done@example.test"], "errors": [row]}, asked)
    assert {key for key in asked if result.failed(key)} == failed


def test_prose_tells_of_no_success() -> None:
    result = read_result({"successes": [{"id": 1, "description": "lea@example.test"}]}, frozenset({LEA}))
    assert not result.succeeded(LEA)
    assert read_result({"successes": ["a@example.test"], "errors": [{"id": "a@example.test"}]}).failed("a@example.test")


async def test_consent_that_is_refused_although_ours_is_better_is_a_reject(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    """An error row about somebody whose older purchase is there: nothing says that we may go on without consent."""
    vendor.admin.add("a@example.test", relation="active-clients", date="2025-01-01")
    body = '{"id":1,"status":"COMPLETED","result":{"successes":[],"errors":[{"id":"A@example.test","description":""}]}}'
    vendor.faults.add(Fault(kind="status", status=200, body=body, method="GET", path="/batches", times=9))
    outcomes = await deliver(connect(), [change("a@example.test", join=["A"], consent=active(), create=False)], book)
    assert outcomes["a@example.test"].status == "rejected"
    assert vendor.contacts()["a@example.test"].consent.date == dt.date(2025, 1, 1)
