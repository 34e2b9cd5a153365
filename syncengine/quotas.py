"""Lets quotas outlive the process: what one run learnt of them, the next one keeps, and `status` shows.

Each connection remembers those of its accounts, in its `Memory`. What it remembers is only a saving: without it, the
provider says it again.
"""

import datetime as dt
from collections.abc import Mapping

import msgspec
import structlog

from syncengine.contracts import Clock, Memory
from syncengine.errors import StateError
from syncengine.pacing import Limiter, Pace, Quota

__all__ = ["QUOTA", "Quotas", "read_quotas"]

QUOTA = "quota"
"""What a connection remembers its quotas under: by account, so that a new token begins with a new one."""

log = structlog.get_logger(__name__)


class Quotas:
    """The limiters of one connection. `limiters` is shared by all connections of the process, by account."""

    def __init__(self, label: str, clock: Clock, limiters: dict[str, Limiter], memory: Memory | None) -> None:
        self._label = label
        self._clock = clock
        self._limiters = limiters
        self._memory = memory
        self._own: dict[str, Limiter] = {}
        self._remembered = 0

    def limiter(self, account: str, pace: Pace | None) -> Limiter:
        """That of an account: the one there is, or a new one."""
        limiter = self._limiters.get(account) or Limiter(self._label, pace, self._clock)
        self._own[account] = self._limiters[account] = limiter
        return limiter

    def remaining(self) -> int | None:
        """The fewest requests left of any account of the process; None where no limit is known."""
        known = [left for limiter in self._limiters.values() if (left := limiter.remaining()) is not None]
        return min(known, default=None)

    async def recall(self) -> None:
        """Go on from what was remembered last."""
        text = await self._memory.get(QUOTA) if self._memory is not None else None
        for account, quota in read_quotas(text).items():
            if account in self._own:
                self._own[account].restore(quota)

    async def remember(self) -> None:
        """Keep what is known now, durably, where anything was asked since the last time.

        Another process may have learnt more since: a block that it was told, or a newer count, is kept. Where the state
        can't be written, that is only said: it must not stand in the place of what a run has to tell.
        """
        taken = sum(limiter.taken for limiter in self._own.values())
        if self._memory is None or taken == self._remembered:
            return
        self._remembered = taken
        try:
            await self._keep(self._memory)
        except StateError as error:
            log.warning("Quotas not kept", connection=self._label.removeprefix("connections."), code=error.code)

    async def _keep(self, memory: Memory) -> None:
        stored, now = read_quotas(await memory.get(QUOTA)), self._clock.now()
        known = {account: quota for account, quota in stored.items() if account in self._own}
        for account, limiter in self._own.items():
            if limiter.taken:
                quota = limiter.quota()
                known[account] = _merge(quota, known.get(account, quota), now)
        await memory.put(QUOTA, msgspec.json.encode(known).decode())


def read_quotas(text: str | None) -> Mapping[str, Quota]:
    """What a connection remembers, by account; nothing where it remembers nothing, or it can't be read."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Quota])
    except msgspec.DecodeError:
        return {}


def _merge(own: Quota, stored: Quota, now: dt.datetime) -> Quota:
    """The newer count, and the later block that isn't over.

    What a clock ahead of ours has stored is not believed: it would stay the newer one.
    """
    if stored.at > now:
        return own
    blocks = [until for until in (own.blocked_until, stored.blocked_until) if until is not None and until > now]
    newer = stored if stored.at > own.at else own
    return msgspec.structs.replace(newer, blocked_until=max(blocks, default=None))
