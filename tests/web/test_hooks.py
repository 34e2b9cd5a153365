"""What a notification is good for: an id to look at again, whatever shape it comes in; anything else is left."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Collection, Iterator
from urllib.parse import quote

import httpx
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from syncengine import logs
from syncengine.web import hooks
from syncengine.web.hooks import LONGEST_BODY, LONGEST_ID, MOST_IDS, TOLD_EVERY, Hook, find_ids, hook_app
from tests.clock import FakeClock

SECRET = "a-made-up-secret-of-the-hooks"
ACTION = "1000.4636.200001"
PATH = f"/hooks/{SECRET}/impact.actions"


class Provider:
    """Whoever sends notifications, and what was made of them."""

    def __init__(self) -> None:
        self.hints: list[tuple[str, frozenset[str]]] = []
        self.clock = FakeClock()
        hook = Hook(SECRET, {"impact.actions"}, self._hint, self.clock)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(hook_app(hook)), base_url="http://hooks.test")

    def _hint(self, stream: str, ids: Collection[str]) -> None:
        self.hints.append((stream, frozenset(ids)))

    async def get(self, path: str = PATH) -> int:
        return (await self._client.get(path)).status_code

    async def post(self, content: str | bytes | AsyncIterator[bytes], path: str = PATH, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await self._client.post(path, content=content, headers=named)).status_code


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    logs.configure("debug", format="json", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    for name in (*logs.QUIET, *logs.VALUES):
        logging.getLogger(name).setLevel(logging.NOTSET)


async def test_a_get_with_the_id_in_the_query_is_a_hint(provider: Provider) -> None:
    assert await provider.get(f"{PATH}?id={ACTION}&payout=3.10") == 204
    assert provider.hints == [("impact.actions", {ACTION})]


BODIES = {
    "json": f'{{"payout": 3.1, "ActionId": "{ACTION}", "status": "PENDING"}}',
    "json, first": f'{{"ActionId":"{ACTION}","CampaignId":"1000"}}',
    "json, other case": f'{{"actionid": "{ACTION}"}}',
    "json, nested": f'{{"event": {{"action": {{"ActionId": "{ACTION}"}}}}}}',
    "json, a list": f'[{{"ActionId": "{ACTION}"}}]',
    "json, a number": '{"ActionId": 1000.4636, "n": 1}'.replace("1000.4636", ACTION),
    "a comma too many": f'{{"Status": "OK", "ActionId": "{ACTION}",}}',
    "no braces": f'"Status": "OK", "ActionId": "{ACTION}"',
    "no quotes": f"{{Status: OK, ActionId: {ACTION}}}",
    "single quotes": f"{{'ActionId': '{ACTION}'}}",
    "an open quote": f'{{"Note": "it"s", "ActionId": "{ACTION}"',
    "an unfilled token before it": f'{{"Note": {{Note}}, "ActionId": "{ACTION}"}}',
    "lines": f"Status = OK\r\nActionId = {ACTION}\r\n",
    "a form": f"Status=OK&ActionId={ACTION}&Note=a+b",
    "an encoded form": quote(f"ActionId={ACTION}", safe="="),
    "xml": f"<Action><Status>OK</Status><ActionId>{ACTION}</ActionId></Action>",
    "not UTF-8": f'{{"Note": "caf\xe9", "ActionId": "{ACTION}"}}'.encode("latin-1"),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_the_id_is_found_in_whatever_body_was_made_up(provider: Provider, body: str | bytes) -> None:
    assert await provider.post(body, f"{PATH}?id_field=ActionId") == 204
    assert provider.hints == [("impact.actions", {ACTION})]


@given(
    before=st.dictionaries(st.text("abcxyz_", min_size=1), st.text(max_size=20), max_size=5),
    after=st.dictionaries(st.text("abcxyz_", min_size=1), st.text(max_size=20), max_size=5),
    id_=st.from_regex(hooks.VALUE, fullmatch=True, alphabet=st.characters(codec="ascii")).filter(
        lambda text: text.lower() not in hooks.MISSING
    ),
)
def test_the_id_of_any_json_is_found_wherever_it_stands(
    before: dict[str, str], after: dict[str, str], id_: str
) -> None:
    assert id_ in find_ids("ActionId", json.dumps({**before, "ActionId": id_, **after}))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "null",
        '{"ActionId": ""}',
        '{"ActionId": "{ActionId}"}',
        '{"ActionId": null}',
        '{"ActionId": "NA"}',
        '{"ActionId": "../../Campaigns"}',
        '{"ActionId": "a/b"}',
        '{"ActionId": "' + "1" * (LONGEST_ID + 1) + '"}',
        '{"SharedActionId": "1"}',
        '{"ActionId2": "1"}',
        '{"Old-ActionId": "1"}',
        "ActionId",
    ],
)
async def test_what_names_no_id_is_left_and_answered_all_the_same(provider: Provider, body: str) -> None:
    assert await provider.post(body, f"{PATH}?id_field=ActionId") == 204
    assert provider.hints == []


async def test_several_ids_are_one_hint_and_a_flood_of_them_is_cut(provider: Provider) -> None:
    assert await provider.post('[{"id": "a"}, {"id": "b"}, {"id": "a"}]') == 204
    assert provider.hints.pop() == ("impact.actions", {"a", "b"})
    assert await provider.post("&".join(f"id={number}" for number in range(1000))) == 204
    assert len(provider.hints[0][1]) == MOST_IDS


@pytest.mark.parametrize(
    "path",
    [
        f"/hooks/{SECRET[:-1]}/impact.actions",
        f"/hooks/{SECRET}x/impact.actions",
        f"/hooks/{SECRET.upper()}/impact.actions",
        "/hooks/%C3%A9/impact.actions",
        "/hooks//impact.actions",
        f"/hooks/{SECRET}/impact.campaigns",
        f"/hooks/{SECRET}",
        "/",
    ],
)
async def test_nobody_without_the_secret_and_a_stream_that_is_read_is_told_anything(
    provider: Provider, path: str
) -> None:
    assert await provider.get(f"{path}?id={ACTION}") == 404
    assert provider.hints == []


@pytest.mark.parametrize("field", ["", "1", "a.b", "(a+)+", "a" * 41])
async def test_the_name_of_the_field_is_a_name(provider: Provider, field: str) -> None:
    assert await provider.get(f"{PATH}?id_field={quote(field)}&id={ACTION}") == 204
    assert provider.hints == []


async def test_a_body_is_read_to_a_bound_and_no_further(provider: Provider) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b" " * 1024

    whole = f'{{"id": "{ACTION}"}}'
    assert await provider.post(whole.rjust(LONGEST_BODY)) == 204
    assert len(provider.hints) == 1
    assert await provider.post(whole.rjust(LONGEST_BODY + 1)) == 204
    assert await provider.post(endless()) == 204
    assert read <= LONGEST_BODY // 1024 + 2
    assert len(provider.hints) == 1


async def test_a_body_that_does_not_come_is_not_waited_for(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "SLOWEST_BODY", 0.02)

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    assert await provider.post(slow()) == 204
    assert provider.hints == []


async def test_requests_of_no_use_are_told_at_most_once_a_minute_and_without_a_value(
    provider: Provider, log: io.StringIO
) -> None:
    for _ in range(100):
        await provider.get("/hooks/not-the-secret-that-is-meant/impact.actions?id=zoe@example.test")
    await provider.post('{"Note": "zoe@example.test"}')
    provider.clock.move(TOLD_EVERY)
    await provider.get(PATH)
    told = [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"].startswith("Hook")]
    assert [(line["reason"], line["requests"]) for line in told] == [
        ("wrong secret", 1), ("wrong secret", 99), ("no id", 2),
    ]  # fmt: skip
    for hidden in (SECRET, "not-the-secret-that-is-meant", "example.test"):
        assert hidden not in json.dumps(told)


async def test_only_get_and_post_are_hooks(provider: Provider) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await provider._client.request(method, f"{PATH}?id={ACTION}")).status_code == 405
    assert provider.hints == []
