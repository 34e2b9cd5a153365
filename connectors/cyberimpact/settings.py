"""What [connections.NAME] may say about a Cyberimpact account."""

import datetime as dt

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr

from syncengine.contracts import Duration


class CyberimpactSettings(BaseModel):
    """An account at Cyberimpact, and how it is written to."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr = Field(min_length=1, description="API token: Developers → API tokens in Cyberimpact.")
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
