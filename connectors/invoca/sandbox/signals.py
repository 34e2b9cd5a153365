"""The Signal API: signals and custom data written to a call (invoca.md section 7)."""

from collections.abc import Mapping
from typing import Any

from connectors.invoca.sandbox.book import Book
from connectors.invoca.sandbox.errors import invalid, not_found
from connectors.invoca.sandbox.model import SIGNAL, Entry, Row

MOST_SIGNALS = 10


class SignalDesk:
    """Takes signals. The same name and partner id with the same content does nothing, with another one corrects."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def take(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """One request. Raises Refused."""
        call = self._find(body.get("search") or {})
        signals = body.get("signals") or []
        if len(signals) > MOST_SIGNALS:
            raise invalid("signals", "are too many")
        answers = [_show(self._write(call, signal), signal) for signal in signals]
        entries = [Entry(each["name"], each["value"], "Short Text") for each in body.get("custom_data") or []]
        if not entries:
            return {"signals": answers}
        row = self._book.annotate(call, *entries)
        return {"signals": answers, "call": {"transaction_id": row.id, "corrects_transaction_id": row.corrects}}

    def _find(self, search: Mapping[str, Any]) -> str:
        row = self._book.find(str(search.get("transaction_id", "")))
        call = str(search.get("call_record_id", "")) or (row.call if row else "")
        if not call or not self._book.of_call(call):
            raise not_found("Call")
        return call

    def _write(self, call: str, signal: Mapping[str, Any]) -> Row:
        if not signal.get("name"):
            raise invalid("name", "can't be blank")
        name, partner = str(signal["name"]), str(signal.get("partner_unique_id", ""))
        value = bool(signal.get("value", True))
        values = {
            "signal_name": name if value else None,
            "signal_partner_unique_id": partner,
            "signal_occurred_at": signal.get("occurred_at_time"),
            "revenue": signal.get("revenue"),
        }
        custom = (Entry(name, value),)
        for row in self._book.of_call(call):
            if row.kind != SIGNAL or row.superseded or row.values.get("signal_partner_unique_id") != partner:
                continue
            if row.custom and row.custom[0].name.casefold() == name.casefold():
                if row.values == values and row.custom == custom:
                    return row
                return self._book.correct(row.id, custom=custom, **values)
        return self._book.signal(call, custom=custom, **values)


def _show(row: Row, signal: Mapping[str, Any]) -> dict[str, str]:
    return {
        "transaction_id": row.id,
        "corrects_transaction_id": row.corrects or "",
        "name": str(signal["name"]),
        "partner_unique_id": str(signal.get("partner_unique_id", "")),
        "value": "true" if signal.get("value", True) else "false",
    }
