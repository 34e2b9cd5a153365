"""The table [engine]: how the engine behaves everywhere, whatever is connected."""

import datetime as dt
import re
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from mappings.durations import parse_duration
from mappings.wording import suggest
from syncengine.schedule import Schedule, ScheduleError, parse_schedule
from syncengine.validation import Fault

__all__ = ["MOST_REMOVALS", "OWN_CONNECTION", "SQLITE", "Address", "EngineSettings", "HookSettings"]

SQLITE = "sqlite:///"
OFF = "off"
OWN_CONNECTION = "engine"
"""The connection that is always there (`own.py`), so that no other may have its name."""
SHORTEST_SECRET = 20
"""Characters: whoever may try a thousand a second guesses it in no time that matters."""
HIGHEST_PORT = 65_535


MOST_REMOVALS = 100
"""A busy day's reversals in a shop of thousands; a mapping gone wrong takes away many times as many."""


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int


def _database(value: object) -> object:
    if not isinstance(value, str):
        return value
    hint = 'Write "sqlite:///syncengine.db"; a relative file is relative to the configuration file.'
    if not value.startswith(SQLITE):
        raise Fault("The state is kept in a SQLite file, and this is no address of one.", hint)
    name = value.removeprefix(SQLITE)
    if not name or name == ":memory:" or name.endswith("/") or "?" in name:
        raise Fault("This names no file that outlives a run.", hint)
    return value


def _timezone(value: object) -> object:
    if not isinstance(value, str):
        raise Fault("This must be the name of a time zone in quotes.", 'Such as "America/Toronto".')
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Fault("There is no such time zone.", suggest(value, available_timezones()) or 'Such as "UTC".') from None


def _time_limit(value: object) -> object:
    if not isinstance(value, str):
        raise Fault("This must be a duration in quotes.", 'Such as "1 hour".')
    limit = parse_duration(value)
    if not limit:
        raise Fault("This is no time at all.", 'Such as "1 hour".')
    return limit


def _reconcile(value: object) -> object:
    if value == OFF:
        return None
    if not isinstance(value, str):
        raise Fault("This must be a schedule in quotes.", f'Such as "every 1 day", a cron line, or "{OFF}".')
    try:
        return parse_schedule(value)
    except ScheduleError as error:
        raise Fault(error.message, f'{error.hint} Or "{OFF}".') from None


def _address(value: object) -> object:
    hint = 'Such as "127.0.0.1:8377"; a proxy in front of it does the TLS.'
    if not isinstance(value, str):
        raise Fault("This must be an address and a port in quotes.", hint)
    match = re.fullmatch(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+):(\d{1,5})", value)
    if match is None or not 0 < int(match[2]) <= HIGHEST_PORT:
        raise Fault("This is no address with a port.", hint)
    return Address(match[1].strip("[]"), int(match[2]))


def _secret(value: object) -> object:
    hint = "This makes one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
    if not isinstance(value, str):
        raise Fault("This must be a text in quotes.", hint)
    if len(value) < SHORTEST_SECRET:
        raise Fault(f"This is too short for a secret: it needs {SHORTEST_SECRET} characters.", hint)
    if not re.fullmatch(r"[A-Za-z0-9_-]+", value):
        raise Fault("Letters, digits, - and _ only: it is a part of an address.", hint)
    return value


class HookSettings(BaseModel):
    """The table [engine.hooks]: where event notifications are taken, as hints at records that may have changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    listen: Annotated[Address, BeforeValidator(_address)] = Field(description="Address and port to listen on.")
    secret: Annotated[SecretStr, BeforeValidator(_secret)] = Field(
        description="A part of the address that only the provider knows."
    )


class EngineSettings(BaseModel):
    """The table [engine]: where the state is, and how the engine behaves everywhere."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True, arbitrary_types_allowed=True
    )

    database: Annotated[str, BeforeValidator(_database)] = Field(
        default="sqlite:///syncengine.db", description="The state: a SQLite file, relative to the configuration file."
    )
    timezone: Annotated[ZoneInfo, BeforeValidator(_timezone)] = Field(
        default="UTC", description="For schedules, calendar days and dates on screens."
    )  # type: ignore[assignment]  # validate_default makes a zone of the name
    time_limit: Annotated[dt.timedelta, BeforeValidator(_time_limit)] = Field(
        default="1 hour", description="How long one run may take."
    )  # type: ignore[assignment]  # validate_default makes a duration of the text
    most_removals: int = Field(
        default=MOST_REMOVALS,
        ge=0,
        description="How many contacts one run may take out of groups, where they are over a tenth of all.",
    )
    reconcile: Annotated[Schedule | None, BeforeValidator(_reconcile)] = Field(
        default="every 1 day", description='When the daemon compares all contacts with what it delivered, or "off".'
    )  # type: ignore[assignment]  # validate_default makes a schedule of the text
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="What is logged.")
    log_format: Literal["text", "json"] = Field(default="text", description="How log lines look.")
    hooks: HookSettings | None = Field(default=None, description="Takes event notifications; left out: takes none.")
