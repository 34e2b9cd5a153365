"""Which endpoint of Cyberimpact is called by which method and tried by which test: the table in docs/cyberimpact.md.

A test says by `exercises` what it tries; whether it really did is seen on the wire (`Wiretap`). Write the table anew
with `python -m tests.cyberimpact.endpoints`.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from connectors.cyberimpact.client import ENDPOINTS
from connectors.cyberimpact.sandbox.call import Router
from connectors.cyberimpact.sandbox.service import ROUTES

DOCUMENT = Path("docs/cyberimpact.md")
BEGIN, END = "<!-- endpoints -->", "<!-- end of endpoints -->"
MODULES = ("test_cyberimpact_members", "test_cyberimpact_groups_api", "test_cyberimpact_mailings_api")
NEVER_CALLED = "POST /tokens"
"""It mints tokens that are good for ten years: nothing here may call it."""

REFERENCE = """
GET /ping, POST /tokens,
GET /members, POST /members, GET /members/bounced, GET /members/unsubscribed, GET /members/unsubscribed/{email},
POST /members/unsubscribed/{key}, POST /members/optins,
GET /members/{key}, PUT /members/{key}, PATCH /members/{key}, DELETE /members/{key},
GET /members/{key}/consent, PUT /members/{key}/consent, GET /members/{key}/mailings,
GET /members/{key}/groups, POST /members/{key}/groups, PUT /members/{key}/groups, DELETE /members/{key}/groups/{id},
GET /customfields,
GET /groups, POST /groups, GET /groups/{id}, PUT /groups/{id}, PATCH /groups/{id}, DELETE /groups/{id},
GET /groups/{id}/members, DELETE /groups/{id}/members,
GET /mailings/sent, GET /mailings/scheduled, GET /mailings/archived,
POST /mailings, GET /mailings/{id}, DELETE /mailings/{id},
GET /mailings/{id}/recipients, GET /mailings/{id}/recipients/delivered, GET /mailings/{id}/recipients/stopped,
GET /mailings/{id}/recipients/hard-bounced, GET /mailings/{id}/recipients/soft-bounced,
GET /mailings/{id}/recipients/unsubscribed, GET /mailings/{id}/recipients/opened, GET /mailings/{id}/recipients/clicked,
GET /templates, POST /templates, GET /templates/{id}, PUT /templates/{id}, DELETE /templates/{id},
POST /batches, GET /batches/{id}
"""
"""The whole of cyberimpact.md section 3, written down by itself: what the sandbox has is not the measure."""

Test = TypeVar("Test", bound=Callable[..., Any])

EXERCISED: dict[str, list[str]] = {}
"""The tests of each endpoint, by its name."""
_OF_TEST: dict[str, tuple[str, ...]] = {}


def exercises(*endpoints: str) -> Callable[[Test], Test]:
    """Say which endpoints a test tries. It fails if one of them isn't answered well on the wire."""

    def note(test: Test) -> Test:
        name = f"{test.__module__.rpartition('.')[2]}::{test.__name__}"
        _OF_TEST[name] = endpoints
        for each in endpoints:
            EXERCISED.setdefault(each, []).append(name)
        return test

    return note


def promised(test: Callable[..., Any]) -> tuple[str, ...]:
    """What this test says that it tries."""
    return _OF_TEST.get(f"{test.__module__.rpartition('.')[2]}::{test.__name__}", ())


class Wiretap(httpx.AsyncBaseTransport):
    """Notes which endpoints were asked, and which of them answered well."""

    def __init__(self) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._router = Router(ROUTES)
        self.requests: list[httpx.Request] = []
        self.answered: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        response = await self._inner.handle_async_request(request)
        if httpx.codes.is_success(response.status_code):
            path = request.url.raw_path.decode().partition("?")[0]
            self.answered.add(self._router.find(request.method, path)[0].name)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def table() -> str:
    """Endpoint, method and test, in the order of the routes."""
    for module in MODULES:
        importlib.import_module(f"tests.cyberimpact.{module}")
    lines = ["| endpoint | method of the client | tried by |", "|---|---|---|"]
    for route in ROUTES:
        methods = ", ".join(f"`{name}`" for name in ENDPOINTS.get(route.name, ())) or "none: it is never called"
        tests = ", ".join(f"`{name.partition('::')[2]}`" for name in sorted(set(EXERCISED.get(route.name, ())))) or "-"
        lines.append(f"| `{route.name}` | {methods} | {tests} |")
    return "\n".join(lines)


def updated(text: str) -> str:
    """The document with the table as it is now."""
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def write() -> None:
    """Write the table anew."""
    DOCUMENT.write_text(updated(DOCUMENT.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    importlib.import_module("tests.cyberimpact.endpoints").write()  # this module is __main__, and tests know another
