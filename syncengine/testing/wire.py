"""Sees every request of a connector, in its order and by the clock, whatever the connector says that it did."""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import httpx

from syncengine.contracts import Clock
from syncengine.redaction import Redactor
from syncengine.testing.verdict import Endless

MOST_REQUESTS = 1_000
"""Requests of one rule. The longest needs some hundreds; a connector that goes round in circles gets here quickly."""

Edit = Callable[[bytes], bytes]


@dataclass(slots=True)
class Sent:
    """One request. `at` is the monotonic clock when it left; `status` stays None where no answer came.

    `answered` and `answered_at` tell where the log and the clock stood when the answer came.
    """

    method: str
    path: str
    body: bytes
    at: float
    status: int | None = None
    answered: int = 0
    answered_at: float = 0.0

    def matches(self, method: str, path: str) -> bool:
        """Whether it is one of those: `method` must match whole, `path` is searched."""
        return re.fullmatch(method, self.method) is not None and re.search(path, self.path) is not None

    def mentions(self, text: str) -> bool:
        """Whether it carries this text in path, query or body, in any usual spelling."""
        return Spelling(text).within(f"{self.path}\n{self.body.decode('utf-8', 'replace')}")


class Spelling:
    """A text in every form in which it can turn up: as it is, percent-encoded, escaped, in base64 at any alignment."""

    def __init__(self, *texts: str) -> None:
        self._redactor = Redactor()
        for text in texts:
            self._redactor.register(text)

    def within(self, text: str) -> bool:
        return self._redactor.hide_secrets(text) != text


def _nothing(_: Sent) -> None:
    """Nobody is interested."""


class Wire:
    """The log of all requests. `before` and `after` are called around each and may raise; `edit` changes answers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.sent: list[Sent] = []
        self.before: Callable[[Sent], None] = _nothing
        self.after: Callable[[Sent], None] = _nothing
        self.edit: Callable[[], Edit | None] = lambda: None

    def transport(self) -> httpx.AsyncBaseTransport:
        """A transport for one connection."""
        return _Tap(self)

    def note(self, request: httpx.Request, body: bytes) -> Sent:
        if len(self.sent) >= MOST_REQUESTS:
            raise Endless
        sent = Sent(request.method, request.url.raw_path.decode("latin-1"), body, self._clock.monotonic())
        self.sent.append(sent)
        return sent

    def note_answer(self, sent: Sent, status: int) -> None:
        sent.status, sent.answered, sent.answered_at = status, len(self.sent), self._clock.monotonic()

    def waited(self, sent: Sent) -> float | None:
        """Seconds from the answer to this request to the next one that left after it; None where none did."""
        later = self.sent[sent.answered :]
        return later[0].at - sent.answered_at if later else None


class _Tap(httpx.AsyncBaseTransport):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._inner = httpx.AsyncHTTPTransport(verify=_trust())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = self._wire.note(request, await request.aread())
        self._wire.before(sent)
        response = await self._inner.handle_async_request(request)
        self._wire.note_answer(sent, response.status_code)
        try:
            self._wire.after(sent)
        except BaseException:
            await response.aclose()
            raise
        edit = self._wire.edit()
        if edit is None:
            return response
        content = edit(await response.aread())
        await response.aclose()
        kept = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_THE_OLD_BODY]
        return httpx.Response(response.status_code, headers=kept, content=content)

    async def aclose(self) -> None:
        await self._inner.aclose()


@cache
def _trust() -> ssl.SSLContext:
    """Made once: it costs more than all the rest of a connection."""
    return httpx.create_ssl_context()


_OF_THE_OLD_BODY = frozenset({"content-length", "content-encoding", "transfer-encoding"})
