"""Rows of the transaction log as the rest reads them: scalars are text or None, custom data is a table by name.

Follows invoca.md section 4.2.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from syncengine.errors import ProviderError

PROFILE = "_data_append"
"""Columns that end so are bought data about the caller."""
MILLISECONDS = 1000


def read_row(raw: Mapping[str, Any], *, profile: bool) -> dict[str, Any]:
    """One row with every scalar as text or None."""
    row = {name: to_text(value) for name, value in raw.items() if profile or not name.endswith(PROFILE)}
    if "custom_data" in row:
        row["custom_data"] = {name: entry["value"] for name, entry in entries(raw).items()}
    return row


def entries(raw: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Custom data by name, each with `value` and `kind`; one documented sample says `partner_name` for `name`."""
    found: dict[str, dict[str, Any]] = {}
    custom = raw.get("custom_data")
    for entry in custom if isinstance(custom, list) else ():
        if isinstance(entry, Mapping) and (name := entry.get("name", entry.get("partner_name"))):
            found[str(name)] = {"value": to_text(entry.get("value")), "kind": to_text(entry.get("data_type"))}
    return found


def to_text(value: Any) -> Any:
    """A scalar as text, None for null and for an empty text; lists and objects keep their shape."""
    match value:
        case str():
            return value or None
        case bool():
            return "true" if value else "false"
        case None:
            return None
        case list():
            return [to_text(each) for each in value]
        case dict():
            return {name: to_text(inner) for name, inner in value.items()}
        case _:
            return str(value)


def identity(row: Mapping[str, Any], name: str) -> str:
    """A column that every row has. Raises ProviderError."""
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ProviderError(f"invoca: a transaction has no {name}.", hint="The API has changed.", code="no_id")
    return value


def started(row: Mapping[str, Any]) -> dt.datetime:
    """When the row's call started: never from the local time, which is in the zone of the API user.

    Raises ProviderError where there is neither a number of milliseconds nor a date with an offset.
    """
    millis = row.get("start_time_utc")
    try:
        if isinstance(millis, str):
            return dt.datetime.fromtimestamp(int(millis) / MILLISECONDS, dt.UTC)
        moment = dt.datetime.fromisoformat(str(row.get("start_time_xml")))
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ProviderError(
            "invoca: a transaction has no start time with an offset.",
            hint="Dates are never guessed; the API has changed.",
            code="bad_date",
        )
    return moment.astimezone(dt.UTC)


def mark(row: Mapping[str, Any]) -> str:
    """The row's start as this API user is shown it: another text for the same row means another time zone."""
    return str(row.get("start_time_local") or "")
