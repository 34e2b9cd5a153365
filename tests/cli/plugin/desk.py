"""A connector of somebody else's package: the small provider of these tests, without a network."""

import datetime as dt
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from syncengine.contracts import Checkpoint, Consent, Context, Draft, Finding, Found, Open, Page, Range, Record
from syncengine.errors import AuthError, ConfigError, Problem, Rejected, Transient

FIRST = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
Mood = Literal["well", "tired", "refused", "buggy", "strict", "quoting"]


class DeskSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    token: SecretStr = Field(description="From the desk's settings page.")
    mood: Mood = Field(default="well", description="How it behaves.")
    tickets: int = Field(default=3, ge=0, description="How many tickets there are each day.")
    rooms: dict[str, "Room"] = Field(default={}, description="The rooms by name.")


class Room(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    floor: int = Field(description="Counted from 0.")


class TicketOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    rooms: list[str] = Field(default=["north", "south"], description="Rooms to read. Left out: all.")
    loud: bool = False


class Letter(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    email: str = Field(description="Whom it goes to.")
    name: str | None = None
    groups: list[str] = []
    since: str | None = None


class Tickets:
    Options = TicketOptions
    fields = frozenset({"Id", "Customer", "Status", "Opened"})
    moment = "Opened"

    def __init__(self, settings: DeskSettings) -> None:
        self._settings = settings

    async def partitions(self, options: TicketOptions) -> Sequence[str]:
        return options.rooms

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncIterator[Page]:
        if self._settings.mood == "tired":
            raise Transient("connections.desk: no answer to the list of tickets.", hint="The next run tries again.")
        if self._settings.mood == "quoting":
            raise RuntimeError("a body with jo@example.com and +1 514 555 0100 in it")
        assert isinstance(position, Range)
        for page in range(2):
            moments = [FIRST + dt.timedelta(days=page, hours=hour) for hour in range(self._settings.tickets)]
            yield Page(
                [
                    Record(f"{partition}-{at}", at, self._values(at, partition, fields))
                    for at in moments
                    if position.since <= at and (position.until is None or at < position.until)
                ],
                Checkpoint(str(page)),
            )

    def _values(self, at: dt.datetime, partition: str, fields: frozenset[str] | None) -> dict[str, Any]:
        values = {"Id": f"{partition}-{at:%d%H}", "Customer": "C1", "Status": "NEW", "Opened": at.isoformat()}
        return {name: value for name, value in values.items() if fields is None or name in fields}


class People:
    def __init__(self, settings: DeskSettings) -> None:
        self._settings = settings

    async def columns(self) -> frozenset[str] | None:
        return frozenset({"key", "email", "name"})

    async def find(self, keys: Collection[str]) -> Found:
        return Found({})


class Letters:
    Fields = Letter
    key_field = "email"
    repeatable = True

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        if "@" not in fields["email"]:
            raise Rejected("email is not an address.", field="email")
        consent = Consent("wrote", FIRST.date()) if "since" in fields else None
        named = {"name": fields["name"].title()} if "name" in fields else {}
        return Draft(fields["email"].lower(), named, tuple(fields.get("groups", ())), consent)

    async def apply(self, changes: Any, attempts: Any) -> AsyncIterator[Any]:
        raise NotImplementedError("these tests deliver nothing")
        yield


class Desk:
    def __init__(self, settings: DeskSettings) -> None:
        self._settings = settings
        self.streams = {"tickets": Tickets(settings)}
        self.lookups = {"people": People(settings)}
        self.destinations = {"letters": Letters()}

    async def check(self) -> Sequence[Finding]:
        match self._settings.mood:
            case "refused":
                raise AuthError(
                    "connections.desk: the credentials are refused (401).", hint="Check that they are complete."
                )
            case "buggy":
                raise KeyError("a body with jo@example.com in it")
        return [Finding("ok", f"The desk has {self._settings.tickets} tickets a day.")]

    async def __aenter__(self) -> "Desk":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


class DeskConnector:
    name = "desk"
    summary = "a help desk, for tests"
    Settings = DeskSettings

    def connect(self, settings: DeskSettings, context: Context) -> Desk:
        if settings.mood == "strict":
            raise ConfigError([Problem("token", "This is not the token of a desk.", "Copy it again.")])
        return Desk(settings)


class Hollow:
    """Registered as a connector without being one."""

    name = "hollow"
    summary = "nothing inside"
