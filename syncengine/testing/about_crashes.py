"""The rules of dying: at whatever step the process ends, one effect per change comes out in the end."""

from syncengine.contracts import Resumable
from syncengine.errors import SyncError
from syncengine.testing.about_destinations import FEW, keys_of
from syncengine.testing.case import Case
from syncengine.testing.delivering import Delivery, once, targets
from syncengine.testing.rules import rule
from syncengine.testing.verdict import Killed, NotStaged, require

MOST_STEPS = 400
"""Steps of delivering a few changes; a delivery has some dozens."""


@rule("destination")
async def a_crash_anywhere_is_one_effect(case: Case) -> None:
    """The process dies at step 1, 2, 3 … of delivering and starts again: everything is there once, nothing twice."""
    keys = keys_of(case, FEW)
    expected = await once(case, keys)
    died = 0
    for step in range(1, MOST_STEPS):
        with case.another() as other:
            delivery = Delivery(other, keys, die_at=step)
            try:
                await delivery.run()
            except Killed:
                died += 1
            else:
                break
            await delivery.finish()
            found, book = targets(other, keys), delivery.book
            require(all(found[key] in (None, expected[key]) for key in keys), f"dead at step {step}: an effect twice")
            left = {key for key in keys if found[key] is None}
            require(left <= book.open_keys(), f"dead at step {step}: a change is never delivered")
            denied = (set(keys) - left) & (book.refuted() - book.confirmed())
            require(not denied, f"dead at step {step}: an effect that happened is denied")
    require(died, "no step was found at which to die: nothing is written down")


@rule("destination")
async def a_receipt_tells_what_became_of_it(case: Case) -> None:
    """After a crash behind the receipt, `settle` of a new connection says of every key what became of it."""
    keys = keys_of(case, FEW)
    async with case.connect() as connection:
        if not isinstance(case.destination(connection), Resumable):
            raise NotStaged("the destination isn't Resumable")
    expected = await once(case, keys)
    tried = False
    for step in range(1, MOST_STEPS):
        with case.another() as other:
            delivery = Delivery(other, keys, die_at=step)
            try:
                await delivery.run()
            except Killed:
                tried |= await _ask(other, delivery, expected)
            else:
                break
    require(tried, "no receipt is ever written down")


async def _ask(case: Case, delivery: Delivery, expected: dict[str, object]) -> bool:
    """Settle each attempt with a receipt. Gives whether there was one."""
    entries = [entry for entry in delivery.book.entries if entry.receipt is not None and entry.open_keys()]
    for entry in entries:
        keys = frozenset(entry.open_keys())
        async with case.connect() as connection:
            destination = case.destination(connection)
            if not isinstance(destination, Resumable) or entry.receipt is None:
                return False
            settled = await destination.settle(entry.receipt, keys)
            require(settled.confirmed | settled.refuted == keys, "a receipt leaves keys open, or tells of others")
            require(not settled.confirmed & settled.refuted, "a receipt says both of a key")
            there = {key for key in keys if case.destinations.target(key) is not None}
            require(settled.confirmed == there, "a receipt confirms what isn't there, or denies what is")
            try:
                unknown = await destination.settle("no-such-receipt", keys)
            except SyncError:
                continue
            require(not unknown.confirmed, "a receipt that nobody gave confirms something")
    return bool(entries)
