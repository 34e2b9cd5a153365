"""How a call to Cyberimpact is made and judged, whatever it is about: dates, keys in paths, statuses, pages.

A method that writes is sent once and returns the bare answer: whoever calls it has written down an attempt, and must do
so again before the next try.
"""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import quote

import msgspec

from connectors.cyberimpact.credentials import open_credentials
from connectors.cyberimpact.rows import Group, GroupsPage
from connectors.cyberimpact.settings import CyberimpactSettings
from connectors.cyberimpact.walk import walk
from syncengine.contracts import Context
from syncengine.errors import AuthError, ProviderError
from syncengine.http import Answer

PAGE_ROWS = 10_000
"""The documented maximum of `limit` (section 2). The default, 20, is a trap."""
DATES = {"dateReturnFormat": "ISO8601"}
"""With every call, so that dates carry an offset."""
MISSING = 404
FORBIDDEN = 403
NOT_FOUND, REFUSED = "not_found", "refused"
"""Codes of errors: what was asked for isn't there (404), or isn't given (another status that is no good)."""

Kind = TypeVar("Kind")
Method = TypeVar("Method", bound=Callable[..., Any])
Params = Mapping[str, str | int]
Wire = dict[str, Any]
"""One object of an answer, as it came."""

ENDPOINTS: dict[str, list[str]] = {}
"""The methods that call each endpoint of section 3, by its name there: "GET /members/{key}"."""


def endpoint(*names: str) -> Callable[[Method], Method]:
    """Say which endpoints a method calls: docs/cyberimpact.md and the tests hold it to that."""

    def note(method: Method) -> Method:
        for name in names:
            ENDPOINTS.setdefault(name, []).append(method.__name__)
        return method

    return note


class WirePage(NamedTuple):
    """A page of a list as it came, and how many rows the whole list is said to have."""

    rows: list[Wire]
    total: int | None


class Calls:
    """One account. An async context manager. Every call raises AuthError, Transient, RateLimited and ProviderError."""

    def __init__(self, settings: CyberimpactSettings, context: Context) -> None:
        """Raises ConfigError where the token isn't one."""
        self.credentials = open_credentials(settings)
        self._clock = context.clock
        self.http = context.http.client(
            base_url=str(settings.base_url),
            account=self.credentials.account,
            headers={"Authorization": self.credentials.header},
        )

    async def __aenter__(self) -> Self:
        await self.http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.__aexit__(kind, error, trace)

    async def _groups(self, path: str, what: str, sort: str, gone: GroupsPage | None = None) -> list[Group]:
        """All groups of a list. `gone` is what a first page that isn't there means; None: an error."""

        async def turn(page: int) -> GroupsPage | None:
            answer = await self._ask(path, what, page_params(page, sort))
            if answer is None:
                return gone if page == 1 else None
            return decode(answer, GroupsPage)

        return await walk(turn, what)

    async def _page(self, path: str, what: str, key: str, params: Params) -> WirePage | None:
        """A page of any list; None where there is no such page (404). Raises ProviderError for another shape."""
        answer = await self._ask(path, what, params)
        if answer is None:
            return None
        page = decode(answer, Wire)
        rows, total = page.get(key), page.get("totalCount")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _misshapen(answer, f"list of {key}")
        return WirePage(rows, _number(total))

    async def _object(self, path: str, what: str) -> Wire | None:
        """One object; None where it isn't there (404)."""
        answer = await self._ask(path, what)
        return None if answer is None else decode(answer, Wire)

    async def _get(self, path: str, what: str, params: Params | None = None) -> Answer:
        answer = await self._ask(path, what, params)
        if answer is None:
            raise ProviderError(
                f"There is no {what} (404).",
                hint="Check base_url: something else may be answering there.",
                code=NOT_FOUND,
            )
        return answer

    async def _ask(self, path: str, what: str, params: Params | None = None) -> Answer | None:
        """A good answer, or None for 404; what that means is the caller's to know."""
        answer = await self._send("GET", path, what, params)
        if answer.status == MISSING:
            return None
        if not answer.good:
            raise ProviderError(f"Cyberimpact refuses to give the {what} (status {answer.status}).", code=REFUSED)
        return answer

    async def _write(
        self, method: str, path: str, what: str, body: Mapping[str, Any] | None = None, *, repeatable: bool = True
    ) -> Answer:
        """Send once. `repeatable`: a request without an answer is Transient; else it is InDoubt."""
        return await self._send(method, path, what, None, body, once=True, repeatable=repeatable)

    async def _send(
        self,
        method: str,
        path: str,
        what: str,
        params: Params | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        once: bool = False,
        repeatable: bool = True,
    ) -> Answer:
        self.credentials.verify(self._clock.now())
        answer = await self.http.send(
            method, path, what=what, params={**DATES, **(params or {})}, json=body, repeatable=repeatable, once=once
        )
        if answer.status == FORBIDDEN:
            raise AuthError(
                f"Cyberimpact forbids the {what} (403).",
                hint="Check that the API token is not revoked and that the account's plan includes the API.",
                code="forbidden",
            )
        return answer


def segment(key: str) -> str:
    """A key as one segment of a path: `+`, `/` and `%` would mean something else there."""
    return quote(key, safe="")


def csv(numbers: Any) -> str:
    """Groups as single calls want them: a text with commas. In a batch they are numbers (section 4)."""
    return ",".join(str(number) for number in sorted(numbers))


def page_params(number: int, sort: str) -> dict[str, str | int]:
    return {"page": number, "limit": PAGE_ROWS, "sort": sort}


def decode(answer: Answer, kind: type[Kind]) -> Kind:
    """The body as what it should be. Numbers may come as text. The body is never quoted."""
    try:
        return msgspec.json.decode(answer.content, type=kind, strict=False)
    except msgspec.DecodeError:
        answer.json()  # says it if it isn't JSON at all
        raise _misshapen(answer, getattr(kind, "__name__", "object")) from None


def _misshapen(answer: Answer, what: str) -> ProviderError:
    return ProviderError(
        f"An answer of Cyberimpact (status {answer.status}) has not the documented shape: no {what}.",
        hint="Check base_url: something else may be answering there.",
        code="shape",
    )


def _number(value: object) -> int | None:
    """A count, which may come as text; None where there is none."""
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
