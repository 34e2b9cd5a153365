"""The impact.com Brand API, typed: one way to ask for a list, and it never ends early without saying so.

Follows impact.md sections 1 (headers, scopes), 3 (paging) and 7 (errors). Error texts are never read: none is known.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import structlog

from connectors.impact.decoding import Envelope, Shape, decode_object, decode_results, to_count
from syncengine.errors import AuthError, ProviderError
from syncengine.http import Answer, HttpClient, Params

MOST_PAGES = 10
"""A query over more pages is refused (impact.md section 3)."""
PAGE_SIZE = 20_000
"""Rows asked for: maximum and default of Actions and ActionUpdates (impact.md section 3)."""
LONGEST_LIST = 500
"""Pages after which a list without a documented limit is taken for endless."""
SAME_PAGE = 2
"""How often one page is asked for: a page that names itself as the next one may do so only once."""
RESULTS_PAGE_SIZE = 1000
"""The most rows on a page of the lists that count pages from 0 (impact.md section 3)."""
FORBIDDEN = "forbidden"
"""The code of the AuthError for a scope that the token lacks."""

log = structlog.get_logger(__name__)


class Unanswerable(ProviderError):
    """This query gets no complete answer as it is asked; one about less may. `code` says why.

    refused: a 4xx that no document explains · too_many: more than ten pages · drifted: rows moved while paging ·
    loop: a page leads back to one already read · incomplete: fewer rows than stated. `total` and `size`: how many rows
    there are and how many a page holds, where they are too many and that was stated.
    """

    default_code = "refused"

    def __init__(
        self, message: str, *, code: str | None = None, total: int | None = None, size: int | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.total = total
        self.size = size


class Rows(NamedTuple):
    """One page of a list as decoded. `last`: the list is complete with it."""

    rows: Sequence[Any]
    last: bool


class ImpactClient:
    """Lists of one account. `root` is the account's part of every path, without slashes around it."""

    def __init__(self, http: HttpClient, base_url: httpx.URL, root: str, label: str) -> None:
        self.http = http
        self._base = base_url
        self._prefix = base_url.path.rstrip("/")
        self._root = root
        self._label = label

    async def list(
        self, resource: str, shape: Shape, params: Params, *, most_pages: int = LONGEST_LIST, once: bool = False
    ) -> AsyncGenerator[Rows, None]:
        """Walk a list page by page; each request leaves when its page is asked for. `once`: it isn't repeated here.

        Raises Unanswerable, AuthError (401, 403) and what `HttpClient.send` raises. With `most_pages` 1 every answer is
        whole by itself: no row can move from one page to another in between.
        """
        answer = await self._get(resource, f"{self._root}/{resource}", params, once)
        followed: Counter[str] = Counter()
        total: int | None = None
        count = 0
        while True:
            page = self._decode(resource, shape, answer)
            total = self._check_total(resource, page, total, first=not followed, most_pages=most_pages)
            count += len(page.rows or ())
            following = self._next(resource, page)
            if following is None and total is not None and count < total:
                raise Unanswerable(f"{self._label}: {count} of {total} {resource} came.", code="incomplete")
            if following is not None and most_pages == 1:
                raise Unanswerable(f"{self._label}: {resource} go on after one page.", code="too_many")
            yield Rows(page.rows or (), following is None)
            if following is None:
                return
            followed[following] += 1
            if followed[following] > SAME_PAGE:
                raise Unanswerable(f"{self._label}: a page of {resource} leads back to itself.", code="loop")
            if len(followed) > most_pages:
                raise Unanswerable(f"{self._label}: {resource} go on after {most_pages} pages.", code="too_many")
            answer = await self._get(resource, following, None, once)

    async def results(self, resource: str) -> AsyncGenerator[Sequence[Mapping[str, Any]], None]:
        """Walk one of the lists that count their pages from 0; their links name another path and are not followed.

        Raises as `list`; one without its key, or that ends before its stated total or on a stated page without rows,
        is no list: an opt-out that isn't seen would be undone.
        """
        count = 0
        total: int | None = None
        for number in range(LONGEST_LIST):
            params = {"Page": number, "PageSize": RESULTS_PAGE_SIZE}
            answer = await self._get(resource, f"{self._root}/{resource}", params)
            page = decode_results(answer.content, resource)
            if page.rows is None:
                raise Unanswerable(f"{self._label}: the answer has no {resource}.", code="incomplete")
            pages, stated = to_count(page.pages), to_count(page.total)
            total = total if stated is None else stated
            count += len(page.rows)
            last = number + 1 >= pages if pages is not None else len(page.rows) < RESULTS_PAGE_SIZE
            if last and total is not None and count < total:
                raise Unanswerable(f"{self._label}: {count} of {total} {resource} came.", code="incomplete")
            if last and pages is not None and pages > 1 and not page.rows:
                raise Unanswerable(f"{self._label}: the last page of {resource} has no rows.", code="incomplete")
            yield page.rows
            if last:
                return
        raise Unanswerable(f"{self._label}: {resource} go on after {LONGEST_LIST} pages.", code="too_many")

    async def single(self, resource: str, id: str, name: str) -> Mapping[str, Any] | None:
        """One object by its id; None where there is none (404). `name`: what it may be wrapped in (section 2)."""
        what = f"one of the {resource}"
        answer = await self.http.send("GET", f"{self._root}/{resource}/{quote(id, safe='')}", what=what)
        if answer.status == httpx.codes.NOT_FOUND:
            return None
        self._admit(resource, answer)
        return decode_object(answer.content, name)

    async def put(self, resource: str, form: Mapping[str, str]) -> Answer:
        """Change something: the answer of any status but 401, 403. Raises as `HttpClient.send`, InDoubt among it."""
        path = f"{self._root}/{resource}"
        answer = await self.http.send("PUT", path, what=f"change of one of the {resource}", form=form, once=True)
        if answer.status == httpx.codes.FORBIDDEN:
            raise self._forbidden(resource, "change", "PUT")
        return answer

    def _forbidden(self, resource: str, verb: str, method: str) -> AuthError:
        scope = "/".join(part for part in resource.split("/") if not part.isdigit())
        return AuthError(
            f"{self._label}: the token is not allowed to {verb} {scope} (403).",
            hint=f"In impact.com, give the API token the scope {scope}, method {method}.",
            code=FORBIDDEN,
        )

    async def _get(self, resource: str, path: str, params: Params | None, once: bool = False) -> Answer:
        answer = await self.http.send("GET", path, what=f"list of {resource}", params=params, once=once)
        self._admit(resource, answer)
        return answer

    def _admit(self, resource: str, answer: Answer) -> None:
        """Raise what an answer without rows means."""
        if answer.good:
            return
        status = answer.status
        if status == httpx.codes.FORBIDDEN:
            raise self._forbidden(resource, "read", "GET")
        if status in {httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED} or not httpx.codes.is_client_error(status):
            raise ProviderError(
                f"{self._label}: status {status} to the list of {resource}.",
                hint="Check base_url and account_sid.",
                code=f"status_{status}",
            )
        raise Unanswerable(f"{self._label}: the list of {resource} is refused (status {status}).")

    def _decode(self, resource: str, shape: Shape, answer: Answer) -> Envelope:
        page = shape.decode(answer.content)
        if page.rows is None:
            # A list without rows may lack its key (impact.md section 3), but so does an error that came with a 200.
            if page.status or to_count(page.total):
                raise Unanswerable(f"{self._label}: the answer has no {shape.key}.", code="incomplete")
            log.info("a list without its key is taken as empty", resource=resource)
        return page

    def _check_total(
        self, resource: str, page: Envelope, before: int | None, *, first: bool, most_pages: int
    ) -> int | None:
        """The stated number of rows, which stays the same from page to page unless rows came or went meanwhile."""
        total = to_count(page.total)
        size = to_count(page.size) or PAGE_SIZE
        if first and total is not None and total > most_pages * size:
            raise Unanswerable(
                f"{self._label}: {total} {resource} are more than {most_pages} pages.",
                code="too_many",
                total=total,
                size=size,
            )
        if total is not None and before is not None and total != before:
            raise Unanswerable(f"{self._label}: {resource} changed while they were read.", code="drifted")
        return before if total is None else total

    def _next(self, resource: str, page: Envelope) -> str | None:
        """Where the next page is, as an absolute address of our host; None after the last one."""
        number, pages = to_count(page.number), to_count(page.pages)
        if not page.next or (number is not None and pages is not None and number >= pages):
            return None
        target = self._base.join(page.next)
        if (target.scheme, target.host, target.port) != (self._base.scheme, self._base.host, self._base.port):
            # The credentials would go with it.
            raise ProviderError(
                f"{self._label}: the next page of {resource} is said to be on another host; not followed.",
                hint="Check base_url: it must be the address that the API itself uses.",
                code="other_host",
            )
        # A server behind a path prefix may not know of it.
        if not target.path.startswith(f"{self._prefix}/"):
            target = target.copy_with(raw_path=self._prefix.encode() + target.raw_path)
        return str(target)
