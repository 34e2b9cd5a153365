"""Takes event notifications of any shape, and believes nothing of them but an id to look at again.

`GET` or `POST /hooks/SECRET/CONNECTION.STREAM?id={ActionId}`: the id stands in the query or in the body, under `id` or
the name that `id_field` in the query says. Providers let people write the body themselves, so it may be JSON, a form,
XML, or nothing of the kind (impact.md section 10: their own sample is invalid): the name and its value are looked for
in the text, whatever stands around them.
"""

import asyncio
import hmac
import re
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final
from urllib.parse import unquote_plus

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from syncengine.contracts import Clock

__all__ = ["LONGEST_BODY", "LONGEST_ID", "Hook", "find_ids", "hook_app"]

LONGEST_BODY: Final = 64 * 1024
"""Bytes. A notification is some hundred; more is not read."""
LONGEST_ID: Final = 64
"""Characters. impact.com's are about twenty."""
SLOWEST_BODY: Final = 10.0
"""Seconds in which a body must have come."""
MOST_IDS: Final = 100
"""Ids taken from one notification: a list of changes is welcome, a flood in one request is not."""
TOLD_EVERY: Final = 60.0
"""Seconds between two log lines about requests that were no use."""
FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
VALUE: Final = rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{LONGEST_ID - 1}}}"
"""What an id may be. It becomes a part of a path, so no slash and no leading dot."""
MISSING: Final = frozenset({"null", "none", "na"})
"""Words that stand where there is no value (impact.md section 2), in lower case."""

Hint = Callable[[str, Collection[str]], None]
"""Told the stream ("impact.actions") and ids of records that may have changed."""

log = structlog.get_logger(__name__)


class Hook:
    """The one endpoint. `streams` are those that mappings read and can fetch single records of."""

    def __init__(self, secret: str, streams: Collection[str], hint: Hint, clock: Clock) -> None:
        self._secret = secret.encode()
        self._streams = frozenset(streams)
        self._hint = hint
        self._clock = clock
        self._useless: Counter[str] = Counter()
        self._told_at = float("-inf")

    async def __call__(self, request: Request) -> Response:
        """204 to whoever knows the secret; 404 for a wrong one, or a stream that no mapping reads."""
        given, stream = request.path_params["secret"], request.path_params["stream"]
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._secret):
            return self._leave("wrong secret", 404)
        if stream not in self._streams:
            return self._leave("unknown stream", 404)
        field = request.query_params.get("id_field", "id")
        body = await _body(request) if FIELD.fullmatch(field) else None
        if body is None:
            return self._leave("too large, too slow, or no name in id_field", 204)
        ids = find_ids(field, request.url.query, body)
        if not ids:
            return self._leave("no id", 204)
        self._hint(stream, ids)
        return Response(status_code=204)

    def _leave(self, reason: str, status: int) -> Response:
        """Count what is no use, and tell of it now and then, so that a wrong template is noticed and a flood is not."""
        self._useless[reason] += 1
        if self._clock.monotonic() - self._told_at >= TOLD_EVERY:
            for why, number in self._useless.items():
                log.warning("Hook requests without use", reason=why, requests=number)
            self._useless.clear()
            self._told_at = self._clock.monotonic()
        return Response(status_code=status)


def hook_app(hook: Hook) -> Starlette:
    """The application that the listener serves."""
    return Starlette(routes=[Route("/hooks/{secret}/{stream}", hook.__call__, methods=["GET", "POST"])])


def find_ids(field: str, *texts: str) -> frozenset[str]:
    """The values of `field` in a query, a form, JSON (whole or broken) or XML, in whatever order and however spelt."""
    place = re.compile(rf"(?<![\w./-]){field}[\"']?\s*[:=>]\s*[\"']?({VALUE})(?=[\"'&,<\s}}\])]|$)", re.IGNORECASE)
    found: set[str] = set()
    for text in texts:
        for match in place.finditer(unquote_plus(text)):
            if match[1].lower() not in MISSING:
                found.add(match[1])
            if len(found) == MOST_IDS:
                return frozenset(found)
    return frozenset(found)


async def _body(request: Request) -> str | None:
    """The body as text; None where it is too large, or doesn't come."""
    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST_BODY):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LONGEST_BODY:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return body.decode("utf-8", "replace")
