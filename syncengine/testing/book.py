"""A book of attempts in memory that believes nobody: every request with effect must be written down, and freshly.

It keeps `syncengine.contracts.Attempts` and can refuse keys, at once or while a request waits, and die at any step.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from syncengine.contracts import Attempt, Part, Settled
from syncengine.testing.verdict import Killed
from syncengine.testing.wire import Sent


@dataclass
class Entry:
    """One attempt. `fresh`: suppressions were looked at since it was last sent. `lost`: nobody can tell any more."""

    id: int
    parts: dict[str, Part]
    allowed: frozenset[str]
    fresh: bool = True
    sent: bool = False
    lost: bool = False
    receipt: str | None = None
    confirmed: set[str] = field(default_factory=set)
    refuted: set[str] = field(default_factory=set)

    def open_keys(self) -> set[str]:
        return set() if self.lost else set(self.allowed) - self.confirmed - self.refuted


class Book:
    """`barred` are refused from now on, `bar_late` once a request was answered 429. `violations` says what was wrong.

    `die_at`: the process dies at the step of that number, from 1. Every commit has two, before and after, and so has
    every request with effect.
    """

    def __init__(self, effects: tuple[str, str], *, die_at: int | None = None) -> None:
        self.entries: list[Entry] = []
        self.barred: set[str] = set()
        self.bar_late: set[str] = set()
        self.violations: list[str] = []
        self.die_at = die_at
        self._effects = effects
        self._steps = 0

    # --- Attempts ---

    async def begin(self, parts: Sequence[Part]) -> Attempt:
        self._step()
        keys = [part.key for part in parts]
        self._expect(keys and len(set(keys)) == len(keys), "an attempt without parts, or with one key twice")
        self._expect(not self.open_keys() & set(keys), "a key is in two open attempts")
        allowed = frozenset(part.key for part in parts if not (part.adds and part.key in self.barred))
        entry = Entry(len(self.entries), {part.key: part for part in parts}, allowed)
        self.entries.append(entry)
        self._step()
        return Attempt(entry.id, allowed)

    async def renew(self, attempt: Attempt) -> Attempt:
        self._step()
        entry = self.entries[attempt.id]
        entry.allowed = frozenset(
            key for key in attempt.allowed if not (entry.parts[key].adds and key in self.barred)
        )  # fmt: skip
        entry.fresh = True
        self._step()
        return Attempt(entry.id, entry.allowed)

    async def receipt(self, attempt: Attempt, receipt: str) -> None:
        self._step()
        entry = self.entries[attempt.id]
        self._expect(entry.sent, "a receipt for what was not sent")
        entry.receipt = receipt
        self._step()

    async def settle(self, attempt: Attempt, settled: Settled) -> None:
        self._step()
        self.close(self.entries[attempt.id], settled)
        self._step()

    def close(self, entry: Entry, settled: Settled) -> None:
        """Note what is known of an entry's keys."""
        self._expect(not settled.confirmed & settled.refuted, "a key is confirmed and refuted at once")
        self._expect(settled.confirmed | settled.refuted <= entry.open_keys(), "settled what was not open")
        entry.confirmed |= settled.confirmed
        entry.refuted |= settled.refuted

    # --- what is known ---

    def open_keys(self) -> set[str]:
        return {key for entry in self.entries for key in entry.open_keys()}

    def confirmed(self) -> set[str]:
        return {key for entry in self.entries for key in entry.confirmed}

    def refuted(self) -> set[str]:
        return {key for entry in self.entries for key in entry.refuted}

    # --- the wire ---

    def watch(self, sent: Sent) -> None:
        """A request leaves now. With an effect on targets it must be in the book, fresh, about allowed keys only."""
        if not sent.matches(*self._effects):
            return
        self._step()
        named = {key for entry in self.entries for key in entry.parts if sent.mentions(key)}
        for entry in self.entries:
            if entry.fresh and entry.allowed and named <= entry.allowed and not entry.confirmed | entry.refuted:
                entry.fresh, entry.sent = False, True
                return
        self._expect(False, "a request with effect left that was not written down, not freshly, or with a barred key")

    def answered(self, sent: Sent) -> None:
        """An answer came. Dying here is the crash between the effect and the bookkeeping."""
        if sent.matches(*self._effects):
            if sent.status == HTTPStatus.TOO_MANY_REQUESTS:
                self.barred |= self.bar_late
            self._step()

    def _step(self) -> None:
        self._steps += 1
        if self._steps == self.die_at:
            raise Killed

    def _expect(self, truth: object, violation: str) -> None:
        if not truth:
            self.violations.append(violation)
