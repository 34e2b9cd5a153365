"""The database of one connection as it is written: every transaction that writes goes through here."""

import re
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from connectors.sql.access import Access
from connectors.sql.databases import Fault
from connectors.sql.lookup import MOST_PARAMETERS
from connectors.sql.settings import SqlDestinationSettings
from connectors.sql.table import ADDRESS, TableRow, Target, find_table, shown_keys
from connectors.sql.upsert import OWN_UPSERT, change_rows, rehearse, upsert
from syncengine.errors import ConfigError, InDoubt, Problem, ProviderError, Rejected, SyncError

OF_THE_ROW = frozenset({Fault.ROW, Fault.KEY})
"""What is wrong with the values of a row, and with nothing else."""

Refused = dict[str, Rejected]
"""The keys of rows that can't be written, each with the reason."""


class Sink(Access):
    """Writes to tables, within the time limit: what is written together is there together, or not at all."""

    writing = True

    def find(self, name: str, settings: SqlDestinationSettings, *, rehearsing: bool = False) -> Target:
        """The table of a destination. `rehearsing`: make sure as well that it can be written to, by writing no row.

        Raises ConfigError with the database's own reason, AuthError, Transient, ProviderError.
        """
        self._require_file()
        try:
            with self._engine.connect() as connection:
                self._begin(connection)
                target = find_table(connection, name, settings)
                if rehearsing:
                    rehearse(connection, target)
                connection.rollback()
                return target
        except DBAPIError as error:
            fault, reason = self.database.fault(error), self._reason(error)
        if fault is Fault.QUERY or fault in OF_THE_ROW:
            message = f"{self.database.title} refuses to write to {settings.table}: {reason}"
            hint = "The account must be allowed to select, insert and update there."
            raise ConfigError([Problem(f"destinations.{name}.table", message, hint)])
        raise self._trouble(fault, settings)

    def write(self, target: Target, rows: Sequence[TableRow]) -> Refused:
        """Write these rows, all in one transaction, but for those that the database refuses.

        Raises InDoubt where the connection broke while they were being kept; after any other error nothing was.
        """
        refused: Refused = {}
        try:
            with self._engine.connect() as connection:
                self._begin(connection)
                for batch in _batches(rows, len(target.kinds)):
                    self._put(connection, target, batch, refused)
                self._keep(connection)
                return refused
        except DBAPIError as error:
            fault = self.database.fault(error)
        if fault is Fault.QUERY or fault in OF_THE_ROW:
            # The reason may quote a row, unless no row is written: what is wrong with the table shows again.
            self.find(target.name, target.settings, rehearsing=True)
            hint = "Something in the database refuses more than single rows, perhaps a trigger."
            raise ProviderError(f"{self.database.title} refuses to write to {target.settings.table}.", hint=hint)
        raise self._trouble(fault, target.settings)

    def _put(self, connection: Connection, target: Target, rows: Sequence[TableRow], refused: Refused) -> None:
        """Write rows that have the same columns; if one of them spoils it, halve them until it stands alone."""
        savepoint = connection.begin_nested()
        try:
            if self._put_together(connection, target, rows) and _show_as_written(connection, target, rows):
                savepoint.commit()
                return
            message = "The column shows this key in another spelling: to the table they are one."
            refusal = Rejected(message, field=target.key, code="key_form")
        except DBAPIError as error:
            if self.database.fault(error) not in OF_THE_ROW:
                raise  # the transaction is at its end, and in SQLite its savepoints have gone already
            message = "A rule of the table or the type of a column refuses it."
            refusal = Rejected(message, field=named_column(target.names, self._reason(error)), code="refused")
        savepoint.rollback()
        if len(rows) == 1:
            refused[rows[0].key] = refusal
            return
        middle = len(rows) // 2
        self._put(connection, target, rows[:middle], refused)
        self._put(connection, target, rows[middle:], refused)

    def _put_together(self, connection: Connection, target: Target, rows: Sequence[TableRow]) -> bool:
        """Write rows in as few statements as possible; False where that can't be done for several of them at once."""
        dialect = connection.dialect.name
        if len(rows) > 1:
            if dialect not in OWN_UPSERT:
                return False
            if not rows[0].create:
                return change_rows(connection, target, rows) == len(rows)
            connection.execute(upsert(target, rows, dialect))
        elif not change_rows(connection, target, rows):
            connection.execute(upsert(target, rows, dialect))
        return True

    def _keep(self, connection: Connection) -> None:
        try:
            connection.commit()
        except DBAPIError as error:
            if self.database.fault(error) is not Fault.UNREACHABLE:
                raise
        else:
            return
        raise InDoubt(f"{self._capital} broke off while rows were being kept.", hint="They are written again.")

    def _trouble(self, fault: Fault, settings: SqlDestinationSettings) -> SyncError:
        slow = f"See what else is at work on the table, give `{settings.key}` an index, or raise `timeout`."
        return self._translate(fault, f"Writing to {settings.table}", slow)


def _show_as_written(connection: Connection, target: Target, rows: Sequence[TableRow]) -> bool:
    """Whether each row is there under its own key.

    A column may take two keys for one (without case or accents, or with fewer decimals): one row would be left of two
    targets. Of e-mail addresses only the case may differ: in any case they are the same person's.
    """
    shown = shown_keys(connection, target, rows)
    addresses = {key.lower() for key in shown if ADDRESS.fullmatch(key)}
    return all(row.key in shown or row.key in addresses for row in rows)


def _batches(rows: Sequence[TableRow], columns: int) -> Iterator[list[TableRow]]:
    """Rows that one statement can write: those with the same columns, as many as it has parameters for."""
    kinds: dict[tuple[bool, tuple[str, ...]], list[TableRow]] = {}
    for row in rows:
        kinds.setdefault((row.create, tuple(sorted(row.values))), []).append(row)
    size = max(1, MOST_PARAMETERS // columns)
    for alike in kinds.values():
        for start in range(0, len(alike), size):
            yield alike[start : start + size]


def named_column(columns: frozenset[str], reason: str) -> str | None:
    """The column that a database's sentence is about: all of them put quotes or a dot before its name."""
    return next((name for name in sorted(columns) if re.search(rf"[\"'`.]{re.escape(name)}(?!\w)", reason)), None)
