"""One way into the database of a connection, to read or to write: its engine, and its errors in words."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from connectors.sql.databases import Database, Fault, begin, connect_arguments, open_sqlite
from connectors.sql.kinds import EXTRAS, MARIADB, kind_of
from connectors.sql.settings import SqlSettings
from syncengine.errors import AuthError, ConfigError, Problem, ProviderError, SyncError, Transient


class Access:
    """Opens transactions, and says in words what went wrong. Blocking: call it in a thread.

    Errors never quote the address, a key or a row; the errors of the drivers do, so they are not even chained.
    """

    writing = False

    def __init__(self, settings: SqlSettings, monotonic: Callable[[], float]) -> None:
        """Connects nowhere. Raises ConfigError: an address that is none, an unknown kind of database, no driver."""
        self.url = settings.address()
        self.timeout = settings.timeout.total_seconds()
        self._place = settings.place
        self._monotonic = monotonic
        self._engine = build_engine(self.url, self.timeout, settings.place, writing=self.writing)

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

    def close(self) -> None:
        self._engine.dispose()

    def _begin(self, connection: Connection) -> None:
        begin(self.database, connection, self.timeout, self._monotonic, writing=self.writing)

    def _require_file(self) -> None:
        """Raise ConfigError where there is no file: SQLite itself would only say that it can't be opened."""
        if self.database.title == "SQLite" and not Path(self.url.database or "").is_file():
            hint = "Correct the path; a relative one is relative to the configuration file."
            raise ConfigError([Problem(self._place, f"there is no file {self.url.database}", hint)])

    def _reason(self, error: DBAPIError) -> str:
        """The database's own sentence. It may quote values: only for a statement that has none in it."""
        return " ".join(self.database.reason(error.orig).split())

    def _translate(self, fault: Fault, what: str, slow: str) -> SyncError:
        """The error for `what` was tried ("The query of …"); `slow` is the hint where it took too long."""
        key = self._place
        match fault:
            case Fault.ACCOUNT:
                hint = f"Check the user and the password of `{key}`, and that this account may connect from here."
                return AuthError(f"{self._capital} refuses this account.", hint=hint)
            case Fault.DATABASE:
                message = f"{self.where} has no database {self.url.database!r} for this account"
                return ConfigError([Problem(key, message)])
            case Fault.TIME:
                return Transient(f"{what} was stopped after {self.timeout:g} s.", hint=slow, code="timeout")
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


def build_engine(url: URL, seconds: float, place: str, *, writing: bool = False) -> Engine:
    """SQLAlchemy's engine without connecting. Raises ConfigError: unknown kind of database, driver not installed."""
    try:
        if url.get_dialect().is_async:
            hint = "Leave the driver out: postgresql://…, mysql://…, mssql://…"
            raise ConfigError([Problem(place, f"{url.drivername} is an asynchronous driver", hint)])
        if url.get_backend_name() == "sqlite":
            # A connection is opened for every query: the file may have been replaced by a newer one.
            opened = open_sqlite(url, writing=writing)
            return create_engine(url, creator=opened, poolclass=NullPool, hide_parameters=True)
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
