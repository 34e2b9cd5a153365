"""How far a partition of `actions` has been read: what stands in its checkpoint."""

import datetime as dt
from typing import Self

import msgspec

from syncengine.contracts import Checkpoint, Range
from syncengine.errors import StateError


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """Every action last updated up to `updated` has been handed over, if its EventDate is in the range asked for.

    A range with an end stands here because reading goes on from a checkpoint alone: one that was interrupted remains
    that range. One without an end doesn't: after the first reading everything that changes is handed over, whatever its
    date, because an older action may have come in by another way and be reversed now.
    """

    updated: dt.datetime
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @classmethod
    def of(cls, position: Checkpoint | Range) -> Self:
        """Where to go on. Raises StateError for a checkpoint that is none of ours.

        A range is read from its own first moment on: an action is not updated before its event, but for the difference
        of the shop's clock and the provider's, which the overlap covers. It is read up to now, not up to its end: an
        action of June may have been modified yesterday, and "last updated" is one value.
        """
        if isinstance(position, Range):
            return cls(updated=position.since, since=position.since, until=position.until)
        try:
            found = msgspec.json.decode(position, type=cls)
        except msgspec.DecodeError:
            found = None
        if found is None or found.updated.tzinfo is None:
            raise StateError(
                "The checkpoint of impact.com's actions can't be read.",
                hint="It was not written by this program; read the range again with `syncengine resync`.",
                code="checkpoint",
            )
        return found

    def moved(self, end: dt.datetime) -> Self:
        """The position after everything up to `end` has been handed over. It never moves back."""
        return msgspec.structs.replace(self, updated=max(self.updated, end))

    def checkpoint(self) -> Checkpoint:
        kept = self if self.until else msgspec.structs.replace(self, since=None)
        return Checkpoint(msgspec.json.encode(kept).decode())

    def holds(self, moment: dt.datetime) -> bool:
        """Whether a record of this moment is in the range asked for."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)
