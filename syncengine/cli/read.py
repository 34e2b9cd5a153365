"""`read`: look at what a stream really gives, as JSON lines, without any mapping and without touching the state."""

import datetime as dt
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from syncengine.cli.command import DONE, Session, command
from syncengine.cli.screen import print_json_line
from syncengine.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from syncengine.config import Settings
    from syncengine.contracts import Connection, Context, Range, Stream

__all__ = ["parse_moment", "register"]

DEFAULT_SPAN = dt.timedelta(days=7)
"""How far back `read` looks where nobody says: enough to see something, few enough requests."""


def register(app: typer.Typer) -> None:
    command(app)(read)


async def read(
    session: Session,
    stream: Annotated[str, typer.Argument(metavar="CONNECTION.STREAM", help='What to read, such as "impact.actions".')],
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="From this day or moment on [default: 7 days ago]")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="Up to before this day or moment [default: now]")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many records.")] = None,
    fields: Annotated[str | None, typer.Option(metavar="A,B,…", help="Only these fields.")] = None,
    partition: Annotated[list[str] | None, typer.Option(help="Only this partition; may be repeated.")] = None,
    options: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option of the stream, a list as A,B or as JSON; may be repeated."),
    ] = None,
) -> int:
    """Print a stream's records as JSON lines.

    Personal data is shown as it is. The state is not touched.
    """
    from syncengine.cli.workplace import choose_offer
    from syncengine.cli.world import contexts
    from syncengine.contracts import NOTHING_OPEN

    settings = session.load()
    connection_name, _, name = stream.partition(".")
    context = contexts(settings)(connection_name)
    async with _connected(settings, connection_name, context) as connection:
        chosen = choose_offer(connection.streams, connection_name, "stream", name)
        wanted = _fields(chosen, fields)
        given = _options(chosen, options or [])
        span = _range(since, until, settings.engine.timezone, context.clock.now())
        left = limit
        for part in await _partitions(chosen, given, partition or []):
            reading = chosen.read(part, span, fields=wanted, open=NOTHING_OPEN)
            async with aclosing(reading) as pages:  # type: ignore[type-var]  # every one is a generator
                async for page in pages:
                    for record in page.records[:left]:
                        print_json_line(
                            {
                                "id": record.id,
                                "moment": record.moment.isoformat(),
                                "partition": part,
                                "values": record.values,
                            }
                        )
                    if left is not None:
                        left -= len(page.records[:left])
                        if left == 0:
                            return DONE
    return DONE


@asynccontextmanager
async def _connected(settings: "Settings", name: str, context: "Context") -> "AsyncIterator[Connection]":
    """The connection of that name, open. The engine's own is read from the state, if there is one yet."""
    from syncengine.binding import connect
    from syncengine.cli.workplace import choose_connection, open_existing
    from syncengine.engine_settings import OWN_CONNECTION
    from syncengine.own import OwnConnection

    if name == OWN_CONNECTION:
        with open_existing(settings) as store:
            yield OwnConnection(store, context.clock, context.timezone)
        return
    async with connect(choose_connection(settings.connections, name), context) as connection:
        yield connection


def parse_moment(text: str, timezone: ZoneInfo, option: str) -> dt.datetime:
    """A day (its start) or a moment, in `timezone` where it names none; aware UTC. Raises BadParameter."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        hint = 'Write a day, "2026-06-01", or a moment, "2026-06-01T13:00".'
        raise typer.BadParameter(hint, param_hint=option) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone)).astimezone(dt.UTC)


def _range(since: str | None, until: str | None, timezone: ZoneInfo, now: dt.datetime) -> "Range":
    from syncengine.contracts import Range

    end = parse_moment(until, timezone, "--until") if until else None
    if since:
        start = parse_moment(since, timezone, "--since")
    else:
        start = (end or now) - DEFAULT_SPAN
    if end is not None and end <= start:
        raise typer.BadParameter("It must be after --since.", param_hint="--until")
    return Range(start, end)


def _fields(stream: "Stream", fields: str | None) -> frozenset[str] | None:
    from mappings.wording import suggest

    if fields is None:
        return None
    names = frozenset(name.strip() for name in fields.split(",") if name.strip())
    unknown = sorted(names - stream.fields) if stream.fields is not None else []
    if unknown:
        hint = suggest(unknown[0], stream.fields or ())
        raise typer.BadParameter(f'The stream has no field "{unknown[0]}". {hint}'.strip(), param_hint="--fields")
    return names


def _options(stream: "Stream", given: list[str]) -> "BaseModel":
    """Validate options; a value is read as TOML where it is some (`["1000"]`, `true`), else as plain text.

    Where the option is a list, a single value or a text with commas is one: campaigns=1000,2000.
    """
    from pydantic import ValidationError

    from syncengine.validation import problems_of

    values: dict[str, Any] = {}
    known = stream.Options.model_json_schema().get("properties", {})
    for item in given:
        name, equals, value = item.partition("=")
        if not equals:
            raise typer.BadParameter(f'"{item}" is not of the form KEY=VALUE.', param_hint="--options")
        try:
            values[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            values[name] = value
        if _is_list(known.get(name, {})) and not isinstance(values[name], list):
            values[name] = [text.strip().strip("\"'") for text in value.split(",") if text.strip()]
    try:
        return stream.Options.model_validate(values)
    except ValidationError as error:
        raise ConfigError(problems_of(error, stream.Options, "--options")) from None


def _is_list(field: Mapping[str, Any]) -> bool:
    return field.get("type") == "array" or any(_is_list(option) for option in field.get("anyOf", ()))


async def _partitions(stream: "Stream", options: "BaseModel", chosen: list[str]) -> list[str]:
    from mappings.wording import suggest

    partitions = list(await stream.partitions(options))
    for name in chosen:
        if name not in partitions:
            message = f'There is no partition "{name}". {suggest(name, partitions)}'.strip()
            raise typer.BadParameter(message, param_hint="--partition")
    return chosen or partitions
