"""What a mapping may say about a contact: names, types and descriptions, which make the check and the documentation."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from connectors.cyberimpact.consent import RelationType

LONGEST: Final = 255
"""Characters of any text: documented for the proof, seen for all others (cyberimpact.md section 4)."""
CONSENT: Final = frozenset({"relationType", "consentDate", "consentProof"})
"""The fields that make a consent."""
UNLESS: Final[JsonDict] = {"required_unless": ["unsubscribe", "delete", "optin"]}
REQUIRED: Final = "Required, unless unsubscribe, delete or optin is given."


class BoundGroup(BaseModel):
    """A group that is known by a key of ours, whatever it is called."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    key: str = Field(description="What the group is for, once and for all: partner:{{ MediaPartnerId }}.")
    title: str = Field(description="What to call it when it is made: Partner: {{ MediaPartnerName }}.")


class ContactFields(BaseModel):
    """A Cyberimpact contact. What is left out, None or empty is left as it is there."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    email: str = Field(description="The address; the key of the contact. Sent trimmed and in lower case.")
    firstname: str | None = Field(default=None, max_length=LONGEST, description="First name.")
    lastname: str | None = Field(default=None, max_length=LONGEST, description="Last name.")
    company: str | None = Field(default=None, max_length=LONGEST, description="Company.")
    note: str | None = Field(default=None, max_length=LONGEST, description="A note for the people who use Cyberimpact.")
    gender: Literal["m", "f", "o"] | None = Field(default=None, description="Gender: m, f or o.")
    language: Literal["en_ca", "fr_ca"] | None = Field(default=None, description="Language: en_ca or fr_ca.")
    birthdate: str | None = Field(default=None, description="Day of birth: a day, or an instant with an offset.")
    postalCode: str | None = Field(default=None, max_length=LONGEST, description="Postal code.")  # noqa: N815 - wire name
    country: str | None = Field(default=None, description="Country by its two ISO letters: CA.")
    groups: list[str | BoundGroup] = Field(
        default=[],
        description="Static groups: titles, or tables of key and title. Those missing are created, private.",
    )
    leaveGroups: list[str | BoundGroup] = Field(  # noqa: N815 - wire name
        default=[], description="Groups to be out of, whoever put the contact there: as in groups."
    )
    replaceGroups: bool | None = Field(  # noqa: N815 - wire name
        default=None, description="true: the groups asked for are all that the contact may be in."
    )
    customFields: dict[str, str | None] = Field(  # noqa: N815 - wire name
        default={}, description="Custom fields by their name in Cyberimpact, where they must exist."
    )
    unsubscribe: bool | None = Field(
        default=None, description="true unsubscribes the address and does nothing else; there is no way back from here."
    )
    delete: bool | None = Field(
        default=None, description="true erases the contact and does nothing else; it is never added again."
    )
    optin: bool | None = Field(
        default=None,
        description="true has Cyberimpact ask by mail whether they want to subscribe, instead of stating a consent."
        " Only for people who asked for it; needs allow_sending = true.",
    )
    relationType: RelationType | None = Field(  # noqa: N815 - as on the wire
        default=None, description=f"On what basis we may write to them. {REQUIRED}", json_schema_extra=UNLESS
    )
    consentDate: str | None = Field(  # noqa: N815 - wire name
        default=None,
        description=f"Since when: a day, or an instant with an offset (then its day in engine.timezone). {REQUIRED}",
        json_schema_extra=UNLESS,
    )
    consentProof: str | None = Field(  # noqa: N815 - wire name
        default=None,
        max_length=LONGEST,
        description=f"What shows it: name the record that it comes from. {REQUIRED}",
        json_schema_extra=UNLESS,
    )
