"""Joins the configuration with what its connections really offer: streams, lookups, destinations, and their fields.

Everything that the engine runs comes from here, already checked by name. No I/O happens before the workspace is
entered, so a wrong name shows without any network.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ValidationError

from mappings.mapping import CompiledMapping, LookupRule, MappingError, compile_mapping
from mappings.spec import MappingSpec
from mappings.wording import suggest
from syncengine.clock import SystemClock
from syncengine.config import ConfiguredConnection, ConfiguredMapping, Settings
from syncengine.contracts import Connection, Context, Destination, Lookup, Permitted, PermittedFields, Stream
from syncengine.engine.fitting import misfits
from syncengine.engine_settings import OWN_CONNECTION
from syncengine.errors import ConfigError, Problem
from syncengine.http import HttpFactory
from syncengine.own import OwnConnection
from syncengine.schedule import Schedule
from syncengine.validation import problems_of

__all__ = ["BoundMapping", "Workspace", "bind", "connect", "draft_fields", "faults_of"]

UNKNOWN_KEY = ""
"""No field has this name."""


@dataclass(frozen=True, slots=True)
class BoundMapping:
    """One mapping with everything that it reads, asks and writes. `destination_name` is "cyberimpact.contacts"."""

    name: str
    spec: MappingSpec
    rule: CompiledMapping
    source_name: str
    stream: Stream
    options: BaseModel
    destination_name: str
    destination: Destination
    lookups: tuple[tuple[LookupRule, Lookup], ...]
    schedule: Schedule | None


class Workspace:
    """All connections and mappings of a configuration. An async context manager: inside, the connections are open."""

    def __init__(
        self, settings: Settings, connections: Mapping[str, Connection], mappings: Mapping[str, BoundMapping]
    ) -> None:
        self.settings = settings
        self.connections = connections
        self.mappings = dict(mappings)
        self._open = AsyncExitStack()
        self._beside: dict[str, Destination] = {}

    @property
    def written(self) -> Mapping[str, Destination]:
        """The destinations that are written to, or were, by name: "cyberimpact.contacts"."""
        return {mapping.destination_name: mapping.destination for mapping in self.mappings.values()} | self._beside

    def note_written(self, names: Iterable[str]) -> None:
        """Destinations that were written to, by hand or by mappings that are no more; those still offered count."""
        for name in names:
            connection_name, _, short = name.partition(".")
            if connection_name in self.connections and short in self.connections[connection_name].destinations:
                self._beside[name] = self.connections[connection_name].destinations[short]

    def add(self, mapping: BoundMapping) -> None:
        """Take in a mapping that stands in no configuration."""
        self.mappings[mapping.name] = mapping

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for connection in self.connections.values():
                await stack.enter_async_context(connection)
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()


def bind(settings: Settings, context_for: Callable[[str], Context], own: OwnConnection | None = None) -> Workspace:
    """Connect every connection (no I/O) and compile every mapping against them.

    `context_for` makes what a connection may use of the world, by its name. `own`: the connection that is always there;
    left out, one without a state. Raises ConfigError with all problems of all connections and mappings.
    """
    workspace, problems = _join(settings, context_for, own)
    if problems:
        raise ConfigError(problems)
    return workspace


def faults_of(settings: Settings) -> list[Problem]:
    """What `bind` would find wrong with those parts of a faulty configuration that could be read."""
    clock = SystemClock()

    def context_for(name: str) -> Context:
        return Context(HttpFactory(f"connections.{name}", clock, {}), _NoMemory(), clock, settings.engine.timezone)

    return _join(settings, context_for)[1]


class _NoMemory:
    """For connections that are made to look at what they offer, and never opened."""

    folder = Path()

    async def get(self, key: str) -> str | None:
        return None

    async def put(self, key: str, value: str) -> None:
        return None


def _join(
    settings: Settings, context_for: Callable[[str], Context], own: OwnConnection | None = None
) -> tuple[Workspace, list[Problem]]:
    problems: list[Problem] = []
    connections: dict[str, Connection] = {}
    for name, configured in settings.connections.items():
        try:
            connections[name] = connect(configured, context_for(name))
        except ConfigError as error:
            problems += error.problems
    own = own or OwnConnection(None, SystemClock(), settings.engine.timezone)
    mappings: dict[str, BoundMapping] = {}
    for name, mapping in settings.mappings.items():
        binder = _Binder(mapping, {**connections, OWN_CONNECTION: own})
        bound = binder.bind()
        problems += binder.problems
        if bound is not None:
            mappings[name] = bound
    return Workspace(settings, connections, mappings), list(dict.fromkeys(problems))  # two mappings may lack the same


def connect(configured: ConfiguredConnection, context: Context) -> Connection:
    """Build one connection. Raises ConfigError with keys as they stand in the file."""
    try:
        return configured.connector.connect(configured.settings, context)
    except ConfigError as error:
        key = f"connections.{configured.name}"
        raise ConfigError(
            [Problem(f"{key}.{fault.key}".rstrip("."), fault.message, fault.hint) for fault in error.problems]
        ) from error


def draft_fields(destination: Destination) -> frozenset[str]:
    """The names that a mapping may set, as they are written in the configuration."""
    return frozenset(field.alias or name for name, field in destination.Fields.model_fields.items())


def _fields_named(spec: MappingSpec) -> frozenset[str]:
    """All names of fields in a mapping: what may be set where the destination is not known."""
    expected = (test.expect for test in spec.tests if isinstance(test.expect, dict))
    return frozenset(spec.fields).union(*expected)


class _Binder:
    """The binding of one mapping: each part is looked at even where another is wrong."""

    def __init__(self, mapping: ConfiguredMapping, connections: Mapping[str, Connection]) -> None:
        self._mapping = mapping
        self._connections = connections
        self._key = f"mappings.{mapping.name}"
        self.problems: list[Problem] = []

    def bind(self) -> BoundMapping | None:
        """The bound mapping; None where there is a problem, here or in a connection that it uses."""
        spec = self._mapping.spec
        stream = self._find("source", spec.source, "stream", lambda connection: connection.streams)
        destination = self._find(
            "destination", spec.destination, "destination", lambda connection: connection.destinations
        )
        lookups = [
            self._find(f"lookup.{at}.from", lookup.source, "lookup", lambda connection: connection.lookups)
            for at, lookup in enumerate(spec.lookup)
        ]
        options = self._options(stream) if stream else None
        rule = self._compile(stream, destination)
        if destination is not None:
            for misfit in misfits(self._mapping.spec, destination):
                self._fault(misfit.key, misfit.message, misfit.hint)
        if isinstance(destination, Permitted):
            self._check_permission(destination.permit)
        if isinstance(destination, PermittedFields):
            given = [name for name, value in self._mapping.spec.fields.items() if value != ""]
            self._check_permission(partial(destination.permit_fields, given))
        found = [lookup for lookup in lookups if lookup is not None]
        if stream is None or options is None or destination is None or rule is None or len(found) < len(lookups):
            return None
        return BoundMapping(
            name=self._mapping.name,
            spec=spec,
            rule=rule,
            source_name=spec.source,
            stream=stream,
            options=options,
            destination_name=spec.destination,
            destination=destination,
            lookups=tuple(zip(rule.lookups, found, strict=True)),
            schedule=self._mapping.schedule,
        )

    def _find(self, place: str, reference: str, kind: str, offered: Callable[[Connection], Mapping[str, Any]]) -> Any:
        """What "connection.name" means; None where it means nothing, or its connection has a problem of its own."""
        connection_name, _, name = reference.partition(".")
        connection = self._connections.get(connection_name)
        if connection is None:
            return None
        choices = offered(connection)
        if name not in choices:
            hint = suggest(name, choices) or f"It offers no {kind}s."
            self._fault(place, f'The connection "{connection_name}" has no {kind} "{name}".', hint)
            return None
        return choices[name]

    def _options(self, stream: Stream) -> BaseModel | None:
        try:
            return stream.Options.model_validate(self._mapping.spec.options)
        except ValidationError as error:
            self.problems += problems_of(error, stream.Options, f"{self._key}.options")
            return None

    def _compile(self, stream: Stream | None, destination: Destination | None) -> CompiledMapping | None:
        """The rule; None where there is a problem. Without a destination, expressions are still looked at."""
        try:
            return compile_mapping(
                self._mapping.spec,
                record_fields=stream.fields if stream else None,
                draft_fields=draft_fields(destination) if destination else _fields_named(self._mapping.spec),
                key_field=destination.key_field if destination else UNKNOWN_KEY,
            )
        except MappingError as error:
            for fault in error.problems:
                if destination is not None or fault.key != "fields":  # that the unknown key is missing
                    self._fault(fault.key, fault.message, fault.hint)
            return None

    def _check_permission(self, permit: Callable[[], None]) -> None:
        try:
            permit()
        except ConfigError as error:
            self.problems += error.problems

    def _fault(self, place: str, message: str, hint: str) -> None:
        self.problems.append(Problem(f"{self._key}.{place}", message, hint))
