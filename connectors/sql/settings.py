"""What may stand under a connection with `connector = "sql"`, and the address that it means."""

import datetime as dt
from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from syncengine.contracts import Duration
from syncengine.errors import ConfigError, Problem

DEFAULT_TIMEOUT = dt.timedelta(seconds=30)
"""Seconds that one query may take. A page of keys on an indexed column takes milliseconds; a full scan of some millions
of rows still ends within it."""

LONGEST_NAME = 128
"""Characters of a column's name: SQL Server and Oracle allow so many, the others fewer."""

DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mssql": "mssql+pymssql",
    "sqlserver": "mssql+pymssql",
}
"""Spellings that people and hosting companies use, to the driver that our extras install."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]


class SqlLookupSettings(BaseModel):
    """One lookup: a query that is given the keys of a page at once."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    query: str = Field(description="One SELECT with `:keys`; it names the column with the key `key`.")


ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]


class SqlDestinationSettings(BaseModel):
    """One table that may be written to: rows are added and changed by their key, never deleted."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    table: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="The table, with its schema where it needs one: crm.mail_consents."
    )
    key: ColumnName = Field(description="The column that a row is known by; it must be unique.")
    columns: list[ColumnName] = Field(
        min_length=1, description="The columns that mappings may set beside the key; no other is ever touched."
    )

    @field_validator("columns")
    @classmethod
    def _name_each_once(cls, columns: list[str]) -> list[str]:
        if len(set(columns)) < len(columns):
            raise ValueError("a column is named twice")
        return columns

    @property
    def names(self) -> list[str]:
        """All columns that are written, the key first."""
        return [self.key, *(name for name in self.columns if name != self.key)]


class SqlSettings(BaseModel):
    """A database, by its address or by its parts (which need no percent-encoding of the password)."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: SecretStr | None = Field(
        default=None, description="Address, for example postgresql://user:password@host/shop."
    )
    driver: str | None = Field(default=None, description="Instead of `url`: postgresql, mysql, mssql or sqlite.")
    host: str | None = Field(default=None, description="With `driver`: the server.")
    port: int | None = Field(default=None, ge=1, le=65535, description="With `driver`: left out, the usual one.")
    user: str | None = Field(default=None, description="With `driver`: an account that may do no more than it has to.")
    password: SecretStr | None = Field(default=None, description="With `driver`.")
    database: str | None = Field(default=None, description="With `driver`: its name; for sqlite the file.")
    timeout: Duration = Field(
        default=DEFAULT_TIMEOUT,
        gt=dt.timedelta(0),
        le=dt.timedelta(hours=1),
        description="How long a query or a write may take.",
    )
    lookups: dict[Name, SqlLookupSettings] = Field(default={}, description="What may be asked by key, by name.")
    destinations: dict[Name, SqlDestinationSettings] = Field(
        default={}, description="The tables that may be written to, by name."
    )

    _base: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _offer_something(self) -> "SqlSettings":
        if not self.lookups and not self.destinations:
            raise ValueError("Name a lookup or a destination: a database by itself has nothing to offer.")
        return self

    @model_validator(mode="after")
    def _remember_base(self, info: ValidationInfo) -> "SqlSettings":
        """Relative file names are relative to the configuration file, whose folder is the context's `base`."""
        self._base = Path((info.context or {}).get("base", "."))
        return self

    def address(self) -> URL:
        """The address as SQLAlchemy spells it. Raises ConfigError; never quotes the address."""
        url = self._from_text() if self.url is not None else self._from_parts()
        url = url.set(drivername=DRIVERS.get(url.drivername.lower(), url.drivername))
        if url.get_backend_name() != "sqlite":
            return url
        if not url.database or ":memory:" in url.database or url.database.startswith("file:"):
            raise ConfigError([Problem(self.place, "SQLite needs a file", "Write sqlite:///folder/shop.db.")])
        return url.set(database=str((self._base / Path(url.database).expanduser()).absolute()))

    @property
    def place(self) -> str:
        """The key of the configuration under which the database is named."""
        return "url" if self.url is not None else "host" if self.host is not None else "driver"

    def _from_text(self) -> URL:
        parts = ("driver", "host", "port", "user", "password", "database")
        if twice := [name for name in parts if getattr(self, name) is not None]:
            raise ConfigError([Problem(name, "says again what `url` says", "Keep one of them.") for name in twice])
        try:
            return make_url(self.url.get_secret_value().strip() if self.url else "")
        except (ArgumentError, ValueError):
            hint = "Write driver://user:password@host/database; percent-encode the password, or use the parts instead."
            raise ConfigError([Problem("url", "is no database address", hint)]) from None

    def _from_parts(self) -> URL:
        if self.driver is None:
            hint = "Set `url`, or `driver`, `host`, `user`, `password` and `database`."
            raise ConfigError([Problem("url", "no database is named", hint)])
        password = self.password.get_secret_value() if self.password else None
        return URL.create(self.driver.strip(), self.user, password, self.host, self.port, self.database)
