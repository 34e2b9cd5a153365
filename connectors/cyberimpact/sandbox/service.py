"""The ASGI side of the sandbox: what every request goes through before and after its route."""

import datetime as dt
import threading
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connectors.cyberimpact.sandbox import batches, groups, mailings, members, recipients, templates, tokens
from connectors.cyberimpact.sandbox.account import Account
from connectors.cyberimpact.sandbox.call import Answer, Call, Refusal, Route, Router, unprocessable
from connectors.cyberimpact.sandbox.dates import DATE_FORMS
from connectors.cyberimpact.sandbox.posting import start_due
from connectors.cyberimpact.sandbox.tokens import Gate

ROUTES = (
    *tokens.ROUTES,
    *members.ROUTES,
    *groups.ROUTES,
    *mailings.ROUTES,
    *recipients.ROUTES,
    *templates.ROUTES,
    *batches.ROUTES,
)
"""Every endpoint of cyberimpact.md section 3."""

THROTTLED = frozenset({"POST /members", "POST /members/optins"})
WINDOW = dt.timedelta(minutes=1)
WORDINGS = ("Oups!", "Une erreur est survenue", "Request failed", "Something is wrong with what you sent")
JSON_TYPE = "application/json"


class Throttle:
    """So many requests in any minute."""

    def __init__(self) -> None:
        self._passed: deque[dt.datetime] = deque()

    def clear(self) -> None:
        self._passed.clear()

    def wait(self, now: dt.datetime, per_minute: int) -> int:
        """Seconds until a request may pass; 0 counts this one as passed."""
        while self._passed and self._passed[0] <= now - WINDOW:
            self._passed.popleft()
        if len(self._passed) < per_minute:
            self._passed.append(now)
            return 0
        return int((self._passed[0] + WINDOW - now).total_seconds()) + 1


class Meanwhile(NamedTuple):
    """Something that an administrator does just before the request after `after` more that match."""

    method: str
    path: str
    do: Callable[[], object]
    after: int


class Service:
    """Answers one request at a time: tests change the account from another thread under the same lock."""

    def __init__(self, account: Account, now: Callable[[], dt.datetime]) -> None:
        self.account = account
        self.gate = Gate()
        self.lock = threading.RLock()
        self.meanwhile: list[Meanwhile] = []
        self._now = now
        self._throttle = Throttle()
        self._router = Router(ROUTES)

    def clear(self) -> None:
        self.account.clear()
        self.gate.clear()
        self.meanwhile.clear()
        self._throttle.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        with self.lock:
            response = self._respond(request, raw)
        await response(scope, receive, send)

    def _respond(self, request: Request, raw: bytes) -> Response:
        try:
            answer = self._handle(request, raw)
        except Refusal as refusal:
            return self._refuse(refusal)
        return Response(msgspec.json.encode(answer.body), answer.status, media_type=JSON_TYPE)

    def _handle(self, request: Request, raw: bytes) -> Answer:
        now, path = self._now(), request.scope["raw_path"].decode("latin-1")
        self._do_meanwhile(request.method, path)
        if self.account.switches.batch_seconds is not None:
            batches.work_off(self.account, now)
        start_due(self.account, now)
        legacy = self.account.switches.legacy_login == "on"
        if not self.gate.admits(request.headers.get("authorization", ""), now, legacy=legacy):
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Unauthorised")
        route, variables = self._router.find(request.method, path)
        self._check_throttle(route, now)
        query = _read_query(route, request.scope["query_string"].decode("latin-1"))
        call = Call(self.account, now, variables, query, request.headers.get("content-type", ""), raw)
        answer = route.handle(call)
        if route.method != "GET":
            self.account.writes[route.name] += 1
        return answer

    def _check_throttle(self, route: Route, now: dt.datetime) -> None:
        switches = self.account.switches
        if route.name not in THROTTLED and not switches.throttle_everything:
            return
        wait = self._throttle.wait(now, switches.throttle_per_minute)
        if not wait:
            return
        if switches.throttle_answer == "unavailable":
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Try later")
        headers = {"Retry-After": str(wait)} if switches.throttle_answer == "retry_after" else {}
        raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests", headers)

    def _do_meanwhile(self, method: str, path: str) -> None:
        for number, planned in enumerate(list(self.meanwhile)):
            if planned.method != method or planned.path != path:
                continue
            if planned.after:
                self.meanwhile[number] = planned._replace(after=planned.after - 1)
                continue
            self.meanwhile.remove(planned)
            planned.do()
            return

    def _refuse(self, refusal: Refusal) -> Response:
        """No error body is documented: its form and its words are switches."""
        switches = self.account.switches
        text = refusal.reason if switches.error_wording == "fixed" else self.account.rng.choice(WORDINGS)
        if switches.error_body == "text":
            return Response(text, refusal.status, refusal.headers, media_type="text/plain")
        bodies: dict[str, Any] = {"message": text, "error": text, "errors": [{"description": text}]}
        body = msgspec.json.encode({switches.error_body: bodies[switches.error_body]})
        return Response(body, refusal.status, refusal.headers, media_type=JSON_TYPE)


def _read_query(route: Route, text: str) -> dict[str, str]:
    """The parameters; empty values pass. Raises Refusal (422): an unknown one would be ignored in silence."""
    query = dict(parse_qsl(text, keep_blank_values=True))
    if not query.keys() <= route.query | {"dateReturnFormat"}:
        raise unprocessable("Unknown parameter")
    if query.get("dateReturnFormat", "") not in DATE_FORMS:
        raise unprocessable("Unknown dateReturnFormat")
    return query
