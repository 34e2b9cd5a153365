"""What every sandbox has in common: a log of what it was asked, faults, switches, a clock, and control from outside."""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from syncengine.sandbox.exchange import inject, open_exchange
from syncengine.sandbox.faults import Fault, Faults
from syncengine.sandbox.people import Person, people
from syncengine.sandbox.seen import Seen

CONTROL = "/_sandbox"

type_of_faults = TypeAdapter(list[Fault])


class Switches(BaseModel):
    """What nobody knows about a provider, each with the documented or likeliest value as its default."""

    model_config = ConfigDict(validate_assignment=True, extra="forbid")

    def reset(self) -> None:
        """Back to the defaults, in place: the sandbox's parts hold on to this object."""
        for name, value in type(self)():
            setattr(self, name, value)


class Sandbox(ABC):
    """A local provider. Serve `app` with `Server`, and steer it by attributes or, from elsewhere, under /_sandbox.

    A subclass sets `name` and `Switches`, and writes `provider`, `settings`, `populate` and `clear`. `now` is the
    provider's clock, aware; assign another one to move it.
    """

    name: ClassVar[str]
    Switches: ClassVar[type[Switches]] = Switches

    def __init__(self, now: Callable[[], dt.datetime] | None = None) -> None:
        self._real_now = now or _utc_now
        self.now: Callable[[], dt.datetime] = self._real_now
        self.seen: list[Seen] = []
        self.faults = Faults()
        self.switches = self.Switches()
        self._provider: ASGIApp | None = None
        self._control = Starlette(routes=[*self._routes(), *self.control()])

    # --- what a subclass writes ---

    @abstractmethod
    def provider(self) -> ASGIApp:
        """The provider's own routes; called once, at the first request."""

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """What [connections.NAME] needs besides `base_url`: made-up credentials that this sandbox accepts."""

    def settings_at(self, url: str) -> dict[str, Any]:
        """What stands under [connections.NAME] for this sandbox, where it is served at `url`."""
        return {"base_url": url, **self.settings()}

    @abstractmethod
    def populate(self, people: Sequence[Person], seed: int, now: dt.datetime) -> None:
        """Fill it with data about these people; the same arguments give the same data."""

    @abstractmethod
    def clear(self) -> None:
        """Forget all data, as it was when made."""

    def control(self) -> Iterable[BaseRoute]:
        """Further control routes, with their full path below /_sandbox."""
        return ()

    # --- what a test uses ---

    def reset(self) -> None:
        """As new: no data, no faults, nothing seen, switches and clock as they were."""
        self.seen.clear()
        self.faults.clear()
        self.switches.reset()
        self.now = self._real_now
        self.clear()

    @property
    def app(self) -> ASGIApp:
        """The ASGI application. It must be the outermost one: faults cut the connection below it."""
        return self._answer

    # --- one request ---

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["path"].startswith(CONTROL):
            await self._control(scope, receive, send)
            return
        exchange = await open_exchange(scope, receive, send)
        seen = exchange.seen
        self.seen.append(seen)
        if self._provider is None:
            self._provider = self.provider()
        fault = self.faults.take(seen.method, seen.path, scope["query_string"].decode("latin-1"))
        if fault is None:
            await exchange.answer(self._provider)
        else:
            await inject(fault, exchange, self._provider)

    # --- control over HTTP ---

    def _routes(self) -> list[Route]:
        return [
            Route(f"{CONTROL}/requests", self._requests, methods=["GET", "DELETE"]),
            Route(f"{CONTROL}/faults", self._faults, methods=["GET", "POST", "DELETE"]),
            Route(f"{CONTROL}/switches", self._switches, methods=["GET", "POST"]),
            Route(f"{CONTROL}/clock", self._clock, methods=["GET", "POST"]),
            Route(f"{CONTROL}/populate", self._populate, methods=["POST"]),
            Route(f"{CONTROL}/reset", self._reset, methods=["POST"]),
        ]

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.seen.clear()
        return JSONResponse([seen.dump() for seen in self.seen])

    async def _faults(self, request: Request) -> Response:
        """POST one fault or a list of them; the answer lists those pending and those that happened."""
        if request.method == "DELETE":
            self.faults.clear()
        elif request.method == "POST":
            body = await request.body()
            try:
                if body.lstrip().startswith(b"["):
                    self.faults.add(*type_of_faults.validate_json(body))
                else:
                    self.faults.add(Fault.model_validate_json(body))
            except ValidationError as error:
                return _refuse(error)
        return JSONResponse(
            {
                "pending": [fault.model_dump() for fault in self.faults.pending],
                "injected": [fault.model_dump() for fault in self.faults.injected],
            }
        )

    async def _switches(self, request: Request) -> Response:
        """POST {"name": value, …} changes these and leaves the others; all of them or, if one is wrong, none."""
        if request.method == "POST":
            try:
                changes = dict(await request.json())
                checked = self.Switches.model_validate({**self.switches.model_dump(), **changes})
            except (ValidationError, ValueError, TypeError) as error:
                return _refuse(error)
            for name in changes:
                setattr(self.switches, name, getattr(checked, name))
        return JSONResponse(self.switches.model_dump(mode="json"))

    async def _clock(self, request: Request) -> Response:
        """POST {"now": "2026-06-01T00:00:00Z"} stops the clock there; {"advance": seconds} moves and stops it."""
        if request.method == "POST":
            try:
                asked = _Clock.model_validate_json(await request.body())
            except ValidationError as error:
                return _refuse(error)
            moment = (asked.now or self.now()) + dt.timedelta(seconds=asked.advance)
            self.now = lambda: moment
        return JSONResponse({"now": self.now().isoformat()})

    async def _populate(self, request: Request) -> Response:
        """POST {"count": 200, "seed": 1} fills it with data about that many made-up people."""
        try:
            asked = _Population.model_validate_json(await request.body())
        except ValidationError as error:
            return _refuse(error)
        self.populate(people(asked.count, asked.seed), asked.seed, self.now())
        return JSONResponse({"people": asked.count})

    async def _reset(self, request: Request) -> Response:
        self.reset()
        return JSONResponse({})


class _Clock(BaseModel):
    model_config = ConfigDict(extra="forbid")
    now: dt.datetime | None = None
    advance: float = 0.0


class _Population(BaseModel):
    model_config = ConfigDict(extra="forbid")
    count: int
    seed: int = 1


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _refuse(error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=HTTPStatus.UNPROCESSABLE_ENTITY)
