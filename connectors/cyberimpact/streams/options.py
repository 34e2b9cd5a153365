"""What a mapping may set under `options` of the streams."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from connectors.cyberimpact.api.mailings import MailingList
from connectors.cyberimpact.api.members import Status

MailingId = Annotated[str, StringConstraints(pattern=r"^\d{1,18}$", strip_whitespace=True)]
Became = Literal["delivered", "stopped", "hard-bounced", "soft-bounced", "unsubscribed", "opened", "clicked"]


class NoOptions(BaseModel):
    """A stream without options."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ContactOptions(BaseModel):
    """Options of the stream `contacts`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Status = Field(
        default="all", description="Contacts in a group (active), in none (orphans), or all. Never the unsubscribed."
    )


class GroupOptions(BaseModel):
    """Options of the stream `group_members`."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    groups: list[str] | None = Field(
        default=None, min_length=1, description="Titles or ids of the groups to read. Left out: all of them."
    )


class MailingOptions(BaseModel):
    """Options of the stream `mailings`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lists: list[MailingList] = Field(
        default=["sent", "scheduled", "archived"], min_length=1, description="Which mailings to read. Left out: all."
    )


class RecipientOptions(BaseModel):
    """Options of the stream `mailing_recipients`."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    lists: list[Became] = Field(
        default=["delivered", "stopped", "hard-bounced", "soft-bounced", "unsubscribed", "opened", "clicked"],
        min_length=1,
        description="What became of the messages. Left out: everything.",
    )
    mailings: list[MailingId] | None = Field(
        default=None, min_length=1, description="Ids of the mailings to read. Left out: those of the last 30 days."
    )
