"""A call is the fold of its rows: corrections as chain or star, signals true, false and null, sales summed."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.invoca.folding import FoldedCall, fold_call
from connectors.invoca.sandbox import Book, Entry, InvocaSwitches
from connectors.invoca.sandbox.model import wire
from syncengine.errors import ProviderError

START = dt.datetime(2026, 2, 3, 14, 43, 15, tzinfo=dt.UTC)


@pytest.fixture
def switches() -> InvocaSwitches:
    return InvocaSwitches()


@pytest.fixture
def book(switches: InvocaSwitches) -> Book:
    return Book(switches, lambda: START)


def folded(book: Book, switches: InvocaSwitches, call: str, *, profile: bool = False) -> FoldedCall:
    rows = [wire(row, switches, custom=True) for row in book.of_call(call)]
    found = fold_call(rows, profile=profile)
    assert found is not None
    return found


@pytest.mark.parametrize("topology", ["chain", "star"])
@pytest.mark.parametrize("start", ["keep", "shift"])
def test_the_last_correction_stands_in_a_chain_and_in_a_star(
    book: Book, switches: InvocaSwitches, topology: str, start: str
) -> None:
    switches.corrections, switches.correction_start = topology, start
    call = book.call(duration=10)
    book.correct(call.id, duration=20)
    book.correct(call.id, duration=30)
    found = folded(book, switches, call.call)
    assert found.values["duration"] == "30"
    assert found.values["legs"] == "1"
    assert found.values["original_transaction_id"] == call.id


@pytest.mark.parametrize("topology", ["chain", "star"])
def test_a_correction_stands_where_its_original_comes_later_or_not_at_all(
    book: Book, switches: InvocaSwitches, topology: str
) -> None:
    switches.corrections = topology
    call = book.call(duration=10)
    last = book.correct(book.correct(call.id, duration=20).id, duration=30)
    rows = [wire(row, switches, custom=True) for row in book.rows]
    for order in (rows, rows[1:], rows[2:]):
        found = fold_call(order, profile=False)
        assert found is not None
        assert found.values["transaction_id"] == last.id
    late = fold_call([rows[1], rows[0]], profile=False)
    assert late is not None
    assert late.values["duration"] == "20"


def test_corrections_that_name_each_other_are_still_one_row(book: Book, switches: InvocaSwitches) -> None:
    call = book.call(duration=10)
    second = book.correct(call.id, duration=20)
    call.corrects = second.id
    assert folded(book, switches, call.call).values["duration"] == "20"


def test_values_are_of_the_leg_in_which_most_was_talked(book: Book, switches: InvocaSwitches) -> None:
    call = book.call(at=START, duration=60, connect_duration=5, city="Laval")
    book.leg(call.call, duration=200, connect_duration=180, city="Gatineau")
    book.leg(call.call, duration=30, connect_duration=0, city="Montréal")
    found = folded(book, switches, call.call)
    assert (found.values["duration"], found.values["connect_duration"], found.values["city"]) == (
        "200",
        "180",
        "Gatineau",
    )
    assert found.values["legs"] == "3"
    assert found.moment == START
    assert found.ended == START + dt.timedelta(seconds=200)


def test_true_adds_a_signal_false_takes_it_away_and_null_says_nothing(book: Book, switches: InvocaSwitches) -> None:
    call = book.call(custom=[Entry("Quote", True), Entry("Booked", True), Entry("Lost", None)])
    book.signal(call.call, custom=[Entry("Booked", False), Entry("Quote", None)])
    book.signal(call.call, custom=[Entry("Sold", True)])
    found = folded(book, switches, call.call)
    assert found.values["signals"] == ["Quote", "Sold"]
    assert found.values["custom_data"] == {"Booked": "false", "Quote": "true", "Sold": "true"}


def test_signals_of_rollup_come_as_names_with_commas(book: Book, switches: InvocaSwitches) -> None:
    call = book.call()
    book.signal(call.call, signal_name="Quote, Sold", revenue="10.50")
    book.signal(call.call, signal_name="Sold", revenue="1,000.00")
    found = folded(book, switches, call.call)
    assert found.values["signals"] == ["Quote", "Sold"]
    assert found.values["revenue"] == "1010.50"


def test_a_corrected_signal_counts_as_it_stands_now(book: Book, switches: InvocaSwitches) -> None:
    call = book.call()
    signal = book.signal(call.call, custom=[Entry("Sold", True)], revenue="10")
    book.correct(signal.id, custom=[Entry("Sold", False)], revenue="0")
    found = folded(book, switches, call.call)
    assert found.values["signals"] == []
    assert found.values["revenue"] == "0"


def test_two_sales_are_summed_and_the_last_report_of_the_caller_stands(book: Book, switches: InvocaSwitches) -> None:
    call = book.call()
    book.sale(call.call, sale_amount="100.10", email_address="jo@example.test", name="Jo Made-Up")
    book.sale(call.call, sale_amount="1,000.00", email_address="jo.new@example.test")
    found = folded(book, switches, call.call)
    assert found.values["sale_amount"] == "1100.10"
    assert found.values["sales"] == "2"
    assert (found.values["email_address"], found.values["name"]) == ("jo.new@example.test", "Jo Made-Up")


def test_amounts_that_are_none_are_left_out_of_a_sum(book: Book, switches: InvocaSwitches) -> None:
    call = book.call()
    book.sale(call.call, sale_amount="NaN")
    book.sale(call.call, sale_amount="n/a")
    assert folded(book, switches, call.call).values["sale_amount"] is None


def test_custom_data_under_the_other_documented_key_is_the_same(book: Book, switches: InvocaSwitches) -> None:
    call = book.call(custom=[Entry("utm_medium", "Search", "Category"), Entry("Quote", True)])
    plain = folded(book, switches, call.call).values["custom_data"]
    switches.custom_data_key = "partner_name"
    assert folded(book, switches, call.call).values["custom_data"] == plain == {"Quote": "true", "utm_medium": "Search"}


def test_bought_columns_about_the_caller_come_only_where_they_are_wanted(book: Book, switches: InvocaSwitches) -> None:
    call = book.call(first_name_data_append="Zoë")
    assert not [name for name in folded(book, switches, call.call).values if name.endswith("_data_append")]
    assert folded(book, switches, call.call, profile=True).values["first_name_data_append"] == "Zoë"


def test_rows_without_a_call_are_no_call(book: Book, switches: InvocaSwitches) -> None:
    call = book.call()
    book.event(call.call)
    rows = [wire(row, switches, custom=True) for row in book.rows if row.kind != "Call"]
    assert fold_call(rows, profile=False) is None


@pytest.mark.parametrize("column", ["transaction_id", "start_time_utc"])
def test_a_row_without_id_or_start_is_an_error(book: Book, switches: InvocaSwitches, column: str) -> None:
    row = wire(book.call(), switches, custom=True)
    with pytest.raises(ProviderError):
        fold_call([{**row, column: None, "start_time_xml": "2026-02-03T06:43:15"}], profile=False)


class _Version:
    """What a test expects of one row and its corrections."""

    def __init__(self, id: str, values: dict[str, Any]) -> None:
        self.ids = [id]
        self.values = values


@given(data=st.data(), topology=st.sampled_from(["chain", "star"]), start=st.sampled_from(["keep", "shift"]))
def test_any_history_of_a_call_folds_to_what_stands(data: st.DataObject, topology: str, start: str) -> None:
    switches = InvocaSwitches(corrections=topology, correction_start=start)
    book = Book(switches, lambda: START)
    first = book.call(duration=50, connect_duration=40)
    calls, sales = [_Version(first.id, {"duration": 50, "connect_duration": 40})], []
    for _ in range(data.draw(st.integers(0, 8))):
        match data.draw(st.sampled_from(["leg", "sale", "correct", "correct sale"])):
            case "leg":
                talked = data.draw(st.integers(0, 100).filter(lambda talked: all(
                    talked != leg.values["connect_duration"] for leg in calls)))  # fmt: skip
                row = book.leg(first.call, duration=200, connect_duration=talked)
                calls.append(_Version(row.id, {"duration": 200, "connect_duration": talked}))
            case "sale":
                amount = data.draw(st.integers(1, 10_000))
                sales.append(_Version(book.sale(first.call, sale_amount=f"{amount / 100:.2f}").id, {"amount": amount}))
            case "correct":
                leg = data.draw(st.sampled_from(calls))
                leg.values["duration"] = data.draw(st.integers(0, 500))
                leg.ids.append(book.correct(data.draw(st.sampled_from(leg.ids)), duration=leg.values["duration"]).id)
            case _ if sales:
                sale = data.draw(st.sampled_from(sales))
                sale.values["amount"] = data.draw(st.integers(1, 10_000))
                amount = f"{sale.values['amount'] / 100:.2f}"
                sale.ids.append(book.correct(data.draw(st.sampled_from(sale.ids)), sale_amount=amount).id)
    found = folded(book, switches, first.call)
    main = max(calls, key=lambda leg: leg.values["connect_duration"])
    assert found.values["transaction_id"] == main.ids[-1]
    assert found.values["original_transaction_id"] == main.ids[0]
    assert found.values["duration"] == str(main.values["duration"])
    assert found.values["legs"] == str(len(calls))
    total = sum(sale.values["amount"] for sale in sales)
    assert found.values["sale_amount"] == (f"{total / 100:.2f}" if sales else None)
