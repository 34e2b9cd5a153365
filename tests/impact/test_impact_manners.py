"""What holds for every request, whichever stream or pass sends it: the traps that other clients fell into.

impact.md, "Traps": headers everywhere, never the default of seven days, no retry of what is refused, names of one list
not taken for those of another, and nothing of a customer in a log.
"""

from collections.abc import Collection
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from connectors.impact import ImpactConnection
from connectors.impact.sandbox import ImpactSandbox
from connectors.impact.settings import PASSES
from syncengine.contracts import Range
from syncengine.errors import AuthError, ProviderError
from tests.clock import NOON, FakeClock
from tests.impact.conftest import Connect, connection
from tests.impact.ledger import Ledger
from tests.impact.provider import DAY, FakeImpact
from tests.impact.reading import pages
from tests.impact.wire import Wire

STREAMS = (
    "actions", "action_updates", "action_inquiries", "campaigns", "media_partners", "partner_contacts",
    "unsubscribed_contacts",
)  # fmt: skip
DATED = {"Actions", "ActionUpdates", "ActionInquiries"}
FETCHED = ("actions", "action_updates", "action_inquiries")
DATES = ("", "ActionDate", "LockingDate")
"""What stands before Start and End, and alone StartDate and EndDate."""


@pytest.fixture
def account(sandbox: ImpactSandbox, clock: FakeClock) -> ImpactSandbox:
    """One of everything, over several pages; of what is open some is old enough for the sweep."""
    sandbox.switches.max_page_size, sandbox.switches.small_page_size = 2, "accept"
    for days in (100, 99, 50, 3, 2, 2, 2):
        action = sandbox.book.create("1000", at=NOON - days * DAY, oid=f"00{days}", locking_days=days + 1)
        sandbox.inquiries.inquire("1000", order_id=action.oid, at=NOON - days * DAY)
    sandbox.partners.add_partner("39787", "Acme Reviews", at=NOON - 400 * DAY)
    for name in ("ada", "zoe"):
        sandbox.partners.add_contact("1000", partners=["39787"], email_address=f"{name}@example.com")
        sandbox.partners.unsubscribe("1000", f"{name}@example.com", "39787", at=NOON - DAY)
    return sandbox


async def ask_for_everything(account: ImpactSandbox, source: ImpactConnection, clock: FakeClock) -> None:
    """All streams, twice with days between so that every pass has something to do; and single records."""
    ledgers = [Ledger(NOON - 200 * DAY, stream) for stream in STREAMS]
    for _ in range(2):
        for ledger in ledgers:
            await ledger.sync(source)
        clock.move(3 * 86_400)
    for name in FETCHED:
        stream: Any = source.streams[name]
        async for _ in stream.fetch(list(account.book.actions)[:1], stream.Options(), fields=None):
            pass
    await source.check()


async def test_every_request_of_every_stream_asks_for_json_of_one_version(
    account: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock
) -> None:
    await ask_for_everything(account, source, clock)
    assert {request.headers["accept"] for request in wire.requests} == {"application/json"}
    assert {request.headers["ir-version"] for request in wire.requests} == {"14"}
    asked = {request.url.path.split("/")[3].removesuffix(".json") for request in wire.requests}
    assert asked == {*DATED, "Campaigns", "MediaPartners"}
    assert [request for request in wire.requests if "Page=2" in str(request.url)]  # followed links are among them


async def test_no_list_is_asked_for_without_both_ends_of_a_range_of_dates(
    account: ImpactSandbox, source: ImpactConnection, wire: Wire, clock: FakeClock
) -> None:
    """Without one, the last seven days come (impact.md section 4)."""
    await ask_for_everything(account, source, clock)
    lists = [request.url.params for request in wire.requests if request.url.path.rpartition("/")[2] in DATED]
    assert len(lists) > 3 * len(DATED)
    for params in lists:
        pairs = [(params.get(f"{start}"), params.get(f"{end}")) for start, end in map(ends, DATES)]
        assert any(start and end for start, end in pairs), dict(params)
        assert all(bool(start) == bool(end) for start, end in pairs), dict(params)
        assert params["CampaignId"]


def ends(name: str) -> tuple[str, str]:
    return (f"{name}Start", f"{name}End") if name else ("StartDate", "EndDate")


PARTITIONS = [
    *(("actions", f"1000/{name}") for name in PASSES[:2]),
    ("action_updates", "1000"),
    ("action_inquiries", "1000/created"),
    ("campaigns", "all"),
    ("media_partners", "all"),
    ("partner_contacts", "all"),
    ("unsubscribed_contacts", "1000"),
]


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorised"), (403, "forbidden")])
@pytest.mark.parametrize(("stream", "partition"), PARTITIONS)
async def test_what_the_token_may_not_is_asked_for_once_and_never_cut(
    clock: FakeClock, stream: str, partition: str, status: int, code: str
) -> None:
    asked: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status)

    source = connection(clock, httpx.MockTransport(refuse))
    with pytest.raises(AuthError) as caught:
        await pages(source, Range(NOON - 10 * DAY), stream=stream, partition=partition, fields=None)
    assert caught.value.code == code
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("stream", "partition", "own", "count"),
    [
        ("actions", "1000/updated", {"Oid", "EventDate", "ClearedDate", "LockingDate"}, 39),
        ("action_updates", "1000", {"Oid", "ActionDate", "ClearingDate", "LockingDate", "UpdateDate"}, 39),
        ("action_inquiries", "1000/created", {"OrderId", "TransactionDate", "ResolutionDate"}, 22),
    ],
)
async def test_each_list_has_its_own_names_for_orders_and_dates(
    account: ImpactSandbox, source: ImpactConnection, stream: str, partition: str, own: Collection[str], count: int
) -> None:
    """impact.md section 5: an order is Oid or OrderId; ActionDate is EventDate, ClearingDate is not ClearedDate."""
    fields = source.streams[stream].fields
    assert fields is not None
    alike = {name for name in fields if name.endswith("Date") or name in {"Oid", "OrderId"}}
    assert own <= alike
    others = {"Oid", "OrderId", "EventDate", "ActionDate", "ClearedDate", "ClearingDate", "TransactionDate"} - set(own)
    assert not fields & others
    assert len(fields) == count  # 38 of action updates, and CallerId of an older page
    read = await pages(source, Range(NOON - 200 * DAY), stream=stream, partition=partition, fields=None)
    orders = {record.values["OrderId" if "OrderId" in own else "Oid"] for page in read for record in page.records}
    assert orders == {"00100", "0099", "0050", "003", "002"}


async def test_what_a_customer_left_in_an_action_is_in_no_log_and_no_error(
    provider: FakeImpact, connect: Connect
) -> None:
    """A caller's number comes in the clear, a note is free text (impact.md sections 5.1 and 5.5)."""
    private = {"CallerId": "5145550123", "Note": "call jo@example.com", "SharedId": "jo-77", "CustomerId": "C-jo"}
    provider.add("1000.1.1", NOON - DAY, others=private)
    provider.add("1000.1.2", NOON - DAY, others={**private, "LockingDate": "soon", "State": "REVERSED"})
    with capture_logs() as lines, pytest.raises(ProviderError) as caught:
        await pages(connect(), Range(NOON - 3 * DAY), fields=None)
    assert "LockingDate of 1000.1.2" in str(caught.value)
    told = f"{lines} {caught.value!r} {caught.value.hint}"
    assert not [text for text in private.values() if text in told]
