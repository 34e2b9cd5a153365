"""What [connections.NAME] may say about an impact.com account, and [mappings.NAME.options] about its streams."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    StringConstraints,
    field_validator,
)

from connectors.impact.calls_settings import CallDataSettings
from syncengine.contracts import Duration

Sid = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", strip_whitespace=True)]
CampaignId = Annotated[str, StringConstraints(pattern=r"^\d+$", strip_whitespace=True)]


def _strip(secret: object) -> object:
    """A variable or a file often ends with a new line."""
    text = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    return text.strip() if isinstance(text, str) else text


class ImpactSettings(BaseModel):
    """An account at impact.com, and how carefully it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    account_sid: Sid = Field(description="Account SID of the API token: Settings → API access in impact.com.")
    auth_token: Annotated[SecretStr, Field(min_length=1), BeforeValidator(_strip)] = Field(
        description="Auth Token that belongs to the Account SID."
    )
    base_url: HttpUrl = Field(default=HttpUrl("https://api.impact.com"), description="Where the API answers.")
    api_version: int = Field(default=14, ge=1, description="Pinned with every request as IR-Version.")
    advertiser_account: CampaignId | None = Field(
        default=None,
        description="Agency access: the brand's numeric account id; account_sid and auth_token are the agency's.",
    )
    lag: Duration = Field(
        default=dt.timedelta(minutes=5),
        ge=dt.timedelta(0),
        le=dt.timedelta(days=1),
        description="How far in the past reading ends, so that what is still being written is not missed.",
    )
    overlap: Duration = Field(
        default=dt.timedelta(hours=1),
        ge=dt.timedelta(0),
        le=dt.timedelta(days=6),
        description="How far behind its checkpoint reading starts, for actions that show up late.",
    )
    sweep_every: Duration = Field(
        default=dt.timedelta(days=1),
        ge=dt.timedelta(0),
        le=dt.timedelta(days=30),
        description="How often what was last seen unfinished (a pending action) is read again.",
    )
    allow_writes: bool = Field(
        default=False, description="Whether anything may be changed at impact.com: action inquiries be resolved."
    )
    call_data: CallDataSettings | None = Field(
        default=None, description="Where calls are reported to; it has credentials of its own. Left out: no calls."
    )


class CampaignOptions(BaseModel):
    """Options of a stream that is read campaign by campaign."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    campaigns: list[CampaignId] | None = Field(
        default=None, min_length=1, description="Ids of the campaigns to read. Left out: all, closed ones too."
    )


Pass = Literal["updated", "locked", "open"]
PASSES: tuple[Pass, ...] = ("updated", "locked", "open")


class ActionOptions(CampaignOptions):
    """Options of the stream `actions`."""

    passes: frozenset[Pass] = Field(
        default=frozenset(PASSES),
        description='"updated" (new, changed), "locked" (approved by date), "open" (pending again). Left out: all.',
    )

    @field_validator("passes")
    @classmethod
    def _has_updated(cls, passes: frozenset[Pass]) -> frozenset[Pass]:
        if "updated" not in passes:
            raise ValueError('"updated" can\'t be left out: the others only tell what became of the actions it found.')
        return passes


class NoOptions(BaseModel):
    """A stream without options."""

    model_config = ConfigDict(extra="forbid", frozen=True)
