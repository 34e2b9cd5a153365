"""What [connections.NAME] may say about a Cyberimpact account."""

import datetime as dt
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, model_validator

from syncengine.contracts import Duration


class CyberimpactSettings(BaseModel):
    """An account at Cyberimpact, and how it is written to."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr | None = Field(
        default=None, min_length=1, description="API token: Developers → API tokens in Cyberimpact. Required."
    )
    username: str | None = Field(
        default=None, min_length=1, description="Legacy, instead of a token: a user's name. A token is better."
    )
    password: SecretStr | None = Field(default=None, min_length=1, description="Legacy: the password of that user.")
    base_url: HttpUrl = Field(default=HttpUrl("https://api.cyberimpact.com"), description="Where the API answers.")
    batch_size: int = Field(
        default=500,
        ge=1,
        le=10_000,
        description="Most contacts in one batch. The provider's own limit is not known; 500 has been seen to work.",
    )
    batches_in_flight: int = Field(default=4, ge=1, le=16, description="Batches under way at the same time.")
    batch_deadline: Duration = Field(
        default=dt.timedelta(minutes=10),
        ge=dt.timedelta(seconds=1),
        le=dt.timedelta(hours=6),
        description="How long to wait for a batch to be completed; after that its contacts are in doubt.",
    )
    poll_every: Duration = Field(
        default=dt.timedelta(seconds=0.5),
        gt=dt.timedelta(0),
        le=dt.timedelta(seconds=10),
        description="The first wait between two looks at a batch; later ones grow up to 10 seconds.",
    )
    create_groups: bool = Field(
        default=True,
        description="Make groups that are missing. false: whoever should be in one is rejected, with its title.",
    )
    allow_sending: bool = Field(
        default=False,
        description="Let mail go out: what the destination `mailings` makes, and the question that `optin` has asked.",
    )

    @model_validator(mode="after")
    def _sign_in_one_way(self) -> Self:
        login = (self.username, self.password)
        if self.token is not None and login != (None, None):
            problem = "Set token, or username and password, not both."
        elif self.token is None and None in login:
            problem = "Set token. (Or, as before there were tokens, username and password.)"
        else:
            return self
        raise ValueError(problem)
