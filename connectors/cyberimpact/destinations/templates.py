"""The destination `templates`: a folder of pages kept in step with those at Cyberimpact (sections 3 and 4)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from connectors.cyberimpact.api.calls import Wire
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.destinations.carrying import (
    DELETE,
    LONGEST,
    LONGEST_BODY,
    carry,
    note_done,
    read_fields,
    reject,
    require,
    state_whole,
)
from connectors.cyberimpact.streams.records import number_of, read_pages
from connectors.cyberimpact.writer import Request, Writer
from syncengine.contracts import Attempts, Change, Clock, Draft, Outcome, Part, group_identity
from syncengine.http import Answer

BODIES = ("bodyHtml", "bodyText")


class TemplateFields(BaseModel):
    """A template. What is left out, None or empty is left as it is there. A new one needs a body."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    title: str = Field(max_length=LONGEST, description="The title; the key. Capitals and spaces around it don't count.")
    bodyHtml: str | None = Field(default=None, max_length=LONGEST_BODY, description="The page.")  # noqa: N815 - wire name
    bodyText: str | None = Field(  # noqa: N815 - wire name
        default=None, max_length=LONGEST_BODY, description="The page for who reads plain text."
    )
    delete: bool | None = Field(default=None, description="true deletes the template.")


class TemplateDestination:
    """Templates by their title. Of several with one title the oldest counts."""

    Fields: type[BaseModel] = TemplateFields
    key_field: str = "title"
    repeatable: bool = True
    """Before a template is made the list is looked at, each time; replacing twice is replacing once."""

    def __init__(self, client: CyberimpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """Validate and normalise. Raises Rejected with the field and the reason."""
        lengths = {"title": LONGEST, **dict.fromkeys(BODIES, LONGEST_BODY)}
        values = read_fields(fields, lengths, frozenset({DELETE}))
        title = require("title", values)
        if not values.keys() & {*BODIES, DELETE}:
            reject("bodyHtml", "missing", "A template needs bodyHtml or bodyText.")
        return Draft(group_identity(title), state_whole(values, ("title", *BODIES)))

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        """One request with effect for each change. Raises AuthError, RateLimited, Transient and ProviderError."""
        writer = Writer(self._client, attempts, self._clock)
        shelf = await self._read()
        for change in changes:
            number = shelf.get(change.key)
            if not change.fields.get(DELETE):
                outcome = await carry(writer, change, self._keep(change, number))
            elif number is None:
                outcome = await note_done(attempts, change)
            else:
                outcome = await carry(writer, change, self._delete(number), deletes=True)
            if outcome is not None:
                yield outcome

    def _delete(self, number: int) -> Request:
        async def request(_: Sequence[Part]) -> Answer:
            return await self._client.delete_template(number)

        return request

    def _keep(self, change: Change, known: int | None) -> Request:
        """Makes or replaces the template, by what is there when it is sent: a lost answer makes no second one."""
        sent = False

        async def request(_: Sequence[Part]) -> Answer:
            nonlocal sent
            number = (await self._read()).get(change.key) if sent else known
            sent = True
            there = None if number is None else await self._client.template(number)
            body = _merge(there or {}, change)
            if number is None or there is None:
                return await self._client.create_template(**body)
            return await self._client.put_template(number, **body)

        return request

    async def _read(self) -> dict[str, int]:
        """The oldest template of each title."""
        found: dict[str, int] = {}
        async with aclosing(read_pages(self._client.templates_page, _number, "list of templates")) as pages:
            async for rows in pages:
                for row in rows:
                    key = group_identity(str(row.get("title") or ""))
                    found[key] = min(_number(row), found.get(key, _number(row)))
        return found


def _merge(there: Wire, change: Change) -> dict[str, str]:
    """What is there with what is to change: PUT resets what it doesn't name."""

    def value(name: str) -> str:
        return str(change.fields.get(name) or there.get(name) or "")

    return {"title": value("title") or change.key, "html": value("bodyHtml"), "text": value("bodyText")}


def _number(row: Wire) -> int:
    return number_of(row, "template")
