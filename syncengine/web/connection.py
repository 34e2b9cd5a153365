"""One connection of the listener: one request, for which there is a deadline, and no place for ever.

A stranger may open connections and say nothing. Whoever has a request to make sends it at once, so it is always the
oldest of those that haven't that gives way.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["DEADLINE", "MOST", "Connection"]

MOST: Final = 100
"""At the same time. It stands behind a proxy, and an answer takes a millisecond."""
DEADLINE: Final = 15.0
"""Seconds for everything: the head, a body (`SLOWEST_BODY` of the hooks), the answer."""


class Connection(H11Protocol):
    """As uvicorn makes it, but for its end."""

    deadline = DEADLINE
    most = MOST
    _timer: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.deadline, transport.abort)
        if len(self.connections) > self.most:
            self._oldest().transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def _oldest(self) -> "Connection":
        """That of which the request has been awaited for longest; this one where all others have made theirs."""
        waiting = [each for each in self.connections if isinstance(each, Connection) and each._awaited()]
        return min(waiting, key=lambda each: each._timer.when(), default=self)

    def _awaited(self) -> bool:
        return not self.transport.is_closing() and (self.cycle is None or self.cycle.more_body)
