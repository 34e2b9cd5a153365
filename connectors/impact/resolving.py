"""Answers action inquiries: the only thing that this connector changes, and only where the settings allow it.

No document says what a second answer to the same inquiry does (impact.md section 6). So each is read before it is
answered: one that is resolved as it should be needs nothing, and one that is resolved otherwise is left alone.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import msgspec
from pydantic import BaseModel

from connectors.impact.client import ImpactClient
from connectors.impact.resolution import KEY, STATUS, ResolutionFields, make_draft
from syncengine.contracts import Attempt, Attempts, Change, Clock, Draft, Outcome, Part, Settled
from syncengine.errors import AuthError, ConfigError, InDoubt, Problem, RateLimited, Transient
from syncengine.http import WITHOUT_EFFECT, Answer

RESOURCE, SINGLE = "ActionInquiries", "ActionInquiry"
OPEN = "UNRESOLVED"
SENDS = 6
"""Tries of one request before it is put off."""
BACKOFF_FIRST, BACKOFF_LONGEST = 1.0, 30.0
"""Seconds between tries where nobody says how long to wait; doubled each time."""


class InquiryDestination:
    """Inquiries to resolve, by their id. May be repeated, because each is read again before it is answered."""

    Fields: type[BaseModel] = ResolutionFields
    key_field = KEY
    repeatable = True

    def __init__(self, client: ImpactClient, clock: Clock, label: str, *, allowed: bool) -> None:
        self._client = client
        self._clock = clock
        self._label = label
        self._allowed = allowed

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """Validate. Raises Rejected, and ConfigError where nothing may be changed at impact.com."""
        self.permit()
        return make_draft(fields)

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncGenerator[Outcome, None]:
        """Resolve one after the other. Raises ConfigError, AuthError, RateLimited, and what reading one raises."""
        self.permit()
        for change in changes:
            outcome = await self._resolve(change, attempts)
            if outcome is not None:
                yield outcome

    def permit(self) -> None:
        """Raises ConfigError unless the settings allow it."""
        if not self._allowed:
            raise ConfigError(
                [
                    Problem(
                        f"{self._label}.allow_writes",
                        "Nothing may be changed at impact.com, so no action inquiry can be resolved.",
                        "Set allow_writes = true there; the token needs the scope ActionInquiries, method PUT.",
                    )
                ]
            )

    async def _resolve(self, change: Change, attempts: Attempts) -> Outcome | None:
        settled = await self._look(change)
        if settled is not None:
            return settled
        await self._client.http.ready()
        attempt = await attempts.begin([Part(change.key, fields=dict(change.fields))])
        untouched = True
        for number in range(SENDS):
            if number > 0:
                await self._client.http.ready()
                attempt = await attempts.renew(attempt)
            if not attempt.allowed:
                return None
            try:
                answer = await self._client.put(RESOURCE, {KEY: change.key, **_form(change)})
            except (AuthError, RateLimited) as error:
                if untouched and (isinstance(error, AuthError) or error.code in WITHOUT_EFFECT):
                    await attempts.settle(attempt, Settled(refuted=attempt.allowed))
                raise
            except InDoubt:
                return _doubt(change)
            except Transient as error:
                untouched = untouched and error.code in WITHOUT_EFFECT
                if error.retry_after is None and number + 1 < SENDS:  # a stated wait is kept by `ready`
                    await self._clock.sleep(min(BACKOFF_FIRST * 2**number, BACKOFF_LONGEST))
                continue
            return await self._judge(change, attempt, attempts, answer)
        if not untouched:
            return _doubt(change)
        await attempts.settle(attempt, Settled(refuted=attempt.allowed))
        return Outcome(change.key, "retry", "throttled", message="impact.com took no more requests.")

    async def _look(self, change: Change) -> Outcome | None:
        """What is known without any change: the inquiry is resolved already, or not there. None: it is open."""
        row = await self._client.single(RESOURCE, change.key, SINGLE)
        if row is None:
            return Outcome(change.key, "rejected", "unknown", KEY, "impact.com has no such inquiry.")
        status = row.get(STATUS)
        if status == change.fields.get(STATUS):
            return Outcome(change.key, "delivered", "already_there")
        if status != OPEN or STATUS not in change.fields:
            return Outcome(change.key, "rejected", "resolved_otherwise", STATUS, "The inquiry is resolved already.")
        return None

    async def _judge(self, change: Change, attempt: Attempt, attempts: Attempts, answer: Answer) -> Outcome:
        """What the answer means; its texts are not documented, so nobody reads them."""
        if answer.good and _is_ok(answer):
            await attempts.settle(attempt, Settled(confirmed=attempt.allowed))
            return Outcome(change.key, "delivered")
        if answer.good or answer.status >= 500:  # noqa: PLR2004 - a server's own trouble
            return _doubt(change)
        await attempts.settle(attempt, Settled(refuted=attempt.allowed))
        return Outcome(change.key, "rejected", "refused", message=f"impact.com refuses it (status {answer.status}).")


def _doubt(change: Change) -> Outcome:
    """No answer came. The next try reads the inquiry first, and so finds out."""
    return Outcome(change.key, "in_doubt", "no_answer", message="impact.com gave no answer to the resolution.")


def _form(change: Change) -> dict[str, str]:
    return {name: str(value) for name, value in change.fields.items() if value is not None}


def _is_ok(answer: Answer) -> bool:
    """Whether it is {"Status": "OK"}; a page of something in between says nothing."""
    try:
        body = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return False
    return isinstance(body, dict) and body.get("Status") == "OK"
