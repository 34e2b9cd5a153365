"""Which group belongs to which key: known for good once a group was made or found, whatever its title is by then.

A title can be changed by an administrator, or by the name of a partner; Cyberimpact's number of a group can't.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from syncengine.contracts import Memory

NAME: Final = "bound groups"
"""Under which the memory of a connection keeps them."""


class Binding(msgspec.Struct, frozen=True, array_like=True):
    """The number of a group, and its title at that time (its `group_identity`): who calls it so still means it."""

    number: int
    title: str


_bindings = msgspec.json.Decoder(dict[str, Binding])


class Bindings:
    """The bindings of an account by key, in the memory of its connection. Only who delivers to its contacts binds."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def read(self) -> dict[str, Binding]:
        """All of them. A group that stands here may have been deleted."""
        kept = await self._memory.get(NAME)
        return {} if kept is None else _bindings.decode(kept)

    async def keep(self, bindings: Mapping[str, Binding]) -> None:
        """All of them from now on, durable when this returns."""
        await self._memory.put(NAME, msgspec.json.encode(bindings, order="sorted").decode())
