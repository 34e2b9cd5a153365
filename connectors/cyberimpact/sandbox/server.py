"""The sandbox as tests and the demo use it: serve it, steer it, and read what is really there."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from connectors.cyberimpact.sandbox import batches, population, tokens
from connectors.cyberimpact.sandbox.account import Account, Contact, CustomValue, State
from connectors.cyberimpact.sandbox.administration import Administration
from connectors.cyberimpact.sandbox.consent import Consent
from connectors.cyberimpact.sandbox.service import Service
from connectors.cyberimpact.sandbox.switches import CyberimpactSwitches
from syncengine.sandbox.kit import Fault, Faults, Person, Sandbox, Seen, Switches

WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LOST_ANSWER = Fault(kind="drop_after", method="POST")


class Known(NamedTuple):
    """What the vendor has of one address. `fields` holds those that are set, custom ones by name; `groups` titles."""

    state: State
    fields: dict[str, CustomValue]
    consent: Consent
    groups: frozenset[str]


class LosingFaults(Faults):
    """The kit's faults, and those of the switch `lost_answers`."""

    def __init__(self, switches: CyberimpactSwitches) -> None:
        super().__init__()
        self._switches = switches
        self._lost_last = False

    def take(self, method: str, path: str, query: str) -> Fault | None:
        fault = super().take(method, path, query)
        if fault is not None or not self._switches.lost_answers or method != LOST_ANSWER.method:
            return fault
        self._lost_last = not self._lost_last
        if not self._lost_last:
            return None
        self.injected.append(LOST_ANSWER)
        return LOST_ANSWER


class CyberimpactSandbox(Sandbox):
    """A local Cyberimpact. `admin` does what people do in its app; the last methods read what is there."""

    name: ClassVar[str] = "cyberimpact"
    Switches: ClassVar[type[Switches]] = CyberimpactSwitches
    switches: CyberimpactSwitches

    def __init__(self, now: Callable[[], dt.datetime] | None = None) -> None:
        super().__init__(now)
        self.faults = LosingFaults(self.switches)
        self.account = Account(self.switches)
        self._service = Service(self.account, self._moment)
        self.admin = Administration(self._service, self._moment)
        self._token = self.mint_token()
        self._named: dict[int, tuple[Seen, set[str]]] = {}

    # --- what the kit asks for ---

    def provider(self) -> ASGIApp:
        return self._service

    def settings(self) -> dict[str, str]:
        """A token that ends ten years after the sandbox was made."""
        return {"token": self._token}

    def populate(self, people: Sequence[Person], seed: int, now: dt.datetime) -> None:
        with self._service.lock:
            population.populate(self.account, people, seed, now)

    def clear(self) -> None:
        with self._service.lock:
            self._service.clear()
            self._named.clear()

    def control(self) -> Iterable[BaseRoute]:
        """POST an order to /_sandbox/admin; GET /_sandbox/contacts and /_sandbox/writes; POST /_sandbox/settle."""
        return [
            Route("/_sandbox/admin", self._take_order, methods=["POST"]),
            Route("/_sandbox/contacts", self._show_contacts, methods=["GET"]),
            Route("/_sandbox/writes", self._show_writes, methods=["GET"]),
            Route("/_sandbox/settle", self._settle, methods=["POST"]),
        ]

    # --- what a test uses ---

    def mint_token(self, expires: dt.datetime | None = None) -> str:
        """A token of this sandbox; it ends in ten years where nothing else is said."""
        return tokens.mint(expires or tokens.ten_years_after(self.now()))

    def contacts(self) -> dict[str, Known]:
        """Everybody, by the address as it is stored."""
        with self._service.lock:
            return {contact.email: self._known(contact) for contact in self.account.contacts.values()}

    def groups(self) -> dict[str, bool]:
        """Whether each group is public, by title."""
        with self._service.lock:
            return {group.title: group.public for group in self.account.groups.values()}

    def writes(self) -> Counter[str]:
        """How many requests with effect were taken, by route: `{"POST /batches": 3}`. Refused ones don't count."""
        with self._service.lock:
            return Counter(self.account.writes)

    def write_requests(self) -> list[Seen]:
        """Every request that came with a writing method, refused ones too."""
        return [seen for seen in self.seen if seen.method in WRITING]

    def mentions(self, email: str) -> list[Seen]:
        """The writing requests that name this address in their body or path, in whatever case."""
        return [seen for seen in self.write_requests() if email.lower() in self._names(seen)]

    def settle(self) -> None:
        """Let all posted batches take effect, as time would; also those whose number nobody knows."""
        with self._service.lock:
            batches.settle(self.account, self.now())

    def _names(self, seen: Seen) -> set[str]:
        """What the request names, read once: a test asks about thousands of addresses. The request is kept with it,
        so that its id stays its own."""
        if id(seen) not in self._named:
            self._named[id(seen)] = (seen, _names(seen))
        return self._named[id(seen)][1]

    def _known(self, contact: Contact) -> Known:
        custom = {self.account.custom_fields[number].name: value for number, value in contact.custom.items()}
        titles = frozenset(self.account.groups[number].title for number in contact.groups)
        return Known(contact.state, {**contact.fields, **custom}, contact.consent, titles)

    def _moment(self) -> dt.datetime:
        """The clock as it is now: tests put another one in its place."""
        return self.now()

    # --- control over HTTP ---

    async def _take_order(self, request: Request) -> Response:
        try:
            order = msgspec.json.decode(await request.body(), type=dict[str, Any])
            with self._service.lock:
                return JSONResponse({"done": self.admin.order(order)})
        except (msgspec.DecodeError, ValueError, LookupError) as error:
            return JSONResponse({"error": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)

    async def _show_contacts(self, request: Request) -> Response:
        known = {email: {**one._asdict(), "groups": sorted(one.groups)} for email, one in self.contacts().items()}
        return Response(msgspec.json.encode(known), media_type="application/json")

    async def _show_writes(self, request: Request) -> Response:
        return JSONResponse(self.writes())

    async def _settle(self, request: Request) -> Response:
        self.settle()
        return JSONResponse({})


def _names(seen: Seen) -> set[str]:
    """All texts of the body and all segments of the path, lower-cased."""
    try:
        texts = set(_texts(msgspec.json.decode(seen.body)))
    except (msgspec.DecodeError, UnicodeDecodeError):
        texts = set()
    return texts | set(seen.path.lower().split("/"))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value.strip().lower()
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
