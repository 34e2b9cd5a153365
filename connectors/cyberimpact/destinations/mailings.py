"""The destination `mailings`: created, which sends them, and cancelled until they go out (sections 3 and 4).

Off unless `allow_sending = true`: there is no draft, no test and no way back. A request without an answer stays in
doubt, because a second one might be a second mailing to everybody.
"""

import datetime as dt
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Literal

import msgspec
import structlog
from pydantic import BaseModel, ConfigDict, Field

from connectors.cyberimpact.api.mailings import NewMailing
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.destinations.carrying import (
    BY_ID,
    LONGEST,
    LONGEST_BODY,
    carry,
    note_done,
    read_fields,
    reject,
    require,
)
from connectors.cyberimpact.groups import GroupIndex, index_groups
from connectors.cyberimpact.settings import CyberimpactSettings
from connectors.cyberimpact.writer import Writer
from syncengine.contracts import Attempts, Change, Context, Draft, Outcome, Part, Settled
from syncengine.errors import AuthError, ConfigError, InDoubt, Problem, RateLimited, Rejected, Transient
from syncengine.http import WITHOUT_EFFECT, Answer

log = structlog.get_logger(__name__)

CANCEL = "cancel"
TEXTS = {
    "mailing": LONGEST, "subject": LONGEST, "groups": LONGEST_BODY, "bodyHtml": LONGEST_BODY, "bodyText": LONGEST_BODY,
    "language": LONGEST, "sendAt": LONGEST, "replyTo": LONGEST, "fromName": LONGEST, "mailFrom": LONGEST,
}  # fmt: skip
LANGUAGES = frozenset({"en_ca", "fr_ca"})


class MailingFields(BaseModel):
    """A mailing. Once made it can't be changed, only cancelled, and only until it goes out."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    mailing: str = Field(
        max_length=LONGEST, description='Our own name for it, sent to nobody; or "id:812", to cancel one that is there.'
    )
    subject: str | None = Field(default=None, max_length=LONGEST, description="The subject. Required to make one.")
    groups: list[str] = Field(default=[], description="Titles of the groups that get it. Required to make one.")
    bodyHtml: str | None = Field(default=None, max_length=LONGEST_BODY, description="The page.")  # noqa: N815 - wire name
    bodyText: str | None = Field(  # noqa: N815 - wire name
        default=None, max_length=LONGEST_BODY, description="The page for who reads plain text."
    )
    language: Literal["en_ca", "fr_ca"] | None = Field(default=None, description="Language: en_ca or fr_ca.")
    sendAt: str | None = Field(  # noqa: N815 - wire name
        default=None, description="When it goes out: an instant with an offset. Left out: at once."
    )
    replyTo: str | None = Field(default=None, max_length=LONGEST, description="Where answers go.")  # noqa: N815 - wire name
    fromName: str | None = Field(  # noqa: N815 - wire name
        default=None, max_length=LONGEST, description="The sender's name."
    )
    mailFrom: str | None = Field(  # noqa: N815 - wire name
        default=None, max_length=LONGEST, description="The sender: an address validated in Cyberimpact."
    )
    cancel: bool | None = Field(default=None, description="true cancels the mailing, if it has not gone out.")


class MailingDestination:
    """Mailings by a name of ours. Resumable: the number that Cyberimpact gave is the receipt."""

    Fields: type[BaseModel] = MailingFields
    key_field: str = "mailing"
    repeatable: bool = False

    def __init__(self, client: CyberimpactClient, settings: CyberimpactSettings, context: Context) -> None:
        self._client = client
        self._allowed = settings.allow_sending
        self._label = context.http.label
        self._clock = context.clock
        self._memory = context.memory

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """Validate and normalise. Raises Rejected with the field and the reason; ConfigError where sending is off."""
        self.permit()
        titles = fields.get("groups")
        flat = {name: value for name, value in fields.items() if name != "groups"}
        values = read_fields(flat, TEXTS, frozenset({CANCEL}))
        key = require("mailing", values)
        del values["mailing"]
        if values.get(CANCEL):
            return Draft(key, {CANCEL: True, "subject": ""})  # made again it would differ, and be refused
        if key.startswith(BY_ID):
            reject("mailing", "only_cancel", "A mailing that is there can only be cancelled.")
        require("subject", values)
        if not values.keys() & {"bodyHtml", "bodyText"}:
            reject("bodyHtml", "missing", "A mailing needs bodyHtml or bodyText.")
        if values.get("language", "en_ca") not in LANGUAGES:
            reject("language", "unknown_language", "Not en_ca or fr_ca.")
        if "sendAt" in values:
            values["sendAt"] = _instant(values["sendAt"])
        return Draft(key, {**values, "groups": _titles(titles)})

    async def settle(self, receipt: str, keys: Collection[str]) -> Settled:
        """Whether the mailing with this number is there; nothing is settled by what is no number."""
        if not (receipt.isascii() and receipt.isdigit()) or await self._client.mailing(int(receipt)) is None:
            return Settled()
        for key in keys:
            await self._memory.put(_memory_key(key), receipt)
        return Settled(confirmed=frozenset(keys))

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        """One request for each change. Raises ConfigError where sending is off; AuthError, RateLimited, Transient."""
        self.permit()
        writer = Writer(self._client, attempts, self._clock)
        groups = index_groups(await self._client.groups())
        for change in changes:
            if change.fields.get(CANCEL):
                outcome = await self._cancel(change, attempts, writer)
            elif not change.create:
                message = "A mailing can't be changed: cancel it, and make one under another name."
                outcome = Outcome(change.key, "rejected", "fixed", None, message)
            else:
                outcome = await self._create(change, attempts, groups)
            if outcome is not None:
                yield outcome

    def permit(self) -> None:
        """Raises ConfigError unless the settings allow sending."""
        if not self._allowed:
            message, hint = "This connection may not send mailings.", "Set allow_sending = true to let it."
            raise ConfigError([Problem(f"{self._label}.allow_sending", message, hint)])

    # --- creating ---

    async def _create(self, change: Change, attempts: Attempts, groups: GroupIndex) -> Outcome | None:
        try:
            mailing = _new_mailing(change, groups)
        except Rejected as refusal:
            return Outcome(change.key, "rejected", refusal.code, refusal.field, refusal.message)
        when = change.fields.get("sendAt")
        await self._client.http.ready()
        attempt = await attempts.begin([Part(change.key, fields=dict(change.fields))])
        if not attempt.allowed:
            return None
        refuted = Settled(refuted=attempt.allowed)
        try:
            send_at = dt.datetime.fromisoformat(str(when)) if when else None
            answer = await self._client.create_mailing(mailing, send_at)
        except (AuthError, RateLimited):
            await attempts.settle(attempt, refuted)
            raise
        except Transient as error:
            if error.code not in WITHOUT_EFFECT:
                return _doubt(change)
            await attempts.settle(attempt, refuted)
            return Outcome(change.key, "retry", "throttled", None, "Cyberimpact took no more requests.")
        except InDoubt:
            return _doubt(change)
        if not answer.good:
            await attempts.settle(attempt, refuted)
            return Outcome(change.key, "rejected", "refused", None, "Cyberimpact refuses this mailing.")
        made = _read_made(answer)
        if made is None:
            return _doubt(change)
        await attempts.receipt(attempt, str(made.id))
        await self._memory.put(_memory_key(change.key), str(made.id))
        await attempts.settle(attempt, Settled(confirmed=attempt.allowed))
        log.warning("a mailing goes out", targets=made.recipients_count)
        count = "an unknown number of" if made.recipients_count is None else made.recipients_count
        return Outcome(change.key, "delivered", message=f"It goes to {count} contacts.")

    # --- cancelling ---

    async def _cancel(self, change: Change, attempts: Attempts, writer: Writer) -> Outcome | None:
        text = change.key[len(BY_ID) :] if change.key.startswith(BY_ID) else None
        number = text or await self._memory.get(_memory_key(change.key))
        if number is None:
            message = 'It was not made from here: name it by its number, mailing = "id:812".'
            return Outcome(change.key, "rejected", "not_found", "mailing", message)
        if not (number.isascii() and number.isdigit()):
            return Outcome(change.key, "rejected", "not_an_id", "mailing", "Not a number after id:.")
        if await self._client.mailing(int(number)) is None:
            return await note_done(attempts, change)

        async def request(_: Sequence[Part]) -> Answer:
            return await self._client.cancel_mailing(int(number))

        return await carry(writer, change, request, deletes=True)


class _Made(msgspec.Struct, rename="camel"):
    """The answer to a new mailing."""

    id: int
    recipients_count: int | None = None


def _read_made(answer: Answer) -> _Made | None:
    """The number of the new mailing; None where the answer has none, and nobody knows what became of it."""
    try:
        return msgspec.json.decode(answer.content, type=_Made, strict=False)
    except msgspec.DecodeError:
        return None


def _new_mailing(change: Change, index: GroupIndex) -> NewMailing:
    """The request. Raises Rejected where a group isn't there: a mailing must not go to fewer people in silence."""
    numbers = set()
    for title in str(change.fields["groups"]).splitlines():
        group = index.find(title)
        if group is None:
            reject("groups", "no_such_group", "Cyberimpact has no group with one of these titles.")
        numbers.add(group.id)
    named = {
        "body_html": "bodyHtml", "body_text": "bodyText", "language": "language", "reply_to": "replyTo",
        "from_name": "fromName", "mail_from": "mailFrom",
    }  # fmt: skip
    given: dict[str, Any] = {name: change.fields[wire] for name, wire in named.items() if wire in change.fields}
    return NewMailing(subject=str(change.fields["subject"]), groups=sorted(numbers), **given)


def _titles(groups: object) -> str:
    """The titles as one text, a line each, sorted: the order means nothing."""
    given = groups if isinstance(groups, list | tuple) else [groups]
    if any(isinstance(each, Mapping | list | tuple) for each in given):
        reject("groups", "not_text", "Not a list of titles.")
    titles = sorted({" ".join(str(each).split()) for each in given if each is not None and str(each).strip()})
    if not titles:
        reject("groups", "missing", "Missing.")
    return "\n".join(titles)


def _instant(text: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        reject("sendAt", "not_an_instant", "Not an instant.")
    if moment.tzinfo is None:
        reject("sendAt", "no_offset", "Without an offset nobody can say when that is.")
    return moment.astimezone(dt.UTC).isoformat()


def _doubt(change: Change) -> Outcome:
    message = "Cyberimpact gave no answer; the mailing may go out. Look there before it is sent again."
    return Outcome(change.key, "in_doubt", "no_answer", None, message)


def _memory_key(key: str) -> str:
    return f"mailing:{key}"
