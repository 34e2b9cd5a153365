"""One request as the API's rooms see it, its answer, and the table that leads from one to the other."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

import msgspec

from connectors.cyberimpact.sandbox.account import Account
from connectors.cyberimpact.sandbox.dates import write_moment

Body = TypeVar("Body")


class Refusal(Exception):
    """The request is refused with this status; no error body is documented, so the words are for people only."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


def unprocessable(reason: str) -> Refusal:
    """The request is understood and can't be taken as it is."""
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, reason)


def not_found(what: str) -> Refusal:
    """There is no such thing."""
    return Refusal(HTTPStatus.NOT_FOUND, f"{what} not found")


class Answer(NamedTuple):
    """A body to be written as JSON, and its status."""

    body: Any
    status: int = HTTPStatus.OK


class Call(NamedTuple):
    """A request that is authorised and well-formed. `path` holds the variable segments, decoded."""

    account: Account
    now: dt.datetime
    path: Mapping[str, str]
    query: Mapping[str, str]
    content_type: str
    raw: bytes

    def read(self, body: type[Body]) -> Body:
        """The body, checked against its type. Raises Refusal: 415 by its header, 400 if no JSON, 422 by its shape."""
        if self.content_type.partition(";")[0].strip().lower() != "application/json":
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON")
        try:
            return msgspec.json.decode(self.raw, type=body)
        except msgspec.ValidationError as error:
            raise unprocessable(str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refusal(HTTPStatus.BAD_REQUEST, "Malformed JSON") from error

    def stamp(self, moment: dt.datetime | None) -> str | None:
        """A moment in the form that the request asks for."""
        if moment is None:
            return None
        form = self.query.get("dateReturnFormat", "")
        return write_moment(moment, form, colon=self.account.switches.iso_offset == "colon")


class Route(NamedTuple):
    """One line of section 3. `{name}` is a variable segment; `query` are the parameters that it takes."""

    method: str
    pattern: str
    handle: Callable[[Call], Answer]
    query: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What writes are counted under: "POST /batches"."""
        return f"{self.method} {self.pattern}"


class Router:
    """Finds the route of a path. Segments are split before they are decoded: an address may hold an encoded slash."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(route, route.pattern.split("/")) for route in routes]

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]]:
        """The first route that matches, literals before variables by their order. Raises Refusal: 404, 405."""
        segments = raw_path.split("/")
        known = False
        for route, pattern in self._routes:
            path = _match(pattern, segments)
            if path is None:
                continue
            if route.method == method:
                return route, path
            known = True
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed") if known else not_found("Resource")


def _match(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    path = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{"):
            if not segment:
                return None
            path[expected[1:-1]] = unquote(segment)
        elif expected != segment:
            return None
    return path
