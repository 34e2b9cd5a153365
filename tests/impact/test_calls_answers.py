"""What an answer to a reported call says: taken, refused, or nothing that could be relied on."""

import pytest
from structlog.testing import capture_logs

from syncengine.sandbox.kit import Fault
from tests.impact.calls_endpoint import Endpoint, statuses

PAGE = b'{\n"Status": "OK",\n}'.decode()
HOTEL = "<html><h1>OK</h1>Sign in to the network of this hotel</html>"


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"Status": "OK"}', ""),
        ('{"status":"ok"}', ""),
        (PAGE, "accepted_unparsed"),
        ("OK", "accepted_unparsed"),
        ("<?xml version='1.0'?><Answer><Status>OK</Status></Answer>", "accepted_unparsed"),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
async def test_an_answer_that_says_ok_means_taken_however_it_is_written(
    endpoint: Endpoint, body: str, code: str, status: int
) -> None:
    endpoint.sandbox.faults.add(Fault(kind="status", status=status, body=body))
    [first, _] = await endpoint.report("one", "two")
    assert (first.status, first.code) == ("delivered", code)
    assert endpoint.ledger.confirmed == {"1000/777/one", "1000/777/two"}


@pytest.mark.parametrize("body", ['{"Status": "QUEUED"}', '{"Status": null}', "{}", "", "NOT OK", HOTEL])
async def test_an_answer_that_says_neither_is_a_doubt(endpoint: Endpoint, body: str) -> None:
    """Taking it for taken could lose a call, taking it for refused could count one twice."""
    endpoint.sandbox.faults.add(Fault(kind="status", status=200, body=body))
    assert statuses(await endpoint.report("one", "two")) == ["in_doubt", "retry"]
    assert not endpoint.ledger.confirmed | endpoint.ledger.refuted


@pytest.mark.parametrize("body", ['{"Status": "ERROR", "Message": "MediaId 39787 is new"}', '{"status":"Error",}'])
async def test_an_answer_that_says_error_is_a_refusal_whatever_its_status(endpoint: Endpoint, body: str) -> None:
    endpoint.sandbox.faults.add(Fault(kind="status", status=200, body=body))
    outcomes = await endpoint.report("one", "two")
    assert statuses(outcomes) == ["rejected", "delivered"]
    assert "39787" not in outcomes[0].message
    assert endpoint.ledger.refuted == {"1000/777/one"}


async def test_the_log_names_a_call_in_doubt_and_nobody_in_it(endpoint: Endpoint) -> None:
    endpoint.sandbox.faults.add(Fault(kind="malformed"))
    with capture_logs() as lines:
        await endpoint.report("one", "two")
    [line] = lines
    assert (line["log_level"], line["record"]) == ("error", "1000/777/one")
    assert "555" not in str(lines)
