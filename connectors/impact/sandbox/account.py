"""The brand's account at impact.com: who may ask for what, and what is answered."""

import base64
import binascii
import datetime as dt
import json
import random
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.impact.sandbox import wire
from connectors.impact.sandbox.book import Book
from connectors.impact.sandbox.model import ACCOUNT_SID, AUTH_TOKEN, Action, ActionUpdate, Partner, wire_row
from connectors.impact.sandbox.paging import JSON_SUFFIX, Paging
from connectors.impact.sandbox.population import bulk_populate, populate
from connectors.impact.sandbox.query import (
    CAMPAIGN_PAGE_SIZE,
    CAMPAIGN_PARAMETERS,
    MAX_PAGES,
    ActionQuery,
    Parameters,
    Refused,
    parse_action_query,
)
from connectors.impact.sandbox.rates import RateLimit
from connectors.impact.sandbox.shelf import FOREVER, Shelf
from connectors.impact.sandbox.switches import ImpactSwitches
from syncengine.sandbox.kit import Person, Sandbox, Switches

SINGULAR = {"Campaigns": "Campaign", "Actions": "Action", "ActionUpdates": "ActionUpdate"}
ADMIN = frozenset({"add_campaign", "create", "modify", "approve", "approve_due", "reverse", "reset"})


class ImpactSandbox(Sandbox):
    """Campaigns, Actions and ActionUpdates of one made-up account. `book` holds the data and their life."""

    name: ClassVar[str] = "impact"
    Switches: ClassVar[type[Switches]] = ImpactSwitches
    switches: ImpactSwitches

    def __init__(self, now: Callable[[], dt.datetime] | None = None, rng: random.Random | None = None) -> None:
        super().__init__(now)
        self.book = Book(self.switches, self._time)
        self._rates = RateLimit(self.switches, self._time)
        self._errors = wire.Errors(self.switches, rng or random.Random())
        self._paging = Paging(self.switches, self.book)

    def _time(self) -> dt.datetime:
        """The clock for the parts: `now` may be replaced."""
        return self.now()

    def settings(self) -> dict[str, str]:
        return {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}

    def populate(self, people: Sequence[Person], seed: int, now: dt.datetime) -> None:
        """Three campaigns (one closed) with a year of these people's orders."""
        populate(self.book, people, seed, now)

    def bulk_populate(self, n_actions: int, n_new_customers: int, *, seed: int = 1, days: int = 365) -> list[Person]:
        """Many actions, quickly, over the last `days` days: one with status NEW for each of the people returned."""
        made = bulk_populate(self.book, n_actions, n_new_customers, seed=seed, days=days, now=self.now())
        for action in self.book.actions.values():
            self._encoded(action)
        return made

    def clear(self) -> None:
        self.book.clear()
        self._rates.clear()
        self._paging.clear()

    def control(self) -> Iterable[BaseRoute]:
        return [
            Route("/_sandbox/admin", self._admin, methods=["POST"]),
            Route("/_sandbox/actions", self._list_all, methods=["GET"]),
        ]

    def provider(self) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            await self._respond(request)(scope, receive, send)

        return answer

    # --- who may ask ---

    def _respond(self, request: Request) -> Response:
        xml = self._wants_xml(request)
        if not _authorised(request):
            return self._errors.answer(HTTPStatus.UNAUTHORIZED, xml=xml)
        passes, headers = self._rates.take()
        refusal = HTTPStatus.TOO_MANY_REQUESTS
        answer = self._admit(request, xml=xml) if passes else self._errors.answer(refusal, xml=xml)
        answer.headers.update(headers)
        return answer

    def _wants_xml(self, request: Request) -> bool:
        """XML unless JSON is asked for, by header or by suffix (section 1)."""
        if request.url.path.endswith(JSON_SUFFIX) or "application/json" in request.headers.get("accept", ""):
            return False
        return self.switches.format_without_accept == "xml"

    def _admit(self, request: Request, *, xml: bool) -> Response:
        root, sid, resource, key = _split(request.url.path)
        if root != "Advertisers" or resource not in SINGULAR:
            return self._errors.answer(HTTPStatus.NOT_FOUND, xml=xml)
        if sid != ACCOUNT_SID or resource in self.switches.forbidden:
            return self._errors.answer(HTTPStatus.FORBIDDEN, xml=xml)
        if request.method != "GET":
            return self._errors.answer(HTTPStatus.METHOD_NOT_ALLOWED, xml=xml)
        if key:
            return self._single(resource, key, xml=xml)
        try:
            return self._list_campaigns(request, xml=xml) if resource == "Campaigns" else self._list(request, resource)
        except Refused as refused:
            return self._errors.answer(self.switches.rule_status, xml=xml, field=refused.field)

    # --- what is answered ---

    def _row(self, item: msgspec.Struct) -> dict[str, Any]:
        row = wire_row(item, ZoneInfo(self.switches.timezone), self.switches.scalars)
        if isinstance(item, ActionUpdate):
            row["State"] = self.book.update_state(item)
        return row

    def _encoded(self, item: Action | ActionUpdate) -> bytes:
        if item.encoded is None:
            item.encoded = msgspec.json.encode(self._row(item))
        return item.encoded

    def _single(self, resource: str, key: str, *, xml: bool) -> Response:
        found: msgspec.Struct | None
        match resource:
            case "Campaigns":
                found = self.book.campaigns.get(key)
            case "Actions":
                found = self.book.actions.get(key)
            case _:
                found = self.book.updates.get(key)
        if found is None:
            return self._errors.answer(HTTPStatus.NOT_FOUND, xml=xml)
        return wire.single(
            self._row(found), SINGULAR[resource], xml=xml, wrapped=self.switches.single_object == "wrapped"
        )

    def _list_campaigns(self, request: Request, *, xml: bool) -> Response:
        """Sorted by id, filtered by name and state (section 4)."""
        parameters = Parameters(request.query_params.multi_items(), CAMPAIGN_PARAMETERS, self.switches)
        name, state = parameters.text("Name"), parameters.text("State")
        found = [
            campaign
            for campaign in sorted(self.book.campaigns.values(), key=lambda campaign: int(campaign.id))
            if name in (None, campaign.name) and state in (None, campaign.state)
        ]
        size = min(parameters.number("PageSize") or CAMPAIGN_PAGE_SIZE, CAMPAIGN_PAGE_SIZE)
        page = parameters.number("Page") or 1
        shown = found[(page - 1) * size : page * size]
        listing = wire.Listing("Campaigns", page, size, len(found), len(shown))
        around = wire.envelope(
            listing, self._paging.links(request.url.path, request.url.query, listing), self.switches.scalars
        )
        rows = [self._row(campaign) for campaign in shown]
        if xml:
            return wire.list_xml(around, listing.key, rows)
        return wire.list_json(around, listing.key, [msgspec.json.encode(row) for row in rows], self.switches)

    def _list(self, request: Request, resource: str) -> Response:
        query = parse_action_query(request.query_params.multi_items(), self.switches, self.now())
        if self._paging.times_out(request.url.query, query):
            return wire.gateway_timeout()
        seen_by = self.now() - dt.timedelta(seconds=self.switches.latency) if self.switches.latency else FOREVER
        if resource == "Actions":
            actions = self.book.action_shelf(query.campaign_id)
            return self._page(request, resource, query, actions.find(query.ranges, query.state, _state_of, seen_by))
        updates: Shelf[ActionUpdate] = self.book.update_shelf(query.campaign_id)
        found = updates.find(query.ranges, query.state, self.book.update_state, seen_by)
        return self._page(request, resource, query, found)

    def _page(
        self, request: Request, resource: str, query: ActionQuery, found: Sequence[Action | ActionUpdate]
    ) -> Response:
        if len(found) > MAX_PAGES * query.size:
            raise Refused("PageSize")
        start = (query.page - 1) * query.size
        again = 1 if self.switches.edge_rows_twice and start else 0
        shown = found[max(0, start - again) : start + query.size]
        listing = wire.Listing(resource, query.page, query.size, len(found), len(shown))
        links = self._paging.links(request.url.path, request.url.query, listing)
        around = wire.envelope(listing, links, self.switches.scalars)
        if self._wants_xml(request):
            answer = wire.list_xml(around, resource, [self._row(row) for row in shown])
        else:
            answer = wire.list_json(around, resource, [self._encoded(row) for row in shown], self.switches)
        if links.next and found:
            self._paging.drift(found[0], shown)
        return answer

    # --- control ---

    async def _admin(self, request: Request) -> Response:
        """POST {"do": "create", "campaign_id": "1000", …}: a step in an action's life, with the method's arguments."""
        try:
            arguments = dict(await request.json())
            step = arguments.pop("do", None)
            if step not in ADMIN:
                return JSONResponse({"error": f"do: one of {sorted(ADMIN)}"}, HTTPStatus.UNPROCESSABLE_ENTITY)
            for name in ("event", "at"):
                if name in arguments:
                    arguments[name] = dt.datetime.fromisoformat(arguments[name])
            if "partner" in arguments:
                arguments["partner"] = Partner(**arguments["partner"])
            done = getattr(self.book, step)(**arguments)
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)
        return JSONResponse([self._row(item) for item in done] if isinstance(done, list) else self._row(done))

    async def _list_all(self, _: Request) -> Response:
        return JSONResponse([json.loads(self._encoded(action)) for action in self.book.actions.values()])


def _state_of(action: Action) -> str:
    return action.state


def _authorised(request: Request) -> bool:
    """HTTP Basic with the account's SID and its token (section 1)."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return given == f"{ACCOUNT_SID}:{AUTH_TOKEN}"


def _split(path: str) -> tuple[str, str, str, str]:
    """Root, SID, resource and id of /Advertisers/SID/Resource/id.json; "" where there is none or too much."""
    parts = path.removesuffix(JSON_SUFFIX).strip("/").split("/")
    most = 4
    if len(parts) > most:
        return "", "", "", ""
    root, sid, resource, key = [*parts, "", "", "", ""][:most]
    return root, sid, resource, key
