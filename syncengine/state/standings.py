"""How targets stood at the provider before we touched them: what was there first is never ours to take away."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from sqlalchemy import Connection

from mappings.fold import better, group_identity
from syncengine.contracts import Standing
from syncengine.state.bulk import execute_many
from syncengine.state.targets import Delivered, Membership, Target, keep_delivered, memberships


def keep_standings(
    connection: Connection,
    destination: str,
    slice_: Sequence[Target],
    standings: Mapping[str, Standing],
    leaving: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> list[Target]:
    """Store what was read of these targets, and give them back with it.

    `leaving`: the groups that each is about to be taken out of. Whoever has left one by themselves is not brought back
    when its reason returns.
    """
    asked = {target.key: target for target in slice_ if target.key in standings}
    there = {key: standing for key, standing in standings.items() if standing.state == "subscribed"}
    delivered = {
        key: Delivered(
            present=True,
            express=standing.express,
            fields=asked[key].delivered.fields,
            consent=better(asked[key].delivered.consent, standing.consent),
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
        "UPDATE membership SET state='gone' WHERE destination=? AND key=? AND identity=? AND state='ours'",
        [
            (destination, key, identity)
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


def _identities(titles: frozenset[str]) -> set[str]:
    return {group_identity(title) for title in titles}
