"""The fifty parameters of a reported call, as the provider's page lists them: type, limit, and what is required."""

from typing import Any

import pytest

from connectors.impact.calls_fields import PARAMETERS, REQUIRED
from connectors.impact.sandbox import calldata
from syncengine.errors import Rejected
from tests.impact.calls_endpoint import Endpoint, statuses
from tests.impact.calls_stage import AS_SENT, WHOLE_CALL

INTEGERS = ["CampaignId", "MediaId", "ActionTrackerId", "CallDuration", "TalkDuration", "AdId", "IvrDuration", "Zip"]
NUMBERS = ["SaleAmount", "ReferenceId"]
COUNTRIES = ["CallerPhoneNumberCountry", "CalledPhoneNumberCountry"]
SHORT = ["CallProvider", "CallerId", *COUNTRIES, "SubId1", "SubId2", "SubId3"]
STRICTER = ["EventDate", "CalledPhoneNumber", "CallStatus", "PhoneType", "CallRecording"]
"""Texts of which only certain ones are taken."""
FREE = sorted(set(PARAMETERS) - {*INTEGERS, *NUMBERS, *SHORT, *STRICTER})
ENDINGS = [
    "UNKNOWN_CALLERID",
    "CONGESTION",
    "INCOMPLETE",
    "CANCEL",
    "IVR_DROPOFF",
    "NO_TRANSFER_ATTEMPT",
    "ANSWER",
    "FAILURE",
]
AWKWARD = "Zoë & Co = 100 % + «Québec» / ? # ; 日本"


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


def draft(**changes: Any) -> Any:
    return Endpoint().connect().draft({**WHOLE_CALL, **changes}).fields


def refused(name: str, value: Any) -> str:
    with pytest.raises(Rejected) as caught:
        draft(**{name: value})
    assert caught.value.field == name
    assert str(value) not in str(caught.value)
    return caught.value.code


def test_there_are_fifty_parameters_and_ten_are_required() -> None:
    assert len(PARAMETERS) == len(set(PARAMETERS)) == 50
    assert len(REQUIRED) == 10
    assert (len(INTEGERS), len(NUMBERS), len(SHORT)) == (8, 2, 7)
    assert set(PARAMETERS) == calldata.PARAMETERS
    assert set(REQUIRED) == set(calldata.REQUIRED)
    assert WHOLE_CALL.keys() == set(PARAMETERS)


@pytest.mark.parametrize("way", ["query", "form"])
async def test_every_parameter_reaches_the_endpoint(endpoint: Endpoint, way: str) -> None:
    endpoint.sandbox.switches.sent_as = way
    assert statuses(await endpoint.report(WHOLE_CALL["CallSessionId"], send_as=way)) == ["delivered"]
    assert endpoint.sandbox.reports == [AS_SENT]
    [seen] = endpoint.sandbox.seen
    assert (seen.method, seen.path) == ("POST", "/calldata/logCallData")
    assert seen.headers["accept"] == "application/json"
    assert bool(seen.query) == (way == "query")
    assert bool(seen.body) == (way == "form")


@pytest.mark.parametrize("way", ["query", "form"])
async def test_signs_that_mean_something_in_an_address_arrive_as_they_are(endpoint: Endpoint, way: str) -> None:
    endpoint.sandbox.switches.sent_as = way
    fields = {name: f"{AWKWARD} {name}" for name in FREE if name != "CallSessionId"}
    await endpoint.report("one", fields={**WHOLE_CALL, **AS_SENT, **fields}, send_as=way)
    [report] = endpoint.sandbox.reports
    assert {name: report[name] for name in fields} == fields


@pytest.mark.parametrize("name", [*INTEGERS, *NUMBERS])
def test_what_is_a_number_is_refused_as_anything_else(name: str) -> None:
    assert refused(name, "12 or so") == "not_a_number"


@pytest.mark.parametrize("name", INTEGERS)
def test_a_whole_number_keeps_its_leading_zeros_and_has_no_fraction(name: str) -> None:
    assert draft(**{name: "00501"})[name] == "00501"
    assert draft(**{name: 501})[name] == "501"
    assert refused(name, "1.5") == "not_a_number"


@pytest.mark.parametrize("name", sorted(set(SHORT) - set(COUNTRIES)))
def test_sixty_four_characters_are_the_most_where_the_page_says_so(name: str) -> None:
    longest = "5" * 63 + "é"
    assert draft(**{name: longest})[name] == longest
    assert refused(name, longest + "é") == "too_long"


@pytest.mark.parametrize("name", COUNTRIES)
def test_a_country_is_two_letters_whatever_the_limit(name: str) -> None:
    assert draft(**{name: "ca"})[name] == "CA"
    assert refused(name, "C" * 64) == "unknown_country"
    assert refused(name, "C" * 65) == "too_long"


@pytest.mark.parametrize("ending", ENDINGS)
async def test_each_of_the_eight_endings_is_taken(endpoint: Endpoint, ending: str) -> None:
    assert statuses(
        await endpoint.report("one", fields={**AS_SENT, "CallStatus": draft(CallStatus=ending)["CallStatus"]})
    )
    assert [report["CallStatus"] for report in endpoint.sandbox.reports] == [ending]


@pytest.mark.parametrize("written", ["866-555-0199", "(866) 555 0199", "8665550199"])
def test_each_documented_form_of_the_number_called_is_taken(written: str) -> None:
    assert draft(CalledPhoneNumber=written)["CalledPhoneNumber"] == "866-555-0199"


@pytest.mark.parametrize("dash", ["\u2010", "\u2011", "\u2013", "\u2212"])
def test_a_hyphen_that_only_looks_like_one_becomes_one(dash: str) -> None:
    """The number of the caller is what the sale is matched by."""
    assert draft(CallerId=f"866{dash}555{dash}0134")["CallerId"] == "866-555-0134"


@pytest.mark.parametrize("way", ["query", "form"])
async def test_a_postal_code_keeps_its_leading_zero_on_the_wire(endpoint: Endpoint, way: str) -> None:
    endpoint.sandbox.switches.sent_as = way
    await endpoint.report("one", send_as=way)
    [seen] = endpoint.sandbox.seen
    assert "Zip=02139" in (seen.body.decode() if way == "form" else "&".join("=".join(pair) for pair in seen.query))
