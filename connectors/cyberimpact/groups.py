"""Groups by their references: mappings know titles and keys, Cyberimpact wants numbers and has no search by name.

A key is bound to the group that was made for it, or found under its title: a static one that no other key has. The
group stays that key's whatever it is called later, and is never renamed from here. One that was deleted is made again.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from connectors.cyberimpact.bindings import Binding, Bindings
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.contact_fields import LONGEST
from connectors.cyberimpact.rows import Group
from syncengine.contracts import Clock, group_identity, group_key, group_title
from syncengine.errors import ProviderError, RateLimited, Transient

CREATIONS = 5
"""Tries to create one group; the list is read before each but the first, so a lost answer never makes a second one."""
BACKOFF = 1.0
"""Seconds before the second try, doubled each time."""


class GroupIndex(NamedTuple):
    """The groups of an account by identity. Of several with one identity the oldest static one counts."""

    groups: dict[str, Group]
    doubles: list[str]
    """Titles that more than one group has."""
    bound: Mapping[str, Group] = {}
    """Those that are there and bound, by their key."""
    former: Mapping[str, Group] = {}
    """The same by the identity of the title that they had when they were bound."""
    creates: bool = True
    """Whether what is missing is created; where not, a person has to."""

    def find(self, reference: str) -> Group | None:
        """By its key; else by its title, or by the one that a bound group had, if none is called so now."""
        key, identity = group_key(reference), group_identity(reference)
        return self.bound.get(key) if key else self.groups.get(identity) or self.former.get(identity)


def index_groups(groups: Iterable[Group], bindings: Mapping[str, Binding] | None = None) -> GroupIndex:
    """Order groups by title: static before dynamic, then the lowest id. `bindings` are by key."""
    found: dict[str, Group] = {}
    doubles: dict[str, str] = {}
    by_number: dict[int, Group] = {}
    for group in sorted(groups, key=lambda group: (group.is_dynamic, group.id)):
        by_number[group.id] = group
        identity = group_identity(group.title)
        if identity in found:
            doubles[identity] = found[identity].title
        else:
            found[identity] = group
    bound = {key: by_number[each.number] for key, each in (bindings or {}).items() if each.number in by_number}
    newest_first = sorted((bindings or {}).values(), key=lambda each: -each.number)
    former = {each.title: by_number[each.number] for each in newest_first if each.number in by_number}
    return GroupIndex(found, sorted(doubles.values()), bound, former)


class Groups:
    """Finds groups, and creates those that are missing: once, static and private."""

    def __init__(self, client: CyberimpactClient, clock: Clock, bindings: Bindings, *, creates: bool) -> None:
        """`creates`: the settings let it make groups."""
        self._client = client
        self._clock = clock
        self._bindings = bindings
        self._creates = creates

    async def read(self, references: Collection[str] = ()) -> GroupIndex:
        """All groups, over all pages. The keys of these references are bound where a group is there for them."""
        return await self._bind(references, await self._client.groups())

    async def ensure(self, references: Collection[str], others: Collection[str] = ()) -> GroupIndex:
        """All groups, after creating those of these references that aren't there. One that is refused stays missing.

        `others` are only looked for, as in `read`.
        """
        index = (await self.read([*references, *others]))._replace(creates=self._creates)
        chosen = _choose_titles(references, index) if self._creates else {}
        if not chosen:
            return index
        titles = {group_identity(title): title for title in chosen.values()}
        refused = {identity for identity, title in titles.items() if not await self._create(title)}
        accepted = [reference for reference, title in chosen.items() if group_identity(title) not in refused]
        index = await self._bind([*references, *others], await self._client.groups())
        if any(index.find(reference) is None for reference in accepted):
            raise ProviderError(
                "A group was created at Cyberimpact, but the list of groups doesn't show it.",
                hint="The next run looks again.",
                code="group_missing",
            )
        return index

    async def _bind(self, references: Collection[str], groups: Collection[Group]) -> GroupIndex:
        """The index, with each key of these references bound to the group that is there for it.

        A binding is durable before anybody is put into the group: a crash between making and binding leaves a group
        that is found by its title.
        """
        kept = await self._bindings.read()
        index = index_groups(groups, kept)
        keyed = sorted(reference for reference in references if group_key(reference))
        bindings, bound = dict(kept), {**index.bound, **await self._overlooked(map(group_key, keyed), index, kept)}
        for reference in keyed:
            key = group_key(reference)
            if key not in bound and (group := _find_free(reference, index, bound)) is not None:
                bound[key] = group
                if not group.is_dynamic:  # nobody can be put into one, so that it stays to be looked for
                    bindings[key] = Binding(group.id, group_identity(group.title))
        if bindings != kept:
            await self._bindings.keep(bindings)
        return index._replace(bound=bound)

    async def _overlooked(
        self, keys: Iterable[str], index: GroupIndex, kept: Mapping[str, Binding]
    ) -> dict[str, Group]:
        """Of these keys' groups that the list doesn't show, those that are there when asked for: a list that came back
        short is no deletion.
        """
        unseen = {key: kept[key].number for key in keys if key in kept and key not in index.bound}
        asked = {key: await self._client.group(number) for key, number in unseen.items()}
        return {key: group for key, group in asked.items() if group is not None}

    async def _create(self, title: str) -> bool:
        """Create a group that isn't there. Gives whether it is there now; if not, it was refused."""
        for number in range(CREATIONS):
            try:
                answer = await self._client.create_group(title)
            except RateLimited:
                raise
            except Transient as error:
                if error.retry_after is None:
                    await self._clock.sleep(BACKOFF * 2**number)
            else:
                return answer.good
            if group_identity(title) in (await self.read()).groups:  # the answer was lost, and it was created
                return True
        raise Transient(
            f"Cyberimpact took none of {CREATIONS} tries to create a group.", hint="The next run tries again."
        )


def _titles(reference: str) -> tuple[str, str]:
    """What the group of a key may be called: as it says, and with its key where another key has a group of that title.

    So two partners of one name have two groups, and nobody is left out.
    """
    title, mark = group_title(reference), f" ({group_key(reference)})"
    return title, f"{title[: LONGEST - len(mark)]}{mark}"


def _find_free(reference: str, index: GroupIndex, bound: Mapping[str, Group]) -> Group | None:
    """The group of that title, unless another key has it; then the one that was made for such a case."""
    taken = {group.id for group in bound.values() if not group.is_dynamic}
    for title in _titles(reference):
        group = index.groups.get(group_identity(title))
        if group is None or group.id not in taken:
            return group
    return None


def _choose_titles(references: Collection[str], index: GroupIndex) -> dict[str, str]:
    """By reference, the title under which each missing group is to be made; each key has one of its own."""
    chosen: dict[str, str] = {}
    keys: dict[str, str] = {}
    for reference in sorted(references):
        key = group_key(reference)
        if index.find(reference) is not None:
            continue
        for title in _titles(reference) if key else (reference,):
            identity = group_identity(title)
            if identity in index.groups or (key and keys.get(identity, key) != key):
                continue  # another key has it, or will
            if key:
                keys[identity] = key
            chosen[reference] = title
            break
    return chosen
