"""Carries one change by one request, and reads fields as these destinations have them."""

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from connectors.cyberimpact.client import MISSING
from connectors.cyberimpact.switches import read_switch
from connectors.cyberimpact.writer import Request, Writer
from syncengine.contracts import Attempts, Change, Outcome, Part, Settled
from syncengine.errors import Rejected

LONGEST = 255
"""Characters of a title or a subject: what the vendor's own plugin caps at (cyberimpact.md section 4)."""
LONGEST_BODY = 1_000_000
"""Characters of a page; no limit is documented, so this is only a guard against a wrong field."""
DELETE = "delete"
BY_ID = "id:"


def reject(field: str, code: str, message: str) -> NoReturn:
    """Raise Rejected; the message doesn't quote the value."""
    raise Rejected(message, field=field, code=code)


def read_fields(fields: Mapping[str, Any], lengths: Mapping[str, int], switches: frozenset[str]) -> dict[str, Any]:
    """Trimmed texts and switches; what is None or empty is left out. Raises Rejected with the field and the reason."""
    for name in sorted(fields.keys() - lengths.keys() - switches):
        reject(name, "unknown_field", "Not a field of this destination.")
    texts = {name: _text(name, value) for name, value in fields.items()}
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if not text:
            continue
        if name in switches:
            values[name] = read_switch(name, text)
        elif len(text) > lengths[name]:
            reject(name, "too_long", f"Longer than {lengths[name]} characters.")
        else:
            values[name] = text
    return values


def require(name: str, values: Mapping[str, Any]) -> str:
    """A field that must be there. Raises Rejected."""
    if name not in values:
        reject(name, "missing", "Missing.")
    return str(values[name])


def state_whole(values: Mapping[str, Any], undone: Collection[str]) -> dict[str, Any]:
    """The values with a word on deletion, so that it and its undoing both differ from what was delivered before.

    A deletion empties the fields that go with it (`undone`): named again later, they are new.
    """
    if values.get(DELETE):
        return {**dict.fromkeys(undone, ""), DELETE: True}
    return {**values, DELETE: False} if values else {}


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        reject(name, "not_text", "Not one text.")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()


async def carry(writer: Writer, change: Change, request: Request, *, deletes: bool = False) -> Outcome | None:
    """Send one change, tried again where that may help. None: it may not be sent, and whoever said so knows.

    `deletes`: what isn't there (any more) is what was asked for. Raises AuthError, RateLimited and ProviderError.
    """
    reply = await writer.send([Part(change.key, fields=dict(change.fields))], request)
    if reply.status == "good":
        await writer.confirm(reply.attempt)
        return Outcome(change.key, "delivered")
    if reply.status == "barred":
        return None
    if reply.status == "put_off":
        return Outcome(change.key, "retry", "throttled", None, "Cyberimpact took no more requests.")
    if reply.status == "lost":
        return Outcome(change.key, "in_doubt", "no_answer", None, "Cyberimpact gave no answer; it may have been done.")
    if reply.answer is not None and reply.answer.status == MISSING:
        if deletes:
            await writer.confirm(reply.attempt)
            return Outcome(change.key, "delivered")
        await writer.refute(reply.attempt)
        return Outcome(change.key, "retry", "gone", None, "It went away meanwhile.")
    await writer.refute(reply.attempt)
    return Outcome(change.key, "rejected", "refused", None, "Cyberimpact refuses this change.")


async def note_done(attempts: Attempts, change: Change) -> Outcome | None:
    """What is so already needs no request, only its place in the book."""
    attempt = await attempts.begin([Part(change.key, fields=dict(change.fields))])
    if not attempt.allowed:
        return None
    await attempts.settle(attempt, Settled(confirmed=attempt.allowed))
    return Outcome(change.key, "delivered")
