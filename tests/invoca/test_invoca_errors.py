"""The eight shapes of errors (invoca.md section 3.4), each over HTTP: to try again, to stop, or to reject one."""

import json
from typing import Any, NamedTuple

import pytest

from syncengine.errors import AuthError, ProviderError, SyncError, Transient
from syncengine.sandbox.kit import Fault
from tests.invoca.desk import ADVERTISER, CAMPAIGN, NUMBER, TAKEN_PART, Desk
from tests.invoca.world import Network, end, ids

PRIVATE = "ana.made-up@example.test"
"""What the words of an error quote."""


class Shape(NamedTuple):
    """One documented error. `read` is what stops a reading; `wrong` what a write is rejected for, None: it isn't."""

    status: int
    body: Any
    read: type[SyncError]
    code: str
    wrong: tuple[str, str | None] | None


SHAPES = {
    "1 not found": Shape(
        404, {"errors": {"class": "RecordNotFound", "invalid_data": PRIVATE}}, ProviderError, "not_found",
        ("not_found", None),
    ),
    "2 fields without a class": Shape(
        403, {"errors": {"name": [PRIVATE], "pool_type": ["x"]}}, ProviderError, "invalid_arguments",
        ("refused", "name"),
    ),
    "3 fields as deep as the body": Shape(
        403, {"errors": {"users": [{"email_settings": [{"email_address": [PRIVATE]}]}]}}, ProviderError,
        "invalid_arguments", ("refused", "users.email_settings.email_address"),
    ),
    "4 error in the singular": Shape(
        403, {"error": {"ivr_tree": {"children": [{"0": {"prompt": [PRIVATE]}}]}}}, ProviderError,
        "invalid_arguments", ("refused", "ivr_tree.children.0.prompt"),
    ),
    "5 with the state that stays": Shape(
        403, {"errors": {"status": [PRIVATE]}, "status": "Applied"}, ProviderError, "invalid_arguments",
        ("refused", "status"),
    ),
    "6 record invalid": Shape(
        403, {"errors": {"class": "RecordInvalid", "invalid_data": PRIVATE}}, ProviderError, "invalid_arguments",
        ("refused", None),
    ),
    "6 input invalid": Shape(
        403, {"errors": {"class": "InvalidInput", "invalid_data": PRIVATE}}, ProviderError, "invalid_arguments",
        ("refused", None),
    ),
    "6 a field for a class": Shape(
        403, {"errors": {"class": "call.start_time", "invalid_data": PRIVATE}}, ProviderError, "invalid_arguments",
        ("refused", None),
    ),
    "6 operation not allowed": Shape(
        403, {"errors": {"class": "UnauthorizedOperation", "invalid_data": PRIVATE}}, AuthError, "forbidden", None
    ),
    "6 advertiser not allowed": Shape(
        403, {"errors": {"class": "UnauthorizedAdvertiser", "invalid_data": PRIVATE}}, AuthError, "forbidden", None
    ),
    "8 a message": Shape(403, {"message": PRIVATE}, AuthError, "forbidden", None),
    "8 XML": Shape(403, f"<errors><error>{PRIVATE}</error></errors>", AuthError, "forbidden", None),
    "8 plain text": Shape(403, PRIVATE, AuthError, "forbidden", None),
    "8 nothing": Shape(403, "", AuthError, "forbidden", None),
    "8 plain text, and a bad request": Shape(400, PRIVATE, ProviderError, "invalid_arguments", ("refused", None)),
    "without a documented body: no token": Shape(401, PRIVATE, AuthError, "unauthorised", None),
}  # fmt: skip
INTERNAL = {"errors": {"class": "InternalServiceError", "invalid_data": PRIVATE}}
BIRCH = {"id_from_network": "adv-9", "name": "Birch"}
WRITES: dict[str, tuple[str, dict[str, Any]]] = {
    "advertisers": ("PUT", BIRCH),
    "affiliates": ("PUT", {"id_from_network": "aff-9", "name": "Birch Reviews"}),
    "campaigns": ("PUT", {**CAMPAIGN, "id_from_network": "c-9", "name": "Autumn"}),
    "affiliate_campaigns": ("POST", {**TAKEN_PART, "status": "Applied"}),
    "promo_numbers": ("POST", NUMBER),
    "signals": ("POST", {"name": "Sold", "partner_unique_id": "order-77"}),
}


def fault(shape: Shape, **where: Any) -> Fault:
    body = shape.body if isinstance(shape.body, str) else json.dumps(shape.body)
    return Fault(kind="status", status=shape.status, body=body, **where)


def fields(desk: Desk, kind: str) -> dict[str, Any]:
    """What is written of this kind; a signal needs a call."""
    given = WRITES[kind][1]
    return {**given, "call": desk.network.book.call().call} if kind == "signals" else given


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("stream", ["calls", "advertisers"])
async def test_a_refused_reading_stops_by_what_the_error_says_and_misses_nothing(
    network: Network, name: str, stream: str
) -> None:
    shape = SHAPES[name]
    call = network.book.call()
    position = end(await network.pages("calls")) if stream == "calls" else None
    later = network.book.call()
    network.sandbox.seen.clear()
    network.sandbox.faults.add(fault(shape))
    with pytest.raises(shape.read) as caught:
        await network.pages(stream, position)
    assert type(caught.value) is shape.read
    assert caught.value.code == shape.code
    assert PRIVATE not in str(caught.value)
    assert len(network.sandbox.seen) == 1, "it is not asked again"
    if stream == "calls":
        assert set(ids(await network.pages(stream, position))) - {call.call} == {later.call}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("kind", WRITES)
async def test_a_refused_write_rejects_the_one_or_stops_before_the_others(campaign: Desk, name: str, kind: str) -> None:
    shape, given = SHAPES[name], fields(campaign, kind)
    campaign.ledger.confirmed.clear()
    campaign.network.sandbox.faults.add(fault(shape, method=WRITES[kind][0]))
    if shape.wrong is None:
        with pytest.raises(AuthError) as caught:
            await campaign.write(kind, given)
        assert PRIVATE not in str(caught.value)
    else:
        [outcome] = await campaign.write(kind, given)
        assert (outcome.status, outcome.code, outcome.field) == ("rejected", *shape.wrong)
        assert PRIVATE not in outcome.message
        assert ("It stays Applied." in outcome.message) == (name == "5 with the state that stays")
    assert len(campaign.ledger.refuted) == 1, "it surely had no effect"
    assert not campaign.ledger.confirmed
    assert len(campaign.writes()) == 1
    assert await campaign.statuses(kind, given) == ["delivered"]


@pytest.mark.parametrize("kind", WRITES)
async def test_shape_7_an_internal_error_leaves_a_write_in_doubt(campaign: Desk, kind: str) -> None:
    given = fields(campaign, kind)
    internal = Fault(kind="status", status=500, method=WRITES[kind][0], body=json.dumps(INTERNAL))
    campaign.network.sandbox.faults.add(internal)
    [outcome] = await campaign.write(kind, given)
    assert (outcome.status, outcome.code) == ("in_doubt", "no_answer")
    assert not campaign.ledger.refuted, "nobody knows"
    assert len(campaign.writes()) == 1, "it is not repeated blindly"


async def test_shape_7_an_internal_error_of_a_reading_is_asked_again_and_then_left_to_the_next_run(
    network: Network,
) -> None:
    call = network.book.call()
    internal = Fault(kind="status", status=500, body=json.dumps(INTERNAL), times=2)
    network.sandbox.faults.add(internal)
    assert ids(await network.pages("transactions")) == [call.id]
    network.sandbox.faults.add(internal.model_copy(update={"times": 99}))
    with pytest.raises(Transient) as caught:
        await network.pages("transactions")
    assert PRIVATE not in str(caught.value)


@pytest.mark.parametrize("body", [json.dumps(INTERNAL), "\n " + json.dumps({"error": {"x": ["y"]}})])
@pytest.mark.parametrize("kind", WRITES)
async def test_shape_8_an_error_in_an_answer_of_status_200_is_not_taken_for_success(
    campaign: Desk, kind: str, body: str
) -> None:
    given = fields(campaign, kind)
    campaign.ledger.confirmed.clear()
    campaign.network.sandbox.faults.add(Fault(kind="status", status=200, method=WRITES[kind][0], body=body))
    assert await campaign.statuses(kind, given) == ["in_doubt" if "Internal" in body else "rejected"]
    assert not campaign.ledger.confirmed


@pytest.mark.parametrize("kind", WRITES)
async def test_a_page_of_something_in_between_is_a_doubt(campaign: Desk, kind: str) -> None:
    given = fields(campaign, kind)
    campaign.ledger.confirmed.clear()
    campaign.network.sandbox.faults.add(Fault(kind="malformed", method=WRITES[kind][0]))
    assert await campaign.statuses(kind, given) == ["in_doubt"]
    assert not campaign.ledger.confirmed | campaign.ledger.refuted


@pytest.mark.parametrize("body", [json.dumps(INTERNAL), "null", "{}", '"OK"', "<html></html>", ""])
async def test_a_reading_takes_nothing_but_a_list(network: Network, body: str) -> None:
    """An error in an answer of status 200 is no empty list: nothing moves on."""
    network.book.call()
    network.sandbox.faults.add(Fault(kind="status", status=200, body=body))
    with pytest.raises(ProviderError):
        await network.pages("calls")


async def test_an_object_that_is_an_error_is_not_merged_and_written_back(desk: Desk) -> None:
    await desk.write("advertisers", ADVERTISER)
    desk.writes()
    desk.network.sandbox.faults.add(Fault(kind="status", status=200, method="GET", body=json.dumps(INTERNAL)))
    with pytest.raises(ProviderError):
        await desk.write("advertisers", {**ADVERTISER, "name": "Birch"})
    assert desk.writes() == []
