"""Whether so many would be removed from something that a person has to say yes before the first of them is."""

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final, Literal, NamedTuple

from syncengine.contracts import Destination, Standing, Standings
from syncengine.engine.difference import stop_needed, to_leave
from syncengine.engine.limits import Limit
from syncengine.errors import Unconfirmed
from syncengine.state import removals
from syncengine.state.delivered import identities
from syncengine.state.store import Store
from syncengine.state.targets import Target, groups_of

AT_ONCE: Final = 5_000
"""Targets looked at together."""

Kind = Literal["deleted", "unsubscribed", "taken out of groups"]
KINDS: Final[tuple[Kind, ...]] = ("unsubscribed", "deleted", "taken out of groups")
"""What can happen to people, in the order in which it is told."""


class Removals(NamedTuple):
    """Who waits for a yes, and why; nobody and None where there are not so many."""

    waiting: frozenset[str]
    problem: Unconfirmed | None


NO_REMOVALS: Final = Removals(frozenset(), None)


def removal(target: Target, standing: Standing | None) -> Kind | None:
    """What would be taken from somebody. Without a `standing` whatever can't be ruled out counts."""
    if target.desired.stop:
        if standing is not None and not stop_needed(target, standing):
            return None
        return "deleted" if target.desired.stop == "delete" else "unsubscribed"
    return "taken out of groups" if to_leave(target, standing) or _replaces(target, standing) else None


def _replaces(target: Target, standing: Standing | None) -> bool:
    """Whether being in some groups only may take it out of others: not where they only become more."""
    desired, before = target.desired, target.delivered.exact
    if not desired.exact or (standing is not None and standing.state != "subscribed"):
        return False
    return before is None or not set(before) <= set(identities(desired.groups))


async def find_removals(store: Store, name: str, destination: Destination, limit: Limit | None) -> Removals:
    """Who would be removed from something, if those are too many. `limit` None: a person has said yes.

    How people stand is asked for only where there seem to be too many. Raises what reading that raises.
    """
    if limit is None:
        return NO_REMOVALS
    found: dict[str, Kind] = {}
    async with aclosing(_candidates(store, name)) as slices:
        async for slice_ in slices:
            found.update((target.key, kind) for target in slice_ if (kind := removal(target, None)))
    if len(found) <= limit.most:
        return NO_REMOVALS
    total = await store.read(removals.delivered_number, name)
    if limit.passed(len(found), total) and isinstance(destination, Standings):
        found = await _without_needless(store, name, destination, found)
    if not limit.passed(len(found), total):
        return NO_REMOVALS
    return Removals(frozenset(found), _problem(name, found, total, limit))


async def _without_needless(
    store: Store, name: str, destination: Standings, found: Mapping[str, Kind]
) -> dict[str, Kind]:
    """Without those for whom nothing would change: they aren't there, not in the group, unsubscribed already."""
    left = dict(found)
    async with aclosing(_candidates(store, name)) as slices:
        async for slice_ in slices:
            asked = [each for each in slice_ if each.desired.stop or each.desired.leave or each.desired.exact]
            if not asked:
                continue
            standings = await destination.standing([each.key for each in asked], groups_of(asked))
            for target in asked:
                kind = removal(target, standings[target.key])
                if kind is None:
                    left.pop(target.key, None)
    return left


async def _candidates(store: Store, name: str) -> AsyncGenerator[list[Target]]:
    after = ""
    while slice_ := await store.read(removals.candidates, name, after, AT_ONCE, store.clock.now()):
        after = slice_[-1].key
        yield slice_


def _problem(name: str, found: Mapping[str, Kind], total: int, limit: Limit) -> Unconfirmed:
    numbers = Counter(found.values())
    told = [f"{numbers[kind]:,} {kind}" for kind in KINDS if numbers[kind]]
    what = f"would be {next(iter(numbers))}" if len(told) == 1 else f"would be removed ({', '.join(told)})"
    return Unconfirmed(
        f"{name}: {len(found):,} of {total:,} contacts {what} at once, more than"
        f" {limit.most:,} and {limit.share:.0%}; none of them was touched.",
        hint="`syncengine plan` lists them. If it is right: syncengine sync --yes",
        code="too_many_removals",
    )
