"""One request and its answer, and the ways in which a fault spoils them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncengine.sandbox.faults import Fault
from syncengine.sandbox.seen import Seen

GATEWAY_PAGE = b"<html><head><title>Gateway</title></head><body><h1>Something went wrong</h1></body></html>"


class Exchange(NamedTuple):
    """A request that has been read whole, and the way back to its sender."""

    scope: Scope
    send: Send
    seen: Seen

    async def answer(self, app: ASGIApp) -> None:
        """Let `app` answer, and note the status."""
        await app(self.scope, self._receive(), self._note)

    async def collect(self, app: ASGIApp) -> tuple[Message, bytes]:
        """Let the effect happen and keep the answer back: its start and its body."""
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await app(self.scope, self._receive(), keep)
        return sent[0], b"".join(message.get("body", b"") for message in sent[1:])

    async def begin(self, start: Message, body: bytes) -> None:
        """Send the start of an answer and a part of its body."""
        await self._note(start)
        await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def _note(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.seen.status = message["status"]
        await self.send(message)

    def _receive(self) -> Receive:
        """The body again, for the application that answers: it was read for the log already."""
        messages: list[Message] = [{"type": "http.request", "body": self.seen.body, "more_body": False}]

        async def receive() -> Message:
            return messages.pop() if messages else {"type": "http.disconnect"}

        return receive


async def open_exchange(scope: Scope, receive: Receive, send: Send) -> Exchange:
    """Read the request whole and note it, without its credentials."""
    chunks, more = [], True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    headers["authorization"] = "present" if "authorization" in headers else "absent"
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    seen = Seen(method=scope["method"], path=scope["path"], query=query, headers=headers, body=b"".join(chunks))
    return Exchange(scope, send, seen)


async def inject(fault: Fault, exchange: Exchange, app: ASGIApp) -> None:
    """Spoil the exchange as the fault says; `app` is asked only by the faults with an effect."""
    exchange.seen.fault = fault.kind
    match fault.kind:
        case "status":
            await exchange.answer(Response(fault.body, fault.status, fault.headers))
        case "malformed":
            await exchange.answer(Response(GATEWAY_PAGE, media_type="text/html"))
        case "delay":
            await asyncio.sleep(fault.seconds)
            await exchange.answer(app)
        case "drop_before":
            exchange.seen.status = "dropped"
            await _cut(exchange.send)
        case "drop_after":
            await exchange.collect(app)
            exchange.seen.status = "dropped"
            await _cut(exchange.send)
        case "truncate":
            start, body = await exchange.collect(app)
            await exchange.begin(start, body[: len(body) // 2])
            await _cut(exchange.send, flush=True)


async def _cut(send: Callable[[Message], Awaitable[None]], *, flush: bool = False) -> None:
    """Cut the TCP connection; with `flush` what was written arrives first.

    ASGI knows no such message, so this reaches for the transport of uvicorn's request cycle. Without one (an in-process
    transport) the same shows to the client as ConnectionResetError.
    """
    cycle = getattr(send, "__self__", None)
    if cycle is None:
        raise ConnectionResetError
    if flush:
        cycle.transport.close()
    else:
        cycle.transport.abort()
    while not cycle.disconnected:  # noqa: ASYNC110 - uvicorn has a flag here, no event
        await asyncio.sleep(0)
