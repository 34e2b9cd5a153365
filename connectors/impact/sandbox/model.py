"""The objects of impact.com with all their documented fields, as text in the order of the documents."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

ACCOUNT_SID = "IRSandboxAccount00000001"
AUTH_TOKEN = "made-up-auth-token"  # noqa: S105 - a made-up account, accepted by the sandbox alone
BASE = f"/Advertisers/{ACCOUNT_SID}/"
"""What every Uri begins with; a row holds only the rest."""
OWN = frozenset({"seq", "changed", "encoded", "action"})
"""Attributes that are the sandbox's own and never leave it."""
DATES = frozenset(
    {
        *("ReferringDate", "EventDate", "CreationDate", "LockingDate", "ClearedDate"),
        *("UpdateDate", "ClearingDate", "ActionDate"),
    }
)
INTEGERS = frozenset(
    {"CampaignId", "ActionTrackerId", "MediaPartnerId", "AdId", "EventTypeId", "Quantity", "ContractId"}
)
NUMBERS = frozenset(
    {"ClientCost", "Payout", "DeltaPayout", "IntendedPayout", "Amount", "DeltaAmount", "IntendedAmount"}
)
"""What the v14 schema declares otherwise than as text (sections 5.1 and 5.2)."""


class Campaign(msgspec.Struct, rename="pascal", kw_only=True):
    """A program of the brand (impact.md section 5.4)."""

    id: str
    name: str
    state: str = "ACTIVE"
    type: str = "ONLINE"
    uri: str = ""


class Partner(msgspec.Struct, frozen=True):
    """Who sent the customer. Names may be empty or "n/a"."""

    id: str
    name: str


class Action(msgspec.Struct, rename="pascal", kw_only=True):
    """A conversion credited to a partner: 39 fields (impact.md section 5.1).

    `changed` is its "last updated" date, which is no field; `seq` orders rows of one moment.
    """

    id: str
    campaign_id: str
    campaign_name: str
    action_tracker_id: str = "2240"
    action_tracker_name: str = "Sale"
    event_code: str = ""
    media_partner_id: str
    media_partner_name: str
    state: str = "PENDING"
    ad_id: str = "506720"
    client_cost: str = "0.0000"
    payout: str = "0.00"
    delta_payout: str = "0.00"
    intended_payout: str = "0.00"
    amount: str = "0.00"
    delta_amount: str = "0.00"
    intended_amount: str = "0.00"
    currency: str = "CAD"
    referring_date: dt.datetime | None = None
    event_date: dt.datetime
    creation_date: dt.datetime
    locking_date: dt.datetime | None = None
    cleared_date: dt.datetime | None = None
    referring_type: str = "CLICK_COOKIE"
    referring_domain: str = "NA"
    ip_address: str = ""
    promo_code: str = ""
    oid: str = ""
    customer_id: str = ""
    customer_post_code: str = ""
    customer_status: str = ""
    note: str = ""
    caller_id: str = ""
    customer_area: str = "n/a"
    customer_city: str = ""
    customer_region: str = ""
    customer_country: str = "CA"
    shared_id: str = ""
    uri: str = ""

    seq: int
    changed: dt.datetime
    encoded: bytes | None = None


class ActionUpdate(msgspec.Struct, rename="pascal", kw_only=True):
    """One change of an action, as deltas only: 38 fields (impact.md section 5.2)."""

    id: str
    action_id: str
    campaign_id: str
    action_tracker_id: str
    event_type_id: str
    event_type_name: str
    event_code: str
    media_partner_id: str
    state: str
    state_detail: str = ""
    state_detail_description: str = ""
    ad_id: str
    disposition: str = "IR_BLANK"
    delta_payout: str
    delta_amount: str
    currency: str
    category: str = ""
    sku: str = ""
    quantity: str = "1"
    catalog_name: str = ""
    catalog_category: str = ""
    catalog_description: str = ""
    catalog_manufacturer: str = ""
    catalog_original_format_category: str = ""
    catalog_sub_category: str = ""
    payout_level: str = "ORDER"
    default_payout_rate: str = ""
    contract_id: str = ""
    update_date: dt.datetime
    locking_date: dt.datetime | None
    clearing_date: dt.datetime | None = None
    action_date: dt.datetime
    oid: str
    customer_id: str
    customer_status: str
    shared_id: str
    action_uri: str
    uri: str

    seq: int
    action: Action
    encoded: bytes | None = None


@cache
def names(kind: type[msgspec.Struct]) -> tuple[Callable[[msgspec.Struct], tuple[Any, ...]], tuple[str, ...]]:
    """What takes the values of all fields that leave the sandbox, and their names on the wire."""
    pairs = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    kept = [(attribute, wire) for attribute, wire in pairs if attribute not in OWN]
    return attrgetter(*(attribute for attribute, _ in kept)), tuple(wire for _, wire in kept)


def wire_row(item: msgspec.Struct, zone: ZoneInfo, scalars: str) -> dict[str, Any]:
    """One object as it goes on the wire: every scalar text, "" for missing, dates in the account's zone (section 2)."""
    attributes, wire = names(type(item))
    row: dict[str, Any] = dict(zip(wire, attributes(item), strict=True))
    for name in DATES.intersection(row):
        value = row[name]
        row[name] = "" if value is None else value.astimezone(zone).isoformat(timespec="seconds")
    for name in ("Uri", "ActionUri"):
        if name in row:
            row[name] = BASE + row[name]
    return row if scalars == "strings" else _typed(row, type(item))


def _typed(row: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The types of the v14 schema, where there is a value."""
    for name, value in row.items():
        if value == "":
            continue
        if name in INTEGERS or (name == "Id" and kind is Campaign):
            row[name] = int(value)
        elif name in NUMBERS:
            row[name] = float(Decimal(value))
    return row
