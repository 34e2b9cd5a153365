"""Turns a stream of hints into few runs: what may have changed is collected, and fetched once.

A hint is an id that somebody outside named, and nothing else of what they sent. It may be wrong, late, doubled or lost:
reading by schedule finds everything without it, only later.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Final

__all__ = ["MOST", "WINDOW", "Hints"]

WINDOW: Final = 3.0
"""Seconds from the first hint to the run: a burst of events about one order is one run."""
MOST: Final = 100
"""Ids that one mapping fetches singly. Each is a request, of a thousand an hour (impact.md section 7): where more have
changed, an ordinary run is cheaper, and live work keeps its share."""


class Hints:
    """The ids that wait, by mapping. `ripe` is told of a mapping whose hints have been collected for long enough."""

    def __init__(self, ripe: Callable[[str], None], window: float = WINDOW) -> None:
        self._ripe = ripe
        self._window = window
        self._waiting: dict[str, set[str]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def add(self, name: str, ids: Collection[str], delay: float | None = None) -> None:
        """These records of a mapping may have changed. `delay`: seconds, where the window isn't meant."""
        waiting = self._waiting.setdefault(name, set())
        if len(waiting) <= MOST:
            waiting.update(ids)
        if name not in self._timers:
            wait = self._window if delay is None else delay
            self._timers[name] = asyncio.get_running_loop().call_later(wait, self._ripen, name)

    def take(self, name: str) -> frozenset[str] | None:
        """The ids that were collected, each once; None where they are too many to be fetched singly."""
        self._drop_timer(name)
        ids = self._waiting.pop(name, set())
        return frozenset(ids) if len(ids) <= MOST else None

    def are_ripe(self, name: str) -> bool:
        """Whether hints wait that the mapping was told of, but didn't take."""
        return name in self._waiting and name not in self._timers

    def stop(self) -> None:
        """Nothing ripens any more."""
        for name in list(self._timers):
            self._drop_timer(name)

    def _ripen(self, name: str) -> None:
        self._drop_timer(name)
        self._ripe(name)

    def _drop_timer(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
