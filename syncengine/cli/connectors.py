"""`connectors`: what can be connected, and everything that may be set or named for it, from the code itself."""

import datetime as dt
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from syncengine.cli.command import DONE, FAILED, Session, command
from syncengine.cli.screen import print_json
from syncengine.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from syncengine.contracts import Connection, Connector

__all__ = ["register"]

NOWHERE = "http://127.0.0.1:9"
"""An address that nothing is sent to: a connection that only tells its names does no I/O."""


def register(app: typer.Typer) -> None:
    command(app)(connectors)


def connectors(
    session: Session,
    names: Annotated[list[str] | None, typer.Argument(metavar="[CONNECTOR]...", help="Left out: all.")] = None,
) -> int:
    """Show what can be connected, with all its settings.

    For each connector its streams and destinations too, with the options and fields that a mapping may name.
    """
    from syncengine.engine_settings import OWN_CONNECTION
    from syncengine.registry import connector_names, load_connector

    shown: list[dict[str, Any]] = []
    broken: list[ConfigError] = []
    for name in names or [*connector_names(), OWN_CONNECTION]:
        if name == OWN_CONNECTION:
            shown.append(_describe_own())
            continue
        try:
            shown.append(_describe(name, load_connector(name, f"connector {name}")))
        except ConfigError as error:
            if names:
                raise
            broken.append(error)
            shown.append({"name": name, "summary": error.problems[0].message, "broken": True})
    if session.json:
        print_json(shown)
    else:
        typer.echo("\n\n".join("\n".join(_lines(connector)) for connector in shown))
    return FAILED if broken else DONE


def _describe(name: str, connector: "Connector") -> dict[str, Any]:
    connection = _connection_to_nowhere(name, connector)
    described: dict[str, Any] = {"name": name, "summary": connector.summary, "settings": _fields(connector.Settings)}
    return described if connection is None else described | _offers(connection)


def _describe_own() -> dict[str, Any]:
    """The connection that needs no connector, so that a mapping's author finds its streams where all others are."""
    from syncengine.clock import SystemClock
    from syncengine.engine_settings import OWN_CONNECTION
    from syncengine.own import SUMMARY, OwnConnection

    own = OwnConnection(None, SystemClock(), ZoneInfo("UTC"))
    return {"name": OWN_CONNECTION, "summary": SUMMARY, "settings": [], **_offers(own)}


def _offers(connection: "Connection") -> dict[str, Any]:
    return {
        "streams": [
            {
                "name": name,
                "moment": stream.moment,
                "options": _fields(stream.Options),
                "fields": sorted(stream.fields) if stream.fields is not None else None,
            }
            for name, stream in connection.streams.items()
        ],
        "destinations": [
            {"name": name, "fields": _fields(destination.Fields)}
            for name, destination in connection.destinations.items()
        ],
    }


def _connection_to_nowhere(name: str, connector: "Connector") -> "Connection | None":
    """A connection with the made-up credentials of the connector's sandbox; None where it has none.

    A connector without a sandbox (a database, a file) has nothing to name either before it is configured.
    """
    from syncengine.cli.world import PassingMemory
    from syncengine.clock import SystemClock
    from syncengine.contracts import Context
    from syncengine.http import HttpFactory
    from syncengine.registry import load_sandbox, sandbox_names

    if name not in sandbox_names():
        return None
    credentials = load_sandbox(name)().settings()
    settings = connector.Settings.model_validate({"base_url": NOWHERE, **credentials}, context={"base": Path()})
    clock = SystemClock()
    memory = PassingMemory(Path(tempfile.gettempdir()) / "syncengine")  # a folder that is only made when it is used
    return connector.connect(settings, Context(HttpFactory(name, clock, {}), memory, clock, ZoneInfo("UTC")))


def _fields(model: "type[BaseModel]") -> list[dict[str, Any]]:
    """The fields of a model as its JSON schema tells them."""
    schema = model.model_json_schema(mode="validation")
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "type": _kind(field),
            "required": name in required,
            "secret": _mentions(field, "format", "password"),
            "default": None if _mentions(field, "format", "password") else _default(field),
            "description": field.get("description", ""),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _default(field: Mapping[str, Any]) -> Any:
    """A default as the configuration takes it: a JSON schema writes spans of time as "PT10M"."""
    default = field.get("default")
    if default is None or not _mentions(field, "format", "duration"):
        return default
    from pydantic import TypeAdapter

    from mappings.durations import describe_duration

    return describe_duration(TypeAdapter(dt.timedelta).validate_python(default))


def _kind(field: Mapping[str, Any]) -> str:
    kinds = {"string": "text", "integer": "number", "boolean": "true or false", "array": "list", "object": "table"}
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_kind(option) for option in field["anyOf"] if option.get("type") != "null"))
    return kinds.get(field.get("type", "object"), str(field.get("type")))


def _mentions(field: Mapping[str, Any], key: str, value: str) -> bool:
    return field.get(key) == value or any(_mentions(option, key, value) for option in field.get("anyOf", ()))


def _lines(connector: Mapping[str, Any]) -> Iterator[str]:
    yield f"{typer.style(connector['name'], bold=True)}  {connector['summary']}"
    if settings := connector.get("settings"):
        yield "  settings"
        yield from _field_lines(settings)
    for stream in connector.get("streams", ()):
        yield f"  stream {connector['name']}.{stream['name']}, ordered by {stream['moment']}"
        yield from _field_lines(stream["options"])
        if stream["fields"]:
            yield f"    fields: {', '.join(stream['fields'])}"
    for destination in connector.get("destinations", ()):
        yield f"  destination {connector['name']}.{destination['name']}"
        yield from _field_lines(destination["fields"])


def _field_lines(fields: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    width = max((len(field["name"]) for field in fields), default=0)
    for field in fields:
        facts = [field["type"]]
        facts += ["secret"] if field["secret"] else []
        facts += ["required"] if field["required"] else []
        facts += [f"default {field['default']}"] if field["default"] not in (None, "", [], {}) else []
        yield f"    {field['name']:{width}}  {field['description']} ({', '.join(facts)})"
