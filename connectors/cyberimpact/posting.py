"""A batch of any kind, from the note of it to its rows: every kind is sent, waited for and told in the same way."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from connectors.cyberimpact.journey import Journey
from connectors.cyberimpact.polling import Batches
from connectors.cyberimpact.receipts import write_receipt
from connectors.cyberimpact.singles import stop_short
from connectors.cyberimpact.wire import NOTHING_NAMED, Result, read_result
from connectors.cyberimpact.writer import Request, Writer
from syncengine.contracts import Attempt, Attempts, Part
from syncengine.errors import ProviderError
from syncengine.http import Answer

NOT_BATCHES = frozenset({404, 405})
"""Statuses that no row can be blamed for: there is nothing that takes batches."""


class Posted(NamedTuple):
    """How a batch ended. `refused`: as a whole, without effect. `over`: its journeys have ended, or are in doubt.

    `done`: its result is to be read row by row, and the attempt to be settled.
    """

    status: Literal["refused", "over", "done"]
    attempt: Attempt
    result: Result = NOTHING_NAMED


class Post:
    """Sends batches. Raises AuthError, RateLimited and ProviderError when nothing more can be sent now."""

    def __init__(self, attempts: Attempts, writer: Writer, batches: Batches) -> None:
        self._attempts = attempts
        self._writer = writer
        self._batches = batches

    async def send(
        self, journeys: dict[str, Journey], parts: Mapping[str, Part], request: Request, kind: str = ""
    ) -> Posted:
        """Send the parts of these journeys, and wait. Journeys that may not be in it are taken out of `journeys`.

        `kind` stands before the number in the receipt, so that after a crash it is known what the rows are about.
        """
        reply = await self._writer.send(list(parts.values()), request)
        for key in parts.keys() - reply.attempt.allowed:
            journeys.pop(key).barred = True
        if reply.status == "refused":
            await self._writer.refute(reply.attempt)
            if reply.answer is not None and reply.answer.status in NOT_BATCHES:
                raise ProviderError(
                    f"Cyberimpact takes no batches there (status {reply.answer.status}).",
                    hint="Check base_url: something else may be answering there.",
                    code="not_found",
                )
            return Posted("refused", reply.attempt)
        if reply.answer is None:
            for journey in journeys.values():
                stop_short(journey, reply)
            return Posted("over", reply.attempt)
        return await self._wait(journeys, reply.attempt, reply.answer, kind)

    async def _wait(self, journeys: Mapping[str, Journey], attempt: Attempt, answer: Answer, kind: str) -> Posted:
        number = _number(answer)
        batch = None
        if number is not None:
            await self._attempts.receipt(attempt, write_receipt(kind, number))
            batch = await self._batches.result(number)
        if batch is None:
            for journey in journeys.values():
                journey.doubt("not_completed", "Cyberimpact took the batch and has not said what became of it.")
            return Posted("over", attempt)
        return Posted("done", attempt, read_result(batch.get("result"), attempt.allowed))


def _number(answer: Answer) -> str | None:
    """The id of a batch that was just taken; None where the answer doesn't say, and then nobody can ask for it."""
    try:
        made = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return None
    id_ = made.get("id") if isinstance(made, dict) else None
    return str(id_) if isinstance(id_, int | str) and id_ != "" else None
