"""Delivers changes as the engine does: by a book of attempts, and after a crash or a lost answer until all is done."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress

from syncengine.contracts import Change, Destination, Outcome, Resumable, Settled
from syncengine.errors import InDoubt, ProviderError, Transient
from syncengine.testing.book import Book
from syncengine.testing.case import Case
from syncengine.testing.verdict import require

ROUNDS = 4
"""Runs after a crash until everything is done: one settles, one sends, and one more of each."""
HOUR = 3600.0
STATUSES = frozenset({"delivered", "suppressed", "rejected", "retry", "in_doubt"})


class Delivery:
    """Some changes on their way to one provider, over as many runs as it takes. `outcomes` has the latest of each."""

    def __init__(self, case: Case, keys: Sequence[str], *, die_at: int | None = None) -> None:
        self.case = case
        self.keys = list(keys)
        self.book = Book(case.destinations.effects, die_at=die_at)
        self.outcomes: dict[str, Outcome] = {}
        case.wire.before, case.wire.after = self.book.watch, self.book.answered

    async def run(self, keys: Sequence[str] | None = None) -> dict[str, Outcome]:
        """One run that sends the changes of these keys (None: all). Gives its outcomes."""
        async with self.case.connect() as connection:
            destination = self.case.destination(connection)
            stage = self.case.destinations
            return await self.send(destination, [stage.change(destination, key) for key in keys or self.keys])

    async def send(self, destination: Destination, changes: Sequence[Change]) -> dict[str, Outcome]:
        """Apply changes. Raises Broken for an outcome that no change asked for, or a second one."""
        got: dict[str, Outcome] = {}
        expected = {change.key for change in changes}
        outcomes = destination.apply(changes, self.book)
        try:
            async for outcome in outcomes:
                require(outcome.key in expected, "an outcome for a key without a change")
                require(outcome.key not in got, "two outcomes for one change")
                require(outcome.status in STATUSES, "an outcome that isn't one")
                got[outcome.key] = self.outcomes[outcome.key] = outcome
        finally:
            if isinstance(outcomes, AsyncGenerator):
                await outcomes.aclose()
        return got

    async def finish(self) -> None:
        """Go on as the engine does after a crash: settle what is open, then send what isn't delivered, and again."""
        self.book.die_at = None
        for _ in range(ROUNDS):
            async with self.case.connect() as connection:
                await self._settle(self.case.destination(connection))
            left = [key for key in self.keys if not self._done(key)]
            if not left:
                return
            with suppress(Transient, InDoubt):
                await self.run(left)
            self.case.clock.move(HOUR)

    def _done(self, key: str) -> bool:
        """Delivered, or nothing more may be sent: what can't be repeated stays in doubt for a person to decide."""
        if key in self.outcomes and self.outcomes[key].status == "delivered":
            return True
        return not self._repeatable and any(key in entry.allowed - entry.refuted for entry in self.book.entries)

    async def _settle(self, destination: Destination) -> None:
        self._repeatable = destination.repeatable
        for entry in self.book.entries:
            open_keys = entry.open_keys()
            if open_keys and entry.receipt is not None and isinstance(destination, Resumable):
                settled = Settled()
                with suppress(Transient, ProviderError):
                    settled = await destination.settle(entry.receipt, frozenset(open_keys))
                self.book.close(entry, settled)
            # What nobody can tell anything about is sent again where that is safe, and else stays in doubt.
            entry.lost = entry.lost or (destination.repeatable and bool(entry.open_keys()))

    _repeatable = True


async def once(case: Case, keys: Sequence[str]) -> dict[str, object]:
    """What a new provider has of these keys after one undisturbed delivery: what every other delivery must come to."""
    with case.another() as other:
        delivery = Delivery(other, keys)
        outcomes = await delivery.run()
        require(
            all(outcome.status == "delivered" for outcome in outcomes.values()) and len(outcomes) == len(keys),
            "an undisturbed delivery doesn't deliver everything",
        )
        found = {key: other.destinations.target(key) for key in keys}
    require(all(target is not None for target in found.values()), "what was delivered isn't there")
    return found


def targets(case: Case, keys: Sequence[str]) -> dict[str, object]:
    return {key: case.destinations.target(key) for key in keys}
