"""The listener lives inside the daemon's loop, says where a port is taken, and gives no secret away."""

import asyncio
import io
import socket
from contextlib import closing

import httpx
import pytest

from syncengine import logs
from syncengine.errors import ConfigError
from syncengine.redaction import register_secret
from syncengine.web.hooks import Hook, hook_app
from syncengine.web.listener import listening
from tests.clock import FakeClock

SECRET = "a-made-up-secret-of-the-listener"


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    logs.configure("debug", format="json", stream=stream)
    return stream


async def test_it_answers_while_it_is_open_and_its_log_holds_neither_secret_nor_id(log: io.StringIO) -> None:
    register_secret(SECRET)
    hints: list[object] = []
    hook = Hook(SECRET, {"impact.actions"}, lambda stream, ids: hints.append((stream, *ids)), FakeClock())
    async with listening(hook_app(hook), "127.0.0.1", 0) as port, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{port}/hooks/{SECRET}/impact.actions"
        answer = await client.post(url, content='{"id": "1000.7.200077"}')
        assert (answer.status_code, answer.content) == (204, b"")
        assert "server" not in answer.headers
        assert (await client.get(url.replace(SECRET, "x" * 32))).status_code == 404
    assert hints == [("impact.actions", "1000.7.200077")]
    with pytest.raises(httpx.ConnectError):
        async with httpx.AsyncClient() as client:
            await client.get(url)
    assert '"Hooks listen"' in log.getvalue()
    assert SECRET not in log.getvalue()
    assert "200077" not in log.getvalue()


async def test_what_is_no_http_leaves_it_alone(log: io.StringIO) -> None:
    hook = Hook(SECRET, {"impact.actions"}, lambda stream, ids: None, FakeClock())
    async with listening(hook_app(hook), "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01 somebody speaks TLS\r\n\r\n")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/hooks/{SECRET}/impact.actions")).status_code == 204


async def test_a_port_that_is_taken_is_named_with_its_key() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"engine.hooks.listen: 127.0.0.1:{port} .* in use") as caught:
            async with listening(hook_app(Hook(SECRET, (), lambda stream, ids: None, FakeClock())), "127.0.0.1", port):
                pass
    assert caught.value.hint == "Choose another port, or stop what listens there."


async def test_a_host_that_is_none_is_named_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"engine.hooks.listen: no-such-host.invalid is no address here"):
        async with listening(
            hook_app(Hook(SECRET, (), lambda stream, ids: None, FakeClock())), "no-such-host.invalid", 0
        ):
            pass
