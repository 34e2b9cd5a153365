"""Waits for a batch: its end is only to be had by asking again and again."""

from collections.abc import Mapping
from typing import Any

from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.settings import CyberimpactSettings
from syncengine.contracts import Clock
from syncengine.errors import ProviderError, RateLimited, Transient

COMPLETED = "COMPLETED"
"""The one word that ends a batch (cyberimpact.md section 5). Any other, known or not, means that it isn't known yet."""
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
        """A completed batch as it was answered; None where it isn't known, or not completed by the deadline.

        Raises AuthError and RateLimited; trouble that may pass is waited out.
        """
        ends = self._clock.monotonic() + self._deadline
        wait = self._first
        while True:
            try:
                batch = await self._client.batch(receipt)
            except RateLimited:
                raise
            except (Transient, ProviderError):
                pass
            else:
                if batch is None or str(batch.get("status", "")).upper() == COMPLETED:
                    return batch
            left = ends - self._clock.monotonic()
            if left <= 0:
                return None
            await self._clock.sleep(min(wait, left))
            wait = min(wait * SLOWER, LONGEST_WAIT)
