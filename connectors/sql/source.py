"""The database of one connection: every query of every lookup goes through here, and so does every error."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from connectors.sql.databases import (
    EXTRAS,
    MARIADB,
    Database,
    Fault,
    begin,
    connect_arguments,
    kind_of,
    open_sqlite,
)
from connectors.sql.settings import SqlSettings
from connectors.sql.statement import Statement
from syncengine.errors import AuthError, ConfigError, Problem, ProviderError, SyncError, Transient


class Answer(NamedTuple):
    """What came back: names of the columns, the driver's codes of their types, and the rows."""

    names: list[str]
    types: list[Any]
    rows: Sequence[Sequence[Any]]


class KeyRefusedError(Exception):
    """The database refuses one of the keys asked for: its text doesn't fit the type of the column."""


class Source:
    """Asks the database: read-only, within the time limit, rolled back afterwards. Blocking: call it in a thread.

    Errors never quote the address, a key or a row; the errors of the drivers do, so they are not even chained.
    """

    def __init__(self, settings: SqlSettings, monotonic: Callable[[], float]) -> None:
        self.url = settings.address()
        self.timeout = settings.timeout.total_seconds()
        self._place = settings.place
        self._monotonic = monotonic
        self._engine = build_engine(self.url, self.timeout, settings.place)

    @property
    def database(self) -> Database:
        """The kind of database; whether MySQL is MariaDB is known after the first connection."""
        return MARIADB if getattr(self._engine.dialect, "is_mariadb", False) else kind_of(self._engine.dialect.name)

    @property
    def where(self) -> str:
        """The database in words, without user and password."""
        if self.database.title == "SQLite":
            return f"the SQLite file {self.url.database}"
        port = f":{self.url.port}" if self.url.port else ""
        return f"the {self.database.title} at {self.url.host or 'localhost'}{port}"

    def ask(self, statement: Statement, keys: Sequence[str], lookup: str) -> Answer:
        """The rows for these keys. Raises KeyRefusedError, or the error that the caller of the lookup shall see."""
        bound = [value for key in keys for value in self.database.bind(key)]
        try:
            return self._execute(statement, bound)
        except DBAPIError as error:
            fault = self.database.fault(error)
        if fault is Fault.KEY:
            raise KeyRefusedError
        if fault is Fault.QUERY:
            # The reason may quote a key or a row, unless the query is asked without any key: a wrong query fails again.
            self.describe(statement, lookup)
            hint = f"Run the query of `lookups.{lookup}.query` by hand; a conversion in it may fail on one of the rows."
            raise ProviderError(f"The query of the lookup `{lookup}` fails on some of its rows.", hint=hint)
        raise self._translate(fault, lookup)

    def describe(self, statement: Statement, lookup: str) -> Answer:
        """The columns of the result, from the database itself: the query is asked for no key at all.

        Raises ConfigError with the database's own reason where it refuses the query.
        """
        self._require_file()
        try:
            return self._execute(statement, [None], fetch=False)
        except DBAPIError as error:
            fault = self.database.fault(error)
            reason = " ".join(self.database.reason(error.orig).split())
        if fault in {Fault.QUERY, Fault.KEY}:
            message = f"{self.database.title} refuses the query: {reason}"
            raise ConfigError([Problem(f"lookups.{lookup}.query", message)])
        raise self._translate(fault, lookup)

    def close(self) -> None:
        self._engine.dispose()

    def _execute(self, statement: Statement, keys: Sequence[str | int | None], *, fetch: bool = True) -> Answer:
        with self._engine.connect() as connection:
            begin(self.database, connection, self.timeout, self._monotonic)
            result = connection.execute(statement.clause, {"keys": keys})
            types = [column[1] for column in result.cursor.description] if result.cursor is not None else []
            answer = Answer(list(result.keys()), types, result.fetchall() if fetch else [])
            result.close()
            connection.rollback()
            return answer

    def _require_file(self) -> None:
        if self.database.title == "SQLite" and not Path(self.url.database or "").is_file():
            hint = "Correct the path; a relative one is relative to the configuration file."
            raise ConfigError([Problem(self._place, f"there is no file {self.url.database}", hint)])

    def _translate(self, fault: Fault, lookup: str) -> SyncError:
        key = self._place
        match fault:
            case Fault.ACCOUNT:
                hint = f"Check the user and the password of `{key}`, and that this account may connect from here."
                return AuthError(f"{self._capital} refuses this account.", hint=hint)
            case Fault.DATABASE:
                message = f"{self.where} has no database {self.url.database!r} for this account"
                return ConfigError([Problem(key, message)])
            case Fault.TIME:
                message = f"The query of the lookup `{lookup}` was stopped after {self.timeout:g} s."
                hint = "Give the column of `:keys` an index, or raise `timeout`."
                return Transient(message, hint=hint, code="timeout")
            case Fault.BUSY:
                return Transient(f"{self._capital} is busy: somebody else holds a lock.", code="busy")
            case Fault.DAMAGED:
                return ProviderError(f"{self._capital} is damaged or no database.", hint=f"Check `{key}`.")
            case _:
                hint = f"Check `{key}`, that the database runs, and that it can be reached from here."
                return Transient(f"{self._capital} can't be reached.", hint=hint, code="unreachable")

    @property
    def _capital(self) -> str:
        return self.where[0].upper() + self.where[1:]


def build_engine(url: URL, seconds: float, place: str) -> Engine:
    """SQLAlchemy's engine without connecting. Raises ConfigError: unknown kind of database, driver not installed."""
    try:
        if url.get_dialect().is_async:
            hint = "Leave the driver out: postgresql://…, mysql://…, mssql://…"
            raise ConfigError([Problem(place, f"{url.drivername} is an asynchronous driver", hint)])
        if url.get_backend_name() == "sqlite":
            # A connection is opened for every query: the file may have been replaced by a newer one.
            return create_engine(url, creator=open_sqlite(url), poolclass=NullPool, hide_parameters=True)
        arguments = connect_arguments(url.get_driver_name(), seconds)
        options = {name: value for name, value in arguments.items() if name not in url.query}
        return create_engine(url, connect_args=options, pool_pre_ping=True, hide_parameters=True)
    except NoSuchModuleError:
        hint = "Known are postgresql, mysql, mariadb, mssql, sqlite and whatever SQLAlchemy has a dialect for."
        raise ConfigError([Problem(place, f"{url.drivername!r} is no kind of database", hint)]) from None
    except ModuleNotFoundError as error:
        module = (error.name or url.get_driver_name()).partition(".")[0]
        extra = EXTRAS.get(module)
        hint = f"pip install 'syncengine[{extra}]'" if extra else f"pip install {module}"
        raise ConfigError([Problem(place, f"the driver {module} is not installed", hint)]) from None
