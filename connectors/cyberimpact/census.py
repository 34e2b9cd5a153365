"""How people stand at Cyberimpact: subscribed or not, in which groups, with what consent.

There are two roads: asking for each, or walking the lists once. Which is cheaper depends on how many are asked about.
"""

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from connectors.cyberimpact.client import PAGE_ROWS, CyberimpactClient
from connectors.cyberimpact.consent import read_consent
from connectors.cyberimpact.crowd import each
from connectors.cyberimpact.groups import Groups, index_groups
from connectors.cyberimpact.rows import Group, Member
from syncengine.contracts import Consent, Standing

FEW = 5
"""So few are asked about one by one without weighing anything."""
ROWS_PER_REQUEST = 500
"""How many rows of a list take as long as one more request: a rough weight, for choosing the road only."""
READS_AT_ONCE = 8

State = Literal["subscribed", "unsubscribed", "bounced", "absent"]
Reason = Literal["unsubscribed", "bounced"]


class Sight(msgspec.Struct, frozen=True):
    """One address as it was seen. `member` is there only where it was asked for one by one."""

    state: State
    groups: frozenset[int] = frozenset()
    consent: Consent | None = None
    express: bool = False
    member: Member | None = None

    @property
    def number(self) -> str:
        """The contact's id as text; "" where it isn't known."""
        return "" if self.member is None or self.member.id is None else str(self.member.id)


class Census:
    """Answers how addresses stand. Keys are trimmed and in lower case, as everywhere."""

    def __init__(self, client: CyberimpactClient, groups: Groups) -> None:
        self._client = client
        self._groups = groups

    async def suppressed(self) -> dict[str, Reason]:
        """Who must not be written to: both lists, complete. Unsubscribed wins over bounced."""
        unsubscribed = await self._client.unsubscribed()
        bounced = await self._client.bounced()
        reasons: dict[str, Reason] = {_key(row.name): "bounced" for row in bounced if row.email}
        reasons.update((_key(row.name), "unsubscribed") for row in unsubscribed if row.email)
        return reasons

    async def standing(self, keys: Collection[str], references: frozenset[str]) -> dict[str, Standing]:
        """How each of these stands, and in which of these groups. A group that isn't there has nobody."""
        known = await self._groups.read(references) if references else index_groups([])
        found = {reference: group for reference in references if (group := known.find(reference))}
        asked = {group.id: group for group in found.values()}
        barred = await self.suppressed()
        sights: dict[str, Sight] = {key: Sight(barred[key]) for key in keys if key in barred}
        open_keys = [key for key in dict.fromkeys(keys) if key not in barred]
        if await self._walking_is_cheaper(len(open_keys), asked.values()):
            sights.update(await self._walk(open_keys, asked))
        else:
            sights.update(await self._look_up(open_keys, bool(asked)))
        return {
            key: Standing(
                state=sight.state,
                groups=frozenset(reference for reference, group in found.items() if group.id in sight.groups),
                consent=sight.consent,
                express=sight.express,
            )
            for key, sight in sights.items()
        }

    async def look(self, keys: Collection[str], barred: Mapping[str, Reason]) -> dict[str, Sight]:
        """These in every detail, one by one; `barred` are the lists, just read."""
        sights = {key: Sight(barred[key]) for key in keys if key in barred}
        sights.update(await self._look_up([key for key in keys if key not in barred], groups=True))
        return sights

    # --- one by one ---

    async def _look_up(self, keys: Collection[str], groups: bool) -> dict[str, Sight]:
        async def see(key: str) -> tuple[str, Sight]:
            return key, await self._see(key, groups)

        return dict(await each(keys, see, READS_AT_ONCE))

    async def _see(self, key: str, groups: bool) -> Sight:
        member = await self._client.member(key)
        if member is None:
            return Sight("absent")
        if member.unsubscribed_on or member.hard_bounced_on:  # not known to happen; believed when it does
            return Sight("unsubscribed" if member.unsubscribed_on else "bounced")
        inside = await self._client.member_groups(key) if groups else []
        consent, express = await self._consent(key, member.consent_type)
        return Sight("subscribed", frozenset(group.id for group in inside), consent, express, member)

    async def _consent(self, key: str, kind: str | None) -> tuple[Consent | None, bool]:
        """The consent there, and whether it is express: then nothing of ours is better, and it isn't read."""
        if kind == "express":
            return None, True
        wire = await self._client.member_consent(key)
        if wire is None:
            # The contact is there and its consent isn't shown: it can't be judged, so it is guarded like an express
            # one, and nothing of ours, which may be older, replaces it.
            return None, True
        consent = read_consent(wire)
        return consent, consent is not None and consent.express

    # --- all at once ---

    async def _walking_is_cheaper(self, keys: int, groups: Collection[Group]) -> bool:
        if keys <= FEW:
            return False
        people = await self._client.count_members()
        if people is None:
            return False
        lists = [people, *(people if group.members_count is None else group.members_count for group in groups)]
        walk = sum(1 + rows // PAGE_ROWS + rows / ROWS_PER_REQUEST for rows in lists)
        return walk < keys * (2 if groups else 1)

    async def _walk(self, keys: Collection[str], groups: Mapping[int, Group]) -> dict[str, Sight]:
        wanted = set(keys)
        kinds = {_key(row.name): row.consent_type for row in await self._client.members() if _key(row.name) in wanted}
        inside: dict[str, set[int]] = {}
        for group in groups:
            for row in await self._client.group_members(group):
                if (key := _key(row.name)) in wanted:
                    inside.setdefault(key, set()).add(group)

        async def see(key: str) -> tuple[str, Sight]:
            consent, express = await self._consent(key, kinds[key])
            return key, Sight("subscribed", frozenset(inside.get(key, ())), consent, express)

        sights = {key: Sight("absent") for key in keys}
        sights.update(await each(kinds, see, READS_AT_ONCE))
        return sights


def _key(address: str) -> str:
    return address.strip().lower()
