"""What a mapping may say about the objects of a network, and how it becomes a draft (invoca.md section 3.3).

Values are texts on their way; `custom_data` is a table whose entries fold one by one. The lists `users` and `sites`
replace all that is there, so they are refused unless the connection says that this is meant.
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal, NoReturn

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from syncengine.contracts import Draft, Scalar
from syncengine.errors import Rejected

LONGEST = 1000
"""Characters of a text: none is documented."""
CUSTOM = "custom_data."
ARRAYS = frozenset({"users", "sites"})
"""Whoever is left out of them is deleted (section 3.1)."""
SEPARATOR = "/"
DOTS = frozenset({".", ".."})
"""Parts of a path that lead elsewhere."""
DELETED = "deleted"
Presence = Literal["kept", "deleted"]
Approval = Literal["Applied", "Approved", "Declined", "Suspended", "Archived"]
Participation = Literal["Applied", "Approved", "Suspended", "Declined"]
MediaType = Literal[
    "Online: Content / Review Site", "Online: Discount / Coupon Site", "Online: Display", "Online: Email",
    "Online: Rewards / Incentive", "Online: Lead Form / Co Reg", "Online: Search", "Online: Social Media",
    "Online: Software", "Online: Other", "Mobile: Apps", "Mobile: Display", "Mobile: Search", "Mobile: SMS",
    "Mobile: Other", "Offline: Business Publication", "Offline: Call Center", "Offline: Direct Mail",
    "Offline: Directory", "Offline: Newspaper", "Offline: In-Call Ad", "Offline: Magazine", "Offline: Outdoor",
    "Offline: Radio", "Offline: TV", "Offline: Other",
]  # fmt: skip
"""The closed list but for Google's call extension, which needs an account of theirs."""


class _Object(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True, str_strip_whitespace=True)

    id_from_network: str = Field(max_length=LONGEST, min_length=1, description="The network's own id of it: the key.")


class AdvertiserFields(_Object):
    """An advertiser."""

    name: str | None = Field(default=None, max_length=LONGEST, description="Its name, unique in the network.")
    approval_status: Approval | None = Field(default=None, description="Whether it takes part.")
    web_integration_phone_number: str | None = Field(default=None, max_length=LONGEST, description="Ten digits.")
    default_creative_id_from_network: str | None = Field(default=None, max_length=LONGEST, description="A campaign.")
    state: Presence | None = Field(default=None, description="deleted takes it away for good; see allow_deletes.")
    custom_data: dict[str, str] = Field(default={}, description="The network's own fields.")
    users: str | None = Field(default=None, description="A JSON list that replaces ALL its users; see replace_lists.")
    sites: str | None = Field(default=None, description="A JSON list that replaces ALL its sites; see replace_lists.")


class AffiliateFields(_Object):
    """An affiliate (publisher). Its state is called `status` where an advertiser's is `approval_status`."""

    name: str | None = Field(default=None, max_length=LONGEST, description="Its name, unique in the network.")
    status: Approval | None = Field(default=None, description="Whether it takes part.")
    state: Presence | None = Field(default=None, description="deleted takes it away for good; see allow_deletes.")
    custom_data: dict[str, str] = Field(default={}, description="The network's own fields.")
    users: str | None = Field(default=None, description="A JSON list that replaces ALL its users; see replace_lists.")
    sites: str | None = Field(default=None, description="A JSON list that replaces ALL its sites; see replace_lists.")


class CampaignFields(_Object):
    """An advertiser's campaign. Terms are staged until it goes live; where calls are led is never written."""

    advertiser: str = Field(min_length=1, max_length=LONGEST, description="id_from_network of the advertiser.")
    name: str | None = Field(default=None, max_length=LONGEST, description="Its name.")
    description: str | None = Field(default=None, max_length=LONGEST, description="What it is about.")
    url: str | None = Field(default=None, max_length=LONGEST, description="Its page.")
    timezone: str | None = Field(default=None, max_length=LONGEST, description="As Rails names it.")
    campaign_type: Literal["AffiliateEnabled", "DirectOnly", "ExternalOnly"] | None = Field(
        default=None, description="Who may bring calls."
    )
    campaign_language: Literal["English", "French", "Spanish"] | None = Field(default=None, description="Of the menu.")
    campaign_country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", description="Two letters; UK, not GB.")
    visibility: Literal["All", "None", "Approved_Affiliates"] | None = Field(default=None, description="Who sees it.")
    state: Literal["staged", "live", "archived"] | None = Field(
        default=None, description="live: what was written takes effect. archived: it ends. Left out: as it is."
    )
    custom_data: dict[str, str] = Field(default={}, description="The network's own fields.")


class AffiliateCampaignFields(BaseModel):
    """An affiliate's part in a campaign."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True, str_strip_whitespace=True)

    affiliate: str = Field(min_length=1, max_length=LONGEST, description="id_from_network of the affiliate: the key.")
    advertiser: str = Field(min_length=1, max_length=LONGEST, description="id_from_network of the advertiser.")
    campaign: str = Field(min_length=1, max_length=LONGEST, description="id_from_network of the campaign.")
    status: Participation = Field(description="Applied, Approved, Suspended or Declined.")


class PromoNumberFields(_Object):
    """A promo number with an id of our own. Each one is bought."""

    advertiser: str = Field(min_length=1, max_length=LONGEST, description="id_from_network of the advertiser.")
    campaign: str = Field(min_length=1, max_length=LONGEST, description="id_from_network of the campaign.")
    description: str = Field(min_length=1, max_length=LONGEST, description="What it is for.")
    media_type: MediaType = Field(description="Where it is shown; one of Invoca's words.")
    promo_type: Literal["Local", "Mobile"] | None = Field(default=None, description="Left out: toll-free.")
    state: Presence | None = Field(default=None, description="deleted takes it away for good; see allow_deletes.")
    custom_data: dict[str, str] = Field(default={}, description="The network's own fields.")


def make_draft(
    fields: Mapping[str, Any], model: type[BaseModel], parents: tuple[str, ...], key: str, replaceable: Collection[str]
) -> Draft:
    """Validate one object against its model. Raises Rejected with the field and the reason, never with the value."""
    given = {name: _plain(name, value) for name, value in fields.items() if value is not None and value != ""}
    for name in ARRAYS & given.keys() - set(replaceable):
        _reject(name, "replaces_all", f"It would replace all {name}: allow it by replace_lists in the connection.")
    try:
        checked = model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = str(first["loc"][0]) if first["loc"] else key
        missing = first["type"] == "missing"
        _reject(place, "missing" if missing else "invalid", "Missing." if missing else f"{first['msg']}.")
    values: dict[str, Scalar] = {}
    for name, value in checked.model_dump(exclude_none=True).items():
        if isinstance(value, dict):
            values |= {f"{CUSTOM}{inner}": text for inner, text in value.items() if text}
        else:
            values[name] = value
    for name in ARRAYS & values.keys():
        _check_list(name, str(values[name]))
    path = [str(values[name]) for name in (*parents, key)]
    for name, part in zip((*parents, key), path, strict=True):
        if SEPARATOR in part or part in DOTS:
            _reject(name, "invalid", "An id that is a dot or two, or has a slash, can't stand in an address.")
    return Draft(key=SEPARATOR.join(path), fields=values)


def read_body(fields: Mapping[str, Scalar], leave_out: Collection[str]) -> dict[str, Any]:
    """The fields of a draft as Invoca takes them."""
    body: dict[str, Any] = {}
    for name, value in fields.items():
        if name.startswith(CUSTOM):
            body.setdefault("custom_data", {})[name.removeprefix(CUSTOM)] = value
        elif name in ARRAYS:
            body[name] = msgspec.json.decode(str(value))
        elif name not in leave_out:
            body[name] = value
    return body


def _plain(name: str, value: Any) -> Any:
    """A scalar as trimmed text; a table with its values as texts."""
    if isinstance(value, Mapping):
        return {str(inner): str(text) for inner, text in value.items() if text is not None and text != ""}
    if isinstance(value, list | tuple | set | frozenset):
        _reject(name, "not_text", "Not one text.")
    return str(value).strip()


def _check_list(name: str, text: str) -> None:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = None
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        _reject(name, "invalid", "Not a JSON list of objects.")


def _reject(field: str, code: str, message: str) -> NoReturn:
    raise Rejected(message, field=field, code=code)
