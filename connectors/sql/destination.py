"""A table of a database as a destination: rows are added and changed by their key, and never deleted."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, create_model

from connectors.sql.lookup import is_text
from connectors.sql.settings import SqlDestinationSettings
from connectors.sql.sink import Refused, Sink
from connectors.sql.table import ADDRESS, TableRow, Target
from syncengine.contracts import Attempts, Change, Draft, Outcome, Part, Scalar, Settled
from syncengine.errors import InDoubt, Rejected, SyncError

ROWS_AT_ONCE = 1_000
"""Rows of one transaction: some statements, so that the locks of the shop's rows are held for a moment only."""


class SqlDestination:
    """One table. A field of a mapping is a column of it; None and the empty text leave a column alone."""

    key_field: str
    repeatable: bool = True
    """A row is found by its key, so writing it twice is writing it once."""

    def __init__(self, name: str, settings: SqlDestinationSettings, sink: Sink, zone: ZoneInfo) -> None:
        self.Fields: type[BaseModel] = make_fields(name, settings)
        self.key_field = settings.key
        self._name = name
        self._settings = settings
        self._sink = sink
        self._zone = zone

    async def find(self) -> Target:
        """The table, if it can be written to. Raises ConfigError, AuthError, Transient, ProviderError."""
        return await asyncio.to_thread(self._sink.find, self._name, self._settings, rehearsing=True)

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """All values as text. Raises Rejected with the field and the reason.

        Whether a column can hold its text is seen when it is written: only the database knows its columns' types.
        """
        for name in sorted(fields.keys() - set(self._settings.names)):
            raise Rejected("Not a column of this destination.", field=name, code="unknown_field")
        values: dict[str, Scalar] = {
            name: text for name in self._settings.names if (text := _text(name, fields.get(name)))
        }
        key = str(values.pop(self.key_field, "")).strip()
        if not key:
            raise Rejected("Missing.", field=self.key_field, code="missing")
        if ADDRESS.fullmatch(key):
            key = key.lower()
        # A row that is nothing but its key is to be there all the same, and a draft without any field asks for nothing.
        return Draft(key, values or {self.key_field: key})

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        """Write the changes, some hundreds by one statement; each attempt is one transaction.

        Raises before anything is written where the table isn't as configured (ConfigError), and AuthError, Transient
        and ProviderError when nothing more can be written now.
        """
        target = await asyncio.to_thread(self._sink.find, self._name, self._settings)
        rows: list[TableRow] = []
        for change in changes:
            try:
                rows.append(target.row(change, self._zone))
            except Rejected as refusal:
                yield Outcome(change.key, "rejected", refusal.code, refusal.field, refusal.message)
        fields = {change.key: dict(change.fields) for change in changes}
        waiting = iter(rows)
        while batch := list(islice(waiting, ROWS_AT_ONCE)):
            attempt = await attempts.begin([Part(row.key, fields[row.key]) for row in batch])
            allowed = [row for row in batch if row.key in attempt.allowed]
            if not allowed:
                continue
            try:
                refused = await asyncio.to_thread(self._sink.write, target, allowed)
            except InDoubt as doubt:
                for row in allowed:
                    yield Outcome(row.key, "in_doubt", "no_answer", None, doubt.message)
                continue
            except SyncError:
                await attempts.settle(attempt, Settled(refuted=attempt.allowed))
                raise
            await attempts.settle(attempt, Settled(attempt.allowed - refused.keys(), frozenset(refused)))
            for row in allowed:
                yield _outcome(row.key, refused)


def make_fields(name: str, settings: SqlDestinationSettings) -> type[BaseModel]:
    """What a mapping may set, as a model: the key, and the columns by their own names."""
    made: dict[str, Any] = {}
    for place, column in enumerate(settings.names):
        known = f"The column by which a row of {settings.table} is known."
        about = known if column == settings.key else f"A column of {settings.table}."
        kind, default = (str, ...) if column == settings.key else (str | None, None)
        if column.startswith("_") or hasattr(BaseModel, column):  # no name that a field of a model can have
            made[f"column_{place}"] = (kind, Field(default, alias=column, description=about))
        else:
            made[column] = (kind, Field(default, description=about))
    config = ConfigDict(extra="forbid", hide_input_in_errors=True, protected_namespaces=())
    return create_model(name, __config__=config, **made)


def _text(name: str, value: object) -> str:
    """A scalar as text; "" for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        raise Rejected("Not one text.", field=name, code="not_text")
    text = str(value)
    if not is_text(text):
        raise Rejected("It holds characters that no text of a database can.", field=name, code="not_text")
    return text


def _outcome(key: str, refused: Refused) -> Outcome:
    if (refusal := refused.get(key)) is None:
        return Outcome(key, "delivered")
    return Outcome(key, "rejected", refusal.code, refusal.field, refusal.message)
