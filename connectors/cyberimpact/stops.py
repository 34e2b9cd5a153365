"""Unsubscribes and erases contacts, in as few batches as possible (cyberimpact.md section 5).

Neither can be undone, and both may be repeated: whoever is unsubscribed stays so, and whoever is gone is gone.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from connectors.cyberimpact.census import Census
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.crowd import each
from connectors.cyberimpact.halving import deliver_halving
from connectors.cyberimpact.journey import Journey
from connectors.cyberimpact.posting import Post
from connectors.cyberimpact.wire import Result
from syncengine.contracts import Attempt, Attempts, Part, Settled, Stop
from syncengine.errors import SyncError
from syncengine.http import Answer

STOPPING: tuple[Stop, ...] = ("unsubscribe", "delete")


class Verdicts(NamedTuple):
    """Who is stopped, and who surely isn't: `refused` by a row, or `untold`, where the result doesn't say why."""

    stopped: frozenset[str]
    refused: frozenset[str]
    untold: frozenset[str]

    @property
    def settled(self) -> Settled:
        return Settled(self.stopped, self.refused | self.untold)


class StopRoad:
    """Delivers stops by batches of at most `size`."""

    def __init__(
        self, client: CyberimpactClient, attempts: Attempts, post: Post, census: Census, size: int, in_flight: int
    ) -> None:
        self._client = client
        self._attempts = attempts
        self._post = post
        self._census = census
        self._size = size
        self._in_flight = in_flight

    async def deliver(self, journeys: Sequence[Journey]) -> None:
        """Bring these to their end. Raises AuthError, RateLimited and ProviderError when nothing more can be sent, once
        the batches under way have ended.
        """
        loads: list[tuple[Stop, Sequence[Journey]]] = []
        for kind in STOPPING:
            load = [journey for journey in journeys if journey.change.stop == kind]
            loads += [(kind, load[at : at + self._size]) for at in range(0, len(load), self._size)]

        faults: list[SyncError] = []

        async def deliver(load: tuple[Stop, Sequence[Journey]]) -> None:
            if not faults:
                try:
                    await self._deliver(*load)
                except SyncError as fault:  # it would end the others in the middle
                    faults.append(fault)

        await each(loads, deliver, self._in_flight)
        if faults:
            raise faults[0]

    async def _deliver(self, kind: Stop, load: Sequence[Journey]) -> None:
        async def accept(journeys: Sequence[Journey]) -> bool:
            return await self._send(kind, journeys)

        def refuse(journey: Journey) -> None:
            journey.reject("refused", "Cyberimpact refuses to stop the contact, also in a batch of its own.")

        await deliver_halving(load, accept, refuse)

    async def _send(self, kind: Stop, load: Sequence[Journey]) -> bool:
        """Send a batch and see it through. False where it is refused as a whole."""
        open_journeys = {journey.key: journey for journey in load}
        call = self._client.post_deletions if kind == "delete" else self._client.post_unsubscriptions

        async def request(allowed: Sequence[Part]) -> Answer:
            return await call([part.key for part in allowed])

        parts = {key: Part(key, stop=kind) for key in open_journeys}
        posted = await self._post.send(open_journeys, parts, request, kind)
        if posted.status == "done":
            await self._read(kind, open_journeys, posted.attempt, posted.result)
        return posted.status != "refused"

    async def _read(self, kind: Stop, journeys: dict[str, Journey], attempt: Attempt, result: Result) -> None:
        verdicts = await judge_stops(self._census, kind, attempt.allowed, result)
        await self._attempts.settle(attempt, verdicts.settled)
        for key in verdicts.stopped:
            journeys[key].carried = True
        for key in verdicts.refused:
            journeys[key].reject("refused", "Cyberimpact refuses to stop the contact.")
        for key in verdicts.untold:
            journeys[key].retry("unconfirmed", "The batch was completed, but the contact is still as it was.")


async def judge_stops(census: Census, kind: str, keys: Collection[str], result: Result) -> Verdicts:
    """What became of the rows of a finished batch. Whoever it doesn't name as a success is read, never guessed: an
    address that isn't there needs no stop, whatever the text of the error.
    """
    stopped = {key for key in keys if result.succeeded(key)}
    rest = set(keys) - stopped
    if not rest:
        return Verdicts(frozenset(stopped), frozenset(), frozenset())
    listed = await census.suppressed()
    if kind == "unsubscribe":
        stopped |= {key for key in rest if listed.get(key) == "unsubscribed"}
    sights = await census.look(rest - stopped, listed)
    stopped |= {key for key, sight in sights.items() if sight.state == "absent" or result.succeeded(sight.number)}
    refused = {
        key
        for key, sight in sights.items()
        if key not in stopped and (result.failed(key) or result.failed(sight.number))
    }
    return Verdicts(frozenset(stopped), frozenset(refused), frozenset(set(keys) - stopped - refused))
