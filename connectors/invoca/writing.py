"""Sends one change of a network object or a signal: looked at first, written down, and then sent once."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from connectors.invoca.client import InvocaClient
from connectors.invoca.refusals import Refusal, error_of, read_refusal, says_no
from syncengine.contracts import Attempts, Change, Clock, Outcome, Part, Settled
from syncengine.errors import AuthError, InDoubt, ProviderError, RateLimited, Transient
from syncengine.http import WITHOUT_EFFECT, Answer

SENDS = 4
"""Tries of one change that surely had no effect, before it is put off."""
BACKOFF = 1.0
"""Seconds before the second try where nobody said how long to wait; doubled each time."""

Seen = TypeVar("Seen")
Step = Callable[[], Awaitable[None]]
"""Sends one request of a change."""


class Refused(Exception):
    """A request of a change was refused."""

    def __init__(self, refusal: Refusal, status: int) -> None:
        super().__init__(refusal.kind)
        self.refusal = refusal
        self.status = status


def accept(answer: Answer) -> None:
    """Go on where the answer is good. Raises Refused, and ProviderError for a page of something in between."""
    if says_no(answer):
        raise Refused(read_refusal(answer), answer.status)
    if answer.content.strip():
        answer.json()


class Writer(Generic[Seen]):
    """The one road for requests with effect. `what` names them for people: "advertiser"."""

    def __init__(self, client: InvocaClient, clock: Clock, attempts: Attempts, what: str) -> None:
        self._client = client
        self._clock = clock
        self._attempts = attempts
        self._what = what

    async def write(
        self,
        change: Change,
        look: Callable[[], Awaitable[Seen]],
        plan: Callable[[Seen], Sequence[Step]],
        receipt: Callable[[Seen], str] | None = None,
    ) -> Outcome | None:
        """Look at what is there, write the change down, and send each request that it needs, in this order.

        None where it may not be sent. `receipt` makes a name under which the outcome can be read back; it is stored
        before the request leaves. Raises AuthError, RateLimited, and what looking and planning raise.
        """
        seen = await look()
        steps = list(plan(seen))
        attempt = await self._attempts.begin([Part(change.key, dict(change.fields))])
        if attempt.allowed and receipt is not None:
            await self._attempts.receipt(attempt, receipt(seen))
        for number in range(SENDS):
            if number:
                await self._client.http.ready()
                attempt = await self._attempts.renew(attempt)
            if not attempt.allowed:
                return None
            nothing = Settled(refuted=attempt.allowed)
            try:
                while steps:
                    await steps[0]()
                    del steps[0]
                    if steps:
                        attempt = await self._attempts.renew(attempt)
                        if not attempt.allowed:
                            return None
            except Refused as refused:
                if refused.refusal.kind == "internal":
                    return self._doubt(change)
                await self._attempts.settle(attempt, nothing)
                return self._rejected(change, refused)
            except (AuthError, RateLimited):
                await self._attempts.settle(attempt, nothing)
                raise
            except Transient as error:
                if error.code not in WITHOUT_EFFECT:
                    return self._doubt(change)
                if error.retry_after is None and number + 1 < SENDS:
                    await self._clock.sleep(BACKOFF * 2**number)
                continue
            except (InDoubt, ProviderError):
                return self._doubt(change)
            await self._attempts.settle(attempt, Settled(confirmed=attempt.allowed))
            return Outcome(change.key, "delivered")
        await self._attempts.settle(attempt, Settled(refuted=attempt.allowed))
        return Outcome(change.key, "retry", code="not_taken")

    def _rejected(self, change: Change, refused: Refused) -> Outcome:
        """A refusal for a reason of this change; raises where rights are missing, which holds for all."""
        refusal = refused.refusal
        if refusal.kind in {"forbidden", "unclear"}:
            raise error_of(refusal, refused.status, self._client.label, self._what)
        if refusal.kind == "not_found":
            message = f"What this {self._what} belongs to doesn't exist at Invoca."
            return Outcome(change.key, "rejected", code="not_found", message=message)
        if refusal.kind == "kept":
            message = f"Invoca keeps this {self._what}: it has campaigns, or the token's user may not delete it."
            return Outcome(change.key, "rejected", code="not_deleted", message=message)
        named = ", ".join(refusal.fields) or "unnamed"
        stays = f" It stays {refusal.state}." if refusal.state else ""
        message = f"Invoca refuses this {self._what}; wrong: {named}.{stays}"
        return Outcome(change.key, "rejected", code="refused", field=refusal.field, message=message)

    def _doubt(self, change: Change) -> Outcome:
        message = f"No answer says whether this {self._what} was taken."
        return Outcome(change.key, "in_doubt", code="no_answer", message=message)
