"""Remembers which addresses each partner contact had, so that an opt-out reaches who left or changed address since.

The list of opt-outs names addresses and no contacts, and Contacts shows only who is one now (impact.md section 5.5).
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec
import structlog

from connectors.impact.opt_outs import fold_address, mark
from syncengine.contracts import Memory

KEY = "contacts"
MOST = 200_000
"""Contacts that are remembered, about 8 MB. Beyond it the oldest make room, and the log says so."""

log = structlog.get_logger(__name__)


class Roster:
    """The ids of the contacts that were ever handed over, with the marks of their addresses, kept over restarts."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._one_at_a_time = asyncio.Lock()  # two mappings may read the same people at once

    async def add(self, contacts: Iterable[Mapping[str, Any]]) -> Mapping[str, Collection[str]]:
        """Remember these, before anybody is told of them; returns the marks of all that are remembered, by id."""
        async with self._one_at_a_time:
            return await self._add(contacts)

    async def _add(self, contacts: Iterable[Mapping[str, Any]]) -> Mapping[str, Collection[str]]:
        stored = await self._memory.get(KEY)
        known = msgspec.json.decode(stored, type=dict[str, list[str]]) if stored else {}
        new = 0
        for contact in contacts:
            address = fold_address(contact.get("EmailAddress"))
            marks = known.setdefault(contact["Id"], [])
            if address and mark(address) not in marks:
                marks.append(mark(address))
                new += 1
        if new:
            kept = {id: marks for id, marks in known.items() if marks}
            if len(kept) > MOST:
                log.warning("more partner contacts than are remembered", records=len(kept), limit=MOST)
            latest = dict(list(kept.items())[-MOST:])
            await self._memory.put(KEY, msgspec.json.encode(latest).decode())
        return known
