"""Memberships of one group under two references: a mapping that called it by its title may come to call it by a key.

What is known of somebody's membership (ours, there before us, left) is known of the group, however it is called, so it
follows: else they would be taken out and put in again, or put in again although they left.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection

from mappings.fold import group_identity, group_key
from syncengine.state.bulk import as_list, execute_many, fetch
from syncengine.state.models import iso
from syncengine.state.targets import Membership, memberships

STRONGEST: Final = ("gone", "before", "ours", "maybe")
"""Of two states of one membership the first of these stands: what others decided comes before what we did."""

_groups = msgspec.json.Decoder(list[str])


def in_question(connection: Connection, destination: str, now: dt.datetime) -> frozenset[str]:
    """References, bound ones and titles, that may name the same group for some pending target; mostly there are none.

    What it is in and should be in needs no question, and two titles or two keys are never one group.
    """
    rows = fetch(
        connection,
        "SELECT DISTINCT wanted, members FROM (SELECT ifnull(json_extract(t.desired, '$.groups'), '[]') AS wanted,"
        " json_group_array(m.title) AS members FROM target t CROSS JOIN membership m"
        " WHERE t.destination=? AND t.state='pending' AND (t.due_at IS NULL OR t.due_at<=?)"
        " AND m.destination=t.destination AND m.key=t.key GROUP BY t.key)",
        (destination, iso(now)),
    )
    found: set[str] = set()
    for wanted, members in rows:
        found |= _candidates(_groups.decode(wanted), _groups.decode(members))
    return frozenset(found)


def _candidates(wanted: Sequence[str], members: Sequence[str]) -> set[str]:
    every = {group_identity(reference): reference for reference in (*members, *wanted)}
    settled = _identities(wanted) & _identities(members)
    bound = {reference for reference in every.values() if group_key(reference)}
    changing = {reference for identity, reference in every.items() if identity not in settled}
    titles = set(every.values()) - bound
    found: set[str] = set()
    for one, other in ((bound, titles), (titles, bound)):
        if changing & one and other:
            found |= (changing & one) | other
    return found


def take_over(connection: Connection, destination: str, same: Collection[str], now: dt.datetime) -> None:
    """Let the memberships of pending targets follow. `same`: all references (two or more) that name one group."""
    identities = _identities(same)
    rows = fetch(
        connection,
        "SELECT key, ifnull(json_extract(desired, '$.groups'), '[]') FROM target t WHERE destination=?"
        " AND state='pending' AND (due_at IS NULL OR due_at<=?) AND EXISTS (SELECT 1 FROM membership m"
        " WHERE m.destination=t.destination AND m.key=t.key AND m.identity IN (SELECT value FROM json_each(?)))",
        (destination, iso(now), as_list(identities)),
    )
    known = memberships(connection, destination, [key for key, _ in rows])
    gone: list[tuple[str, ...]] = []
    kept: list[tuple[str, ...]] = []
    for key, wanted in rows:
        before = {identity: known[key][identity] for identity in identities & known[key].keys()}
        after = _follow(before, {group_identity(each): each for each in _groups.decode(wanted)}, identities)
        gone += [(destination, key, identity) for identity in before.keys() - after.keys()]
        kept += [(destination, key, identity, *after[identity]) for identity in after if after != before]
    execute_many(connection, "DELETE FROM membership WHERE destination=? AND key=? AND identity=?", gone)
    execute_many(
        connection,
        "INSERT INTO membership(destination, key, identity, title, state) VALUES(?,?,?,?,?)"
        " ON CONFLICT(destination, key, identity) DO UPDATE SET state=excluded.state",
        kept,
    )


def _follow(
    before: Mapping[str, Membership], wanted: Mapping[str, str], identities: Collection[str]
) -> dict[str, Membership]:
    """The membership under every reference that asks for the group; where none does, under one of those it has."""
    state = min((member.state for member in before.values()), key=STRONGEST.index)
    asked = {identity: Membership(wanted[identity], state) for identity in wanted.keys() & set(identities)}
    if asked:
        return asked
    identity = min(before)
    return {identity: Membership(before[identity].title, state)}


def _identities(references: Collection[str]) -> set[str]:
    return {group_identity(reference) for reference in references}
