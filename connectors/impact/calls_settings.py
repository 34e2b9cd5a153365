"""What [connections.NAME.call_data] may say: call data has a host and credentials of its own."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, SecretStr


def _strip(secret: object) -> object:
    """A variable or a file often ends with a new line."""
    text = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    return text.strip() if isinstance(text, str) else text


class CallDataSettings(BaseModel):
    """Where calls are reported to, and how carefully (impact.md section 9)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    username: str = Field(min_length=1, description="User name for call data: your contact at impact.com gives it.")
    password: Annotated[SecretStr, Field(min_length=1), BeforeValidator(_strip)] = Field(
        description="Password that belongs to it; not the API's Auth Token."
    )
    base_url: HttpUrl = Field(
        default=HttpUrl("https://twilio.ivr.impactradius.com"), description="Where call data is taken."
    )
    send_as: Literal["query", "form"] = Field(
        default="query",
        description="How parameters are sent: both are documented. A form keeps phone numbers out of addresses.",
    )
    resend_in_doubt: bool = Field(
        default=False,
        description="Whether a call that got no answer is reported again. It may then be counted twice.",
    )
    taken: list[str] = Field(
        default=[],
        description="Calls in doubt (CallSessionId) that a person has found at impact.com: they are in doubt no more.",
    )
    after_delivery: Literal["report", "ignore"] = Field(
        default="report",
        description="A call that changes after it was reported can't be corrected at impact.com. report: list it among"
        " the rejects as changed_after_delivery. ignore: leave it.",
    )
    postal_codes: Literal["digits", "any"] = Field(
        default="digits", description="Zip is documented as a whole number. any: send other postal codes as well."
    )
    requests_per_minute: int = Field(
        default=120, ge=1, le=6000, description="Calls reported in a minute at most; no limit is documented."
    )
