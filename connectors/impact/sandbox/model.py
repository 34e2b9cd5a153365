"""The objects of impact.com with all their documented fields, as text in the order of the documents."""

import datetime as dt

import msgspec

ACCOUNT_SID = "IRSandboxAccount00000001"
AUTH_TOKEN = "made-up-auth-token"  # noqa: S105 - a made-up account, accepted by the sandbox alone
BASE = f"/Advertisers/{ACCOUNT_SID}/"
"""What every Uri begins with; a row holds only the rest."""
OWN = frozenset({"seq", "changed", "encoded", "action", "relationship"})
"""Attributes that are the sandbox's own and never leave it."""


class Campaign(msgspec.Struct, rename="pascal", kw_only=True):
    """A program of the brand (impact.md section 5.4)."""

    id: str
    name: str
    state: str = "ACTIVE"
    type: str = "ONLINE"
    uri: str = ""


class Company(msgspec.Struct, rename="pascal", kw_only=True):
    """The brand itself, the only object without an id; a client may ask for it first, to see whether it may at all."""

    company_name: str = "Northern Outfitters"
    website: str = "https://shop.example.com"
    timezone: str = ""
    currency: str = "CAD"
    uri: str = "CompanyInformation"


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
