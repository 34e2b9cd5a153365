"""Serves an application inside the daemon's own event loop, for as long as a `with` block lasts."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog
import uvicorn
from starlette.types import ASGIApp

from syncengine.errors import ConfigError, Problem
from syncengine.web.connection import Connection

__all__ = ["listening"]

KEY: Final = "engine.hooks.listen"
BACKLOG: Final = 128
FAREWELL: Final = 2
"""Seconds that requests under way get at the end."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def listening(app: ASGIApp, host: str, port: int) -> AsyncIterator[int]:
    """Listen while inside; gives the port (0 takes a free one). Raises ConfigError where it can't be listened on."""
    bound = _bind(host, port)
    server = _Server(_configure(app))
    task = asyncio.create_task(server.serve(sockets=[bound]), name="hooks")
    try:
        await server.wait_started(task)
        port = bound.getsockname()[1]
        task.add_done_callback(_notice_end)
        log.info("Hooks listen", port=port)
        yield port
    finally:
        task.remove_done_callback(_notice_end)
        server.stop()
        await asyncio.wait([task])
        bound.close()
        log.info("Hooks listen no more")


class _Server(uvicorn.Server):
    """uvicorn without its polling, and its own handling of signals: the daemon hears them, and stops this first."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        self.server_state.default_headers = self.config.encoded_headers  # else its polling does so
        self._ready.set()
        await self._stop.wait()

    def stop(self) -> None:
        """Answer what is under way, and end."""
        self._stop.set()

    async def wait_started(self, task: "asyncio.Task[None]") -> None:
        """Until requests are answered, or the task has ended without that (its error is raised)."""
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if task.done():
            await task


def _configure(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,  # its lines hold the path, and the path holds the secret
        proxy_headers=False,
        server_header=False,
        date_header=False,
        headers=[("Connection", "close")],  # a place is for one request
        timeout_graceful_shutdown=FAREWELL,
    )


def _bind(host: str, port: int) -> socket.socket:
    """Bound here, because uvicorn would end the process where it can't."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        problem = Problem(KEY, f"{host} is no address here: {_reason(error)}.", 'Such as "127.0.0.1:8377".')
        raise ConfigError([problem]) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        hint = "Choose another port, or stop what listens there."
        raise ConfigError([Problem(KEY, f"{host}:{port} can't be listened on: {_reason(error)}.", hint)]) from None
    return bound


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _notice_end(task: "asyncio.Task[None]") -> None:
    error = None if task.cancelled() else task.exception()
    log.error("Hooks listen no more: restart the daemon", error=type(error).__name__ if error else None)
