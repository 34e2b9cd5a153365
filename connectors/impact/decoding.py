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


class Shape:
    """How to decode one list: `key` is the list's name in the answer, `names` the fields (None: all there are)."""

    def __init__(self, key: str, names: frozenset[str] | None) -> None:
        self.key = key
        row: Any = dict[str, Any]
        if names is not None:
            # No row refers to itself, so the collector need not look at them: there are 200,000 in a run.
            row = msgspec.defstruct(key, [(name, Any, None) for name in sorted(names)], gc=False)
        # A list may come as an empty text (impact.md section 2); any other text is no list.
        rows = ("rows", list[row] | Literal[""] | None, msgspec.field(default=None, name=key))
        envelope: Any = msgspec.defstruct("List", [rows], bases=(Envelope,))
        # Untyped decimals are kept as the text that they were: "0.8800" must not become 0.88.
        self._decoder: msgspec.json.Decoder[Envelope | None] = msgspec.json.Decoder(envelope | None, float_hook=str)

    def decode(self, body: bytes) -> Envelope:
        """The list in this answer; `null` is an empty one (impact.md section 3). Raises ProviderError."""
        if body.lstrip()[:1] == b"<":
            raise ProviderError(
                f"impact.com: got XML or HTML instead of JSON ({len(body)} bytes).",
                hint="Check base_url: something between here and impact.com drops the Accept header or answers itself.",
                code="got_xml",
            )
        try:
            page = self._decoder.decode(body) or Envelope()
        except msgspec.DecodeError:
            raise ProviderError(
                f"impact.com: the answer is no list of {self.key} ({len(body)} bytes).",
                hint="Check base_url; if it is right, the API has changed.",
                code="not_json",
            ) from None
        if page.rows == "":
            page.rows = None
        return page


@lru_cache(maxsize=64)
def shape(key: str, names: frozenset[str] | None) -> Shape:
    """The shape for these fields; making one costs a millisecond."""
    return Shape(key, names)


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
    return [without_account(uri) for uri in column] if name.endswith("Uri") else column


def read_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of one row as text or None."""
    texts = {name: to_text(value) for name, value in row.items()}
    return {name: without_account(text) if name.endswith("Uri") else text for name, text in texts.items()}


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
