"""How an object of impact.com becomes a row on the wire: names, scalars, dates, and nested lists in odd shapes."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from connectors.impact.sandbox.model import BASE, OWN
from connectors.impact.sandbox.partners import Unsubscribed
from connectors.impact.sandbox.switches import ImpactSwitches

DATES = frozenset(
    {
        *("ReferringDate", "EventDate", "CreationDate", "LockingDate", "ClearedDate"),
        *("UpdateDate", "ClearingDate", "ActionDate"),
        *("TransactionDate", "ResolutionDeadlineDate", "AutoApprovalDate", "ResolutionDate", "Date"),
        *("JoinDate", "DateCreated", "DateLastUpdated"),
    }
)
URIS = ("Uri", "ActionUri", "ProfileImage")
NESTED = frozenset({"Comments", "Accounts", "Labels", "Contacts", "Programs", "Address"})
"""Fields that hold a list or an object."""
SINGULAR_KEY = frozenset({"Accounts"})
"""Nested lists that were seen with one item below a singular name (section 2)."""
INTEGERS = frozenset(
    {"CampaignId", "ActionTrackerId", "MediaPartnerId", "AdId", "EventTypeId", "Quantity", "ContractId"}
)
INTEGER_IDS = frozenset({"Campaign", "Inquiry"})
"""Objects whose Id the v14 schema declares as a number."""
NUMBERS = frozenset(
    {
        *("ClientCost", "Payout", "DeltaPayout", "IntendedPayout", "Amount", "DeltaAmount", "IntendedAmount"),
        *("TransactionAmount", "ExpectedPayout", "FinalPayout"),
    }
)
BOOLEANS = frozenset({"Editable", "IsPrimary"})
"""What the v14 schema declares otherwise than as text (sections 5.1 to 5.3)."""


class Shape(NamedTuple):
    """How one kind of object is written; found out once."""

    values: Callable[[msgspec.Struct], tuple[Any, ...]]
    names: tuple[str, ...]
    dates: tuple[str, ...]
    uris: tuple[str, ...]
    nested: tuple[str, ...]


@cache
def shape(kind: type[msgspec.Struct]) -> Shape:
    """What takes the values of all fields that leave the sandbox, their names, and which need care."""
    pairs = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    kept = [(attribute, wire) for attribute, wire in pairs if attribute not in OWN]
    names = tuple(wire for _, wire in kept)
    return Shape(
        values=attrgetter(*(attribute for attribute, _ in kept)),
        names=names,
        dates=tuple(name for name in names if name in DATES),
        uris=tuple(name for name in URIS if name in names),
        nested=tuple(name for name in names if name in NESTED),
    )


def wire_row(item: msgspec.Struct, switches: ImpactSwitches) -> dict[str, Any]:
    """One object as it goes on the wire: every scalar text, "" for missing, dates in the account's zone (section 2)."""
    kind = type(item)
    found = shape(kind)
    row: dict[str, Any] = dict(zip(found.names, found.values(item), strict=True))
    zone = ZoneInfo(switches.timezone)
    for name in found.dates:
        value = row[name]
        row[name] = "" if value is None else value.astimezone(zone).isoformat(timespec="seconds")
    for name in found.uris:
        row[name] = BASE + row[name] if row[name] else ""
    for name in found.nested:
        row[name] = _nested(name, row[name], switches)
    return row if switches.scalars == "strings" else _typed(row, kind)


def unsubscribed_row(known: Unsubscribed) -> dict[str, Any]:
    """Dates end in Z here, and the partner is a number (sections 2 and 3)."""
    return {
        "UserEmail": known.user_email,
        "PartnerId": int(known.partner_id),
        "CreatedAt": known.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "UpdatedAt": known.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _nested(name: str, value: Any, switches: ImpactSwitches) -> Any:
    """A nested object, or a nested list: one item may come below its singular name, none as "" or null (section 2)."""
    if isinstance(value, msgspec.Struct):
        return wire_row(value, switches)
    items = [wire_row(item, switches) if isinstance(item, msgspec.Struct) else item for item in value]
    if not items:
        return {"array": [], "text": "", "null": None}[switches.nested_empty]
    if len(items) == 1 and name in SINGULAR_KEY and switches.nested_single_item == "object":
        return {name.removesuffix("s"): items[0]}
    return items


def _typed(row: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The types of the v14 schema, where there is a value."""
    for name, value in row.items():
        if value == "":
            continue
        if name in INTEGERS or (name == "Id" and kind.__name__ in INTEGER_IDS):
            row[name] = int(value)
        elif name in NUMBERS:
            row[name] = float(Decimal(value))
        elif name in BOOLEANS:
            row[name] = value == "true"
    return row
