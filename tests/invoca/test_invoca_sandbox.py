"""The sandbox is as strict as the page: what it would forgive, the connector could get wrong unnoticed."""

import datetime as dt
from typing import Any

import httpx
import pytest

from connectors.invoca.sandbox import InvocaSandbox
from connectors.invoca.sandbox.model import TOKEN
from syncengine.sandbox.kit import people

NOW = dt.datetime(2026, 6, 15, 19, 0, tzinfo=dt.UTC)
LOG = "/api/2020-10-01/networks/transactions/1.json"


@pytest.fixture
def sandbox() -> InvocaSandbox:
    return InvocaSandbox(now=lambda: NOW)


async def ask(
    sandbox: InvocaSandbox, path: str = LOG, *, method: str = "GET", token: str = TOKEN, json: Any = None, **query: Any
) -> httpx.Response:
    transport = httpx.ASGITransport(app=sandbox.app)
    async with httpx.AsyncClient(transport=transport, base_url="https://invoca.example") as client:
        return await client.request(method, path, params=query, json=json, headers={"Authorization": token})


@pytest.mark.parametrize("token", ["", f"Bearer {TOKEN}", TOKEN[:-1]])
async def test_only_the_bare_token_is_taken(sandbox: InvocaSandbox, token: str) -> None:
    assert (await ask(sandbox, token=token)).status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/2013-03-21/networks/transactions/1.json", 400),
        ("/api/2013-03-22/networks/transactions/1.json", 200),
        ("/api/2020-10-01/networks/transactions/2.json", 403),
        ("/api/2020-10-01/advertisers/transactions/1.json", 403),
        ("/api/latest/networks/transactions/1.json", 404),
        ("/api/2022-08-01/1/elsewhere.json", 404),
    ],
)
async def test_version_role_and_owner_stand_in_the_path(sandbox: InvocaSandbox, path: str, status: int) -> None:
    assert (await ask(sandbox, path)).status_code == status


async def test_one_date_alone_does_not_filter_and_both_do(sandbox: InvocaSandbox) -> None:
    sandbox.book.call(at=NOW - dt.timedelta(days=9))
    sandbox.book.call(at=NOW)
    day = {"from": "2026-06-15"}
    assert len((await ask(sandbox, **day)).json()) == 2
    assert len((await ask(sandbox, **day, to="2026-06-15")).json()) == 1


@pytest.mark.parametrize("query", [{"limit": "0"}, {"from": "15/06/2026", "to": "x"}, {"order": "desc"}])
async def test_a_bad_argument_is_a_403_without_a_class(sandbox: InvocaSandbox, query: dict[str, str]) -> None:
    answer = await ask(sandbox, **query)
    assert answer.status_code == 403
    assert "class" not in answer.json()["errors"]


async def test_rows_say_other_words_than_the_filter(sandbox: InvocaSandbox) -> None:
    call = sandbox.book.call()
    sandbox.book.sale(call.call, sale_amount="1")
    [row] = (await ask(sandbox, transaction_type="Sale")).json()
    assert row["transaction_type"] == "Reported Conversion"
    assert (await ask(sandbox, transaction_type="Reported Conversion")).status_code == 403


async def test_a_correction_is_a_new_row_at_the_end_of_the_log(sandbox: InvocaSandbox) -> None:
    first = sandbox.book.call()
    sandbox.book.call()
    corrected = sandbox.book.correct(first.id, duration=1)
    rows = (await ask(sandbox)).json()
    assert [row["transaction_id"] for row in rows][-1] == corrected.id
    assert rows[-1]["corrects_transaction_id"] == first.id
    assert rows[-1]["start_time_local"].endswith(" -07:00")


async def test_a_populated_network_is_the_same_for_the_same_seed() -> None:
    def made() -> list[tuple[str, str, dt.datetime]]:
        sandbox = InvocaSandbox(now=lambda: NOW)
        sandbox.populate(people(40, 1), 1, NOW)
        return [(row.id, row.kind, row.start) for row in sandbox.book.rows]

    assert made() == made()
    assert {kind for _, kind, _ in made()} >= {"Call", "Reported Conversion"}


async def test_deleting_an_advertiser_is_harmless_when_repeated_and_refused_while_it_has_campaigns(
    sandbox: InvocaSandbox,
) -> None:
    path = "/api/2022-08-01/1/advertisers/adv-7.json"
    campaign = "/api/2022-08-01/1/advertisers/adv-7/advertiser_campaigns/c-1.json"
    await ask(sandbox, path, method="PUT", json={"name": "Maple"})
    assert [(await ask(sandbox, path, method="DELETE")).status_code for _ in range(2)] == [200, 200]
    await ask(sandbox, path, method="PUT", json={"name": "Maple"})
    await ask(sandbox, campaign, method="PUT", json={"name": "Spring"})
    for status in (403, 409, 404):
        sandbox.switches.delete_with_campaigns = status
        assert (await ask(sandbox, path, method="DELETE")).status_code == status
    assert (await ask(sandbox, campaign, method="DELETE")).status_code == 403


async def test_post_and_put_of_an_advertiser_are_one_operation(sandbox: InvocaSandbox) -> None:
    body = {"id_from_network": "adv-7", "name": "Maple"}
    base = "/api/2022-08-01/1/advertisers"
    for _ in range(2):
        await ask(sandbox, f"{base}.json", method="POST", json=body)
        await ask(sandbox, f"{base}/adv-7.json", method="PUT", json=body)
    assert len((await ask(sandbox, f"{base}.json")).json()) == 1


@pytest.mark.parametrize(("shape", "body"), [("text", None), ("xml", None), ("message", {"message"})])
async def test_errors_come_in_other_shapes_where_that_is_switched(
    sandbox: InvocaSandbox, shape: str, body: set[str] | None
) -> None:
    sandbox.switches.error_shape = shape
    answer = await ask(sandbox, limit="0")
    assert answer.status_code == 403
    if body is None:
        assert "json" not in answer.headers["content-type"]
    else:
        assert answer.json().keys() == body
