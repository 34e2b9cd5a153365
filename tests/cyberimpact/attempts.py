"""A book of attempts in memory, and a guard on the wire: no request with effect leaves that isn't written down."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import httpx

from syncengine.contracts import Attempt, Clock, Part, Settled

FRESH = 60.0
"""Seconds for which a look at the suppressions is good (design, promise 4)."""


@dataclass
class Entry:
    """One attempt. `looked`: when suppressions were read for its next sending; None once it is sent."""

    id: int
    parts: dict[str, Part]
    allowed: frozenset[str]
    looked: float | None
    sent: int = 0
    renewed: int = 0
    receipts: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)

    def open_keys(self) -> set[str]:
        return set(self.allowed - self.states.keys())


class Book:
    """`syncengine.contracts.Attempts`. Add addresses to `barred` to have them refused from then on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.entries: list[Entry] = []
        self.barred: set[str] = set()
        self.bar_at_renewal: set[str] = set()

    async def begin(self, parts: Sequence[Part]) -> Attempt:
        assert parts
        assert len({part.key for part in parts}) == len(parts), "a key twice in one request"
        for part in parts:
            assert not any(part.key in entry.open_keys() for entry in self.entries), "a key in two open attempts"
        allowed = frozenset(part.key for part in parts if not (part.adds and part.key in self.barred))
        parts_by_key = {part.key: part for part in parts}
        entry = Entry(len(self.entries), parts_by_key, allowed, self._clock.monotonic())
        self.entries.append(entry)
        return Attempt(entry.id, allowed)

    async def renew(self, attempt: Attempt) -> Attempt:
        entry = self.entries[attempt.id]
        self.barred |= self.bar_at_renewal
        entry.allowed = frozenset(key for key in attempt.allowed if key not in self.barred)
        entry.renewed += 1
        entry.looked = self._clock.monotonic()
        return Attempt(entry.id, entry.allowed)

    async def receipt(self, attempt: Attempt, receipt: str) -> None:
        assert self.entries[attempt.id].sent, "a receipt before anything was sent"
        self.entries[attempt.id].receipts.append(receipt)

    async def settle(self, attempt: Attempt, settled: Settled) -> None:
        entry = self.entries[attempt.id]
        assert not settled.confirmed & settled.refuted
        for keys, state in ((settled.confirmed, "confirmed"), (settled.refuted, "refuted")):
            assert keys <= entry.open_keys(), "settled what was not open"
            entry.states.update(dict.fromkeys(keys, state))

    def confirmed(self, key: str) -> list[Part]:
        return [entry.parts[key] for entry in self.entries if entry.states.get(key) == "confirmed"]

    def in_doubt(self) -> set[str]:
        return {key for entry in self.entries for key in entry.open_keys()}

    def sending(self, keys: set[str]) -> None:
        """A request about these leaves now."""
        for entry in self.entries:
            if entry.looked is not None and keys == set(entry.allowed) and not entry.states:
                assert self._clock.monotonic() - entry.looked <= FRESH, "sent with stale suppressions"
                entry.looked = None
                entry.sent += 1
                return
        raise AssertionError("a request with effect left that is not written down, or not freshly")


class Guard(httpx.AsyncBaseTransport):
    """Shows every request with effect on contacts to the book before it leaves."""

    def __init__(self, book: Book, inner: httpx.AsyncBaseTransport | None = None) -> None:
        self.book = book
        self._inner = inner or httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0]
        if request.method != "GET":
            if path == "/batches":
                body = json.loads(request.content)
                self.book.sending(set(body["ids"]) if "ids" in body else {row["email"] for row in body["members"]})
            elif path == "/members/optins":
                self.book.sending({json.loads(request.content)["email"]})
            elif path != "/groups":
                self.book.sending({unquote(path.split("/")[2])})
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()
