"""What [connections.NAME] may say about a network at Invoca."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    StringConstraints,
    model_validator,
)

from syncengine.contracts import Duration

LONGEST_LIMIT = 4000
"""Rows of a page at most (invoca.md section 4.1)."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", strip_whitespace=True)]
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]


def _strip(secret: object) -> object:
    """A variable or a file often ends with a new line."""
    text = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    return text.strip() if isinstance(text, str) else text


class Versions(BaseModel):
    """The version is a date in the path, and each product has its own (invoca.md section 1)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    transactions: Day = Field(default="2020-10-01", description="Of the Transactions API.")
    network: Day = Field(default="2022-08-01", description="Of the Network Integration API.")
    signal: Day = Field(default="2018-02-01", description="Of the Signal API.")


class InvocaSettings(BaseModel):
    """A network at Invoca, and how it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, coerce_numbers_to_str=True)

    network_id: Id = Field(description="The network's id: it stands in the address of the platform after signing in.")
    token: Annotated[SecretStr, Field(min_length=1), BeforeValidator(_strip)] | None = Field(
        default=None, description="API token: Manage API Credentials in Invoca. It has the rights of whoever made it."
    )
    auth: Literal["header", "oauth_token", "basic"] = Field(
        default="header",
        description="header: the token as it is, in Authorization. oauth_token: in the query, where it may end up in"
        " logs of others. basic: username and password.",
    )
    username: str | None = Field(default=None, description='With auth = "basic".')
    password: Annotated[SecretStr, Field(min_length=1), BeforeValidator(_strip)] | None = Field(
        default=None, description='With auth = "basic".'
    )
    role: Literal["network", "advertiser", "affiliate"] = Field(
        default="network", description="Whose token it is: the columns of calls depend on it."
    )
    account_id: Id | None = Field(
        default=None, description="The advertiser's or affiliate's id, where the token is one's. Left out: network_id."
    )
    subdomain: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$", strip_whitespace=True)] | None = Field(
        default=None, description='The network\'s own subdomain: "leadtrust" for leadtrust.invoca.net.'
    )
    base_url: HttpUrl | None = Field(default=None, description="Where the API answers, instead of the subdomain.")
    versions: Versions = Field(default=Versions(), description="Dated versions, by product.")
    page_rows: int = Field(default=LONGEST_LIMIT, ge=1, le=LONGEST_LIMIT, description="Rows asked for at once.")
    settle: Duration = Field(
        default=dt.timedelta(hours=1),
        ge=dt.timedelta(0),
        le=dt.timedelta(days=30),
        description="How long after its end a call is held back, so that first corrections are in it.",
    )
    reread: Duration = Field(
        default=dt.timedelta(days=90),
        ge=dt.timedelta(days=1),
        le=dt.timedelta(days=1095),
        description="How far back calls are read again when Invoca no longer knows where reading stood.",
    )
    caller_profile: bool = Field(
        default=False, description="Whether the bought columns about callers (*_data_append) are handed over."
    )
    allow_writes: bool = Field(
        default=False, description="Whether advertisers, campaigns, promo numbers and signals may be written."
    )
    replace_lists: list[Literal["users", "sites"]] = Field(
        default=[],
        description="Lists of advertisers and affiliates that a mapping may set. Each is replaced whole: whoever is not"
        " in it is deleted.",
    )
    allow_deletes: list[Literal["advertisers", "affiliates", "promo_numbers"]] = Field(
        default=[], description="Kinds of objects that a mapping may delete at Invoca, for good."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.subdomain is None) == (self.base_url is None):
            raise ValueError("either subdomain or base_url is needed, and only one of them")
        if self.auth == "basic":
            if self.username is None or self.password is None:
                raise ValueError('auth = "basic" needs username and password')
        elif self.token is None:
            raise ValueError("token is needed")
        return self

    @property
    def url(self) -> str:
        """Where the API answers, without a slash at its end."""
        return str(self.base_url).rstrip("/") if self.base_url else f"https://{self.subdomain}.invoca.net"


class NoOptions(BaseModel):
    """A stream without options."""

    model_config = ConfigDict(extra="forbid", frozen=True)
