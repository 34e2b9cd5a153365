"""One row of the transaction log, and how it looks to each role (invoca.md section 4.2)."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from connectors.invoca.sandbox.switches import InvocaSwitches

NETWORK_ID = "1"
TOKEN = "made-up-invoca-token"  # noqa: S105 - a made-up one
USERNAME, PASSWORD = "ops@example.test", "made-up-invoca-password"
SHIFT = dt.timedelta(hours=1)

CALL, SIGNAL, SALE, EVENT = "Call", "Signal", "Reported Conversion", "Post Call Event"
FILTER_WORDS = {"Call": CALL, "Signal": SIGNAL, "Sale": SALE, "PostCallEvent": EVENT}
"""What `transaction_type` is asked for as, and what rows say."""

INTEGERS = frozenset({"duration", "connect_duration", "ivr_duration", "opt_in_SMS", "dynamic_number_pool_id"})
COLUMNS = (
    "original_order_id", "calling_phone_number", "destination_phone_number", "repeat_calling_phone_number", "mobile",
    "city", "region", "verified_zip", "qualified_regions", "duration", "connect_duration", "ivr_duration",
    "keypresses", "keypress_1", "keypress_2", "keypress_3", "keypress_4", "opt_in_SMS", "transfer_from_type",
    "hangup_cause", "call_result_description_detail", "advertiser_payin_localized", "affiliate_payout_localized",
    "margin_localized", "call_fee_localized", "advertiser_call_fee_localized", "notes", "advertiser_id",
    "advertiser_id_from_network", "advertiser_name", "advertiser_campaign_id", "advertiser_campaign_id_from_network",
    "advertiser_campaign_name", "advertiser_campaign_country", "affiliate_id", "affiliate_id_from_network",
    "affiliate_name", "affiliate_call_volume_ranking", "media_type", "call_source_description", "virtual_line_id",
    "recording", "dynamic_number_pool_id", "dynamic_number_pool_referrer_param1_name",
    "dynamic_number_pool_referrer_param1_value", "dynamic_number_pool_referrer_search_engine", "name",
    "email_address", "address1", "order_city", "state_or_province", "zip_code", "country", "home_phone_number",
    "cell_phone_number", "sku_list", "quantity_list", "reason_code", "sale_amount", "signal_name",
    "signal_partner_unique_id", "signal_occurred_at", "revenue", "promo_line_description",
    "first_name_data_append", "last_name_data_append", "primary_email_address_data_append",
)  # fmt: skip
"""The network role's columns that the sandbox has, beside those of identity and time; null where not set."""
NOT_FOR_ADVERTISERS = frozenset({
    "advertiser_id", "advertiser_id_from_network", "advertiser_name", "affiliate_payout_localized",
    "call_fee_localized", "hangup_cause", "margin_localized",
})  # fmt: skip
NOT_FOR_AFFILIATES = frozenset({
    "destination_phone_number", "hangup_cause", "affiliate_id", "affiliate_id_from_network", "affiliate_name",
    "affiliate_call_volume_ranking", "advertiser_campaign_country", "advertiser_payin_localized",
    "call_fee_localized", "advertiser_call_fee_localized", "margin_localized", "calling_phone_number", "recording",
    "repeat_calling_phone_number", "name", "email_address", "address1", "order_city", "state_or_province", "zip_code",
    "country", "home_phone_number", "cell_phone_number", "sku_list", "quantity_list", "reason_code", "sale_amount",
    "signal_name", "signal_partner_unique_id", "signal_occurred_at", "revenue", "first_name_data_append",
    "last_name_data_append", "primary_email_address_data_append",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One customer-defined field of a row: `kind` is Signal, Category, Short Text or Long Text; None says nothing."""

    name: str
    value: Any
    kind: str = "Signal"
    source: str = "Api"


@dataclass(slots=True)
class Row:
    """One transaction. `place` is its place in the log; `start` the start of its call."""

    id: str
    place: int
    kind: str
    call: str
    start: dt.datetime
    corrects: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    custom: tuple[Entry, ...] = ()
    superseded: bool = False


def wire(row: Row, switches: InvocaSwitches, *, custom: bool) -> dict[str, Any]:
    """The row as this account's role is shown it."""
    start = row.start.astimezone(ZoneInfo(switches.timezone))
    millis = int(row.start.timestamp() * 1000)
    shown: dict[str, Any] = {
        "transaction_id": row.id,
        "corrects_transaction_id": row.corrects,
        "corrected_at": None,
        "transaction_type": row.kind,
        "complete_call_id": row.call,
        "start_time_local": _local(start),
        "start_time_utc": str(millis) if switches.start_time_utc == "text" else millis,
        "start_time_xml": start.isoformat(timespec="seconds"),
        **{name: _scalar(name, row.values.get(name), switches) for name in COLUMNS},
    }
    shown["affiliate_call_volume_ranking"] = -1 if switches.ranking == "-1" else "new"
    if switches.shadowed:
        shown["city"] = "a value of the customer's own field"
    if switches.extra_column:
        shown["column_of_tomorrow"] = {"deep": [1, None]}
    if custom and switches.role != "affiliate":
        shown["custom_data"] = [
            {switches.custom_data_key: each.name, "data_type": each.kind, "source": each.source, "value": each.value}
            for each in row.custom
            if each.value is not None
        ]
    return _for_role(shown, switches.role)


def _local(start: dt.datetime) -> str:
    """`2026-02-03 06:43:15 -08:00`: a space before the offset."""
    text = start.isoformat(sep=" ", timespec="seconds")
    return f"{text[:19]} {text[19:]}"


def _scalar(name: str, value: Any, switches: InvocaSwitches) -> Any:
    if value is not None and name in INTEGERS:
        return str(value) if switches.numbers == "text" else int(value)
    return value


def _for_role(shown: Mapping[str, Any], role: str) -> dict[str, Any]:
    if role == "advertiser":
        names = {
            "call_result_description_detail": "call_result_description_detail_managed_advertiser",
            "promo_line_description": "advertiser_promo_line_description",
        }
        kept = {names.get(name, name): value for name, value in shown.items() if name not in NOT_FOR_ADVERTISERS}
        return {**kept, "syndicated_ident": None}
    if role == "affiliate":
        kept = {name: value for name, value in shown.items() if name not in NOT_FOR_AFFILIATES}
        return {**kept, "syndicated_ident": None, "external_data": None}
    return dict(shown)
