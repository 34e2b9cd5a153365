"""The destination `signals`: what became of a call, told to Invoca (invoca.md section 7).

The same name and partner id with the same content does nothing there, with another content it corrects: repeatable.
"""

import datetime as dt
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from connectors.invoca.client import InvocaClient
from connectors.invoca.echoes import Echoes
from connectors.invoca.folding import standing_signal
from connectors.invoca.log import TransactionLog
from connectors.invoca.writing import Step, Writer, accept
from syncengine.contracts import Attempts, Change, Clock, Draft, Outcome, Scalar
from syncengine.errors import Rejected
from syncengine.http import Answer

LONGEST = 255
"""Characters; documented for the names of custom data."""
_REVENUE = re.compile(r"-?[0-9]+(\.[0-9]{1,2})?")
_EPOCH = re.compile(r"[0-9]{10}")
YES, NO = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
Values = Mapping[str, Scalar]
PARTS = ("call", "name", "partner_unique_id")
"""What makes the key: under Rollup Invoca goes by the last one alone."""


class SignalFields(BaseModel):
    """One signal of one call."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    call: str = Field(max_length=LONGEST, description="The call: complete_call_id of Invoca.")
    name: str = Field(max_length=LONGEST, description="Name of the signal; capitals make no difference.")
    partner_unique_id: str = Field(
        max_length=LONGEST, description="Our own id of it, unlike that of any other signal: the key."
    )
    value: str | None = Field(default=None, description="true or false; Invoca assumes true.")
    revenue: str | None = Field(default=None, description="An amount with two decimals at most.")
    occurred_at: str | None = Field(default=None, description="When: a date and time with an offset.")


class Signals:
    """Signals of calls, one request each. What comes of it is no news: its transactions are remembered."""

    Fields: type[BaseModel] = SignalFields
    key_field: str = "partner_unique_id"
    repeatable: bool = True

    def __init__(self, client: InvocaClient, log: TransactionLog, clock: Clock, echoes: Echoes) -> None:
        self._client = client
        self._log = log
        self._clock = clock
        self._echoes = echoes

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """Validate and normalise. Raises Rejected, and ConfigError where nothing may be written."""
        self.permit()
        for name in fields.keys() - SignalFields.model_fields.keys():
            _reject(name, "unknown_field", "Not a field of a signal.")
        values: dict[str, Scalar] = {}
        for name in SignalFields.model_fields:
            text = _text(name, fields.get(name))
            if text:
                values[name] = _READERS.get(name, _as_is)(name, text)
            elif name in PARTS:
                _reject(name, "missing", "Missing.")
        key = msgspec.json.encode([values["call"], str(values["name"]).casefold(), values["partner_unique_id"]])
        return Draft(key=key.decode(), fields=values)

    def permit(self) -> None:
        """Raises ConfigError unless the settings allow writing."""
        self._client.permit("signal")

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        """Send each signal. Raises AuthError, RateLimited, Transient when nothing more can be sent now."""
        self.permit()
        writer: Writer[Values] = Writer(self._client, self._clock, attempts, "signal")
        for change in changes:
            if not change.fields:
                yield Outcome(change.key, "delivered")
                continue
            outcome = await writer.write(change, partial(self._look, change), partial(self._plan, change))
            if outcome is not None:
                yield outcome

    async def _look(self, change: Change) -> Values:
        """What stands of a signal that was written before: a correction replaces it whole."""
        if change.create:
            return {}
        call, name, partner = _parts(change)
        return standing_signal(await self._log.call(call), name, partner)

    def _plan(self, change: Change, there: Values) -> Sequence[Step]:
        call, name, partner = _parts(change)
        fields = {"name": name, **there, **change.fields}
        signal: dict[str, Any] = {"name": fields["name"], "partner_unique_id": partner}
        if "value" in fields:
            signal["value"] = fields["value"] == "true"
        if "revenue" in fields:
            signal["revenue"] = fields["revenue"]
        if _EPOCH.fullmatch(str(fields.get("occurred_at"))):  # rows have been seen with a date instead
            signal["occurred_at_time"] = int(str(fields["occurred_at"]))
        return [partial(self._send, {"search": {"call_record_id": call}, "signals": [signal]})]

    async def _send(self, body: Mapping[str, Any]) -> None:
        answer = await self._client.signal(body, "signal")
        accept(answer)
        await self._echoes.add(_transactions(answer))


def _parts(change: Change) -> tuple[str, str, str]:
    """Call, name and partner id, of which the key is made."""
    return msgspec.json.decode(change.key, type=tuple[str, str, str])


def _transactions(answer: Answer) -> list[str]:
    """The ids of the transactions that came of it; none where the answer is empty (201)."""
    body = answer.json() if answer.content.strip() else {}
    signals = body.get("signals") if isinstance(body, dict) else None
    ids = [each.get("transaction_id") for each in signals or () if isinstance(each, dict)]
    return [id for id in ids if isinstance(id, str) and id]


def _reject(field: str, code: str, message: str) -> NoReturn:
    raise Rejected(message, field=field, code=code)


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        _reject(name, "not_text", "Not one text.")
    text = ("true" if value else "false") if isinstance(value, bool) else str(value).strip()
    if len(text) > LONGEST:
        _reject(name, "too_long", f"Longer than {LONGEST} characters.")
    return text


def _as_is(_name: str, text: str) -> str:
    return text


def _read_value(name: str, text: str) -> str:
    word = text.lower()
    if word not in YES | NO:
        _reject(name, "unknown_word", "Neither true nor false.")
    return "true" if word in YES else "false"


def _read_revenue(name: str, text: str) -> str:
    plain = text.replace(",", "")
    if not _REVENUE.fullmatch(plain):
        _reject(name, "not_a_number", "Not an amount with two decimals at most.")
    return plain


def _read_moment(name: str, text: str) -> str:
    """Seconds since 1970: the one form about which the documents agree."""
    if _EPOCH.fullmatch(text):
        return text
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        _reject(name, "not_a_date", "Not a date and time with an offset.")
    return str(int(moment.timestamp()))


_READERS = {"value": _read_value, "revenue": _read_revenue, "occurred_at": _read_moment}
