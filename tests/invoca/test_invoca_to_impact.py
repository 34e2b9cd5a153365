"""A tracked call arrives at impact.com once; what happens to it later is known, and listed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.invoca.sandbox import Entry, Row
from syncengine.sandbox.kit import Fault
from syncengine.state import rejects
from tests.invoca.journey import Journey, Killed

PARTNER = {"affiliate_id_from_network": "39787"}
HOURS_2 = 7200


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    made = Journey(tmp_path)
    yield made
    made.close()


def key(call: Row) -> str:
    return f"1000/777/{call.call}"


async def test_a_settled_call_is_reported_once_with_its_values(journey: Journey) -> None:
    call = journey.book.call(city="Laval", verified_zip="02139", **PARTNER)
    await journey.sync()
    assert journey.endpoint.reports == []
    journey.book.sale(call.call, sale_amount="12.50")
    journey.clock.move(HOURS_2)
    for _ in range(3):
        await journey.sync()
    [report] = journey.endpoint.reports
    assert report["CallSessionId"] == call.call
    assert (report["SaleAmount"], report["Zip"], report["City"]) == ("12.50", "02139", "Laval")
    assert report["EventDate"] == f"{call.start:%Y-%m-%dT%H:%M:%SZ}"


async def test_a_late_sale_is_listed_as_changed_after_delivery(journey: Journey) -> None:
    call = journey.book.call(**PARTNER)
    journey.clock.move(HOURS_2)
    await journey.sync()
    journey.book.sale(call.call, sale_amount="12.50")
    await journey.sync()
    await journey.sync()
    assert len(journey.endpoint.reports) == 1
    assert journey.rejects() == {key(call): "changed_after_delivery"}


async def test_a_call_whose_news_cannot_be_read_goes_as_it_was_known_and_the_news_is_listed(journey: Journey) -> None:
    """Invoca being down doesn't hold up what was read before (one that fails doesn't stop the others)."""

    def unreachable(at: str, request: httpx.Request) -> None:
        raise httpx.ConnectError("down", request=request)

    call = journey.book.call(**PARTNER)
    journey.clock.move(HOURS_2)
    journey.trouble = unreachable
    await journey.sync()
    journey.trouble = lambda at, request: None
    journey.book.signal(call.call, custom=[Entry("Booked", True)])
    journey.network.sandbox.faults.add(Fault(kind="status", status=500, times=20))
    journey.clock.move(HOURS_2)
    await journey.sync()
    journey.network.sandbox.faults.clear()
    [report] = journey.endpoint.reports
    assert "DispositionName" not in report
    assert journey.rejects() == {}
    await journey.sync()
    assert len(journey.endpoint.reports) == 1
    assert journey.rejects() == {key(call): "changed_after_delivery"}


async def test_a_late_sale_is_left_alone_where_that_is_wanted(journey: Journey) -> None:
    journey.call_data["after_delivery"] = "ignore"
    call = journey.book.call(**PARTNER)
    journey.clock.move(HOURS_2)
    await journey.sync()
    journey.book.sale(call.call, sale_amount="12.50")
    await journey.sync()
    assert len(journey.endpoint.reports) == 1
    assert journey.rejects() == {}


async def test_a_correction_that_changes_nothing_that_is_reported_is_no_change(journey: Journey) -> None:
    call = journey.book.call(**PARTNER)
    journey.clock.move(HOURS_2)
    await journey.sync()
    journey.book.correct(call.id, notes="checked by hand")
    await journey.sync()
    assert journey.rejects() == {}


async def test_calls_that_no_partner_brought_and_anonymous_ones_are_counted_as_filtered(journey: Journey) -> None:
    journey.book.call()
    journey.book.call(calling_phone_number="", **PARTNER)
    journey.clock.move(HOURS_2)
    report = await journey.sync()
    assert report.mappings[0].counts["filtered"] >= 2
    assert journey.endpoint.reports == []


async def test_a_call_from_abroad_is_rejected_by_the_field_that_impact_does_not_take(journey: Journey) -> None:
    journey.book.call(destination_phone_number="+44 20 7946 0018", **PARTNER)
    journey.clock.move(HOURS_2)
    await journey.sync()
    assert journey.rows("SELECT code, field FROM reject") == [("not_a_phone_number", "CalledPhoneNumber")]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("resend", [False, True])
async def test_a_kill_at_the_report_leaves_a_doubt_for_a_person_to_decide(
    journey: Journey, when: str, resend: bool
) -> None:
    journey.call_data["resend_in_doubt"] = resend
    call = journey.book.call(**PARTNER)
    journey.clock.move(HOURS_2)

    def kill(at: str, request: httpx.Request) -> None:
        if at == when:
            raise Killed

    journey.trouble = kill
    with pytest.raises(Killed):
        await journey.sync()
    journey.restart()
    journey.trouble = lambda at, request: None
    for _ in range(3):
        await journey.sync()
    taken = int(when == "after")
    assert len(journey.endpoint.reports) == taken + (1 if resend else 0)
    assert journey.in_doubt() == (set() if resend else {key(call)})
    assert journey.rejects() == ({} if resend else {key(call): "in_doubt"})


async def test_a_call_in_doubt_fails_one_run_and_is_reported_again_where_a_person_says_so(journey: Journey) -> None:
    call = journey.book.call(**PARTNER)
    journey.clock.move(HOURS_2)

    def cut(at: str, request: httpx.Request) -> None:
        if at == "before":
            raise httpx.ReadTimeout("cut", request=request)

    journey.trouble = cut
    assert [error.code for error in (await journey.sync()).failures] == ["in_doubt"]
    journey.trouble = lambda at, request: None
    told = [await journey.sync() for _ in range(3)]
    assert [(report.failures, report.rejected) for report in told] == [([], 1), ([], 0), ([], 0)]
    assert journey.endpoint.reports == []
    [(number,)] = journey.rows("SELECT id FROM reject")
    journey.store.write_now(rejects.retry, [number], journey.clock.now())
    await journey.sync()
    assert [each["CallSessionId"] for each in journey.endpoint.reports] == [call.call]
    assert (journey.in_doubt(), journey.rejects()) == (set(), {})


@pytest.mark.parametrize("resend", [False, True])
async def test_a_person_says_which_calls_in_doubt_arrived(journey: Journey, resend: bool) -> None:
    """Those that did are reported from then on as any other; the rest stays in doubt, or is reported once more."""
    arrived, lost = (journey.book.call(**PARTNER) for _ in range(2))
    journey.clock.move(HOURS_2)

    def cut(at: str, request: httpx.Request) -> None:
        session = request.url.params["CallSessionId"]
        if at == ("after" if session == arrived.call else "before"):
            raise httpx.ReadTimeout("cut", request=request)

    journey.trouble = cut
    for _ in range(2):
        await journey.sync()
        journey.clock.move(HOURS_2)
    assert journey.in_doubt() == {key(arrived), key(lost)}
    journey.trouble = lambda at, request: None
    journey.call_data |= {"taken": [arrived.call], "resend_in_doubt": resend}
    await journey.sync()
    assert journey.in_doubt() == (set() if resend else {key(lost)})
    assert [each["CallSessionId"] for each in journey.endpoint.reports] == [
        arrived.call,
        *([lost.call] if resend else []),
    ]
    journey.call_data |= {"taken": []}
    journey.book.sale(arrived.call, sale_amount="12.50")
    report = await journey.sync()
    doubts = {} if resend else {key(lost): "in_doubt"}
    assert journey.rejects() == {key(arrived): "changed_after_delivery", **doubts}
    assert len(journey.endpoint.of_session(arrived.call)) == 1
    assert report.deliveries[0].revisions.get("in_doubt", 0) == (0 if resend else 1)


async def test_a_mapping_that_is_changed_reports_no_call_again(journey: Journey) -> None:
    call = journey.book.call(**PARTNER)
    journey.clock.move(HOURS_2)
    await journey.sync()
    fields: Any = {**journey.mapping_fields(), "ActionTrackerId": "778"}
    journey.change(fields=fields)
    journey.book.correct(call.id, city="Laval")
    await journey.sync()
    assert [each["ActionTrackerId"] for each in journey.endpoint.reports] == ["777"]
    assert journey.rejects() == {key(call): "changed_after_delivery"}
