"""The Transactions API: two orders of one log, and a cursor that means a place in one of them (invoca.md section 4)."""

import datetime as dt
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from connectors.invoca.sandbox.book import Book
from connectors.invoca.sandbox.errors import Refused, invalid, not_found
from connectors.invoca.sandbox.model import FILTER_WORDS, Row, wire
from connectors.invoca.sandbox.switches import InvocaSwitches

DEFAULT_LIMIT, LONGEST_LIMIT = 1000, 4000
PARAMETERS = frozenset({
    "from", "to", "start_after_transaction_id", "limit", "transaction_id", "call_record_id", "transaction_type",
    "transaction_type[]", "include_columns", "exclude_columns", "oauth_token",
})  # fmt: skip
DEFAULT_COLUMNS, CUSTOM_COLUMNS, SOURCE_COLUMNS = (
    "$invoca_default_columns", "$invoca_custom_columns", "$invoca_custom_source_columns",
)  # fmt: skip


class TransactionLog:
    """Answers queries for rows."""

    def __init__(self, book: Book, switches: InvocaSwitches) -> None:
        self._book = book
        self._switches = switches

    def answer(self, pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """The rows of one query. Raises Refused."""
        query = dict(pairs)
        for name in query.keys() - PARAMETERS:
            raise invalid(name, "is not a parameter")
        types = _types([value for name, value in pairs if name.startswith("transaction_type")])
        rows = self._after(self._ordered(query), query.get("start_after_transaction_id", ""))
        rows = [row for row in rows if self._wanted(row, query, types)]
        return [self._show(row, query) for row in rows[: self._limit(query.get("limit", ""))]]

    def _limit(self, text: str) -> int:
        if not text:
            return min(DEFAULT_LIMIT, self._switches.page_rows)
        if not text.isdigit() or text == "0":
            raise invalid("limit")
        if int(text) > LONGEST_LIMIT and self._switches.over_limit == "403":
            raise invalid("limit", "is too large")
        return min(int(text), LONGEST_LIMIT, self._switches.page_rows)

    def _ordered(self, query: dict[str, str]) -> list[Row]:
        """The log, or a window of it; one date alone doesn't filter."""
        if "from" not in query or "to" not in query:
            return list(self._book.rows)
        first, last = _day("from", query["from"]), _day("to", query["to"])
        zone = ZoneInfo(self._switches.timezone)
        found = [row for row in self._book.rows if first <= row.start.astimezone(zone).date() <= last]
        sign = -1 if self._switches.newest_first_in_ties else 1
        return sorted(found, key=lambda row: (row.start, sign * row.place))

    def _after(self, rows: list[Row], cursor: str) -> list[Row]:
        if not cursor:
            return rows
        for place, row in enumerate(rows):
            if row.id == cursor:
                return rows[place + 1 :]
        match self._switches.unknown_cursor:
            case "oldest":
                return rows
            case "404":
                raise not_found("Transaction")
            case _:
                return []

    def _wanted(self, row: Row, query: dict[str, str], types: frozenset[str]) -> bool:
        if row.superseded and not self._switches.superseded_readable:
            return False
        return (
            query.get("transaction_id", row.id) == row.id
            and query.get("call_record_id", row.call) == row.call
            and (not types or row.kind in types)
        )

    def _show(self, row: Row, query: dict[str, str]) -> dict[str, Any]:
        included = query.get("include_columns", DEFAULT_COLUMNS).split(",")
        if self._switches.role == "affiliate" and set(included) & {CUSTOM_COLUMNS, SOURCE_COLUMNS, "custom_data"}:
            raise invalid("include_columns")
        shown = wire(row, self._switches, custom="custom_data" in included)
        if DEFAULT_COLUMNS not in included:
            shown = {name: value for name, value in shown.items() if name in included}
        for name in query.get("exclude_columns", "").split(","):
            shown.pop(name, None)
        return shown


def _types(words: Sequence[str]) -> frozenset[str]:
    for word in words:
        if word not in FILTER_WORDS:
            raise invalid("transaction_type")
    return frozenset(FILTER_WORDS[word] for word in words)


def _day(name: str, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Refused(HTTPStatus.FORBIDDEN, {"errors": {name: ["is not a date"]}}) from None
