"""Reporting calls to impact.com: once each, and nothing but what it takes."""

import contextlib
import datetime as dt
from typing import Any

import httpx
import pytest
import stamina
from pydantic import ValidationError

from connectors.impact.calls import CallReports, CallsNotConfigured
from connectors.impact.calls_fields import REQUIRED
from syncengine.errors import AuthError, ConfigError, ProviderError, Rejected
from syncengine.sandbox.kit import Fault
from tests.impact.calls_endpoint import Endpoint, Ledger, statuses
from tests.impact.calls_stage import WHOLE_CALL


@pytest.fixture(autouse=True)
def _quick_retries() -> object:
    with stamina.set_testing(True, attempts=6, cap=True):
        yield


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


# --- what is sent ---


async def test_what_is_none_or_empty_is_not_sent(endpoint: Endpoint) -> None:
    async with endpoint.connect() as destination:
        draft = destination.draft({**WHOLE_CALL, "City": None, "SubId1": "", "SubId2": "  ", "PhoneType": ""})
    assert not {"City", "SubId1", "SubId2", "PhoneType"} & draft.fields.keys()


def test_the_key_is_program_event_type_and_session() -> None:
    assert Endpoint().connect().draft(WHOLE_CALL).key == "1000/777/Z6E5-C70000000001"


@pytest.mark.parametrize("name", REQUIRED)
def test_what_is_required_is_missed_by_name(name: str) -> None:
    with pytest.raises(Rejected) as caught:
        Endpoint().connect().draft({**WHOLE_CALL, name: " "})
    assert (caught.value.field, caught.value.code) == (name, "missing")


@pytest.mark.parametrize(
    ("name", "given", "sent"),
    [
        ("CalledPhoneNumber", "+1 (866) 555-0199", "866-555-0199"),
        ("CalledPhoneNumber", "8665550199,,12#", "866-555-0199"),
        ("CalledPhoneNumber", "866\u2010555\u20100199", "866-555-0199"),
        ("EventDate", "2026-06-01T12:00:00+02:00", "2026-06-01T10:00:00Z"),
        ("EventDate", "2026-06-01T12:00:00.123Z", "2026-06-01T12:00:00Z"),
        ("Zip", "00501", "00501"),
        ("SaleAmount", "1e3", "1000"),
        ("SaleAmount", 12.5, "12.5"),
        ("CallerPhoneNumberCountry", "uk", "GB"),
        ("SubId1", "é" * 64, "é" * 64),
        ("OptInSms", True, "true"),
        ("CampaignId", "007", "007"),
    ],
)
def test_values_are_written_as_the_page_wants_them(name: str, given: Any, sent: str) -> None:
    assert Endpoint().connect().draft({**WHOLE_CALL, name: given}).fields[name] == sent


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("CampaignId", "1000a", "not_a_number"),
        ("AdId", "9" * 19, "not_a_number"),
        ("TalkDuration", "-1", "not_a_number"),
        ("IvrDuration", "²", "not_a_number"),
        ("EventDate", "NOW", "not_a_date"),
        ("EventDate", "2026-06-01T12:00:00", "not_a_date"),
        ("CalledPhoneNumber", "+44 20 7946 0018", "not_a_phone_number"),
        ("CallerId", "Anonymous", "not_a_phone_number"),
        ("CallerId", "5" * 65, "too_long"),
        ("SubId3", "é" * 65, "too_long"),
        ("ClickId", "c" * 1001, "too_long"),
        ("CallStatus", "answer", "unknown_word"),
        ("PhoneType", "Landlines", "unknown_word"),
        ("CalledPhoneNumberCountry", "CAN", "unknown_country"),
        ("CallRecording", "recording.mp3", "not_an_address"),
        ("SaleAmount", "infinity", "not_a_number"),
        ("ReferenceId", "R", "not_a_number"),
        ("Zip", "H2X 1Y4", "not_a_number"),
        ("Keypresses", {"1": "2"}, "not_text"),
        ("callstatus", "ANSWER", "unknown_field"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(name: str, value: Any, code: str) -> None:
    with pytest.raises(Rejected) as caught:
        Endpoint().connect().draft({**WHOLE_CALL, name: value})
    assert (caught.value.field, caught.value.code) == (name, code)


async def test_other_postal_codes_are_sent_where_that_is_wanted(endpoint: Endpoint) -> None:
    endpoint.sandbox.switches.zip = "text"
    draft = endpoint.connect(postal_codes="any").draft({**WHOLE_CALL, "Zip": "H2X 1Y4"})
    assert draft.fields["Zip"] == "H2X 1Y4"


# --- once, whatever happens ---


@pytest.mark.parametrize("answer", ["page", "json"])
async def test_the_answer_of_the_page_is_understood_though_it_is_no_json(endpoint: Endpoint, answer: str) -> None:
    endpoint.sandbox.switches.answer = answer
    assert statuses(await endpoint.report("one")) == ["delivered"]
    assert endpoint.ledger.confirmed == {"1000/777/one"}


@pytest.mark.parametrize("status", [400, 402, 422, 200])
async def test_a_refused_call_is_rejected_and_the_next_one_goes_all_the_same(endpoint: Endpoint, status: int) -> None:
    endpoint.sandbox.switches.refusal = status
    endpoint.sandbox.faults.add(Fault(kind="status", status=status, body='{"Status": "ERROR"}'))
    outcomes = await endpoint.report("one", "two")
    assert statuses(outcomes) == ["rejected", "delivered"]
    assert outcomes[0].code == "refused"
    assert endpoint.ledger.refuted == {"1000/777/one"}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="malformed"),
        Fault(kind="status", status=200, body=""),
        Fault(kind="status", status=204),
        Fault(kind="status", status=302),
        Fault(kind="status", status=408),
        Fault(kind="status", status=500),
        Fault(kind="status", status=503, headers={"Retry-After": "1"}),
        Fault(kind="status", status=504),
    ],
)
async def test_an_answer_that_says_nothing_is_a_doubt_and_the_rest_waits(endpoint: Endpoint, fault: Fault) -> None:
    endpoint.sandbox.faults.add(fault)
    assert statuses(await endpoint.report("one", "two", "three")) == ["in_doubt", "retry", "retry"]
    assert len(endpoint.sandbox.seen) == len(endpoint.ledger.begun) == 1, "reported once, and not again"
    assert not endpoint.ledger.confirmed | endpoint.ledger.refuted


async def test_a_cut_connection_is_a_doubt(endpoint: Endpoint) -> None:
    def cut(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("cut", request=request)

    endpoint.transport = httpx.MockTransport(cut)
    assert statuses(await endpoint.report("one", "two")) == ["in_doubt", "retry"]


async def test_a_host_that_is_not_there_is_no_doubt(endpoint: Endpoint) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody", request=request)

    endpoint.transport = httpx.MockTransport(refuse)
    assert statuses(await endpoint.report("one", "two")) == ["retry", "retry"]
    assert endpoint.ledger.refuted == {"1000/777/one"}
    assert endpoint.ledger.renewed == 3


async def test_a_stated_wait_is_kept_and_written_down_anew(endpoint: Endpoint) -> None:
    endpoint.sandbox.faults.add(Fault(kind="status", status=429, headers={"Retry-After": "17"}))
    before = endpoint.clock.now()
    assert statuses(await endpoint.report("one")) == ["delivered"]
    assert endpoint.clock.now() - before >= dt.timedelta(seconds=17)
    assert endpoint.ledger.renewed == 1
    assert len(endpoint.sandbox.reports) == 1


@pytest.mark.parametrize(("status", "error"), [(401, AuthError), (403, AuthError), (404, ProviderError)])
async def test_what_holds_for_all_calls_stops_at_the_first(
    endpoint: Endpoint, status: int, error: type[Exception]
) -> None:
    endpoint.sandbox.faults.add(Fault(kind="status", status=status, times=9))
    with pytest.raises(error, match=r"connections\.impact\.call_data: "):
        await endpoint.report("one", "two")
    assert len(endpoint.sandbox.seen) == 1
    assert endpoint.ledger.refuted == {"1000/777/one"}, "it surely had no effect"


async def test_a_call_in_doubt_is_what_a_person_says_it_is(endpoint: Endpoint) -> None:
    endpoint.sandbox.faults.add(Fault(kind="malformed"))
    await endpoint.report("one")
    [receipt] = endpoint.ledger.receipts
    assert (await endpoint.connect(taken=["one"]).settle(receipt, {"1000/777/one"})).confirmed == {"1000/777/one"}
    for others in ([], ["two"]):
        with pytest.raises(ProviderError) as caught:
            await endpoint.connect(taken=others).settle(receipt, {"1000/777/one"})
        assert caught.value.code == "write_only"


async def test_only_who_says_so_has_doubts_reported_again() -> None:
    assert Endpoint().connect().repeatable is False
    assert Endpoint().connect(resend_in_doubt=True).repeatable is True


async def test_a_call_that_changes_after_it_was_reported_is_listed_and_not_sent(endpoint: Endpoint) -> None:
    [outcome] = await endpoint.report("one", create=False, fields={"SaleAmount": "5", "City": "Laval"})
    assert (outcome.status, outcome.code, outcome.field) == ("rejected", "changed_after_delivery", "City")
    assert "City, SaleAmount" in outcome.message
    assert "Laval" not in outcome.message
    assert endpoint.sandbox.seen == []


async def test_a_change_after_the_report_can_be_ignored(endpoint: Endpoint) -> None:
    assert statuses(await endpoint.report("one", create=False, after_delivery="ignore")) == ["delivered"]
    assert endpoint.sandbox.seen == []


async def test_reports_keep_their_pace(endpoint: Endpoint) -> None:
    before = endpoint.clock.now()
    await endpoint.report(*(f"call {number}" for number in range(30)), requests_per_minute=10)
    assert len(endpoint.sandbox.reports) == 30
    assert endpoint.clock.now() - before >= dt.timedelta(minutes=2)


async def test_a_call_that_may_not_be_sent_is_not(endpoint: Endpoint) -> None:
    endpoint.ledger.barred = {"1000/777/one"}
    assert statuses(await endpoint.report("one", "two")) == ["delivered"]
    assert [each["CallSessionId"] for each in endpoint.sandbox.reports] == ["two"]


# --- credentials ---


async def test_check_reports_nothing_and_tells_good_credentials_from_bad(endpoint: Endpoint) -> None:
    async with endpoint.connect() as destination:
        assert (await destination.check()).level == "ok"
    assert endpoint.sandbox.reports == []
    async with endpoint.connect(password="another") as destination:
        with pytest.raises(AuthError, match=r"call_data: the credentials are refused.*of its own"):
            await destination.check()
    for status, error in ((403, AuthError), (404, ProviderError)):
        endpoint.sandbox.faults.add(Fault(kind="status", status=status))
        async with endpoint.connect() as destination:
            with pytest.raises(error):
                await destination.check()
    assert {seen.method for seen in endpoint.sandbox.seen} == {"OPTIONS"}


async def test_no_error_shows_a_phone_number_or_the_password(endpoint: Endpoint) -> None:
    endpoint.sandbox.faults.add(Fault(kind="status", status=404))
    with pytest.raises(ProviderError) as caught:
        await endpoint.report("one")
    with contextlib.suppress(AuthError):
        await endpoint.report("one", password="another-password")
    assert "555" not in str(caught.value)
    assert "another-password" not in repr(endpoint.connect(password="another-password")._settings)


async def test_without_credentials_of_its_own_the_destination_says_what_is_missing() -> None:
    destination = CallsNotConfigured("connections.impact")
    assert destination.Fields is CallReports.Fields
    with pytest.raises(ConfigError) as caught:
        destination.draft(WHOLE_CALL)
    assert caught.value.problems[0].key == "connections.impact.call_data"
    with pytest.raises(ConfigError):
        _ = [outcome async for outcome in destination.apply([], Ledger())]


@pytest.mark.parametrize("wrong", [{"username": ""}, {"password": ""}, {"send_as": "json"}, {"after_delivery": "send"}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Endpoint().connect(**wrong)
