"""Sends a request with effect: written down first, and with fresh suppressions before every try."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Literal, NamedTuple

import msgspec

from connectors.cyberimpact.client import CyberimpactClient
from syncengine.contracts import Attempt, Attempts, Clock, Part, Settled
from syncengine.errors import AuthError, InDoubt, ProviderError, RateLimited, Transient
from syncengine.http import WITHOUT_EFFECT, Answer

SENDS = 6
"""Tries of one request before it is put off."""
BACKOFF_FIRST, BACKOFF_LONGEST = 1.0, 30.0
"""Seconds between tries where the provider doesn't say how long to wait; doubled each time."""

Request = Callable[[Sequence[Part]], Awaitable[Answer]]


class Reply(NamedTuple):
    """How a request ended. Only `good` and `refused` carry an answer, and leave it to the caller to settle the attempt.

    `barred`: nothing was allowed to be sent. `put_off`: it was not taken, surely without effect. `lost`: nobody knows.
    """

    status: Literal["good", "refused", "barred", "put_off", "lost"]
    attempt: Attempt
    answer: Answer | None = None


class Writer:
    """The one road for requests with effect on contacts. All but the request for an opt-in may be repeated: that one is
    tried again only where it surely had no effect.
    """

    def __init__(self, client: CyberimpactClient, attempts: Attempts, clock: Clock) -> None:
        self._client = client
        self._attempts = attempts
        self._clock = clock

    async def send(self, parts: Sequence[Part], request: Request) -> Reply:
        """Write the parts down, send what of them is allowed, and try again where that may help.

        Raises AuthError, RateLimited and ProviderError, when nothing more can be sent now.
        """
        await self._client.http.ready()
        attempt = await self._attempts.begin(parts)
        untouched = True  # as long as no try can have had an effect
        for number in range(SENDS):
            if number > 0:
                await self._client.http.ready()
                attempt = await self._attempts.renew(attempt)
            attempt = await self._freshen(attempt)
            if not attempt.allowed:
                return Reply("barred", attempt)
            try:
                answer = await request([part for part in parts if part.key in attempt.allowed])
            except RateLimited as error:
                if untouched and error.code in WITHOUT_EFFECT:
                    await self.refute(attempt)
                raise
            except InDoubt:  # of a request that must not leave twice
                return Reply("lost", attempt)
            except AuthError:
                if untouched:
                    await self.refute(attempt)
                raise
            except Transient as error:
                untouched = untouched and error.code in WITHOUT_EFFECT
                if error.retry_after is None and number + 1 < SENDS:  # a stated wait is kept by `ready`
                    await self._clock.sleep(min(BACKOFF_FIRST * 2**number, BACKOFF_LONGEST))
                continue
            if answer.good and not _from_the_api(answer):
                return Reply("lost", attempt)
            return Reply(_judge(answer), attempt, answer)
        if untouched:
            await self.refute(attempt)
        return Reply("put_off" if untouched else "lost", attempt)

    async def confirm(self, attempt: Attempt) -> None:
        await self._attempts.settle(attempt, Settled(confirmed=attempt.allowed))

    async def note(self, attempt: Attempt, receipt: str) -> None:
        await self._attempts.receipt(attempt, receipt)

    async def refute(self, attempt: Attempt) -> None:
        await self._attempts.settle(attempt, Settled(refuted=attempt.allowed))

    async def _freshen(self, attempt: Attempt) -> Attempt:
        """Renew an attempt while another request's answer makes this one wait: it would leave with stale lists."""
        while attempt.allowed and self._client.http.limiter.blocked_until() is not None:
            await self._client.http.ready()
            attempt = await self._attempts.renew(attempt)
        return attempt


def _from_the_api(answer: Answer) -> bool:
    """Whether a good answer can be Cyberimpact's own: JSON, or nothing. A page comes from something in between, and
    whether the request got through nobody knows.
    """
    if not answer.content.strip():
        return True
    try:
        msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return False
    return True


def _judge(answer: Answer) -> Literal["good", "refused"]:
    """What a status means; the texts beside it are not documented, so nobody reads them."""
    if answer.good:
        return "good"
    if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return "refused"
    raise ProviderError(
        f"Cyberimpact answers a change with status {answer.status}, which its documents don't know.",
        hint="Check base_url: something else may be answering there.",
        code="status",
    )
