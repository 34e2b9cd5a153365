"""Reading a CSV file row by row, or saying in one sentence, with the line, why it can't be read.

A file with a fault is refused as a whole: half a customer table would look like many unknown customers.
"""

import codecs
import csv
import difflib
import io
import keyword
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from connectors.csv.settings import Layout
from syncengine.errors import ConfigError, Problem, ProviderError, Transient

DELIMITERS = (",", ";", "\t", "|")
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BLOCK = 65_536
"""Bytes looked at at once when an undecodable one is searched for."""


class Table:
    """An open CSV file: its columns, and its rows once. `columns` is empty where the file holds nothing at all.

    Column names are usable in expressions: "First name" is `First_name`. Raises ConfigError for a header that doesn't
    fit the configuration, ProviderError for what is wrong in the file.
    """

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self._file = file
        self._layout = layout
        self.encoding = _encoding(file, layout)
        self._text = io.TextIOWrapper(file, encoding=self.encoding, newline="")
        self.delimiter, header = self._find_header()
        self.columns = [attribute(name, position) for position, name in enumerate(header, 1)]
        self._key = _key_index(header, self.columns, layout) if header else 0
        _refuse_twins(self.columns, layout)
        self.keyless = 0

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Every row with its key. Rows without a key are counted in `keyless`; empty lines are none."""
        self._text.seek(0)
        reader = csv.reader(self._text, delimiter=self.delimiter, strict=True)
        width, key_index = len(self.columns), self._key
        try:
            _first(reader)
            for row in reader:
                if len(row) != width:
                    if not row:
                        continue
                    hint = f"A value with {self.delimiter!r} or a line break in it needs quotes around it."
                    raise self._fault(reader.line_num, f"has {len(row)} values and the header {width} names", hint)
                key = row[key_index].strip()
                if key:
                    yield key, row
                else:
                    self.keyless += 1
        except csv.Error as error:
            raise self._quoting(reader.line_num, error) from None
        except UnicodeDecodeError:
            raise self._undecodable() from None
        except OSError as error:
            message = f"{self._layout.path} can't be read to its end: {error.strerror}."
            raise Transient(message, code="unreadable") from None

    def _find_header(self) -> tuple[str, list[str]]:
        """The delimiter and the names: with the key among them if possible, and then with most columns."""
        delimiter = self._layout.delimiter
        best: tuple[bool, int, str, list[str]] | None = None
        fault: ProviderError | None = None
        for candidate in (delimiter,) if delimiter else DELIMITERS:
            self._text.seek(0)
            reader = csv.reader(self._text, delimiter=candidate, strict=True)
            try:
                names = [name.strip().lstrip("\ufeff") for name in _first(reader)]
            except csv.Error as error:
                fault = fault or self._quoting(reader.line_num, error)
                continue
            except UnicodeDecodeError:
                raise self._undecodable() from None
            found = (_has_key(names, self._layout.key), len(names), candidate, names)
            if best is None or found[:2] > best[:2]:
                best = found
        if best is None:
            raise fault or self._fault(1, "can't be read")
        return best[2], best[3]

    def _fault(self, line: int, message: str, hint: str = "") -> ProviderError:
        return ProviderError(f"{self._layout.path}: line {line:,} {message}.", hint=hint)

    def _quoting(self, line: int, error: csv.Error) -> ProviderError:
        hint = "A quote within a quoted value is written twice; look for one that is never closed."
        return self._fault(line, f"can't be read ({error})", hint)

    def _undecodable(self) -> ProviderError:
        line = _undecodable_line(self._file, self.encoding)
        hint = 'Set `encoding` to what the file is written in: often "cp1252" (Windows, Excel), else "latin-1".'
        return self._fault(line, f"is not {self.encoding}", hint)


def attribute(name: str, position: int) -> str:
    """A column's name as an expression can spell it. `position` counts from 1 and names a column without a name."""
    # Python reads identifiers in NFKC; expressions may not use names that begin with "_".
    words = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", name))
    # Some letters of `\w` (Siyaq numbers) are in no identifier.
    plain = "".join(letter if f"a{letter}".isidentifier() else "_" for letter in words).strip("_") or str(position)
    if keyword.iskeyword(plain):
        return plain + "_"
    return plain if plain.isidentifier() else f"column_{plain}"


def _encoding(file: BinaryIO, layout: Layout) -> str:
    start = file.read(BLOCK)
    file.seek(0)
    if layout.encoding:
        return "utf-8-sig" if layout.encoding == "utf-8" else layout.encoding
    for mark, encoding in MARKS:
        if start.startswith(mark):
            return encoding
    if b"\0" in start:
        hint = 'If it comes from Windows, set `encoding = "utf-16-le"`, or save it as "CSV UTF-8".'
        raise ProviderError(f"{layout.path} is not text in UTF-8.", hint=hint)
    return "utf-8"


def _first(reader: Iterator[list[str]]) -> list[str]:
    """The first line that is not empty; none: []."""
    return next((row for row in reader if any(cell.strip() for cell in row)), [])


def _has_key(names: Sequence[str], key: str) -> bool:
    return key in names or key in [attribute(name, position) for position, name in enumerate(names, 1)]


def _refuse_twins(columns: Sequence[str], layout: Layout) -> None:
    for position, column in enumerate(columns, 1):
        if (first := columns.index(column) + 1) < position:
            message = f"columns {first} and {position} of {layout.path} are both named {column!r}"
            raise ConfigError([Problem(layout.place, message, "Rename one of them in the file.")])


def _key_index(header: Sequence[str], columns: Sequence[str], layout: Layout) -> int:
    for names in (header, columns):
        if layout.key in names:
            return names.index(layout.key)
    place = f"lookups.{layout.lookup}.key"
    if _is_data(header):
        message = f"the first line of {layout.path} looks like data: it must hold the names of the columns"
        raise ConfigError([Problem(place, message, f"Add a first line with the names, {layout.key!r} among them.")])
    message = f"{layout.path} has no column {layout.key!r}"
    lower = {name.casefold(): name for name in header if name}
    close = difflib.get_close_matches(layout.key.casefold(), lower, n=1)
    hint = f"Did you mean {lower[close[0]]!r}?" if close else f"Its columns are: {', '.join(filter(None, header))}."
    raise ConfigError([Problem(place, message, hint)])


def _is_data(header: Sequence[str]) -> bool:
    """Whether a first line is not names: it is never quoted then, because it may be somebody's."""
    return any("@" in name or name.replace("-", "").isdigit() for name in header)


def _undecodable_line(file: BinaryIO, encoding: str) -> int:
    """The line of the first byte that the encoding doesn't know. Reads the file again, so only after a failure."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    while block := file.read(BLOCK):
        state = decoder.getstate()
        try:
            line += decoder.decode(block).count("\n")
        except UnicodeDecodeError:
            decoder.setstate(state)
            try:
                for byte in block:
                    line += decoder.decode(bytes((byte,))).count("\n")
            except UnicodeDecodeError:
                break
    return line
