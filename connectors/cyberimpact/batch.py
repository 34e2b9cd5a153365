"""One batch: written down, sent, waited for, and read row by row, because COMPLETED alone says nothing (section 5)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from connectors.cyberimpact.census import Census, Sight
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.consent import stands_against
from connectors.cyberimpact.crowd import each
from connectors.cyberimpact.halving import deliver_halving
from connectors.cyberimpact.journey import Journey
from connectors.cyberimpact.posting import Post
from connectors.cyberimpact.singles import Singles
from connectors.cyberimpact.wire import CustomIds, Result, batch_body
from syncengine.contracts import Attempt, Attempts, Part, Settled
from syncengine.http import Answer

SINGLES_AT_ONCE = 4


class Load(NamedTuple):
    """The people of one batch."""

    basis: str
    groups: frozenset[int]
    journeys: Sequence[Journey]


class BatchRoad:
    """Delivers loads by batches. `size` is the most contacts that one may hold; it shrinks where that is too many."""

    def __init__(
        self,
        *,
        client: CyberimpactClient,
        attempts: Attempts,
        post: Post,
        census: Census,
        singles: Singles,
        custom: CustomIds,
        size: int,
    ) -> None:
        self._client = client
        self._attempts = attempts
        self._post = post
        self._census = census
        self._singles = singles
        self._custom = custom
        self.size = size

    async def deliver(self, load: Load) -> None:
        """Bring a load to its end: every journey has arrived with it, ended, or is barred.

        Raises AuthError, RateLimited and ProviderError when nothing more can be sent now.
        """

        async def accept(journeys: Sequence[Journey]) -> bool:
            return await self._send(Load(load.basis, load.groups, journeys))

        def refuse(journey: Journey) -> None:
            journey.reject("refused", "Cyberimpact refuses the contact, also in a batch of its own.")

        limit = await deliver_halving(load.journeys, accept, refuse)
        if limit is not None:
            self.size = min(self.size, limit)

    async def _send(self, load: Load) -> bool:
        """Send a batch and see it through. False where it is refused as a whole."""
        open_journeys = {journey.key: journey for journey in load.journeys if not journey.barred}
        parts = {key: journey.part(load.groups) for key, journey in open_journeys.items()}
        if not parts:
            return True

        async def request(allowed: Sequence[Part]) -> Answer:
            return await self._client.post_batch(batch_body(load.basis, load.groups, allowed, self._custom))

        posted = await self._post.send(open_journeys, parts, request)
        if posted.status == "done":
            await self._read(load.groups, open_journeys, parts, posted.attempt, posted.result)
        return posted.status != "refused"

    async def _read(
        self,
        groups: frozenset[int],
        journeys: Mapping[str, Journey],
        parts: Mapping[str, Part],
        attempt: Attempt,
        result: Result,
    ) -> None:
        confirmed = frozenset(key for key in attempt.allowed if result.succeeded(key))
        if confirmed:
            await self._attempts.settle(attempt, Settled(confirmed=confirmed))
        for key in confirmed:
            journeys[key].arrive(groups)
        rest = {key: journeys[key] for key in attempt.allowed - confirmed}
        if rest:
            await self._look_closely(groups, rest, parts, attempt, result)

    async def _look_closely(
        self,
        groups: frozenset[int],
        journeys: Mapping[str, Journey],
        parts: Mapping[str, Part],
        attempt: Attempt,
        result: Result,
    ) -> None:
        """What became of rows with an error, of those named by number and of those not named: read, not guessed."""
        barred = await self._census.suppressed()
        sights = await self._census.look(journeys, barred)
        confirmed: set[str] = set()
        without_consent: list[Journey] = []
        for key, journey in journeys.items():
            sight, number = sights[key], sights[key].number
            if key in barred:
                journey.suppress(barred[key])
            elif not (result.failed(key) or result.failed(number)):
                # Case: done, says its number or the contact itself; else it is tried again.
                if result.succeeded(number) or self._shows(sight, groups, parts[key]):
                    confirmed.add(key)
                    journey.arrive(groups)
                else:
                    journey.retry("unconfirmed", "The batch was completed, but the contact doesn't show the change.")
            elif sight.state == "subscribed" and (sight.express or stands_against(sight.consent, parts[key].consent)):
                # Case: an error because better consent is there: everything but the consent goes by another road.
                if groups and groups <= sight.groups:
                    confirmed.add(key)
                    journey.joined |= groups
                without_consent.append(journey)
            else:
                journey.reject("refused", "Cyberimpact refuses the contact.")
        settled = Settled(frozenset(confirmed), frozenset(journeys.keys() - confirmed))
        await self._attempts.settle(attempt, settled)
        await each(without_consent, self._singles.add, SINGLES_AT_ONCE)

    def _shows(self, sight: Sight, groups: frozenset[int], part: Part) -> bool:
        """Whether a contact, as it was read, has all that was sent."""
        if sight.state != "subscribed" or sight.member is None or not groups <= sight.groups:
            return False
        consented = sight.express or stands_against(sight.consent, part.consent)
        return consented and self._custom.shown(sight.member, part.fields)
