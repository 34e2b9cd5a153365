"""The one way out: every request of every connector passes here.

Kept in one place: connection reuse, timeouts, pacing per account, `Retry-After`, retries, the size cap, and that no
secret or address gets into an error. A request that may have taken effect and can't be repeated ends as `InDoubt`.
"""

import datetime as dt
import ssl
from collections.abc import Mapping
from functools import cache
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec
import stamina
import structlog

from syncengine import __version__
from syncengine.answer import Answer
from syncengine.contracts import Clock, Memory
from syncengine.errors import AuthError, InDoubt, ProviderError, RateLimited, SyncError, Transient
from syncengine.failpoints import reach
from syncengine.pacing import PATIENCE, Limiter, Pace, count, count_request, http_date, stated_wait
from syncengine.quotas import Quotas

__all__ = ["WITHOUT_EFFECT", "Answer", "HttpClient", "HttpFactory", "Pace"]

TIMEOUT = httpx.Timeout(connect=10, read=120, write=60, pool=60)
"""Seconds. Reading is generous: a page of 20,000 actions is made on the provider's side before its first byte."""
ATTEMPTS = 6
CONNECTS = 3
"""A host that can't even be connected to is tried less often: a wrong base_url should show soon."""
BACKOFF_FIRST, BACKOFF_LONGEST = 0.5, 30.0
"""Seconds before the second attempt, and at most, where the provider doesn't say how long to wait."""
MAX_BYTES = 256 * 1024 * 1024
"""The largest answer that is read: ten times a full page of actions (20,000 rows of 1.2 kB)."""
WITHOUT_EFFECT = frozenset({"not_sent", "rate_limited", "status_429"})
"""Codes of errors after which the request surely had no effect; after any other nobody knows."""
READING = frozenset({"GET", "HEAD"})
"""Methods without effect."""
RETRIED_STATUS = frozenset({429, 500, 502, 503, 504})
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Failures before anything left: safe to repeat whatever the request was."""
SKEW_TOLD = dt.timedelta(minutes=1)
"""A clock that differs more from the provider's than this is told: records look too new or too old by as much."""

log = structlog.get_logger(__name__)

Params = Mapping[str, str | int]


class _Again(Exception):
    """A signal of the retry loop: this attempt may be repeated; `cause` is what to raise when none is left."""

    def __init__(self, cause: SyncError, *, waits: bool = False) -> None:
        self.cause = cause
        self.waits = waits


def _backoff(error: Exception) -> bool | float:
    """Whether to repeat, and after how long: the limiter already waits for what the provider stated."""
    if not isinstance(error, _Again):
        return False
    return 0.0 if error.waits else True


class HttpClient:
    """Requests of one connection to one host. An async context manager."""

    skew: dt.timedelta | None = None
    """The provider's time minus ours, by the `Date` of its last answer (to the second); None: it said none."""

    def __init__(self, client: httpx.AsyncClient, limiter: Limiter, factory: "HttpFactory", max_bytes: int) -> None:
        self._client = client
        self._limiter = limiter
        self._factory = factory
        self._label = factory.label
        self._max_bytes = max_bytes

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    @property
    def limiter(self) -> Limiter:
        return self._limiter

    async def ready(self) -> None:
        """Wait until a request may leave, so that what is checked next is still fresh when it does."""
        await self._limiter.wait()

    async def send(
        self,
        method: str,
        path: str,
        *,
        what: str,
        params: Params | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        once: bool = False,
    ) -> Answer:
        """Send a request and read the whole answer, waiting for quota and repeating where that is safe.

        `what` names the request for people ("list of actions"); the path may hold addresses, no error shows it.
        `repeatable`: may it be sent again when no answer came? Left out: only GET and HEAD.
        `once`: leave repeating to the caller, who has something to check first (suppressions go stale); see `ready`.
        Raises AuthError (401), RateLimited, Transient, ProviderError, and InDoubt (an unrepeatable request without an
        answer). Any other status is returned. An error whose code is in `WITHOUT_EFFECT` surely had none.
        """
        again = method in READING if repeatable is None else repeatable
        request = self._client.build_request(
            method,
            path,
            params=dict(params) if params is not None else None,
            content=None if json is None else msgspec.json.encode(json),
            data=form,
            headers={"Content-Type": "application/json"} if json is not None else None,
        )
        try:
            async for attempt in stamina.retry_context(
                on=_backoff,
                attempts=1 if once else ATTEMPTS,
                timeout=None,
                wait_initial=BACKOFF_FIRST,
                wait_max=BACKOFF_LONGEST,
            ):
                with attempt:
                    if attempt.num > 1:
                        count("retried")
                    return await self._once(request, what, again, attempt.num)
        except _Again as exhausted:
            raise exhausted.cause from None
        except RateLimited:
            await self._factory.quotas.remember()  # also a process that dies now must not ask again
            raise
        raise AssertionError("unreachable")  # pragma: no cover - the loop returns or raises

    async def _once(self, request: httpx.Request, what: str, again: bool, number: int) -> Answer:
        await self._limiter.take()
        count_request(self._label)
        try:
            answer = await self._read(request, what)
        except NOT_SENT as error:
            count("failed_requests")
            if number >= CONNECTS:
                raise self._unreachable(what, error, "not_sent") from None
            raise _Again(self._unreachable(what, error, "not_sent")) from None
        except (httpx.RequestError, ssl.SSLError) as error:
            count("failed_requests")
            if not again:
                raise InDoubt(
                    f"{self._label}: no answer to the {what} ({type(error).__name__}); it may have taken effect."
                ) from None
            raise _Again(self._unreachable(what, error, "no_answer")) from None
        self._limiter.learn(answer.headers)
        if (date := http_date(answer.headers.get("date", ""))) is not None:
            self.skew = self._factory.compare(date)
        if answer.status == httpx.codes.UNAUTHORIZED:
            raise AuthError(
                f"{self._label}: the credentials are refused (401).",
                hint="Check that they are complete, of this account, and not revoked.",
            )
        if answer.status in RETRIED_STATUS:
            self._retry(answer, what, again)
        return answer

    def _retry(self, answer: Answer, what: str, again: bool) -> None:
        """Raise what makes the loop go on, or end it."""
        count("failed_requests")
        count(f"status_{answer.status}")
        wait = stated_wait(answer.status, answer.headers, self._limiter)
        if wait is not None:
            self._limiter.block(wait)
        if answer.status != httpx.codes.TOO_MANY_REQUESTS and not again:
            raise InDoubt(f"{self._label}: status {answer.status} to the {what}; it may have taken effect.")
        if wait is not None and wait > PATIENCE and (until := self._limiter.blocked_until()):
            raise RateLimited(
                f"{self._label}: asked to wait until {until:%Y-%m-%d %H:%M:%S} UTC (status {answer.status}).",
                until=until,
                hint="Nothing is lost; the next run goes on from here.",
                code=f"status_{answer.status}",
            )
        raise _Again(
            Transient(
                f"{self._label}: status {answer.status} to the {what}.",
                hint="The provider has trouble; the next run tries again.",
                code=f"status_{answer.status}",
                retry_after=wait,
            ),
            waits=wait is not None,
        )

    async def _read(self, request: httpx.Request, what: str) -> Answer:
        effect = request.method not in READING
        if effect:
            reach("before", request.method)
        response = await self._client.send(request, stream=True)
        try:
            chunks: list[bytes] = []
            size = 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > self._max_bytes:
                    raise ProviderError(
                        f"{self._label}: the answer to the {what} is larger than {self._max_bytes // 1024 // 1024} MB.",
                        hint="Check base_url: something else may be answering there.",
                        code="too_large",
                    )
                chunks.append(chunk)
        finally:
            await response.aclose()
        if effect:
            reach("after", request.method)
        return Answer(response.status_code, response.headers, b"".join(chunks))

    def _unreachable(self, what: str, error: Exception, code: str) -> Transient:
        host = self._client.base_url.host
        return Transient(
            f"{self._label}: {host} gave no answer to the {what} ({type(error).__name__}).",
            hint="Check base_url and the network; the next run tries again.",
            code=code,
        )


class HttpFactory:
    """Makes the HTTP clients of one connection; limiters are shared by all connections to one account.

    `label` names the connection in errors ("connections.impact"); `transport` is None for the real network; with a
    `memory`, what is known of the quotas can outlive the process.
    """

    def __init__(
        self,
        label: str,
        clock: Clock,
        limiters: dict[str, Limiter],
        transport: httpx.AsyncBaseTransport | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.label = label
        self._clock = clock
        self._transport = transport
        self.quotas = Quotas(label, clock, limiters, memory)
        self._skew_told = False

    def client(
        self,
        *,
        base_url: str,
        account: str,
        auth: httpx.Auth | tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        pace: Pace | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> HttpClient:
        """A client for one host. `account` names what holds the quota; it must not be a secret."""
        client = httpx.AsyncClient(
            base_url=base_url,
            auth=auth,
            headers={"Accept": "application/json", "User-Agent": f"syncengine/{__version__}", **(headers or {})},
            timeout=TIMEOUT,
            transport=self._transport,
            verify=_tls(),
            follow_redirects=False,
        )
        return HttpClient(client, self.quotas.limiter(account, pace), self, max_bytes)

    def compare(self, stated: float) -> dt.timedelta:
        """How far the provider's clock (an epoch) is ahead of ours. Where that is much, it is logged once."""
        skew = dt.timedelta(seconds=round(stated - self._clock.now().timestamp()))
        if abs(skew) > SKEW_TOLD and not self._skew_told:
            self._skew_told = True
            log.warning(
                "The clock of this machine differs from the provider's",
                connection=self.label.removeprefix("connections."),
                state="behind" if skew > dt.timedelta() else "ahead",
                seconds=abs(skew).total_seconds(),
                hint="Set it right (NTP): a wrong one reads records too late, or too early.",
            )
        return skew


@cache
def _tls() -> ssl.SSLContext:
    """One for all clients of the process: making it reads every certificate authority, 30 ms each time."""
    return httpx.create_ssl_context()
