"""The destination `calls`: a tracked call is reported to impact.com once, whatever happens.

Follows impact.md section 9. Nothing can be read back, corrected or deleted there, and whether a report that is repeated
counts twice is not known. So a call without an answer stays in doubt, and one that changes later is only listed.
"""

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Literal, NamedTuple, NoReturn, Self

import msgspec
import structlog
from pydantic import BaseModel

from connectors.impact.calls_fields import PARAMETERS, CallFields, make_draft
from connectors.impact.calls_settings import CallDataSettings
from syncengine.contracts import Attempt, Attempts, Change, Context, Draft, Finding, Outcome, Part, Settled
from syncengine.errors import AuthError, ConfigError, InDoubt, Problem, ProviderError, RateLimited, Transient
from syncengine.http import WITHOUT_EFFECT, Answer, HttpClient, Pace

PATH = "/calldata/logCallData"
SENDS = 4
"""Tries of one report that surely had no effect, before it is put off."""
BACKOFF = 1.0
"""Seconds before the second try where nobody said how long to wait; doubled each time."""
MINUTE = 60.0
SAYS_OK = re.compile(rb'"Status"\s*:\s*"OK"|<Status>\s*OK\s*</Status>|\A\s*"?OK"?\s*\Z', re.IGNORECASE)
"""The page's own sample has a comma too many: no JSON, but it says so. A bare OK counts where it is all there is."""
SAYS_ERROR = re.compile(rb'"Status"\s*:\s*"ERROR"', re.IGNORECASE)
"""As impact.com's other answers say no; any other word (QUEUED) leaves open what became of the report."""
UNPARSED = "accepted_unparsed"
"""The code of a report that was taken by an answer that is no JSON."""
GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
ELSEWHERE = GONE | {HTTPStatus.METHOD_NOT_ALLOWED}
"""Statuses of a wrong address."""
NO_OPTIONS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
"""Statuses of a server that took the credentials, and has nothing to say about its options."""
WHAT = "report of a call"
OWN = "Call data has credentials of its own: ask your contact at impact.com."

log = structlog.get_logger(__name__)


class CallsNotConfigured:
    """Stands for the destination where the connection has no table `call_data`: it says what is missing."""

    Fields: type[BaseModel] = CallFields
    key_field: str = "CallSessionId"
    repeatable: bool = False

    def __init__(self, label: str) -> None:
        self._label = label

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """Raises ConfigError."""
        self.permit()

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        """Raises ConfigError."""
        self.permit()
        yield  # an asynchronous generator, as its contract says

    def permit(self) -> NoReturn:
        """Raises ConfigError, with what is missing."""
        raise ConfigError(
            [
                Problem(
                    f"{self._label}.call_data",
                    "Calls are reported with credentials of their own, and there are none.",
                    "Add the table with username and password; your contact at impact.com gives them.",
                )
            ]
        )


class _End(NamedTuple):
    """How a report ended; `goes_on`: whether the next one makes sense now."""

    outcome: Outcome
    goes_on: bool = True


class CallReports:
    """Calls as impact.com takes them. The key is program, event type and the tracker's own id of the call."""

    Fields: type[BaseModel] = CallFields
    key_field: str = "CallSessionId"

    def __init__(self, settings: CallDataSettings, context: Context) -> None:
        self._settings = settings
        self._label = f"{context.http.label}.call_data"
        self._clock = context.clock
        self.repeatable: bool = settings.resend_in_doubt
        self._http: HttpClient = context.http.client(
            base_url=str(settings.base_url).rstrip("/"),
            account=f"impact call data {settings.base_url.host}",
            auth=(settings.username, settings.password.get_secret_value()),
            pace=Pace(settings.requests_per_minute, MINUTE),
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """Validate and normalise. Raises Rejected with the field and the reason."""
        return make_draft(fields, any_postal_code=self._settings.postal_codes == "any")

    async def check(self) -> Finding:
        """Ask what the endpoint offers (OPTIONS): any other request to it would be a report.

        Raises AuthError, ProviderError, Transient.
        """
        answer = await self._ask("OPTIONS", repeatable=True)
        if answer.status == HTTPStatus.FORBIDDEN:
            raise self._forbidden()
        if answer.status in GONE:
            raise self._elsewhere(answer.status)
        if answer.status in NO_OPTIONS or (answer.good and "allow" in answer.headers):
            return Finding("ok", "Call data: the endpoint answers; that it takes calls shows with the first one.")
        return Finding("warning", f"Call data: an odd answer (status {answer.status}).", "Check call_data.base_url.")

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        """Report each call that was not reported yet, one by one.

        After a report without an answer the rest is put off: what hinders one may put every one in doubt. Raises
        AuthError, RateLimited and ProviderError (a wrong address) when nothing more can be sent now.
        """
        goes_on = True
        for change in changes:
            if not change.create:
                yield self._changed(change)
            elif not goes_on:
                yield Outcome(change.key, "retry", code="put_off", message="An earlier report got no answer.")
            else:
                end = await self._report(change, attempts)
                if end is not None:
                    goes_on = end.goes_on
                    yield end.outcome

    async def settle(self, receipt: str, keys: Collection[str]) -> Settled:
        """A call in doubt is what the settings say of it. Raises ProviderError where they say nothing."""
        asked = frozenset(keys) & {receipt}
        if asked and receipt.split("/", 2)[-1] in self._settings.taken:
            return Settled(confirmed=asked)
        raise ProviderError(f"{self._label}: no call can be read back.", code="write_only")

    def _changed(self, change: Change) -> Outcome:
        """It was reported with other values, and there is no correction (impact.md section 9)."""
        if self._settings.after_delivery == "ignore":
            return Outcome(change.key, "delivered", code="changed_after_delivery")
        names = ", ".join(sorted(change.fields))
        return Outcome(
            change.key,
            "rejected",
            code="changed_after_delivery",
            field=min(change.fields, default=None),
            message=f"Changed after it was reported ({names}); impact.com takes no corrections of calls.",
        )

    async def _report(self, change: Change, attempts: Attempts) -> _End | None:
        """Write one report down and send it. None where it may not be sent."""
        part = Part(change.key, dict(change.fields))
        await self._http.ready()
        attempt = await attempts.begin([part])
        for number in range(SENDS):
            if number:
                await self._http.ready()
                attempt = await attempts.renew(attempt)
            if not attempt.allowed:
                return None
            try:
                answer = await self._send(change.fields)
            except InDoubt:
                return await self._in_doubt(change, attempt, attempts)
            except (AuthError, RateLimited):
                await attempts.settle(attempt, Settled(refuted=attempt.allowed))
                raise
            except Transient as error:
                if error.code not in WITHOUT_EFFECT:
                    return await self._in_doubt(change, attempt, attempts)
                if error.retry_after is None and number + 1 < SENDS:
                    await self._clock.sleep(BACKOFF * 2**number)
                continue
            except ProviderError as error:
                if error.code == "elsewhere":
                    await attempts.settle(attempt, Settled(refuted=attempt.allowed))
                    raise
                return await self._in_doubt(change, attempt, attempts)
            return await self._conclude(change, attempt, attempts, answer)
        await attempts.settle(attempt, Settled(refuted=attempt.allowed))
        return _End(Outcome(change.key, "retry", code="not_taken"), goes_on=False)

    async def _conclude(self, change: Change, attempt: Attempt, attempts: Attempts, answer: Answer) -> _End:
        match _verdict(answer):
            case "taken":
                await attempts.settle(attempt, Settled(confirmed=attempt.allowed))
                return _End(Outcome(change.key, "delivered", code="" if _parses(answer) else UNPARSED))
            case "refused":
                await attempts.settle(attempt, Settled(refuted=attempt.allowed))
                message = f"impact.com refuses this call (status {answer.status}); it doesn't say which parameter."
                return _End(Outcome(change.key, "rejected", code="refused", message=message))
            case _:
                return await self._in_doubt(change, attempt, attempts)

    async def _in_doubt(self, change: Change, attempt: Attempt, attempts: Attempts) -> _End:
        # The one place that says which call it is: a person has to look for it, and may say what became of it.
        log.error("No answer says whether impact.com took this call", record=change.key)
        await attempts.receipt(attempt, change.key)
        message = "The report got no answer that says whether it was taken; nothing can be read back."
        return _End(Outcome(change.key, "in_doubt", code="no_answer", message=message), goes_on=False)

    async def _send(self, fields: Mapping[str, Any]) -> Answer:
        """One request, never repeated unless it surely had no effect."""
        values = {name: str(fields[name]) for name in PARAMETERS if name in fields}
        query = self._settings.send_as == "query"
        params, form = (values, None) if query else (None, values)
        answer = await self._ask("POST", params=params, form=form, repeatable=False, once=True)
        if answer.status == HTTPStatus.FORBIDDEN:
            raise self._forbidden()
        if answer.status in ELSEWHERE:
            raise self._elsewhere(answer.status)
        return answer

    async def _ask(self, method: str, **how: Any) -> Answer:
        """One request to the endpoint; a refusal of the credentials says that they are those of call data."""
        try:
            return await self._http.send(method, PATH, what=WHAT, **how)
        except AuthError as error:
            raise AuthError(f"{self._label}: the credentials are refused (401).", hint=OWN, code=error.code) from None

    def _forbidden(self) -> AuthError:
        return AuthError(
            f"{self._label}: the credentials may not report calls (403).",
            hint=OWN,
            code="forbidden",
        )

    def _elsewhere(self, status: int) -> ProviderError:
        return ProviderError(
            f"{self._label}: there is no call data endpoint (status {status}).",
            hint="Check call_data.base_url and call_data.send_as.",
            code="elsewhere",
        )


def _verdict(answer: Answer) -> Literal["taken", "refused", "unknown"]:
    """What an answer says. Nothing but OK is documented; a page of something in between says nothing."""
    if answer.good:
        if SAYS_OK.search(answer.content):
            return "taken"
        return "refused" if SAYS_ERROR.search(answer.content) else "unknown"
    understood = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return "refused" if understood and answer.status != HTTPStatus.REQUEST_TIMEOUT else "unknown"


def _parses(answer: Answer) -> bool:
    try:
        msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return False
    return True
