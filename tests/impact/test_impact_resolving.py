"""Action inquiries are resolved once, as the documents ask for it, and only where the settings allow it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import stamina

from connectors.impact import ImpactConnection
from connectors.impact.sandbox import ImpactSandbox
from syncengine.contracts import Attempt, Change, Outcome, Part, Settled
from syncengine.errors import AuthError, ConfigError, Rejected
from tests.clock import FakeClock
from tests.impact.conftest import connection
from tests.impact.wire import Wire

DECLINED = {"ResolutionStatus": "DECLINED", "RejectReason": "Transaction cannot be traced"}
VALID = {"ResolutionStatus": "VALID", "ActionTrackerId": "2240", "FinalPayout": "4.50"}


class Notes:
    """A book of attempts that allows everything, unless a key is barred."""

    def __init__(self) -> None:
        self.begun: list[Part] = []
        self.settled: list[Settled] = []
        self.renewed = 0
        self.barred: set[str] = set()

    async def begin(self, parts: Any) -> Attempt:
        self.begun += parts
        return Attempt(1, frozenset(part.key for part in parts) - self.barred)

    async def renew(self, attempt: Attempt) -> Attempt:
        self.renewed += 1
        return attempt

    async def receipt(self, attempt: Attempt, receipt: str) -> None:
        raise AssertionError(receipt)

    async def settle(self, attempt: Attempt, settled: Settled) -> None:
        self.settled.append(settled)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def writer(clock: FakeClock, sandbox: ImpactSandbox, wire: Wire) -> ImpactConnection:
    return connection(clock, wire, **sandbox.settings(), allow_writes=True)


async def resolve(source: ImpactConnection, notes: Notes, id: str, fields: dict[str, Any]) -> list[Outcome]:
    destination = source.destinations["action_inquiries"]
    draft = destination.draft({"Id": id, **fields})
    change = Change(draft.key, 1, True, draft.fields, frozenset(), frozenset(), None, False)
    return [outcome async for outcome in destination.apply([change], notes)]


@pytest.mark.parametrize("fields", [DECLINED, VALID, {"ResolutionStatus": "INCOMPLETE", "ResolutionNotes": "é?"}])
async def test_an_inquiry_is_resolved_as_the_documents_ask(
    sandbox: ImpactSandbox, writer: ImpactConnection, wire: Wire, notes: Notes, fields: dict[str, str]
) -> None:
    inquiry = sandbox.inquiries.inquire("1000")
    (outcome,) = await resolve(writer, notes, inquiry.id, fields)
    assert outcome == Outcome(inquiry.id, "delivered")
    assert inquiry.resolution_status == fields["ResolutionStatus"]
    assert inquiry.reject_reason == fields.get("RejectReason", "")
    assert notes.settled == [Settled(confirmed=frozenset({inquiry.id}))]
    put = wire.requests[-1]
    assert put.method == "PUT"
    assert put.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "?" not in str(put.url)


async def test_nothing_is_written_unless_the_settings_allow_it(
    sandbox: ImpactSandbox, source: ImpactConnection, wire: Wire, notes: Notes
) -> None:
    destination = source.destinations["action_inquiries"]
    with pytest.raises(ConfigError) as caught:
        destination.draft({"Id": "1", **DECLINED})
    assert caught.value.problems[0].key == "connections.impact.allow_writes"
    assert "allow_writes = true" in caught.value.hint
    change = Change("1", 1, True, DECLINED, frozenset(), frozenset(), None, False)
    with pytest.raises(ConfigError):
        async for _ in destination.apply([change], notes):
            pass
    assert not wire.requests
    assert not notes.begun


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"Id": "", **DECLINED}, "Id", "missing"),
        ({"Id": "seven", **DECLINED}, "Id", "not_an_id"),
        ({}, "ResolutionStatus", "missing"),
        ({"ResolutionStatus": "RESOLVED"}, "ResolutionStatus", "unknown_status"),
        ({"ResolutionStatus": "DECLINED"}, "RejectReason", "missing"),
        ({"ResolutionStatus": "DECLINED", "RejectReason": "because"}, "RejectReason", "unknown_reason"),
        ({"ResolutionStatus": "VALID"}, "ActionTrackerId", "missing"),
        ({**VALID, "ActionTrackerId": "Sale"}, "ActionTrackerId", "not_an_id"),
        ({**VALID, "FinalPayout": "1.234"}, "FinalPayout", "not_an_amount"),
        ({**VALID, "TransactionAmount": "123456789"}, "TransactionAmount", "not_an_amount"),
        ({**VALID, "TransactionDate": "2026-07-01"}, "TransactionDate", "not_a_date"),
        ({**VALID, "PromoCode": "x" * 256}, "PromoCode", "too_long"),
        ({**VALID, "Comment": "x"}, "Comment", "unknown_field"),
        ({**VALID, "CustomerId": ["x"]}, "CustomerId", "not_text"),
    ],
)
def test_what_the_documents_refuse_is_rejected_before_anything_leaves(
    writer: ImpactConnection, fields: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(Rejected) as caught:
        writer.destinations["action_inquiries"].draft({"Id": "1", **fields})
    assert (caught.value.field, caught.value.code) == (field, code)


def test_dates_are_sent_as_impact_wants_them_and_what_is_empty_is_not_sent(writer: ImpactConnection) -> None:
    fields = {
        **VALID,
        "Id": " 17 ",
        "TransactionDate": "2026-07-01T10:00:00-04:00",
        "PromoCode": "",
        "CustomerId": None,
    }
    draft = writer.destinations["action_inquiries"].draft(fields)
    assert draft.key == "17"
    assert draft.fields == {**VALID, "TransactionDate": "2026-07-01T14:00:00Z"}


async def test_one_that_is_resolved_so_already_needs_nothing(
    sandbox: ImpactSandbox, writer: ImpactConnection, notes: Notes
) -> None:
    inquiry = sandbox.inquiries.inquire("1000")
    await resolve(writer, notes, inquiry.id, DECLINED)
    notes.begun.clear()
    assert await resolve(writer, notes, inquiry.id, DECLINED) == [Outcome(inquiry.id, "delivered", "already_there")]
    assert not notes.begun


async def test_one_that_is_resolved_otherwise_is_left_alone(
    sandbox: ImpactSandbox, writer: ImpactConnection, notes: Notes
) -> None:
    inquiry = sandbox.inquiries.inquire("1000")
    sandbox.inquiries.resolve(inquiry.id, VALID)
    (outcome,) = await resolve(writer, notes, inquiry.id, DECLINED)
    assert (outcome.status, outcome.code) == ("rejected", "resolved_otherwise")
    assert inquiry.resolution_status == "VALID"


async def test_an_unknown_inquiry_is_rejected(writer: ImpactConnection, notes: Notes) -> None:
    (outcome,) = await resolve(writer, notes, "404", DECLINED)
    assert (outcome.status, outcome.code) == ("rejected", "unknown")


async def test_a_barred_inquiry_is_not_sent(sandbox: ImpactSandbox, writer: ImpactConnection, notes: Notes) -> None:
    inquiry = sandbox.inquiries.inquire("1000")
    notes.barred = {inquiry.id}
    assert await resolve(writer, notes, inquiry.id, DECLINED) == []
    assert inquiry.resolution_status == "UNRESOLVED"


# --- answers that are no answers ---


def spoiling(wire: Wire, spoil: Callable[[int], httpx.Response | Exception | None], *, effect: bool) -> Any:
    """Changes pass to the sandbox first where `effect`; their answer is what `spoil` gives for their number."""

    class Spoiling(httpx.AsyncBaseTransport):
        puts = 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method != "PUT":
                return await wire.handle_async_request(request)
            self.puts += 1
            given = spoil(self.puts)
            answer = await wire.handle_async_request(request) if effect or given is None else None
            if isinstance(given, Exception):
                raise given
            return given or answer or httpx.Response(500)

    return Spoiling()


@pytest.mark.parametrize(
    "no_answer",
    [httpx.ReadTimeout("x"), httpx.Response(502), httpx.Response(200, text="<html/>"), httpx.Response(501)],
    ids=["timeout", "502", "page", "501"],
)
@pytest.mark.parametrize("effect", [True, False])
async def test_a_lost_answer_is_in_doubt_until_the_inquiry_is_read_again(
    clock: FakeClock, sandbox: ImpactSandbox, wire: Wire, notes: Notes, no_answer: Any, effect: bool
) -> None:
    lost = [no_answer]
    transport = spoiling(wire, lambda _: lost[0] if lost else None, effect=effect)
    source = connection(clock, transport, **sandbox.settings(), allow_writes=True)
    inquiry = sandbox.inquiries.inquire("1000")
    (outcome,) = await resolve(source, notes, inquiry.id, DECLINED)
    assert outcome.status == "in_doubt"
    assert not notes.settled
    assert transport.puts == 1
    assert source.destinations["action_inquiries"].repeatable
    lost.clear()
    (outcome,) = await resolve(source, notes, inquiry.id, DECLINED)
    assert outcome.status == "delivered"
    assert transport.puts == (1 if effect else 2)


async def test_a_host_that_is_busy_is_asked_again_with_a_fresh_attempt(
    clock: FakeClock, sandbox: ImpactSandbox, wire: Wire, notes: Notes
) -> None:
    busy = httpx.Response(429, headers={"Retry-After": "5"})
    source = connection(
        clock,
        spoiling(wire, lambda put: busy if put < 3 else None, effect=False),
        **sandbox.settings(),
        allow_writes=True,
    )
    inquiry = sandbox.inquiries.inquire("1000")
    (outcome,) = await resolve(source, notes, inquiry.id, DECLINED)
    assert outcome.status == "delivered"
    assert notes.renewed == 2


async def test_a_host_that_can_not_be_reached_is_tried_later(
    clock: FakeClock, sandbox: ImpactSandbox, wire: Wire, notes: Notes
) -> None:
    source = connection(
        clock, spoiling(wire, lambda _: httpx.ConnectError("x"), effect=False), **sandbox.settings(), allow_writes=True
    )
    inquiry = sandbox.inquiries.inquire("1000")
    with stamina.set_testing(True, attempts=1):
        (outcome,) = await resolve(source, notes, inquiry.id, DECLINED)
    assert outcome.status == "retry"
    assert notes.settled == [Settled(refuted=frozenset({inquiry.id}))]


@pytest.mark.parametrize("status", [400, 402, 404, 422])
async def test_a_refusal_is_a_rejection_that_quotes_nothing(
    clock: FakeClock, sandbox: ImpactSandbox, wire: Wire, notes: Notes, status: int
) -> None:
    refusal = httpx.Response(status, json={"Status": "ERROR", "Message": "jo@example.com"})
    source = connection(clock, spoiling(wire, lambda _: refusal, effect=False), **sandbox.settings(), allow_writes=True)
    inquiry = sandbox.inquiries.inquire("1000")
    (outcome,) = await resolve(source, notes, inquiry.id, DECLINED)
    assert (outcome.status, outcome.code) == ("rejected", "refused")
    assert "example.com" not in outcome.message
    assert notes.settled == [Settled(refuted=frozenset({inquiry.id}))]


async def test_a_token_that_may_not_write_is_said_and_nothing_is_in_doubt(
    sandbox: ImpactSandbox, writer: ImpactConnection, notes: Notes
) -> None:
    sandbox.switches.forbidden = frozenset({"PUT ActionInquiries"})
    inquiry = sandbox.inquiries.inquire("1000")
    with pytest.raises(AuthError, match="change ActionInquiries") as caught:
        await resolve(writer, notes, inquiry.id, DECLINED)
    assert "method PUT" in caught.value.hint
    assert notes.settled == [Settled(refuted=frozenset({inquiry.id}))]
