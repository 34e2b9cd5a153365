"""The database of one connection as it is read: every query of every lookup goes through here."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.exc import DBAPIError

from connectors.sql.access import Access
from connectors.sql.databases import Fault
from connectors.sql.statement import Statement
from syncengine.errors import ConfigError, Problem, ProviderError, SyncError

REFUSED_QUERY = frozenset({Fault.QUERY, Fault.ROW})
"""A query that is wrong, or that runs into a rule of the database (a function that raises)."""


class Answer(NamedTuple):
    """What came back: names of the columns, the driver's codes of their types, and the rows."""

    names: list[str]
    types: list[Any]
    rows: Sequence[Sequence[Any]]


class KeyRefusedError(Exception):
    """The database refuses one of the keys asked for: its text doesn't fit the type of the column."""


class Source(Access):
    """Asks the database: read-only, within the time limit, rolled back afterwards."""

    def ask(self, statement: Statement, keys: Sequence[str], lookup: str) -> Answer:
        """The rows for these keys. Raises KeyRefusedError, or the error that the caller of the lookup shall see."""
        bound = [value for key in keys for value in self.database.bind(key)]
        try:
            return self._execute(statement, bound)
        except DBAPIError as error:
            fault = self.database.fault(error)
        if fault is Fault.KEY:
            raise KeyRefusedError
        if fault in REFUSED_QUERY:
            # The reason may quote a key or a row, unless the query is asked without any key: a wrong query fails again.
            self.describe(statement, lookup)
            hint = f"Run the query of `lookups.{lookup}.query` by hand; a conversion in it may fail on one of the rows."
            raise ProviderError(f"The query of the lookup `{lookup}` fails on some of its rows.", hint=hint)
        raise self._trouble(fault, lookup)

    def describe(self, statement: Statement, lookup: str) -> Answer:
        """The columns of the result, from the database itself: the query is asked for no key at all.

        Raises ConfigError with the database's own reason where it refuses the query.
        """
        self._require_file()
        try:
            return self._execute(statement, [None], fetch=False)
        except DBAPIError as error:
            fault, reason = self.database.fault(error), self._reason(error)
        if fault in REFUSED_QUERY or fault is Fault.KEY:
            message = f"{self.database.title} refuses the query: {reason}"
            raise ConfigError([Problem(f"lookups.{lookup}.query", message)])
        raise self._trouble(fault, lookup)

    def _execute(self, statement: Statement, keys: Sequence[str | int | None], *, fetch: bool = True) -> Answer:
        with self._engine.connect() as connection:
            self._begin(connection)
            result = connection.execute(statement.clause, {"keys": keys})
            types = [column[1] for column in result.cursor.description] if result.cursor is not None else []
            answer = Answer(list(result.keys()), types, result.fetchall() if fetch else [])
            result.close()
            connection.rollback()
            return answer

    def _trouble(self, fault: Fault, lookup: str) -> SyncError:
        slow = "Give the column of `:keys` an index, or raise `timeout`."
        return self._translate(fault, f"The query of the lookup `{lookup}`", slow)
