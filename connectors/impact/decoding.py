"""Reads bytes into rows: only the fields asked for are decoded, and every scalar becomes text or None.

impact.com documents numbers and booleans but sends text (impact.md section 2), so both are accepted and the rest of the
program sees text only, spelt as it was on the wire.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal

import msgspec

from syncengine.errors import ProviderError

MISSING = frozenset({"", "n/a", "NA", "null"})
"""How the wire says "no value" (impact.md section 2)."""

NESTED = {
    "Accounts": "Account",
    "Comments": "Comment",
    "Contacts": "Contact",
    "Labels": "Label",
    "Programs": "Program",
}
"""Fields that hold a list, and what its only item may stand under instead (impact.md section 2)."""

_ACCOUNT = re.compile(r"^(/Agencies/[^/]+)?/Advertisers/[^/]+")


class Envelope(msgspec.Struct):
    """A list as it comes (impact.md section 3). Counts may be text, numbers, empty or absent; so may `rows`."""

    rows: Any = None
    number: Any = msgspec.field(default=None, name="@page")
    pages: Any = msgspec.field(default=None, name="@numpages")
    size: Any = msgspec.field(default=None, name="@pagesize")
    total: Any = msgspec.field(default=None, name="@total")
    next: str | None = msgspec.field(default=None, name="@nextpageuri")
    status: Any = msgspec.field(default=None, name="Status")
    other_rows: Any = None


class Results(msgspec.Struct):
    """A list that counts its pages from 0 (impact.md section 3). Its rows are few, so they are decoded whole.

    `rows` is None where the answer has none: that is no empty list.
    """

    rows: list[dict[str, Any]] | None = msgspec.field(name="Results", default=None)
    pages: Any = msgspec.field(default=None, name="NumPages")
    total: Any = msgspec.field(default=None, name="Total")


class Shape:
    """How to decode one list: `key` is the list's name in the answer, `names` the fields (None: all there are).

    `other_key` is the name that an older document has for the same list.
    """

    def __init__(self, key: str, names: frozenset[str] | None, other_key: str | None = None) -> None:
        self.key = key
        row: Any = dict[str, Any]
        if names is not None:
            # No row refers to itself, so the collector need not look at them: there are 200,000 in a run.
            row = msgspec.defstruct(key, [(name, Any, None) for name in sorted(names)], gc=False)
        # A list may come as an empty text (impact.md section 2); any other text is no list.
        listed = list[row] | Literal[""] | None
        columns = [("rows", listed, msgspec.field(default=None, name=key))]
        if other_key is not None:
            columns.append(("other_rows", listed, msgspec.field(default=None, name=other_key)))
        envelope: Any = msgspec.defstruct("List", columns, bases=(Envelope,))
        # Untyped decimals are kept as the text that they were: "0.8800" must not become 0.88.
        self._decoder: msgspec.json.Decoder[Envelope | None] = msgspec.json.Decoder(envelope | None, float_hook=str)

    def decode(self, body: bytes) -> Envelope:
        """The list in this answer; `null` is an empty one (impact.md section 3). Raises ProviderError."""
        refuse_xml(body)
        try:
            page = self._decoder.decode(body) or Envelope()
        except msgspec.DecodeError:
            raise _not_json(body, f"no list of {self.key}") from None
        if page.rows is None:
            page.rows = page.other_rows
        if page.rows == "":
            page.rows = None
        return page


@lru_cache(maxsize=64)
def shape(key: str, names: frozenset[str] | None, other_key: str | None = None) -> Shape:
    """The shape for these fields; making one costs a millisecond."""
    return Shape(key, names, other_key)


_RESULTS: msgspec.json.Decoder[Results] = msgspec.json.Decoder(Results, float_hook=str)
_OBJECT: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any], float_hook=str)


def decode_results(body: bytes, resource: str) -> Results:
    """A page of a list that counts from 0. Raises ProviderError."""
    refuse_xml(body)
    try:
        return _RESULTS.decode(body)
    except msgspec.DecodeError:
        raise _not_json(body, f"no list of {resource}") from None


def decode_object(body: bytes, name: str) -> dict[str, Any]:
    """An object that came alone, bare or below its name (impact.md section 2). Raises ProviderError."""
    refuse_xml(body)
    try:
        found = _OBJECT.decode(body)
    except msgspec.DecodeError:
        raise _not_json(body, f"no {name}") from None
    inner = found.get(name)
    return inner if isinstance(inner, dict) and "Id" not in found else found


def refuse_xml(body: bytes) -> None:
    """Say what came instead of JSON. Raises ProviderError."""
    if body.lstrip()[:1] == b"<":
        raise ProviderError(
            f"impact.com: got XML or HTML instead of JSON ({len(body)} bytes).",
            hint="Check base_url: something between here and impact.com drops the Accept header or answers itself.",
            code="got_xml",
        )


def _not_json(body: bytes, what: str) -> ProviderError:
    return ProviderError(
        f"impact.com: the answer is {what} ({len(body)} bytes).",
        hint="Check base_url; if it is right, the API has changed.",
        code="not_json",
    )


def read_rows(rows: Sequence[Any], names: Sequence[str]) -> list[dict[str, Any]]:
    """The named fields of decoded rows as text or None. This is the hot loop of reading: 20,000 rows a page."""
    if not names:
        return [{} for _ in rows]
    columns = [read_column(rows, name) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def read_column(rows: Sequence[Any], name: str) -> list[Any]:
    """One field of decoded rows as text or None."""
    column = [
        (None if value in MISSING else value) if value.__class__ is str else to_text(value)
        for value in map(attrgetter(name), rows)
    ]
    if name in NESTED:
        return [to_list(value, NESTED[name]) for value in column]
    return [without_account(uri) for uri in column] if name.endswith("Uri") else column


def read_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of one row as text or None."""
    return {name: _read_value(name, to_text(value)) for name, value in row.items()}


def _read_value(name: str, value: Any) -> Any:
    if name in NESTED:
        return to_list(value, NESTED[name])
    return without_account(value) if name.endswith("Uri") else value


def to_list(value: Any, singular: str) -> list[Any]:
    """A nested list, which may come as its only item below its singular name, or as nothing (impact.md section 2)."""
    match value:
        case list():
            return value
        case dict() if singular in value:
            return to_list(value[singular], singular)
        case None | "":
            return []
        case _:
            return [value]


def to_text(value: Any) -> Any:
    """A scalar as text or None; lists and objects keep their shape."""
    match value:
        case str():
            return None if value in MISSING else value
        case bool():
            return "true" if value else "false"
        case None:
            return None
        case list():
            return [to_text(item) for item in value]
        case dict():
            return {name: to_text(item) for name, item in value.items()}
        case _:
            return str(value)


def without_account(uri: Any) -> Any:
    """A resource's address without the account: a new token has a new SID (impact.md section 1) and changes nothing."""
    return _ACCOUNT.sub("", uri) if isinstance(uri, str) else uri


def to_count(value: Any) -> int | None:
    """A count of the envelope, None where there is none."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else None


def to_moment(text: Any) -> dt.datetime:
    """An aware moment from ISO 8601 with any offset (impact.md section 2). Raises ValueError where it is not one."""
    if not isinstance(text, str):
        raise ValueError("no date")  # noqa: TRY004 - the caller knows one kind of bad date
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no offset")
    return moment
