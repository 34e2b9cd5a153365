"""A network at Invoca: who may ask for what, and what is answered."""

import base64
import datetime as dt
import json
import random
import re
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.invoca.sandbox import errors
from connectors.invoca.sandbox.book import Book
from connectors.invoca.sandbox.errors import Refused
from connectors.invoca.sandbox.model import NETWORK_ID, PASSWORD, TOKEN, USERNAME
from connectors.invoca.sandbox.network import Network, Reply
from connectors.invoca.sandbox.population import populate
from connectors.invoca.sandbox.signals import SignalDesk
from connectors.invoca.sandbox.switches import InvocaSwitches
from connectors.invoca.sandbox.transactions import TransactionLog
from syncengine.sandbox.kit import Person, Sandbox, Switches

FIRST_VERSION = "2013-03-22"
NEWEST = {"transactions": "2020-10-01", "network": "2022-08-01", "signal": "2018-02-01"}
"""The newest published version of each product (invoca.md section 1)."""
ROLES = {"networks": "network", "advertisers": "advertiser", "affiliates": "affiliate"}
PATH = re.compile(r"/api/(?P<version>\d{4}-\d{2}-\d{2})/(?P<rest>.+)\.json")


class InvocaSandbox(Sandbox):
    """One made-up network. `book` holds its calls, `network` its objects."""

    name: ClassVar[str] = "invoca"
    Switches: ClassVar[type[Switches]] = InvocaSwitches
    switches: InvocaSwitches

    def __init__(self, now: Callable[[], dt.datetime] | None = None, rng: random.Random | None = None) -> None:
        super().__init__(now)
        self.lock = threading.RLock()
        self.book = Book(self.switches, self._time)
        self.network = Network(self.switches)
        self._log = TransactionLog(self.book, self.switches)
        self._signals = SignalDesk(self.book)
        self._rng = rng or random.Random()

    def _time(self) -> dt.datetime:
        """The clock for the parts: `now` may be replaced."""
        return self.now()

    def settings(self) -> dict[str, str]:
        return {"network_id": NETWORK_ID, "token": TOKEN}

    def populate(self, people: Sequence[Person], seed: int, now: dt.datetime) -> None:
        """A call of each of these people in the two months before `now`."""
        populate(self.book, people, seed, now)

    def clear(self) -> None:
        self.book.clear()
        self.network.clear()

    def provider(self) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            raw = await request.body()
            with self.lock:
                response = self._respond(request, raw)
            await response(scope, receive, send)

        return answer

    def _respond(self, request: Request, raw: bytes) -> Response:
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = None
        try:
            self._admit(request, body)
            reply = self._route(request, body if isinstance(body, dict) else {})
        except Refused as refused:
            return errors.answer(refused, self.switches, self._rng)
        return Response(msgspec.json.encode(reply.body), reply.status, media_type="application/json")

    def _admit(self, request: Request, body: Any) -> None:
        if not self._admits(request, body):
            raise Refused(HTTPStatus.UNAUTHORIZED, "")
        if not isinstance(body, dict):
            raise errors.of_class(HTTPStatus.FORBIDDEN, "InvalidInput", "not JSON")

    def _admits(self, request: Request, body: Any) -> bool:
        """The raw token; what else is taken is a switch (section 2)."""
        given = request.headers.get("authorization", "")
        if given == TOKEN:
            return True
        if self.switches.auth == "header":
            return False
        if given == f"Bearer {TOKEN}":
            return True
        if self.switches.auth == "bearer":
            return False
        basic = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        in_body = body.get("oauth_token") if isinstance(body, dict) else None
        return given == f"Basic {basic}" or TOKEN in {request.query_params.get("oauth_token"), in_body}

    def _route(self, request: Request, body: dict[str, Any]) -> Reply:
        matched = PATH.fullmatch(request.scope["raw_path"].decode("latin-1"))
        if matched is None:
            raise errors.not_found("Route")
        path = tuple(unquote(part) for part in matched["rest"].split("/"))
        match path:
            case (kind, "transactions", owner) if kind in ROLES:
                self._check_version(matched["version"], "transactions")
                if ROLES[kind] != self.switches.role or owner != NETWORK_ID:
                    raise errors.not_allowed()
                if request.method != "GET":
                    raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, {})
                query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
                return Reply(self._log.answer(query))
            case ("transactions",):
                self._check_version(matched["version"], "signal")
                if request.method not in {"POST", "PUT"}:
                    raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, {})
                return Reply(self._signals.take(body))
            case (owner, *rest) if owner == NETWORK_ID:
                self._check_version(matched["version"], "network")
                if self.switches.role != "network":
                    raise errors.not_allowed("UnauthorizedAdvertiser")
                return self.network.answer(request.method, tuple(rest), body)
        raise errors.not_found("Route")

    def _check_version(self, version: str, product: str) -> None:
        known = version == NEWEST[product] if self.switches.versions == "exact" else version >= FIRST_VERSION
        if not known:
            raise Refused(HTTPStatus.BAD_REQUEST, {"errors": {"version": ["is not valid"]}})
