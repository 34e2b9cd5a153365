"""Signals are told to Invoca once, and don't come back as news."""

from typing import Any

import pytest

from syncengine.errors import Rejected
from syncengine.sandbox.kit import Fault
from tests.invoca.desk import Desk
from tests.invoca.world import end, ids


def signal(call: str, **changes: Any) -> dict[str, Any]:
    return {"call": call, "name": "Sold", "partner_unique_id": "order-77", **changes}


async def test_a_signal_reaches_its_call_with_all_that_it_says(desk: Desk) -> None:
    call = desk.network.book.call()
    fields = signal(call.call, revenue="1,000.5", occurred_at="2026-06-01T12:00:00+02:00")
    assert await desk.statuses("signals", fields) == ["delivered"]
    [seen] = [seen for seen in desk.network.sandbox.seen if seen.method == "POST"]
    assert seen.path == "/api/2018-02-01/transactions.json"
    assert seen.json == {
        "search": {"call_record_id": call.call},
        "signals": [
            {"name": "Sold", "partner_unique_id": "order-77", "revenue": "1000.5", "occurred_at_time": 1780308000}
        ],
    }
    assert (await desk.network.calls())[call.call]["signals"] == ["Sold"]


async def test_the_same_signal_twice_is_one(desk: Desk) -> None:
    call = desk.network.book.call()
    for _ in range(2):
        assert await desk.statuses("signals", signal(call.call)) == ["delivered"]
    assert len(desk.network.book.rows) == 2


async def test_a_signal_that_is_taken_back_is_corrected(desk: Desk) -> None:
    call = desk.network.book.call()
    await desk.write("signals", signal(call.call), signal(call.call, value=False))
    assert (await desk.network.calls())[call.call]["signals"] == []


@pytest.mark.parametrize("numbers", ["ints", "text"])
async def test_a_signal_that_changes_keeps_what_it_said_before(desk: Desk, numbers: str) -> None:
    """The engine sends what differs, and a correction at Invoca replaces the whole signal."""
    desk.network.switches.numbers = numbers
    call = desk.network.book.call()
    whole = signal(call.call, revenue="12.50", occurred_at="1780308000", value=False)
    await desk.write("signals", whole)
    await desk.rewrite("signals", {**whole, "revenue": "99"}, "revenue")
    sent = [seen.json["signals"][0] for seen in desk.network.sandbox.seen if seen.method == "POST"]
    assert sent == [
        {"name": "Sold", "partner_unique_id": "order-77", "value": False, "revenue": revenue, "occurred_at_time": at}
        for revenue, at in (("12.50", 1780308000), ("99", 1780308000))
    ]


async def test_a_signal_that_invoca_does_not_show_is_written_as_far_as_it_is_known(desk: Desk) -> None:
    """Under Rollup a signal has no columns of its own."""
    call = desk.network.book.call()
    [outcome] = await desk.rewrite("signals", signal(call.call, revenue="12.50"), "revenue")
    assert outcome.status == "delivered"
    [row] = [row for row in desk.network.book.of_call(call.call) if row.kind == "Signal"]
    assert (row.values["signal_partner_unique_id"], row.values["revenue"]) == ("order-77", "12.50")


async def test_what_we_wrote_ourselves_is_no_news_also_after_a_restart(desk: Desk) -> None:
    call = desk.network.book.call()
    calls, rows = end(await desk.network.pages("calls")), end(await desk.network.pages("transactions"))
    await desk.write("signals", signal(call.call))
    assert ids(await desk.network.pages("calls", calls)) == []
    assert ids(await desk.network.pages("transactions", rows)) == []
    other = desk.network.book.signal(call.call)
    assert ids(await desk.network.pages("transactions", rows)) == [other.id]


async def test_a_signal_for_a_call_that_is_not_there_is_rejected(desk: Desk) -> None:
    [outcome] = await desk.write("signals", signal("nobody"))
    assert (outcome.status, outcome.code) == ("rejected", "not_found")


async def test_a_gateway_that_gives_up_is_a_doubt_and_may_be_asked_again(desk: Desk) -> None:
    call = desk.network.book.call()
    desk.network.sandbox.faults.add(Fault(kind="status", status=504, method="POST"))
    assert await desk.statuses("signals", signal(call.call)) == ["in_doubt"]
    async with desk.network.connect() as connection:
        assert connection.destinations["signals"].repeatable


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("call", ""),
        ("name", None),
        ("partner_unique_id", " "),
        ("value", "perhaps"),
        ("revenue", "12.345"),
        ("revenue", "twelve"),
        ("occurred_at", "2026-06-01"),
        ("occurred_at", "yesterday"),
        ("name", "x" * 256),
        ("name", ["a"]),
        ("misspelt", "x"),
    ],
)
async def test_a_bad_value_is_refused_by_its_name(desk: Desk, name: str, value: Any) -> None:
    with pytest.raises(Rejected) as caught:
        await desk.write("signals", signal("call", **{name: value}) if name != "call" else signal(value))
    assert caught.value.field == name
