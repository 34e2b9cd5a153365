"""Event notifications: what is sent when, with which values, and how unreliably."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.impact.sandbox import Book, Hook, ImpactSandbox
from connectors.impact.sandbox.postbacks import Postbacks
from tests.impact.test_sandbox.conftest import NOW

GET = Hook(url="https://hooks.example.com/secret?id={ActionId}&state={Status}")
POST = Hook(method="POST", url="https://hooks.example.com/secret", body='{"id": "{ActionId}", "payout": {Payout}}')


class Receiver:
    """What a brand's server got; it answers with `statuses` one after the other, then 200. 0: no answer."""

    def __init__(self) -> None:
        self.got: list[httpx.Request] = []
        self.statuses: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.got.append(request)
        status = self.statuses.pop(0) if self.statuses else 200
        if not status:
            raise httpx.ConnectError("down", request=request)
        return httpx.Response(status)

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(request.url.params["id"], request.url.params["state"]) for request in self.got]


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def postbacks(sandbox: ImpactSandbox) -> Postbacks:
    return sandbox.postbacks


async def send(postbacks: Postbacks, receiver: Receiver) -> list[int]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(receiver)) as client:
        return await postbacks.send(client)


async def test_each_event_is_notified_but_never_an_approval(
    postbacks: Postbacks, receiver: Receiver, book: Book
) -> None:
    postbacks.hooks.append(GET)
    action = book.create("1000")
    book.modify(action.id, amount="5")
    book.reverse(action.id)
    book.reset(action.id)
    book.approve(action.id)
    late = book.create("1000", at=NOW - dt.timedelta(days=31))
    book.approve_due()
    assert await send(postbacks, receiver) == [200] * 5
    states = [(action.id, state) for state in ("PENDING", "PENDING", "REVERSED", "PENDING")]
    assert receiver.states == [*states, (late.id, "PENDING")]
    assert postbacks.pending == []


async def test_a_hook_hears_of_its_own_events_alone(postbacks: Postbacks, receiver: Receiver, book: Book) -> None:
    postbacks.hooks.append(GET.model_copy(update={"events": frozenset({"reversed"})}))
    action = book.create("1000")
    book.modify(action.id)
    book.reverse(action.id)
    await send(postbacks, receiver)
    assert receiver.states == [(action.id, "REVERSED")]


async def test_values_in_a_url_are_encoded(
    postbacks: Postbacks, sandbox: ImpactSandbox, receiver: Receiver, book: Book
) -> None:
    sandbox.switches.timezone = "Asia/Kolkata"  # its offset has a plus
    postbacks.hooks.append(Hook(url="https://hooks.example.com/?at={EventDate}&p={Payout}&c={CampaignId}"))
    book.create("1000")
    await send(postbacks, receiver)
    assert receiver.got[0].method == "GET"
    assert dict(receiver.got[0].url.params) == {"at": "2026-06-16T00:30:00+05:30", "p": "0.88", "c": "1000"}


async def test_a_post_has_a_body_by_template(postbacks: Postbacks, receiver: Receiver, book: Book) -> None:
    postbacks.hooks.append(POST)
    action = book.create("1000")
    await send(postbacks, receiver)
    (request,) = receiver.got
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    assert request.content.decode() == f'{{"id": "{action.id}", "payout": 0.88}}'


async def test_a_value_can_break_the_json(
    postbacks: Postbacks, sandbox: ImpactSandbox, receiver: Receiver, book: Book
) -> None:
    sandbox.switches.postback_customer_tokens = True
    postbacks.hooks.append(POST.model_copy(update={"body": '{"customer": "{CustomerId}"}'}))
    book.create("1000", customer_id='7"')
    await send(postbacks, receiver)
    assert receiver.got[0].content == b'{"customer": "7""}'


@pytest.mark.parametrize(
    ("switches", "sent"),
    [
        ({}, "{CustomerId}|{Nonsense}"),
        ({"postback_unknown": "empty"}, "|"),
        ({"postback_customer_tokens": True}, "C1|{Nonsense}"),
    ],
)
async def test_tokens_that_are_not_confirmed_are_kept_unless_switched(
    postbacks: Postbacks, sandbox: ImpactSandbox, receiver: Receiver, book: Book, switches: dict[str, Any], sent: str
) -> None:
    for name, value in switches.items():
        setattr(sandbox.switches, name, value)
    postbacks.hooks.append(POST.model_copy(update={"body": "{CustomerId}|{Nonsense}"}))
    book.create("1000", customer_id="C1")
    await send(postbacks, receiver)
    assert receiver.got[0].content.decode() == sent


async def test_a_notification_tells_of_its_own_moment(postbacks: Postbacks, receiver: Receiver, book: Book) -> None:
    postbacks.hooks.append(POST.model_copy(update={"body": "{DeltaAmount}"}))
    action = book.create("1000", amount="10")
    book.modify(action.id, amount="4")
    await send(postbacks, receiver)
    assert [request.content for request in receiver.got] == [b"10.00", b"-6.00"]


async def test_notifications_can_come_twice_and_out_of_order(
    postbacks: Postbacks, sandbox: ImpactSandbox, receiver: Receiver, book: Book
) -> None:
    postbacks.hooks.append(GET)
    sandbox.switches.postback_duplicates = True
    made = [book.create("1000").id for _ in range(20)]
    await send(postbacks, receiver)
    assert [action for action, _ in receiver.states] == [action for action in made for _ in range(2)]
    receiver.got.clear()
    sandbox.switches.postback_duplicates = False
    sandbox.switches.postback_order = "mixed"
    again = [book.modify(action).id for action in made]
    await send(postbacks, receiver)
    found = [action for action, _ in receiver.states]
    assert found != again
    assert sorted(found) == again


@pytest.mark.parametrize(
    ("switched", "answers", "statuses"),
    [("never", [500], [500, 200]), ("once", [500], [500, 200, 200]), ("once", [0, 0], [0, 0, 200])],
)
async def test_a_notification_that_fails_is_sent_again_where_switched(
    postbacks: Postbacks,
    sandbox: ImpactSandbox,
    receiver: Receiver,
    book: Book,
    switched: Any,
    answers: list[int],
    statuses: list[int],
) -> None:
    sandbox.switches.postback_retry = switched
    postbacks.hooks.append(GET)
    receiver.statuses = answers
    for _ in range(2):
        book.create("1000")
    assert await send(postbacks, receiver) == statuses


def test_hooks_are_steered_from_another_process(
    sandbox: ImpactSandbox, api: httpx.Client, control: Callable[..., httpx.Response]
) -> None:
    back = str(api.base_url.copy_with(raw_path=b"/_sandbox/actions"))
    assert control("POST", "postbacks", json={"url": f"{back}?id={{ActionId}}"}).status_code == 200
    made = control("POST", "admin", json={"do": "create", "campaign_id": "1000"}).json()
    waiting = control("GET", "postbacks").json()
    assert [postback["url"] for postback in waiting["pending"]] == [f"{back}?id={made['Id']}"]
    assert control("POST", "postbacks/send").json() == {"statuses": [200]}
    assert control("DELETE", "postbacks").json() == {"hooks": [], "pending": []}


@pytest.mark.parametrize("hook", [{}, {"url": "x", "method": "PUT"}, {"url": "x", "events": ["approved"]}])
def test_an_impossible_hook_is_refused(
    sandbox: ImpactSandbox, control: Callable[..., httpx.Response], hook: dict[str, Any]
) -> None:
    assert control("POST", "postbacks", json=hook).status_code == 422
    assert sandbox.postbacks.hooks == []


def test_without_hooks_nothing_waits(sandbox: ImpactSandbox, book: Book) -> None:
    book.create("1000")
    assert sandbox.postbacks.pending == []
    sandbox.postbacks.hooks.append(GET)
    book.create("1000")
    sandbox.reset()
    assert (sandbox.postbacks.hooks, sandbox.postbacks.pending) == ([], [])
