"""Remembers the transactions that we made ourselves, so that what we write doesn't come back as news.

A signal or custom data that is written shows at the tail of the log as a new row (invoca.md section 7).
"""

from collections.abc import Collection

import msgspec

from syncengine.contracts import Memory

KEY = "echoes"
MOST = 2_000
"""Ids that are kept: at ten signals a request, the last two hundred requests."""


class Echoes:
    """Ids of our own transactions, kept over restarts. A forgotten one is read as anybody's: harmless."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._ids: dict[str, None] | None = None

    async def ids(self) -> Collection[str]:
        if self._ids is None:
            stored = await self._memory.get(KEY)
            self._ids = dict.fromkeys(msgspec.json.decode(stored, type=list[str]) if stored else ())
        return self._ids.keys()

    async def add(self, ids: Collection[str]) -> None:
        """Remember these; the oldest make room."""
        kept = [*await self.ids(), *ids][-MOST:]
        self._ids = dict.fromkeys(kept)
        await self._memory.put(KEY, msgspec.json.encode(kept).decode())
