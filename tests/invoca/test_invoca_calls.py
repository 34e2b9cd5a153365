"""The stream `calls`: whole calls, once they have settled, whenever something is new about one."""

import datetime as dt

import pytest

from connectors.invoca.sandbox import Entry
from syncengine.contracts import Fetching, Range
from syncengine.errors import AuthError, ProviderError
from syncengine.sandbox.kit import Fault
from tests.clock import FakeClock
from tests.invoca.world import Network, end, ids, records

DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)


async def test_a_call_is_one_record_whatever_rows_it_has(network: Network) -> None:
    call = network.book.call(custom=[Entry("Quote", True)])
    network.book.leg(call.call, connect_duration=1)
    network.book.sale(call.call, sale_amount="12.50")
    network.book.event(call.call)
    network.book.correct(call.id, city="Laval")
    found = await network.calls()
    assert list(found) == [call.call]
    values = found[call.call]
    assert (values["city"], values["sale_amount"], values["signals"]) == ("Laval", "12.50", ["Quote"])


async def test_every_scalar_is_text_or_none(network: Network) -> None:
    call = network.book.call(duration=312, mobile="", opt_in_SMS=0)
    values = (await network.calls())[call.call]
    assert (values["duration"], values["mobile"], values["opt_in_SMS"]) == ("312", None, "0")


async def test_news_about_an_old_call_brings_the_whole_call_again(network: Network, clock: FakeClock) -> None:
    call = network.book.call(at=clock.now() - 100 * DAY, duration=50)
    position = end(await network.pages("calls"))
    network.book.sale(call.call, sale_amount="9.99")
    [record] = records(await network.pages("calls", position))
    assert record.id == call.call
    assert record.moment == call.start
    assert (record.values["duration"], record.values["sale_amount"]) == ("50", "9.99")


async def test_a_fresh_call_is_held_back_until_it_has_settled(network: Network, clock: FakeClock) -> None:
    call = network.book.call(duration=600)
    pages = await network.pages("calls", settle="1 hour")
    assert ids(pages) == []
    clock.move(3599)
    pages = await network.pages("calls", end(pages), settle="1 hour")
    assert ids(pages) == []
    network.book.correct(call.id, city="Laval")
    clock.move(1)
    pages = await network.pages("calls", end(pages), settle="1 hour")
    assert [record.values["city"] for record in records(pages)][-1] == "Laval"
    assert set(ids(pages)) == {call.call}
    assert ids(await network.pages("calls", end(pages), settle="1 hour")) == []


async def test_a_call_that_is_held_back_is_in_every_checkpoint(network: Network, clock: FakeClock) -> None:
    position = end(await network.pages("calls", settle="1 hour"))
    held = {network.book.call().call for _ in range(5)}
    pages = await network.pages("calls", position, settle="1 hour", page_rows=2)
    clock.move(2 * 3600)
    for number, page in enumerate(pages):
        assert page.checkpoint is not None
        assert set(ids(await network.pages("calls", page.checkpoint, settle="1 hour", page_rows=2))) == held, number


async def test_a_new_leg_makes_a_held_call_wait_again(network: Network, clock: FakeClock) -> None:
    call = network.book.call(duration=60)
    position = end(await network.pages("calls", settle="1 hour"))
    clock.move(3600)
    network.book.leg(call.call, duration=3000)
    pages = await network.pages("calls", position, settle="1 hour")
    assert ids(pages) == []
    clock.move(3000)
    assert ids(await network.pages("calls", end(pages), settle="1 hour")) == [call.call]


async def test_a_range_hands_over_calls_by_the_start_of_their_first_leg(network: Network, clock: FakeClock) -> None:
    network.switches.correction_start = "shift"
    since = clock.now() - 10 * DAY
    before = network.book.call(at=since - dt.timedelta(seconds=1))
    first = network.book.call(at=since)
    network.book.sale(before.call, sale_amount="1")
    assert ids(await network.pages("calls", Range(since, since + DAY))) == [first.call]


async def test_only_what_is_asked_for_comes(network: Network) -> None:
    network.book.call(city="Laval")
    [record] = records(await network.pages("calls", fields=frozenset({"city", "signals", "no_such_column"})))
    assert record.values == {"city": "Laval", "signals": [], "no_such_column": None}


@pytest.mark.parametrize("role", ["advertiser", "affiliate"])
async def test_columns_that_a_role_lacks_are_just_not_there(network: Network, role: str) -> None:
    network.switches.role = role
    call = network.book.call(custom=[Entry("Quote", True)], calling_phone_number="514-555-0123")
    values = (await network.calls(role=role))[call.call]
    assert values.get("hangup_cause") is None
    assert values["duration"] == "312"
    assert values["signals"] == (["Quote"] if role == "advertiser" else [])
    assert ("calling_phone_number" in values) == (role == "advertiser")


async def test_an_error_about_one_call_stops_the_reading_before_its_page(network: Network) -> None:
    network.book.call()
    network.sandbox.faults.add(Fault(kind="status", status=403, query="call_record_id"))
    with pytest.raises(AuthError):
        await network.pages("calls")


async def test_an_ignored_filter_is_noticed(network: Network) -> None:
    for _ in range(2):
        network.book.call()
    log = network.sandbox._log

    class Deaf(type(log)):
        def answer(self, pairs: list[tuple[str, str]]) -> list[dict[str, object]]:
            return super().answer([pair for pair in pairs if pair[0] != "call_record_id"])

    network.sandbox._log = Deaf(network.book, network.switches)
    with pytest.raises(ProviderError) as caught:
        await network.pages("calls")
    assert caught.value.code == "ignored_filter"


async def test_single_calls_and_transactions_can_be_asked_for(network: Network) -> None:
    call = network.book.call()
    fresh = network.book.call(at=network.clock.now())
    correction = network.book.correct(call.id, city="Laval")
    async with network.connect() as connection:
        for stream, asked, expected in (
            ("calls", {call.call, fresh.call, "nobody"}, [call.call]),
            ("transactions", {call.id, correction.id, "none"}, sorted([call.id, correction.id])),
        ):
            source = connection.streams[stream]
            assert isinstance(source, Fetching)
            pages = [page async for page in source.fetch(asked, None, fields=frozenset({"city"}))]
            assert ids(pages) == expected
            assert all(page.checkpoint is None for page in pages)
