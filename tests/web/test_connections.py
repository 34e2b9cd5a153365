"""Connections that say nothing, or not all, keep nobody else from the listener; each ends by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from syncengine.web.connection import MOST, Connection
from syncengine.web.hooks import Hook, hook_app
from syncengine.web.listener import listening
from tests.clock import FakeClock

SECRET = "a-made-up-secret-of-the-listener"
PATH = f"/hooks/{SECRET}/impact.actions"
STRANGERS = {
    "says nothing": b"",
    "begins a request": f"POST {PATH} HTTP/1.1\r\nHost: sync.example.test\r\nX-Slow".encode(),
    "keeps the body back": f"POST {PATH} HTTP/1.1\r\nHost: sync.example.test\r\nContent-Length: 90\r\n\r\nid=".encode(),
}


class Listener:
    """Hooks on a free port; `hints` holds the ids that came through."""

    def __init__(self, port: int, hints: list[str]) -> None:
        self.port = port
        self.hints = hints
        self._writers: list[asyncio.StreamWriter] = []

    async def hint(self, id: str) -> int:
        """What a real sender is answered."""
        async with httpx.AsyncClient(timeout=5) as client:
            return (await client.post(f"http://127.0.0.1:{self.port}{PATH}", content=f"id={id}")).status_code

    async def stranger(self, says: bytes) -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        writer.write(says)
        await writer.drain()
        return reader

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()


@asynccontextmanager
async def listener() -> AsyncIterator[Listener]:
    hints: list[str] = []
    hook = Hook(SECRET, {"impact.actions"}, lambda stream, ids: hints.extend(ids), FakeClock())
    async with listening(hook_app(hook), "127.0.0.1", 0) as port:
        made = Listener(port, hints)
        yield made
        made.hang_up()


async def is_closed(reader: asyncio.StreamReader, within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            return await reader.read(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("says", STRANGERS.values(), ids=STRANGERS)
async def test_a_real_sender_gets_through_however_many_keep_their_connections(says: bytes) -> None:
    async with listener() as open_:
        strangers = [await open_.stranger(says) for _ in range(MOST)]
        assert await open_.hint("1000.7.1") == 204
        assert open_.hints == ["1000.7.1"]
        assert await is_closed(strangers[0], 5)
        assert not await is_closed(strangers[-1], 0.05)
        await asyncio.gather(*(open_.stranger(says) for _ in range(MOST)))
        assert await asyncio.gather(*(open_.hint(f"1000.7.{number}") for number in range(2, 12))) == [204] * 10
        assert await is_closed(strangers[-1], 5)
    assert len(open_.hints) == 11


@pytest.mark.parametrize("says", STRANGERS.values(), ids=STRANGERS)
async def test_a_request_has_a_deadline_for_head_and_body(says: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "deadline", 0.1)
    async with listener() as open_:
        assert await is_closed(await open_.stranger(says), 5)
        assert await open_.hint("1000.7.1") == 204


async def test_bytes_that_trickle_in_put_the_deadline_off_by_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "deadline", 0.2)
    async with listener() as open_:
        reader, writer = await asyncio.open_connection("127.0.0.1", open_.port)
        closed = asyncio.create_task(is_closed(reader, 5))
        writer.write(f"POST {PATH} HTTP/1.1\r\nHost: sync.example.test\r\nContent-Length: 900\r\n\r\n".encode())
        while not closed.done():
            writer.write(b"x")
            await asyncio.sleep(0.02)
        assert closed.result()
        writer.close()


async def test_a_connection_is_for_one_request() -> None:
    async with listener() as open_:
        reader = await open_.stranger(f"GET {PATH}?id=1000.7.1 HTTP/1.1\r\nHost: sync.example.test\r\n\r\n".encode())
        answer = await reader.read()  # up to its end
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert open_.hints == ["1000.7.1"]
