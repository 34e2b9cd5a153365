"""The brand's account at impact.com: who may ask for what, and what is answered."""

import base64
import binascii
import datetime as dt
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.impact.sandbox import wire
from connectors.impact.sandbox.book import Book
from connectors.impact.sandbox.calldata import PATH as CALLS
from connectors.impact.sandbox.calldata import CallDataSandbox
from connectors.impact.sandbox.control import Control
from connectors.impact.sandbox.inquiries import Inquiries
from connectors.impact.sandbox.model import ACCOUNT_SID, AUTH_TOKEN, Action, ActionUpdate
from connectors.impact.sandbox.paging import Paging
from connectors.impact.sandbox.partners import Partners, Unsubscribed
from connectors.impact.sandbox.population import bulk_populate, populate, surround
from connectors.impact.sandbox.postbacks import Postbacks
from connectors.impact.sandbox.query import MAX_PAGES, ActionQuery, Missing, Refused, parse_action_query
from connectors.impact.sandbox.rates import RateLimit
from connectors.impact.sandbox.resources import Call, Resources
from connectors.impact.sandbox.routes import ENDPOINTS, JSON_SUFFIX, find_place, forbids
from connectors.impact.sandbox.rows import unsubscribed_row, wire_row
from connectors.impact.sandbox.shelf import FOREVER, Shelf
from connectors.impact.sandbox.switches import ImpactSwitches
from syncengine.sandbox.kit import Person, Sandbox, Switches

OVERRIDE = "_method"
"""A POST with this parameter is what it says (section 1)."""


class ImpactSandbox(Sandbox):
    """One made-up account. `book` holds campaigns, actions and updates and their life, `every_action` shows the result.

    `inquiries` and `partners` hold the rest, `postbacks` are the event notifications, `rates` is the hourly budget.
    """

    name: ClassVar[str] = "impact"
    Switches: ClassVar[type[Switches]] = ImpactSwitches
    switches: ImpactSwitches

    def __init__(self, now: Callable[[], dt.datetime] | None = None, rng: random.Random | None = None) -> None:
        super().__init__(now)
        chance = rng or random.Random()
        self.book = Book(self.switches, self._time)
        self.inquiries = Inquiries(self.book, self._time)
        self.partners = Partners(self._time)
        self.postbacks = Postbacks(self.switches, chance)
        self.call_data = CallDataSandbox(self._time)
        """Another host in truth; served here as well, so that one address is enough."""
        self.book.tell = self.postbacks.tell
        self.rates = RateLimit(self.switches, self._time)
        self._errors = wire.Errors(self.switches, chance)
        self._paging = Paging(self.switches, self.book)
        resources = Resources(self.switches, self._paging, self.book, self.inquiries, self.partners)
        self._handlers: dict[str, Callable[[Call], Response]] = {
            **resources.handlers(),
            "Actions": self._list_actions,
            "Actions/*": self._action,
            "ActionUpdates": self._list_updates,
            "ActionUpdates/*": self._update,
        }

    def _time(self) -> dt.datetime:
        """The clock for the parts: `now` may be replaced."""
        return self.now()

    def settings(self) -> dict[str, str]:
        return {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN}

    def settings_at(self, url: str) -> dict[str, Any]:
        return {**super().settings_at(url), "call_data": self.call_data.settings_at(url)}

    def populate(self, people: Sequence[Person], seed: int, now: dt.datetime) -> None:
        """Three campaigns (one closed) with a year of these people's orders, and the partners that sent them."""
        populate(self.book, people, seed, now)
        surround(self.book, self.inquiries, self.partners, now)

    def bulk_populate(self, n_actions: int, n_new_customers: int, *, seed: int = 1, days: int = 365) -> list[Person]:
        """Many actions, quickly, over the last `days` days: one with status NEW for each of the people returned."""
        made = bulk_populate(self.book, n_actions, n_new_customers, seed=seed, days=days, now=self.now())
        for action in self.book.actions.values():
            self._encoded(action)
        return made

    def clear(self) -> None:
        for part in (self.book, self.inquiries, self.partners, self.postbacks, self.rates, self._paging):
            part.clear()
        self.call_data.reset()

    def control(self) -> Iterable[BaseRoute]:
        return Control(self).routes()

    def every_action(self) -> dict[str, dict[str, Any]]:
        """Every action as it is now, by id, in the shape in which it would be read."""
        return {action.id: self.row(action) for action in self.book.actions.values()}

    def row(self, item: msgspec.Struct) -> dict[str, Any]:
        """Any object as it goes on the wire."""
        if isinstance(item, Unsubscribed):
            return unsubscribed_row(item)
        row = wire_row(item, self.switches)
        if isinstance(item, ActionUpdate):
            row["State"] = self.book.update_state(item)
        return row

    def provider(self) -> ASGIApp:
        calls = self.call_data.provider()

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == CALLS:
                await calls(scope, receive, send)
                return
            request = Request(scope, receive)
            form = await self._read_form(request) if request.method in {"PUT", "POST"} else {}
            await self._respond(request, form)(scope, receive, send)

        return answer

    async def _read_form(self, request: Request) -> Mapping[str, str]:
        """What a write says, empty where its format isn't taken (section 1)."""
        kind = request.headers.get("content-type", "").partition(";")[0]
        body = await request.body()
        if kind == "application/x-www-form-urlencoded":
            return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        if kind == "application/json" and self.switches.write_body == "form_or_json":
            try:
                return {name: str(value) for name, value in msgspec.json.decode(body, type=dict[str, Any]).items()}
            except msgspec.DecodeError:
                return {}
        return {}

    # --- who may ask ---

    def _respond(self, request: Request, form: Mapping[str, str]) -> Response:
        xml = self._wants_xml(request)
        if not _authorised(request):
            return self._errors.answer(HTTPStatus.UNAUTHORIZED, xml=xml)
        place = find_place(request.url.path)
        passes, headers = self.rates.take(place.name if place else "")
        refusal = HTTPStatus.TOO_MANY_REQUESTS
        answer = self._admit(request, form, xml=xml) if passes else self._errors.answer(refusal, xml=xml)
        answer.headers.update(headers)
        return answer

    def _wants_xml(self, request: Request) -> bool:
        """XML unless JSON is asked for, by header or by suffix (section 1)."""
        if request.url.path.endswith(JSON_SUFFIX) or "application/json" in request.headers.get("accept", ""):
            return False
        return self.switches.format_without_accept == "xml"

    def _admit(self, request: Request, form: Mapping[str, str], *, xml: bool) -> Response:
        place = find_place(request.url.path)
        if place is None:
            return self._errors.answer(HTTPStatus.NOT_FOUND, xml=xml)
        method = _method(request, form)
        if place.sid != ACCOUNT_SID or forbids(self.switches.forbidden, method, place.name):
            return self._errors.answer(HTTPStatus.FORBIDDEN, xml=xml)
        if method not in ENDPOINTS[place.endpoint]:
            return self._errors.answer(HTTPStatus.METHOD_NOT_ALLOWED, xml=xml)
        if self.switches.approves_by_date:
            self.book.approve_due()
        handler = self._handlers[place.endpoint if method == "GET" else f"{method} {place.endpoint}"]
        try:
            return handler(Call(request, place.ids, xml, form))
        except Refused as refused:
            return self._errors.answer(self.switches.rule_status, xml=xml, field=refused.field)
        except Missing:
            return self._errors.answer(HTTPStatus.NOT_FOUND, xml=xml)

    # --- actions and updates ---

    def _encoded(self, item: Action | ActionUpdate) -> bytes:
        if item.encoded is None:
            item.encoded = msgspec.json.encode(self.row(item))
        return item.encoded

    def _action(self, call: Call) -> Response:
        return self._single(self.book.actions.get(call.ids[0]), "Action", call)

    def _update(self, call: Call) -> Response:
        return self._single(self.book.updates.get(call.ids[0]), "ActionUpdate", call)

    def _single(self, found: Action | ActionUpdate | None, name: str, call: Call) -> Response:
        if found is None:
            raise Missing
        return wire.single(self.row(found), name, xml=call.xml, wrapped=self.switches.single_object == "wrapped")

    def _list_actions(self, call: Call) -> Response:
        query = self._query(call)
        if self._paging.times_out(call.request.url.query, query):
            return wire.gateway_timeout()
        actions = self.book.action_shelf(query.campaign_id)
        found = actions.find(query.ranges, query.state, _state_of, self._seen_by())
        return self._page(call.request, "Actions", query, found)

    def _list_updates(self, call: Call) -> Response:
        query = self._query(call, page_rules=self.switches.updates_have_page_rules)
        if self._paging.times_out(call.request.url.query, query):
            return wire.gateway_timeout()
        updates: Shelf[ActionUpdate] = self.book.update_shelf(query.campaign_id)
        found = updates.find(query.ranges, query.state, self.book.update_state, self._seen_by())
        return self._page(call.request, "ActionUpdates", query, found)

    def _query(self, call: Call, *, page_rules: bool = True) -> ActionQuery:
        pairs = call.request.query_params.multi_items()
        return parse_action_query(pairs, self.switches, self.now(), page_rules=page_rules)

    def _seen_by(self) -> dt.datetime:
        """Rows dated later can't be read yet."""
        return self.now() - dt.timedelta(seconds=self.switches.latency) if self.switches.latency else FOREVER

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
            answer = wire.list_xml(around, resource, [self.row(row) for row in shown])
        else:
            answer = wire.list_json(around, resource, [self._encoded(row) for row in shown], self.switches)
        if links.next and found:
            self._paging.drift(found[0], shown)
        return answer


def _state_of(action: Action) -> str:
    return action.state


def _method(request: Request, form: Mapping[str, str]) -> str:
    """The method that is meant."""
    if request.method != "POST":
        return request.method
    return request.query_params.get(OVERRIDE) or form.get(OVERRIDE) or request.method


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
