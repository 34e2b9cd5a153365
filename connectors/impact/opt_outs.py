"""Remembers who opted out of Outreach mail, so that a list that comes short one day invites nobody back.

impact.com only adds to that list: there is no way to subscribe again (impact.md section 5.5).
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from syncengine.contracts import Memory

KEY = "opt-outs"
DIGITS = 16
"""Hexadecimal digits of a mark: of a million addresses, two have the same one in a single case of 37 million."""
MOST = 50_000
"""Marks that are kept, about 1 MB. Beyond it the oldest make room: who is still listed is still told from the list."""


class OptOuts:
    """Marks of the addresses that have ever been seen on the list, of any campaign, kept over restarts."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def add(self, addresses: Iterable[str]) -> Mapping[str, str | None]:
        """Remember these; returns the marks of all, with the address where it is one of these."""
        stored = await self._memory.get(KEY)
        known: dict[str, str | None] = dict.fromkeys(msgspec.json.decode(stored, type=list[str]) if stored else ())
        everybody = known | {mark(address): address for address in addresses}
        if len(everybody) > len(known):
            await self._memory.put(KEY, msgspec.json.encode(list(everybody)[-MOST:]).decode())
        return everybody


def fold_address(address: object) -> str:
    """An address as it is compared: impact.com keeps the letters as they were typed."""
    return str(address or "").strip().lower()


def mark(address: object) -> str:
    """What tells addresses apart without showing one."""
    return hashlib.sha256(fold_address(address).encode()).hexdigest()[:DIGITS]
