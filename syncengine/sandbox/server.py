"""Runs an ASGI application on a free port of this machine, for as long as a `with` block lasts."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

BACKLOG = 128
PATIENCE = 0.1
"""Seconds between two looks at whether the thread is still alive."""


class _Listener(uvicorn.Server):
    """uvicorn without its polling: it stops at once, and cuts the connections that are still open."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ready = threading.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        await self._stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A connection that was accepted just now has no protocol yet. It gets one, so that it can be cut: after the
        # close it couldn't any more, and its socket would stay open.
        while accepting := asyncio.all_tasks() - {asyncio.current_task()} - self.server_state.tasks:
            await asyncio.gather(*accepting, return_exceptions=True)
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()
        # The transports close in the next turns of the loop; leaving before would warn of unclosed sockets.
        while self.server_state.connections:  # noqa: ASYNC110 - uvicorn keeps a set here, no event
            await asyncio.sleep(0)

    def stop(self) -> None:
        """Ask it, from another thread, to end."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)


def _bind(port: int) -> socket.socket:
    """A listening socket that names its protocol: asyncio sends without delay (TCP_NODELAY) on no other.

    Without that each answer of two writes waits 40 ms for an acknowledgement.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _quiet(app: ASGIApp) -> ASGIApp:
    """A request that the stop interrupts is no error: uvicorn would log a traceback for it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            return

    return answer


class Server:
    """A sync and async context manager around one application; `url` has no slash at its end.

    The application runs in a thread with an event loop of its own, so a blocking client can talk to it too. Only
    127.0.0.1 is listened on. `port` 0 takes a free one.
    """

    def __init__(self, app: ASGIApp, *, port: int = 0) -> None:
        self._app = _quiet(app)
        self._port = port
        self._thread: threading.Thread | None = None
        self._listener: _Listener | None = None
        self.url = ""

    def start(self) -> None:
        """Listen. The port is bound here already, so OSError (port taken) reaches the caller."""
        bound = _bind(self._port)
        self.url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        self._listener = _Listener(config)
        self._thread = threading.Thread(target=self._listener.run, args=([bound],), name="sandbox", daemon=True)
        self._thread.start()
        while not self._listener.ready.wait(PATIENCE):
            if not self._thread.is_alive():
                problem = "the server ended before it was ready"
                raise RuntimeError(problem)

    def stop(self) -> None:
        """Stop listening, cut what is open and wait for the thread."""
        if self._listener is None or self._thread is None:
            return
        self._listener.stop()
        self._thread.join()
        self._listener = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)
