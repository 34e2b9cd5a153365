"""How impact.com writes its answers: JSON or XML, lists in an envelope, errors in one of several shapes."""

import json
import random
import string
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

from starlette.responses import Response

from connectors.impact.sandbox.switches import ImpactSwitches

ROOT = "ImpactRadiusResponse"
GATEWAY_PAGE = "<html><body><h1>504 Gateway Time-out</h1></body></html>"
MESSAGE_WORDS = 5
WORD_LETTERS = 7


class Listing(NamedTuple):
    """One page of a list: where it stands, and the total that was found."""

    key: str
    page: int
    size: int
    total: int
    shown: int

    @property
    def pages(self) -> int:
        return -(-self.total // self.size)

    @property
    def start(self) -> int:
        return (self.page - 1) * self.size


class Links(NamedTuple):
    """The URIs of a page, host-relative; "" where there is none."""

    own: str
    first: str
    previous: str
    next: str
    last: str


def page_uri(path: str, query: str, page: int) -> str:
    """The same list at another page: the query as it was, with Page at the end."""
    pairs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "Page"]
    return f"{path}?{urlencode([*pairs, ('Page', str(page))])}"


def envelope(listing: Listing, links: Links, scalars: str) -> dict[str, Any]:
    """The keys around a list (section 3); `@end` is inclusive, an empty page has 0 for both."""
    numbers = {
        "@page": listing.page,
        "@numpages": listing.pages,
        "@pagesize": listing.size,
        "@total": listing.total,
        "@start": listing.start if listing.shown else 0,
        "@end": listing.start + listing.shown - 1 if listing.shown else 0,
    }
    return {
        **(numbers if scalars == "schema" else {name: str(number) for name, number in numbers.items()}),
        "@uri": links.own,
        "@firstpageuri": links.first,
        "@previouspageuri": links.previous,
        "@nextpageuri": links.next,
        "@lastpageuri": links.last,
    }


def list_json(around: dict[str, Any], key: str, rows: Sequence[bytes], switches: ImpactSwitches) -> Response:
    """A page of rows that are encoded already."""
    if not rows and switches.empty_list == "null":
        return Response(b"null", media_type="application/json")
    head = json.dumps(around, ensure_ascii=False).encode()
    if switches.list_key == "absent" or (not rows and switches.empty_list == "absent"):
        return Response(head, media_type="application/json")
    body = b"".join((head[:-1], f', "{key}": ['.encode(), b",".join(rows), b"]}"))
    return Response(body, media_type="application/json")


def list_xml(around: dict[str, Any], key: str, rows: Sequence[dict[str, Any]]) -> Response:
    """The same page as XML: the envelope as attributes, one element per row."""
    root = ET.Element(ROOT)
    listed = ET.SubElement(root, key, {name.removeprefix("@"): str(value) for name, value in around.items()})
    for row in rows:
        _add_fields(ET.SubElement(listed, singular(key)), row)
    return _xml(root)


def single(row: dict[str, Any], key: str, *, xml: bool, wrapped: bool) -> Response:
    """One object, bare or below its name."""
    if xml:
        root = ET.Element(ROOT)
        _add_fields(ET.SubElement(root, key), row)
        return _xml(root)
    return Response(json.dumps({key: row} if wrapped else row), media_type="application/json")


def unsubscribed_page(rows: Sequence[dict[str, Any]], page: int, size: int, total: int, *, xml: bool) -> Response:
    """A page of UnsubscribedContacts: from 0, keys without @, numbers as such, URIs that lead nowhere (section 3)."""

    def uri(number: int) -> str:
        return f"/UnsubscribedContacts?page={number}&size={size}"

    pages = -(-total // size)
    start = page * size
    body: dict[str, Any] = {
        "Page": page,
        "NumPages": pages,
        "PageSize": size,
        "Total": total,
        "Start": start if rows else 0,
        "End": start + len(rows),
        "Uri": uri(page),
        "FirstPageUri": uri(0),
        "PreviousPageUri": uri(page - 1) if page else "",
        "NextPageUri": uri(page + 1) if page + 1 < pages else "",
        "LastPageUri": uri(max(0, pages - 1)),
        "Results": list(rows),
    }
    if not xml:
        return Response(json.dumps(body), media_type="application/json")
    root = ET.Element(ROOT)
    _add_fields(root, body)
    return _xml(root)


def done(uri: str, *, xml: bool) -> Response:
    """What a write that took effect at once answers (section 6)."""
    body = {"Status": "OK", "Uri": uri}
    if not xml:
        return Response(json.dumps(body), media_type="application/json")
    root = ET.Element(ROOT)
    _add_fields(root, body)
    return _xml(root)


def gateway_timeout() -> Response:
    """What a gateway says before impact.com has answered: HTML."""
    return Response(GATEWAY_PAGE, HTTPStatus.GATEWAY_TIMEOUT, media_type="text/html")


class Errors:
    """Answers errors in the switched shape. Texts are invented anew each time: no client may match on them."""

    def __init__(self, switches: ImpactSwitches, rng: random.Random) -> None:
        self._switches = switches
        self._rng = rng

    def answer(self, status: int, *, xml: bool, field: str | None = None) -> Response:
        """The error; without Accept an envelope is XML as every other answer."""
        if self._switches.error_body == "empty":
            return Response(b"", status)
        listed = [] if field is None else [{"Field": field, "Message": self._text()}]
        message = self._text()
        if not xml and self._switches.error_body == "envelope":
            body = json.dumps({"Status": "ERROR", "Message": message, "Errors": listed})
            return Response(body, status, media_type="application/json")
        root = ET.Element(ROOT)
        _add_fields(root, {"Status": "ERROR", "Message": message})
        for entry in listed:
            _add_fields(ET.SubElement(root, "Error"), entry)
        return _xml(root, status)

    def _text(self) -> str:
        words = ("".join(self._rng.choices(string.ascii_lowercase, k=WORD_LETTERS)) for _ in range(MESSAGE_WORDS))
        return " ".join(words)


def singular(key: str) -> str:
    """The name of one item of a list: Actions, ActionInquiries."""
    return f"{key.removesuffix('ies')}y" if key.endswith("ies") else key.removesuffix("s")


def _add_fields(element: ET.Element, row: dict[str, Any]) -> None:
    for name, value in row.items():
        _add_value(ET.SubElement(element, name), name, value)


def _add_value(element: ET.Element, name: str, value: Any) -> None:
    if isinstance(value, dict):
        _add_fields(element, value)
    elif isinstance(value, list):
        for item in value:
            _add_value(ET.SubElement(element, singular(name)), name, item)
    else:
        element.text = "" if value is None else str(value)


def _xml(root: ET.Element, status: int = HTTPStatus.OK) -> Response:
    return Response(ET.tostring(root, encoding="utf-8", xml_declaration=True), status, media_type="application/xml")
