"""A list is walked to its end, with the right headers, on the right host; or it fails loudly."""

import base64
from typing import Any

import httpx
import pytest

from connectors.impact.client import Rows, Unanswerable
from connectors.impact.decoding import shape
from syncengine.contracts import Range
from syncengine.errors import AuthError, ProviderError, Transient
from tests.clock import NOON
from tests.impact.conftest import Connect
from tests.impact.provider import DAY, SID, TOKEN, FakeImpact
from tests.impact.reading import pages

YESTERDAY = Range(NOON - DAY)


def fill(provider: FakeImpact, count: int, page_size: int) -> None:
    provider.page_size = page_size
    provider.campaigns = [{"Id": str(number)} for number in range(count)]


async def campaigns(connection: Any, **params: str) -> list[Rows]:
    return [rows async for rows in connection._client.list("Campaigns", shape("Campaigns", None), params)]


def numbers(read: list[Rows]) -> set[str]:
    return {row["Id"] for rows in read for row in rows.rows}


async def test_every_request_carries_credentials_accept_and_version(provider: FakeImpact, connect: Connect) -> None:
    fill(provider, 7, 3)
    assert len(numbers(await campaigns(connect()))) == 7
    assert len(provider.requests) == 3
    for request in provider.requests:
        assert request.headers["accept"] == "application/json"
        assert request.headers["ir-version"] == "14"
        assert request.headers["authorization"] == "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()
        assert request.url.path == f"/Advertisers/{SID}/Campaigns"
        assert TOKEN not in str(request.url)


async def test_actions_are_asked_for_in_the_largest_pages(provider: FakeImpact, connect: Connect) -> None:
    await pages(connect(), YESTERDAY)
    assert provider.requests[0].url.params["PageSize"] == "20000"


async def test_the_next_pages_keep_the_query(provider: FakeImpact, connect: Connect) -> None:
    fill(provider, 4, 2)
    await campaigns(connect(), Name="Summer")
    first, second = (request.url.params for request in provider.requests)
    assert dict(second) == {**first, "Name": "Summer", "Page": "2"}


@pytest.mark.parametrize("shows_prefix", [True, False])
async def test_a_base_url_with_a_path_works_whether_or_not_next_pages_name_it(
    provider: FakeImpact, connect: Connect, shows_prefix: bool
) -> None:
    fill(provider, 5, 2)
    provider.prefix, provider.shows_prefix = "/gateway/impact", shows_prefix
    read = await campaigns(connect(base_url="https://proxy.example.test/gateway/impact/"))
    assert len(numbers(read)) == 5
    assert {request.url.path for request in provider.requests} == {f"/gateway/impact/Advertisers/{SID}/Campaigns"}


async def test_an_agency_reads_a_brand_by_its_account_number(provider: FakeImpact, connect: Connect) -> None:
    await pages(connect(advertiser_account="4711"), YESTERDAY)
    assert provider.requests[0].url.path == f"/Agencies/{SID}/Advertisers/4711/Actions"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example.test/Advertisers/x",
        "//evil.example.test/x",
        "http://api.impact.com/x",
        "https://api.impact.com:8443/x",
    ],
)
async def test_a_next_page_on_another_host_is_never_asked_for(
    provider: FakeImpact, connect: Connect, elsewhere: str
) -> None:
    provider.edit = lambda body: {**body, "@nextpageuri": elsewhere, "@numpages": "2"}
    with pytest.raises(ProviderError) as caught:
        await campaigns(connect())
    assert caught.value.code == "other_host"
    assert {request.url.host for request in provider.requests} == {"api.impact.com"}


async def test_a_path_that_looks_like_a_host_stays_on_ours(provider: FakeImpact, connect: Connect) -> None:
    provider.edit = lambda body: {
        **body,
        "@nextpageuri": "https://api.impact.com//evil.example.test/x",
        "@numpages": "2",
    }
    with pytest.raises(ProviderError):
        await campaigns(connect())
    assert {request.url.host for request in provider.requests} == {"api.impact.com"}


async def test_a_page_that_always_names_itself_is_a_loop(provider: FakeImpact, connect: Connect) -> None:
    provider.edit = lambda body: {**body, "@nextpageuri": f"/Advertisers/{SID}/Campaigns?Page=1", "@numpages": "2"}
    with pytest.raises(Unanswerable) as caught:
        await campaigns(connect())
    assert caught.value.code == "loop"
    assert len(provider.requests) == 3


async def test_a_page_that_names_itself_once_is_asked_for_once_more(provider: FakeImpact, connect: Connect) -> None:
    fill(provider, 5, 2)
    named: set[str] = set()

    def edit(body: dict[str, Any]) -> dict[str, Any]:
        uri = provider.requests[-1].url.raw_path.decode()
        if body["@nextpageuri"] and uri not in named:
            named.add(uri)
            return {**body, "@nextpageuri": uri}
        return body

    provider.edit = edit
    assert numbers(await campaigns(connect())) == {str(number) for number in range(5)}
    assert len([request for request in provider.requests if "Page" not in request.url.params]) == 2  # and itself


async def test_a_list_without_end_is_cut_off(provider: FakeImpact, connect: Connect) -> None:
    def edit(body: dict[str, Any]) -> dict[str, Any]:
        following = f"/Advertisers/{SID}/Campaigns?Page={len(provider.requests) + 1}"
        return {**body, "@nextpageuri": following, "@numpages": "999999"}

    provider.edit = edit
    with pytest.raises(Unanswerable) as caught:
        await campaigns(connect())
    assert caught.value.code == "too_many"
    assert len(provider.requests) <= 502


@pytest.mark.parametrize("following", ["", None])
async def test_a_list_ends_where_no_next_page_is_named(
    provider: FakeImpact, connect: Connect, following: str | None
) -> None:
    provider.edit = lambda body: {**body, "@nextpageuri": following, "@numpages": "7"}
    assert [rows.last for rows in await campaigns(connect())] == [True]


async def test_a_list_ends_with_its_last_page_even_if_that_names_another(
    provider: FakeImpact, connect: Connect
) -> None:
    provider.edit = lambda body: {**body, "@nextpageuri": f"/Advertisers/{SID}/Campaigns?Page=1"}
    assert [rows.last for rows in await campaigns(connect())] == [True]


async def test_a_list_does_not_end_because_its_total_is_reached(provider: FakeImpact, connect: Connect) -> None:
    provider.campaigns = [{"Id": str(number)} for number in range(5)]
    provider.page_size = 2
    provider.edit = lambda body: {**body, "@total": "1"}
    assert sum(len(rows.rows) for rows in await campaigns(connect())) == 5


async def test_fewer_rows_than_announced_are_no_complete_list(provider: FakeImpact, connect: Connect) -> None:
    provider.edit = lambda body: {**body, "@total": "3"}
    with pytest.raises(Unanswerable) as caught:
        await campaigns(connect())
    assert caught.value.code == "incomplete"


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"@total": "0"},
        {"@total": 0, "Campaigns": None},
        {"@total": ""},
        {"@total": "0", "Campaigns": ""},
        {"Campaigns": ""},
    ],
)
async def test_an_empty_list_may_lack_its_key_or_be_null(provider: FakeImpact, connect: Connect, body: Any) -> None:
    provider.edit = lambda _: body
    assert [list(rows.rows) for rows in await campaigns(connect())] == [[]]


@pytest.mark.parametrize(
    "body",
    [
        {"@total": "3"},
        {"@total": 3},
        {"@total": "3", "Campaigns": ""},
        {"Status": "ERROR", "Message": "made up"},
        {"Status": "ERROR", "Campaigns": ""},
    ],
)
async def test_an_answer_without_its_list_is_not_taken_for_an_empty_one(
    provider: FakeImpact, connect: Connect, body: Any
) -> None:
    provider.edit = lambda _: body
    with pytest.raises(Unanswerable) as caught:
        await campaigns(connect())
    assert caught.value.code == "incomplete"


async def test_counts_may_be_numbers(provider: FakeImpact, connect: Connect) -> None:
    def edit(body: dict[str, Any]) -> dict[str, Any]:
        return {
            key: int(value) if key[1:] in {"page", "numpages", "pagesize", "total"} else value
            for key, value in body.items()
        }

    fill(provider, 5, 2)
    provider.edit = edit
    assert len(numbers(await campaigns(connect()))) == 5


@pytest.mark.parametrize("start", ["<?xml version='1.0'?><ImpactRadiusResponse/>", "\n<html>gateway</html>"])
async def test_xml_is_said_to_be_xml(connect: Connect, start: str) -> None:
    with pytest.raises(ProviderError) as caught:
        await campaigns(connect(httpx.MockTransport(lambda _: httpx.Response(200, text=start))))
    assert caught.value.code == "got_xml"
    assert "gateway" not in str(caught.value)


@pytest.mark.parametrize("body", ['{"Campaigns":[{"Id":"10', '{"Campaigns":"secret@example.test"}', "", "[]"])
async def test_a_body_that_is_no_list_is_an_error_that_quotes_nothing(connect: Connect, body: str) -> None:
    with pytest.raises(ProviderError) as caught:
        await campaigns(connect(httpx.MockTransport(lambda _: httpx.Response(200, text=body))))
    assert caught.value.code == "not_json"
    assert "example.test" not in repr(caught.value)


async def test_a_missing_scope_is_named(connect: Connect) -> None:
    with pytest.raises(AuthError) as caught:
        await campaigns(connect(httpx.MockTransport(lambda _: httpx.Response(403, text="<html/>"))))
    assert caught.value.code == "forbidden"
    assert "Campaigns" in str(caught.value)
    assert "scope" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, Unanswerable, "refused"),
        (402, Unanswerable, "refused"),
        (422, Unanswerable, "refused"),
        (401, AuthError, "unauthorised"),
        (404, ProviderError, "status_404"),
        (405, ProviderError, "status_405"),
        (302, ProviderError, "status_302"),
        (501, ProviderError, "status_501"),
        (503, Transient, "status_503"),
    ],
)
@pytest.mark.parametrize(
    "body", ["", "<Error>jo@example.test</Error>", '{"Status":"ERROR","Message":"jo@example.test"}']
)
async def test_a_status_is_told_apart_without_reading_the_body(
    connect: Connect, status: int, kind: type[Exception], code: str, body: str
) -> None:
    with pytest.raises(kind) as caught:
        await campaigns(connect(httpx.MockTransport(lambda _: httpx.Response(status, text=body))))
    assert type(caught.value) is kind
    assert caught.value.code == code  # type: ignore[attr-defined]  # one of ours
    assert "example.test" not in repr(caught.value)
