"""Every request is paced, repeated only where that is safe, and fails without giving anything away."""

import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import stamina

from syncengine.errors import AuthError, InDoubt, ProviderError, RateLimited, SyncError, Transient
from syncengine.http import ATTEMPTS, HttpClient, HttpFactory
from syncengine.pacing import counting
from tests.clock import NOON, FakeClock

TOKEN = "made-up-token"
ADDRESS = "jo@example.test"
Script = Callable[..., HttpClient]


@pytest.fixture(autouse=True)
def _quick_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class Provider:
    """Gives one answer after the other, the last one for ever; an exception is a failure of the network."""

    def __init__(self, answers: tuple[httpx.Response | Exception, ...]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


class Fixture:
    def __init__(self, clock: FakeClock, *answers: httpx.Response | Exception, **client: Any) -> None:
        self.provider = Provider(answers)
        self.factory = HttpFactory("connections.a", clock, {}, httpx.MockTransport(self.provider))
        self.client = self.factory.client(
            base_url="https://api.example.test/v1", account="a", auth=("account", TOKEN), **client
        )

    @property
    def count(self) -> int:
        return len(self.provider.requests)

    async def get(self, **options: Any) -> Any:
        return await self.client.send("GET", f"/people/{ADDRESS}", what="list of people", **options)

    async def post(self, **options: Any) -> Any:
        return await self.client.send("POST", "/people", what="new people", json={"email": ADDRESS}, **options)


async def test_a_request_has_the_paths_headers_and_credentials_of_its_client(clock: FakeClock) -> None:
    asked = Fixture(clock, httpx.Response(200, json={"a": 1}), headers={"X-Version": "3"})
    answer = await asked.get(params={"q": "a b"})
    (request,) = asked.provider.requests
    assert (answer.status, answer.good, answer.json()) == (200, True, {"a": 1})
    assert str(request.url) == f"https://api.example.test/v1/people/{ADDRESS}?q=a+b"
    assert request.headers["accept"] == "application/json"
    assert request.headers["x-version"] == "3"
    assert request.headers["user-agent"].startswith("syncengine/")
    assert request.headers["authorization"].startswith("Basic ")


async def test_json_and_forms_are_encoded(clock: FakeClock) -> None:
    asked = Fixture(clock, httpx.Response(200))
    await asked.post()
    await asked.client.send("PUT", "/x", what="x", form={"a": "é&"})
    json, form = asked.provider.requests
    assert (json.headers["content-type"], json.content) == ("application/json", b'{"email":"jo@example.test"}')
    assert (form.headers["content-type"], form.content) == ("application/x-www-form-urlencoded", b"a=%C3%A9%26")


@pytest.mark.parametrize("status", [200, 201, 302, 400, 402, 403, 404, 422])
async def test_what_only_the_connector_can_judge_is_returned_at_once(clock: FakeClock, status: int) -> None:
    asked = Fixture(clock, httpx.Response(status))
    assert (await asked.get()).status == status
    assert asked.count == 1


async def test_refused_credentials_are_never_tried_again(clock: FakeClock) -> None:
    asked = Fixture(clock, httpx.Response(401, text=ADDRESS))
    with pytest.raises(AuthError, match="401"):
        await asked.get()
    assert asked.count == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_trouble_is_tried_again_and_counted(clock: FakeClock, status: int) -> None:
    asked = Fixture(clock, httpx.Response(status), httpx.Response(status), httpx.Response(200))
    counted: Counter[str] = Counter()
    with counting(counted):
        assert (await asked.get()).good
    assert counted == {"requests": 3, "retried": 2, "failed_requests": 2, f"status_{status}": 2}


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_trouble_that_stays_is_transient_after_six_attempts(clock: FakeClock, status: int) -> None:
    asked = Fixture(clock, httpx.Response(status))
    with pytest.raises(Transient) as caught:
        await asked.get()
    assert asked.count == 6
    assert caught.value.code == f"status_{status}"


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x"), httpx.ReadError("x")]
)
async def test_a_failing_network_is_tried_again_for_a_read(clock: FakeClock, failure: Exception) -> None:
    asked = Fixture(clock, failure, httpx.Response(200))
    assert (await asked.get()).good
    assert asked.count == 2
    stays = Fixture(clock, failure)
    with pytest.raises(Transient, match=r"api\.example\.test") as caught:
        await stays.get()
    assert caught.value.code == ("not_sent" if isinstance(failure, httpx.ConnectError) else "no_answer")


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x"), httpx.WriteError("x")])
async def test_a_write_without_an_answer_is_in_doubt_and_not_sent_again(clock: FakeClock, failure: Exception) -> None:
    asked = Fixture(clock, failure)
    with pytest.raises(InDoubt):
        await asked.post()
    assert asked.count == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_write_that_met_trouble_is_in_doubt(clock: FakeClock, status: int) -> None:
    asked = Fixture(clock, httpx.Response(status, headers={"Retry-After": "1"}))
    with pytest.raises(InDoubt):
        await asked.post()
    assert asked.count == 1


async def test_a_write_that_never_left_is_sent_again(clock: FakeClock) -> None:
    asked = Fixture(clock, httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.Response(201))
    assert (await asked.post()).status == 201
    assert asked.count == 3


async def test_a_write_that_was_turned_away_for_quota_is_sent_again(clock: FakeClock) -> None:
    asked = Fixture(clock, httpx.Response(429, headers={"Retry-After": "3"}), httpx.Response(201))
    assert (await asked.post()).status == 201
    assert clock.slept == [3]


async def test_a_repeatable_write_is_sent_again(clock: FakeClock) -> None:
    asked = Fixture(clock, httpx.ReadTimeout("x"), httpx.Response(503), httpx.Response(200))
    assert (await asked.post(repeatable=True)).good
    assert asked.count == 3


@pytest.mark.parametrize("failure", [httpx.Response(503), httpx.ReadTimeout("x"), httpx.Response(429)])
async def test_once_leaves_repeating_to_the_caller(clock: FakeClock, failure: httpx.Response | Exception) -> None:
    asked = Fixture(clock, failure)
    with pytest.raises(Transient):
        await asked.post(repeatable=True, once=True)
    assert asked.count == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_obeyed_to_the_second(clock: FakeClock, status: int) -> None:
    asked = Fixture(clock, httpx.Response(status, headers={"Retry-After": "17"}), httpx.Response(200))
    await asked.get()
    assert clock.slept == [17]


async def test_retry_after_outranks_a_quota_that_is_reset_much_later(clock: FakeClock) -> None:
    headers = {"Retry-After": "2", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3000"}
    asked = Fixture(clock, httpx.Response(429, headers=headers), httpx.Response(200))
    assert (await asked.get()).good
    assert clock.slept == [2]


async def test_a_long_wait_defers_the_run(clock: FakeClock) -> None:
    asked = Fixture(clock, httpx.Response(429, headers={"Retry-After": "600"}))
    with pytest.raises(RateLimited) as caught:
        await asked.get()
    assert caught.value.until == NOON + dt.timedelta(minutes=10)
    assert asked.count == 1
    with pytest.raises(RateLimited):
        await asked.get()
    assert asked.count == 1  # the second one did not even leave


async def test_a_server_in_trouble_is_not_a_used_up_quota(clock: FakeClock) -> None:
    headers = {"X-RateLimit-Remaining": "900", "X-RateLimit-Reset": "3000"}
    asked = Fixture(clock, httpx.Response(503, headers=headers), httpx.Response(200, headers=headers))
    assert (await asked.get()).good


async def test_clients_of_one_account_share_its_quota_and_others_do_not(clock: FakeClock) -> None:
    factory = HttpFactory(
        "connections.a",
        clock,
        {},
        httpx.MockTransport(lambda _: httpx.Response(200, headers={"X-RateLimit-Remaining": "5"})),
    )
    one, two, other = (factory.client(base_url="https://x.test", account=name) for name in ("a", "a", "b"))
    assert factory.quotas.remaining() is None
    await one.send("GET", "/", what="x")
    assert (two.limiter.remaining(), other.limiter.remaining(), factory.quotas.remaining()) == (5, None, 5)


async def test_ready_waits_for_a_place_and_takes_none(clock: FakeClock) -> None:
    asked = Fixture(clock, httpx.Response(200))
    asked.client.limiter.block(5)
    await asked.client.ready()
    assert clock.slept == [5]
    assert asked.count == 0


async def test_an_answer_without_end_is_cut_off(clock: FakeClock) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield b"x" * 1024

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=endless()))
    factory = HttpFactory("connections.a", clock, {}, transport)
    client = factory.client(base_url="https://x.test", account="a", max_bytes=1024 * 1024)
    with pytest.raises(ProviderError) as caught:
        await client.send("GET", "/", what="x")
    assert caught.value.code == "too_large"
    assert given < 1100


async def test_an_answer_that_is_no_json_says_what_it_is(clock: FakeClock) -> None:
    for body, kind in (("<html/>", "XML or HTML"), (f"{ADDRESS} …", "no JSON")):
        answer = await Fixture(clock, httpx.Response(200, text=body)).get()
        with pytest.raises(ProviderError, match=kind) as caught:
            answer.json()
        assert ADDRESS not in str(caught.value)


@pytest.mark.parametrize(
    "failure",
    [httpx.Response(401, text=ADDRESS), httpx.Response(500, text=ADDRESS), httpx.ReadTimeout(f"{ADDRESS} {TOKEN}")],
)
async def test_no_error_gives_away_address_body_or_secret(
    clock: FakeClock, failure: httpx.Response | Exception
) -> None:
    with pytest.raises(SyncError) as caught:
        await Fixture(clock, failure).get()
    error: BaseException | None = caught.value
    assert error is not None
    assert error.__suppress_context__ or error.__context__ is None
    for text in (str(error), repr(error)):
        assert ADDRESS not in text
        assert TOKEN not in text


async def test_leaving_the_client_closes_it(clock: FakeClock) -> None:
    asked = Fixture(clock, httpx.Response(200))
    async with asked.client:
        await asked.get()
    with pytest.raises(RuntimeError):
        await asked.get()
