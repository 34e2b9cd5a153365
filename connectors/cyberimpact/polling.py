"""Waits for a batch: its end is only to be had by asking again and again."""

from collections.abc import Mapping
from typing import Any

from connectors.cyberimpact.client import NOT_FOUND, REFUSED, CyberimpactClient
from connectors.cyberimpact.settings import CyberimpactSettings
from syncengine.contracts import Clock
from syncengine.errors import ProviderError, RateLimited, Transient

COMPLETED = "COMPLETED"
"""The one word that surely ends a batch (cyberimpact.md section 5). With any other, rows do: words have been seen that
no document knows.
"""
UNDER_WAY = frozenset({"NEW", "PROCESSING"})
"""The words of a batch that is being worked off: its rows may be only the first ones."""
REFUSALS = 3
"""After so many looks in a row at a batch that isn't shown nobody can tell. One made just now may show late."""
SETTLING = 60.0
"""Seconds that a batch of an earlier run is waited for: new work waits behind it."""
SLOWER = 1.5
LONGEST_WAIT = 10.0
"""Each wait is so many times the one before, up to so many seconds."""


class Batches:
    """Asks how batches are."""

    def __init__(self, client: CyberimpactClient, clock: Clock, settings: CyberimpactSettings) -> None:
        self._client = client
        self._clock = clock
        self._first = settings.poll_every.total_seconds()
        self._deadline = settings.batch_deadline.total_seconds()

    async def result(self, receipt: str) -> Mapping[str, Any] | None:
        """A finished batch as it was answered; None where it isn't known, or not finished by the deadline.

        Raises AuthError and RateLimited; trouble that may pass is waited out.
        """
        ends = self._clock.monotonic() + self._deadline
        wait = self._first
        refusals = 0
        while True:
            try:
                batch = await self._look(receipt)
            except ProviderError:
                refusals += 1
            else:
                refusals = 0
                if batch is not None:
                    return batch
            left = ends - self._clock.monotonic()
            if left <= 0 or refusals == REFUSALS:
                return None
            await self._clock.sleep(min(wait, left))
            wait = min(wait * SLOWER, LONGEST_WAIT)

    async def earlier(self, receipt: str) -> Mapping[str, Any] | None:
        """The same for a batch of an earlier run, which is waited for less long.

        Raises ProviderError where the batch isn't known (any more), AuthError and RateLimited.
        """
        ends = self._clock.monotonic() + min(self._deadline, SETTLING)
        wait = self._first
        while (batch := await self._look(receipt)) is None:
            left = ends - self._clock.monotonic()
            if left <= 0:
                return None
            await self._clock.sleep(min(wait, left))
            wait = min(wait * SLOWER, LONGEST_WAIT)
        return batch

    async def _look(self, receipt: str) -> Mapping[str, Any] | None:
        """The batch where it is finished. Raises ProviderError where Cyberimpact doesn't show it (a 4xx)."""
        try:
            batch = await self._client.batch(receipt)
        except RateLimited:
            raise
        except Transient:
            return None
        except ProviderError as error:
            if error.code in {NOT_FOUND, REFUSED}:
                raise
            return None  # a page from something in between tells nothing of the batch
        return batch if _is_finished(batch) else None


def _is_finished(batch: Mapping[str, Any]) -> bool:
    word = str(batch.get("status", "")).upper()
    result = batch.get("result")
    if word == COMPLETED or not isinstance(result, Mapping):
        return word == COMPLETED
    told = _rows(result, "successes", "errors")
    return told > 0 and (word not in UNDER_WAY or told >= _rows(batch.get("batchJson"), "members", "ids"))


def _rows(value: object, *names: str) -> int:
    """How many rows stand under these names; one that is no list counts as one."""
    lists = [value.get(name) for name in names] if isinstance(value, Mapping) else []
    return sum(len(rows) if isinstance(rows, list) else 1 for rows in lists if rows)
