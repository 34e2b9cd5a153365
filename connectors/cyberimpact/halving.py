"""Finds the rows for which a whole batch is refused, while everything else is delivered."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from syncengine.errors import ProviderError

REFUSED_AT_FIRST = 8
"""Single rows refused, from all over the batch and with nothing accepted yet, before the fault is not the rows'."""

RowT = TypeVar("RowT")
Accept = Callable[[Sequence[RowT]], Awaitable[bool]]
"""Sends some rows as one batch; False where the batch is refused as a whole."""


async def deliver_halving(rows: Sequence[RowT], accept: Accept[RowT], refuse: Callable[[RowT], None]) -> int | None:
    """Deliver all rows; those that are refused even alone go to `refuse`.

    Of n rows, b bad ones cost at most 1 + b·(log2 n + 3) batches (log2 rounded up): a refused half is halved again, and
    what was not tried yet is tried as a whole afterwards. Where it turns out that no row was to blame but their number,
    the largest number that was accepted is returned, and used from there on; else None.
    Raises ProviderError where everything is refused.
    """
    untried = list(rows)
    limit: int | None = None
    accepted = refused = 0
    while untried:
        suspects, untried = untried[:limit], untried[limit:] if limit else []
        if await accept(suspects):
            accepted += len(suspects)
            continue
        alone = len(suspects) == 1
        largest = 0
        while len(suspects) > 1:
            half = len(suspects) // 2
            front, back = suspects[:half], suspects[half:]
            if await accept(front):
                accepted += half
                largest = max(largest, half)
                suspects, alone = back, False  # so the fault is in the rest
            else:
                untried = back + untried
                suspects, alone = front, half == 1
        if not alone and await accept(suspects):
            limit = max(largest, 1)  # there is no fault in the rest: they were too many
            continue
        refuse(suspects[0])
        refused += 1
        if refused == REFUSED_AT_FIRST and not accepted and untried:
            raise ProviderError(
                f"Cyberimpact refuses every batch, down to {refused} contacts sent one by one.",
                hint="The contacts are hardly to blame: check the groups and the account in Cyberimpact.",
                code="refused",
            )
        turn = len(untried) * 5 // 13
        untried = untried[turn:] + untried[:turn]  # elsewhere next: bad rows often stand side by side
    return limit
