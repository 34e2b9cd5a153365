"""Reads config.toml into settings that are right, or says everything that is wrong with it at once.

Nobody should have to run `check` five times to find five faults, so each part is looked at even where another is
broken. What needs a connection (names of streams, fields, columns) is `binding.py`'s; a fault here hides none there.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mappings.recipes import RecipeError, expand
from mappings.spec import MappingSpec
from mappings.wording import suggest
from syncengine.contracts import Connector
from syncengine.engine_settings import OWN_CONNECTION, SQLITE, EngineSettings
from syncengine.errors import ConfigError, Problem
from syncengine.redaction import register_secret
from syncengine.references import READABLE_BY_OTHERS, References, plain_secrets
from syncengine.registry import connector_names, load_connector
from syncengine.schedule import Schedule, ScheduleError, parse_schedule
from syncengine.validation import problems_of

__all__ = ["ConfiguredConnection", "ConfiguredMapping", "EngineSettings", "Settings", "load_settings"]

Model = TypeVar("Model", bound=BaseModel)

TABLES = ("engine", "connections", "mappings")
ALONE = frozenset({"start", "schedule", "where", "retract", "suppress", "set_once", "tests"})
"""Keys of a mapping that no other key of it builds on."""


@dataclass(frozen=True, slots=True)
class ConfiguredConnection:
    """One [connections.NAME]: its connector, and the connector's own settings, validated."""

    name: str
    connector: Connector
    settings: BaseModel = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConfiguredMapping:
    """One [mappings.NAME], right in form; without a schedule it only runs when asked to."""

    name: str
    spec: MappingSpec
    schedule: Schedule | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. `base` is the folder of the file: what is relative is relative to it.

    `warnings` are faults that keep nothing from working.
    """

    path: Path
    base: Path
    engine: EngineSettings
    connections: Mapping[str, ConfiguredConnection]
    mappings: Mapping[str, ConfiguredMapping]
    warnings: tuple[Problem, ...] = ()


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read and check the configuration. Raises ConfigError with every problem; none of them quotes a value.

    Secrets are registered with the redaction as soon as they are known.
    """
    raw = _read(path)
    loader = _Loader(path.absolute(), environ)
    for name in raw.keys() - set(TABLES):
        loader.fault(name, "There is no such table.", suggest(name, TABLES))
    engine = loader.engine(raw.get("engine", {}))
    connections = {name: loader.connection(name, table) for name, table in loader.tables(raw, "connections")}
    mappings = {name: loader.mapping(name, table, connections) for name, table in loader.tables(raw, "mappings")}
    settings = Settings(
        path=loader.path,
        base=loader.base,
        engine=engine or EngineSettings(),
        connections={name: made for name, made in connections.items() if made},
        mappings={name: made for name, made in mappings.items() if made},
        warnings=tuple(loader.warnings + loader.references.warnings),
    )
    problems = loader.problems + loader.references.problems
    if problems:
        from syncengine.binding import faults_of  # it builds on this module, and is only asked where there is a fault

        order = {name: at for at, name in enumerate(raw)}
        problems += faults_of(settings)
        raise ConfigError(sorted(problems, key=lambda problem: order.get(problem.key.partition(".")[0], -1)))
    return settings


def _read(path: Path) -> dict[str, Any]:
    key = path.name
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        hint = "`syncengine init` writes one; --config or SYNCENGINE_CONFIG name another."
        raise ConfigError([Problem(key, f"There is no file {path}.", hint)]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(key, f"Line {line} is not in UTF-8.", "Save the file as UTF-8.")]) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError([Problem(key, f"{path} can't be read: {reason}.", "--config names the file.")]) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        hint = "Texts stand in quotes, tables in [brackets]; each key stands once in its table."
        raise ConfigError([Problem(key, f"This is not TOML: {error}.", hint)]) from None


class _Loader:
    """One reading of the file: builds what is right and collects what is wrong."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self.base = path.parent
        self.references = References(self.base, environ)
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def fault(self, key: str, message: str, hint: str = "") -> None:
        self.problems.append(Problem(key, message, hint))

    def tables(self, raw: Mapping[str, Any], group: str) -> list[tuple[str, dict[str, Any]]]:
        """The named tables of a group; a name must do for expressions, log lines and file names."""
        found = raw.get(group, {})
        if not isinstance(found, dict):
            self.fault(group, "This must be a table.", f"Write [{group}.NAME].")
            return []
        good = []
        for name, table in found.items():
            if not name.isascii() or not name.replace("-", "_").isidentifier():
                hint = "Use letters, digits, - and _, and begin with a letter."
                self.fault(f"{group}.{name}", "This can't be a name.", hint)
            elif not isinstance(table, dict):
                self.fault(f"{group}.{name}", "This must be a table.", f"Write [{group}.{name}].")
            else:
                good.append((name, table))
        return good

    def engine(self, table: Any) -> EngineSettings | None:
        made = self._validate(EngineSettings, self.references.resolve(table, "engine"), "engine")
        if made is None:
            return None
        self._keep_secrets(made, table, "engine")
        file = (self.base / Path(made.database.removeprefix(SQLITE)).expanduser()).absolute()
        return made.model_copy(update={"database": f"{SQLITE}{file}"})

    def connection(self, name: str, table: Mapping[str, Any]) -> ConfiguredConnection | None:
        """Build one connection; None where there is a problem."""
        key = f"connections.{name}"
        if name == OWN_CONNECTION:
            message = "This name belongs to what syncengine itself knows (engine.expiring_consents …)."
            self.fault(key, message, "Give the connection another name; that one needs no table.")
            return None
        wanted = table.get("connector")
        if not isinstance(wanted, str):
            hint = f"There is: {', '.join(connector_names())}."
            self.fault(f"{key}.connector", "This must name the connector in quotes.", hint)
            return None
        try:
            connector = load_connector(wanted, f"{key}.connector")
        except ConfigError as error:
            self.problems += error.problems
            return None
        own = self.references.resolve({inner: value for inner, value in table.items() if inner != "connector"}, key)
        settings = self._validate(connector.Settings, own, key)
        if settings is None:
            return None
        self._keep_secrets(settings, table, key)
        return ConfiguredConnection(name, connector, settings)

    def mapping(
        self, name: str, table: Mapping[str, Any], connections: Mapping[str, ConfiguredConnection | None]
    ) -> ConfiguredMapping | None:
        """Build one mapping; None where there is a problem. A connection with a problem of its own counts as known."""
        key = f"mappings.{name}"
        try:
            whole = expand(dict(table), key)
        except RecipeError as error:
            self.fault(error.key, error.message, error.hint)
            return None
        spec = self._validate(MappingSpec, whole, key)
        if spec is None:
            spec = _without_faulty(whole)
        if spec is None:
            return None
        named = {"source": spec.source, "destination": spec.destination}
        named |= {f"lookup.{at}.from": lookup.source for at, lookup in enumerate(spec.lookup)}
        for place, reference in named.items():
            connection = reference.partition(".")[0]
            if connection not in connections and connection != OWN_CONNECTION:
                hint = suggest(connection, connections)
                self.fault(f"{key}.{place}", f'There is no connection "{connection}".', hint)
        schedule = None
        try:
            schedule = parse_schedule(spec.schedule) if spec.schedule is not None else None
        except ScheduleError as error:
            self.fault(f"{key}.schedule", error.message, error.hint)
        return ConfiguredMapping(name, spec, schedule)

    def _validate(self, model: type[Model], table: Any, key: str) -> Model | None:
        """Validate, and leave out what only follows from a reference that could not be resolved."""
        unresolved = self.references.failed_below(key)
        try:
            made = model.model_validate(table, context={"base": self.base})
        except ValidationError as error:
            found = problems_of(error, model, key)
            follows = unresolved | {key} if unresolved else frozenset()
            self.problems += [fault for fault in found if fault.key not in follows]
            return None
        return None if unresolved else made

    def _keep_secrets(self, settings: BaseModel, table: Mapping[str, Any], key: str) -> None:
        """Mask every secret from now on, and warn where one stands in a file that others may read."""
        written = set(_texts(table))
        for secret in plain_secrets(settings):
            register_secret(secret)
            if secret in written and self.path.stat().st_mode & READABLE_BY_OTHERS:
                hint = 'Keep it elsewhere, { env = "NAME" }, or chmod 600 the file.'
                self.warnings.append(Problem(key, f"A secret stands in {self.path.name}, which others may read.", hint))


def _without_faulty(table: Mapping[str, Any]) -> MappingSpec | None:
    """The mapping less its faulty keys, so that they hide nothing; None where other parts of it build on those."""
    try:
        return MappingSpec.model_validate(table)
    except ValidationError as error:
        faulty = {str(detail["loc"][0]) for detail in error.errors(include_url=False, include_input=False)}
    if not faulty <= ALONE:
        return None
    return MappingSpec.model_validate({name: value for name, value in table.items() if name not in faulty})


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for inner in value.values() for text in _texts(inner)]
        case list():
            return [text for inner in value for text in _texts(inner)]
    return []
