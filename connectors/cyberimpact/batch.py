"""One batch: written down, sent, waited for, and read row by row, because COMPLETED alone says nothing (section 5)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from connectors.cyberimpact.census import Census, Sight
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.consent import stands_against
from connectors.cyberimpact.crowd import each
from connectors.cyberimpact.halving import deliver_halving
from connectors.cyberimpact.journey import Journey
from connectors.cyberimpact.polling import Batches
from connectors.cyberimpact.singles import Singles, stop_short
from connectors.cyberimpact.wire import CustomIds, Result, batch_body, read_result
from connectors.cyberimpact.writer import Writer
from syncengine.contracts import Attempt, Attempts, Part, Settled
from syncengine.errors import ProviderError
from syncengine.http import Answer

NOT_BATCHES = frozenset({404, 405})
"""Statuses that no row can be blamed for: there is nothing that takes batches."""
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
        writer: Writer,
        census: Census,
        batches: Batches,
        singles: Singles,
        custom: CustomIds,
        size: int,
    ) -> None:
        self._client = client
        self._attempts = attempts
        self._writer = writer
        self._census = census
        self._batches = batches
        self._singles = singles
        self._custom = custom
        self.size = size

    async def deliver(self, load: Load) -> None:
        """Bring a load to its end: every journey has arrived with it, ended, or is barred.

        Raises AuthError, RateLimited and ProviderError when nothing more can be sent now.
        """

        async def accept(journeys: Sequence[Journey]) -> bool:
            return await self._post(Load(load.basis, load.groups, journeys))

        def refuse(journey: Journey) -> None:
            journey.reject("refused", "Cyberimpact refuses the contact, also in a batch of its own.")

        limit = await deliver_halving(load.journeys, accept, refuse)
        if limit is not None:
            self.size = min(self.size, limit)

    async def _post(self, load: Load) -> bool:
        """Send a batch and see it through. False where it is refused as a whole."""
        open_journeys = {journey.key: journey for journey in load.journeys if not journey.barred}
        parts = {key: journey.part(load.groups) for key, journey in open_journeys.items()}
        if not parts:
            return True

        async def request(allowed: Sequence[Part]) -> Answer:
            return await self._client.post_batch(batch_body(load.basis, load.groups, allowed, self._custom))

        reply = await self._writer.send(list(parts.values()), request)
        for key in parts.keys() - reply.attempt.allowed:
            open_journeys.pop(key).barred = True
        if reply.status == "refused":
            await self._writer.refute(reply.attempt)
            if reply.answer is not None and reply.answer.status in NOT_BATCHES:
                raise ProviderError(
                    f"Cyberimpact takes no batches there (status {reply.answer.status}).",
                    hint="Check base_url: something else may be answering there.",
                    code="not_found",
                )
            return False
        if reply.answer is None:
            for journey in open_journeys.values():
                stop_short(journey, reply)
            return True
        await self._see_through(load.groups, open_journeys, parts, reply.attempt, reply.answer)
        return True

    async def _see_through(
        self,
        groups: frozenset[int],
        journeys: Mapping[str, Journey],
        parts: Mapping[str, Part],
        attempt: Attempt,
        answer: Answer,
    ) -> None:
        receipt = _receipt(answer)
        batch = None
        if receipt is not None:
            await self._attempts.receipt(attempt, receipt)
            batch = await self._batches.result(receipt)
        if batch is None:
            for journey in journeys.values():
                journey.doubt("not_completed", "Cyberimpact took the batch and has not said what became of it.")
            return
        result = read_result(batch.get("result"), attempt.allowed)
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


def _receipt(answer: Answer) -> str | None:
    """The id of a batch that was just taken; None where the answer doesn't say, and then nobody can ask for it."""
    try:
        made = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return None
    id_ = made.get("id") if isinstance(made, dict) else None
    return str(id_) if isinstance(id_, int | str) and id_ != "" else None
