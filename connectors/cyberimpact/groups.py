"""Groups by their title: mappings know titles, Cyberimpact wants numbers and has no search by name."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.rows import Group
from syncengine.contracts import Clock, group_identity
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

    def find(self, title: str) -> Group | None:
        return self.groups.get(group_identity(title))


def index_groups(groups: Iterable[Group]) -> GroupIndex:
    """Order groups by title: static before dynamic, then the lowest id."""
    found: dict[str, Group] = {}
    doubles: dict[str, str] = {}
    for group in sorted(groups, key=lambda group: (group.is_dynamic, group.id)):
        identity = group_identity(group.title)
        if identity in found:
            doubles[identity] = found[identity].title
        else:
            found[identity] = group
    return GroupIndex(found, sorted(doubles.values()))


class Groups:
    """Finds groups, and creates those that are missing: once, static and private."""

    def __init__(self, client: CyberimpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def read(self) -> GroupIndex:
        """All groups, over all pages."""
        return index_groups(await self._client.groups())

    async def ensure(self, titles: Sequence[str]) -> GroupIndex:
        """All groups, after creating those of these titles that aren't there. One that is refused stays missing."""
        index = await self.read()
        missing = [title for title in titles if index.find(title) is None]
        if not missing:
            return index
        accepted = [title for title in missing if await self._create(title)]
        index = await self.read()
        if any(index.find(title) is None for title in accepted):
            raise ProviderError(
                "A group was created at Cyberimpact, but the list of groups doesn't show it.",
                hint="The next run looks again.",
                code="group_missing",
            )
        return index

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
            if (await self.read()).find(title) is not None:  # the answer was lost, and it was created
                return True
        raise Transient(
            f"Cyberimpact took none of {CREATIONS} tries to create a group.", hint="The next run tries again."
        )
