"""What may stand under a connection with `connector = "csv"`.

The simplest form is one file and one lookup:

    [connections.shop]
    connector = "csv"
    path      = "customers.csv"
    [connections.shop.lookups.customers]
    key = "customer_id"
"""

import codecs
import datetime as dt
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from syncengine.contracts import Duration
from syncengine.errors import ConfigError, Problem

DEFAULT_SETTLE = dt.timedelta(seconds=2)
"""Seconds without a change after which a file counts as written: two steps of the coarsest clock of a file system in
use (FAT counts modifications in steps of 2 s)."""


def _check_encoding(name: str) -> str:
    try:
        "".encode(name)
        return codecs.lookup(name).name
    except LookupError:
        raise ValueError("is no encoding: write utf-8, utf-16, cp1252 or latin-1") from None


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]
Delimiter = Annotated[str, StringConstraints(pattern=r'^[^\r\n" ]$')]
Encoding = Annotated[str, AfterValidator(_check_encoding)]


class CsvLookupSettings(BaseModel):
    """One lookup: the column that is asked by. Other settings stand here where a lookup has a file of its own."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    key: str = Field(min_length=1, description="The column that holds the key.")
    path: str | None = Field(default=None, description="The file, if it isn't that of the connection.")
    delimiter: Delimiter | None = Field(default=None, description="Left out: found in the header.")
    encoding: Encoding | None = Field(default=None, description="Left out: UTF-8, or what the byte order mark says.")


class Layout(NamedTuple):
    """Where a lookup's file is and how it is written; None: to be found out. `place` is the key that names the file."""

    lookup: str
    path: Path
    place: str
    key: str
    delimiter: str | None
    encoding: str | None

    def identity(self) -> list[str | None]:
        """What an index depends on beside the file itself."""
        return [str(self.path), self.key, self.delimiter, self.encoding]


class CsvSettings(BaseModel):
    """One or several files; what is set here holds for every lookup that doesn't say otherwise."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    path: str | None = Field(default=None, description="The file; a relative one is relative to the configuration.")
    delimiter: Delimiter | None = Field(default=None, description="Left out: comma, semicolon, tab or bar, as found.")
    encoding: Encoding | None = Field(default=None, description="Left out: UTF-8, or what the byte order mark says.")
    settle: Duration = Field(
        default=DEFAULT_SETTLE,
        ge=dt.timedelta(0),
        le=dt.timedelta(hours=1),
        description="How long a file must have been left alone before it is read.",
    )
    lookups: dict[Name, CsvLookupSettings] = Field(min_length=1, description="The lookups by name.")

    _base: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _remember_base(self, info: ValidationInfo) -> "CsvSettings":
        """Relative file names are relative to the configuration file, whose folder is the context's `base`."""
        self._base = Path((info.context or {}).get("base", "."))
        return self

    def layouts(self) -> list[Layout]:
        """The file of every lookup. Raises ConfigError with all lookups that have none."""
        if not self.path and (bare := [name for name, lookup in self.lookups.items() if not lookup.path]):
            hint = 'Set `path = "customers.csv"` for the connection or for the lookup.'
            raise ConfigError([Problem(f"lookups.{name}.path", "no file is named", hint) for name in bare])
        return [
            Layout(
                lookup=name,
                path=(self._base / Path(lookup.path or self.path or "").expanduser()).absolute(),
                place=f"lookups.{name}.path" if lookup.path else "path",
                key=lookup.key.strip(),
                delimiter=lookup.delimiter or self.delimiter,
                encoding=lookup.encoding or self.encoding,
            )
            for name, lookup in self.lookups.items()
        ]
