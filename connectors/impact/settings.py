"""What [connections.NAME] may say about an impact.com account, and [mappings.NAME.options] about its streams."""

import datetime as dt
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, SecretStr, StringConstraints

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


class ActionOptions(BaseModel):
    """Options of the stream `actions`."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    campaigns: list[CampaignId] | None = Field(
        default=None, min_length=1, description="Ids of the campaigns to read. Left out: all, closed ones too."
    )


class NoOptions(BaseModel):
    """A stream without options."""

    model_config = ConfigDict(extra="forbid", frozen=True)
