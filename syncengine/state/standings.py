"""How targets stood at the provider before we touched them: what was there first is never ours to take away."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import msgspec
from sqlalchemy import Connection

from mappings.fold import better, group_identity
from syncengine.contracts import Standing
from syncengine.state.bulk import execute_many
from syncengine.state.delivered import keep_delivered
from syncengine.state.targets import Membership, Target, memberships


def keep_standings(
    connection: Connection,
    destination: str,
    slice_: Sequence[Target],
    standings: Mapping[str, Standing],
    leaving: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> list[Target]:
    """Store what was read of these targets, and give them back with it.

    `leaving`: the groups that each is about to be taken out of, or whose list is about to be replaced. Whoever has left
    one by themselves is not brought back when its reason returns.
    """
    asked = {target.key: target for target in slice_ if target.key in standings}
    there = {key: standing for key, standing in standings.items() if standing.state == "subscribed"}
    delivered = {
        key: msgspec.structs.replace(
            asked[key].delivered,
            present=True,
            express=standing.express,
            consent=better(asked[key].delivered.consent, standing.consent),
            left=_left(asked[key], leaving.get(key, frozenset()), standing),
        )
        for key, standing in there.items()
    }
    keep_delivered(connection, destination, delivered)
    execute_many(
        connection,
        "INSERT INTO membership(destination, key, identity, title, state) VALUES(?,?,?,?,'before')"
        " ON CONFLICT(destination, key, identity) DO UPDATE SET state='ours' WHERE state='maybe'",
        [
            (destination, key, group_identity(title), title)
            for key, standing in there.items()
            for title in standing.groups
        ],
    )
    execute_many(
        connection,
        # of what was there before us only that which is asked for: out of the rest our own request may have taken it
        "UPDATE membership SET state='gone' WHERE destination=? AND key=? AND identity=? AND state IN ('ours', ?)",
        [
            (destination, key, identity, "before" if identity in _identities(asked[key].desired.groups) else "ours")
            for key, standing in there.items()
            for identity in _identities(leaving.get(key, frozenset())) - _identities(standing.groups)
        ],
    )
    members: Mapping[str, Mapping[str, Membership]] = memberships(connection, destination, list(there))
    return [
        target._replace(delivered=delivered[target.key], members=members.get(target.key, {}))
        if target.key in there
        else target
        for target in slice_
    ]


def _left(target: Target, leaving: frozenset[str], standing: Standing) -> tuple[str, ...]:
    """What it is out of because a record says so; who isn't in such a group needs no request to be out of it."""
    if not target.desired.leave:
        return target.delivered.left
    out = _identities(leaving) & _identities(target.desired.leave) - _identities(standing.groups)
    return tuple(sorted(out.union(target.delivered.left)))


def _identities(titles: Collection[str]) -> set[str]:
    return {group_identity(title) for title in titles}
