"""One run under way in the daemon: a task with an end, in peace where it can be, by force where it must."""

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

__all__ = ["Turn"]

log = structlog.get_logger(__name__)


class Turn:
    """Ends at its time limit, or earlier when asked to: first after the batch in hand, then by cancelling.

    `ids`: the records that a hint named; None for an ordinary run. `grace`: seconds between the two ends.
    """

    def __init__(
        self,
        name: str,
        work: Callable[["Turn"], Coroutine[Any, Any, None]],
        limit: dt.timedelta,
        grace: float,
        ids: frozenset[str] | None = None,
    ) -> None:
        self.name = name
        self.ids = ids
        self.follows = False
        """Whether an ordinary run is to begin when this one ends."""
        self._grace = grace
        self._limit = limit.total_seconds()
        self._ending = self._waited_for = False
        self.task = asyncio.create_task(work(self), name=f"run {name}")
        self._timer = asyncio.get_running_loop().call_later(self._limit, self._overrun)
        self.task.add_done_callback(lambda _: self._timer.cancel())

    def ending(self) -> bool:
        """Whether it is to end after the batch in hand."""
        return self._ending

    def waited_for(self) -> bool:
        """Whether the mapping is due again, so that what can be put down should be."""
        return self._waited_for

    def wait_for(self) -> None:
        """The mapping is due again."""
        self._waited_for = True
        self.follows = self.follows or self.ids is not None

    def end(self) -> None:
        """Ask it to end after the batch in hand, and cancel it where that takes longer than the grace."""
        if not self._ending:
            self._ending = True
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(self._grace, self.task.cancel)

    def _overrun(self) -> None:
        log.warning("Run over its time limit: it ends after the batch in hand", mapping=self.name, limit=self._limit)
        self.end()
