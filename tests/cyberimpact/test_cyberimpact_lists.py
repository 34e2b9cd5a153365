"""A list is read whole or not at all: pages that are cut short, that move and that repeat are noticed."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.cyberimpact.connection import CyberimpactConnection
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Suppression
from syncengine.errors import AuthError, ProviderError, Transient
from syncengine.sandbox.kit import Fault
from tests.clock import FakeClock
from tests.cyberimpact.conftest import Connect, connection, contacts_of
from tests.cyberimpact.scripted import Scripted, page_of

Rows = list[dict[str, Any]]


def addresses(count: int, first: int = 0) -> Rows:
    return [{"email": f"P{number:04}@example.test"} for number in range(first, first + count)]


async def read(clock: FakeClock, server: Scripted) -> list[Suppression]:
    async with connection(clock, server) as opened:
        return [one async for one in contacts_of(opened).suppressions()]


def bounces(request: httpx.Request) -> dict[str, Any]:
    return page_of(addresses(1, 9000), "members", request)


async def test_a_server_that_gives_fewer_rows_than_asked_for_is_read_to_the_end(clock: FakeClock) -> None:
    server = Scripted(
        members__unsubscribed=lambda request: page_of(addresses(45), "members", request, most=20),
        members__bounced=bounces,
    )
    read_ = await read(clock, server)
    assert {one.key for one in read_ if one.reason == "unsubscribed"} == {
        f"p{number:04}@example.test" for number in range(45)
    }
    assert [one.key for one in read_ if one.reason == "bounced"] == ["p9000@example.test"]
    asked = server.requests[0].url.params
    assert (asked["limit"], asked["sort"], asked["dateReturnFormat"]) == ("10000", "email_asc", "ISO8601")


@pytest.mark.parametrize("change", ["removed", "added", "replaced"])
async def test_a_list_that_moves_between_two_pages_is_read_again(clock: FakeClock, change: str) -> None:
    rows = addresses(45)
    calls = 0

    def unsubscribed(request: httpx.Request) -> dict[str, Any]:
        nonlocal calls, rows
        calls += 1
        if calls == 2:  # between the first and the second page
            gone = rows[1:] if change != "added" else rows
            rows = gone + (addresses(1, 8000) if change != "removed" else [])
        return page_of(rows, "members", request, most=20)

    read_ = await read(clock, Scripted(members__unsubscribed=unsubscribed, members__bounced=bounces))
    found = {one.key for one in read_ if one.reason == "unsubscribed"}
    assert found == {row["email"].lower() for row in rows}


async def test_a_list_that_never_stands_still_is_an_error_and_no_short_list(clock: FakeClock) -> None:
    calls = 0

    def unsubscribed(request: httpx.Request) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        return page_of(addresses(45, calls), "members", request, most=20)

    with pytest.raises(ProviderError, match="changed under each"):
        await read(clock, Scripted(members__unsubscribed=unsubscribed, members__bounced=bounces))


async def test_a_page_that_repeats_is_an_error(clock: FakeClock) -> None:
    def unsubscribed(request: httpx.Request) -> dict[str, Any]:
        return {**page_of(addresses(20), "members", request), "members": addresses(20), "totalCount": 45}

    with pytest.raises(ProviderError):
        await read(clock, Scripted(members__unsubscribed=unsubscribed, members__bounced=bounces))


async def test_a_list_shorter_than_it_says_is_an_error(clock: FakeClock) -> None:
    def unsubscribed(request: httpx.Request) -> dict[str, Any]:
        return {**page_of(addresses(20), "members", request), "totalCount": 45}

    with pytest.raises(ProviderError):
        await read(clock, Scripted(members__unsubscribed=unsubscribed, members__bounced=bounces))


async def test_without_a_total_the_empty_page_is_the_end(clock: FakeClock) -> None:
    def unsubscribed(request: httpx.Request) -> dict[str, Any]:
        return {"members": page_of(addresses(45), "members", request, most=20)["members"]}

    assert len(await read(clock, Scripted(members__unsubscribed=unsubscribed, members__bounced=bounces))) == 46


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (404, ProviderError),
        (422, ProviderError),
        (401, AuthError),
        (403, AuthError),
        (500, Transient),
        ({"people": []}, ProviderError),
        ({"members": [{"email": 5}]}, ProviderError),
        (httpx.Response(200, text="<html>lea@example.test</html>"), ProviderError),
    ],
)
async def test_an_answer_that_is_no_list_is_an_error_without_its_text(
    clock: FakeClock, answer: Any, error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        await read(clock, Scripted(members__unsubscribed=lambda _: answer, members__bounced=bounces))
    assert "lea" not in str(raised.value)


async def test_unsubscribed_wins_over_bounced(clock: FakeClock) -> None:
    rows = [{"email": "Lea@Example.test"}]
    server = Scripted(
        members__unsubscribed=lambda request: page_of(rows, "members", request),
        members__bounced=lambda request: page_of(rows, "members", request),
    )
    assert await read(clock, server) == [Suppression("lea@example.test", "unsubscribed")]


async def test_suppressions_of_the_sandbox(vendor: CyberimpactSandbox, connect: Connect) -> None:
    vendor.switches.past_last_page = "404"
    for name in ("a", "b", "c"):
        vendor.admin.add(f"{name.upper()}@example.test")
    vendor.admin.unsubscribe("a@example.test")
    vendor.admin.bounce("b@example.test")
    assert [one async for one in connect().suppressions()] == [
        Suppression("b@example.test", "bounced"),
        Suppression("a@example.test", "unsubscribed"),
    ]


async def test_a_list_cut_in_the_middle_is_read_again(vendor: CyberimpactSandbox, connect: Connect) -> None:
    vendor.admin.add("a@example.test")
    vendor.admin.unsubscribe("a@example.test")
    vendor.faults.add(Fault(kind="truncate", path="unsubscribed"), Fault(kind="status", status=500, path="bounced"))
    assert [one.key async for one in connect().suppressions()] == ["a@example.test"]
    assert len(vendor.faults.injected) == 2


def test_the_connection_offers_what_the_docs_say(clock: FakeClock) -> None:
    opened: CyberimpactConnection = connection(clock, Scripted())
    text = Path("docs/cyberimpact.md").read_text("utf-8")
    assert list(opened.destinations) == ["contacts", "groups", "templates", "mailings"]
    for name in (*opened.destinations, *opened.streams):
        assert f"| `{name}` |" in text
    assert not opened.lookups
