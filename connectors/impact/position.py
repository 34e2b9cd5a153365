"""How far a partition has been read: what stands in its checkpoint."""

import datetime as dt
from typing import NoReturn, Self, TypeVar

import msgspec

from syncengine.contracts import Checkpoint, Range
from syncengine.errors import StateError


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that the pass's date places up to `read` has been handed over, where its moment is in the range.

    A range with an end stands here because reading goes on from a checkpoint alone: one that was interrupted remains
    that range. One without an end doesn't: after the first reading everything that changes is handed over, whatever its
    date, because an older action may have come in by another way and be reversed now.

    `crowd`: when more than one answer could hold was read of what may still be settling. Up to then all is looked at
    once more, at the end of the time that settling takes, and not at every sync.
    """

    read: dt.datetime
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    crowd: dt.datetime | None = None

    @classmethod
    def of(cls, position: Checkpoint | Range) -> Self:
        """Where to go on. Raises StateError for a checkpoint that is none of ours.

        A range is read from its own first moment on: an action is not updated before its event, but for the difference
        of the shop's clock and the provider's, which the overlap covers. It is read up to now, not up to its end: an
        action of June may have been modified yesterday, and "last updated" is one value.
        """
        if isinstance(position, Range):
            return cls(read=position.since, since=position.since, until=position.until)
        found = _decode(position, cls)
        return found if found is not None and found.read.tzinfo else _refuse()

    def moved(self, end: dt.datetime) -> Self:
        """The position after everything up to `end` has been handed over. It never moves back."""
        return msgspec.structs.replace(self, read=max(self.read, end))

    def crowded(self, crowd: dt.datetime | None) -> Self:
        """The same position with another `crowd`."""
        return msgspec.structs.replace(self, crowd=crowd)

    def checkpoint(self) -> Checkpoint:
        kept = self if self.until else msgspec.structs.replace(self, since=None)
        return Checkpoint(msgspec.json.encode(kept).decode())

    def holds(self, moment: dt.datetime) -> bool:
        """Whether a record of this moment is in the range asked for."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)


class Sweep(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything open was looked at again since `swept`; of a sweep that is under way, what is dated before `through`.

    `missed` are the ids that were answered with a 404 once, and when; `gone` those that were so again, at another day's
    sweep: they are not asked for any more.
    """

    swept: dt.datetime
    through: dt.datetime | None = None
    gone: tuple[str, ...] = ()
    missed: dict[str, dt.datetime] = {}

    @classmethod
    def of(cls, position: Checkpoint) -> Self:
        """What stands in a checkpoint. Raises StateError for one that is none of ours."""
        found = _decode(position, cls)
        return found if found is not None and found.swept.tzinfo else _refuse()

    def is_due(self, now: dt.datetime, every: dt.timedelta) -> bool:
        """Whether to sweep (on). A clock that was set back makes it due: waiting for that time could take years."""
        return self.through is not None or self.swept > now or now - self.swept >= every

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(msgspec.json.encode(self).decode())


Kept = TypeVar("Kept")


def _decode(position: Checkpoint, kind: type[Kept]) -> Kept | None:
    try:
        return msgspec.json.decode(position, type=kind)
    except msgspec.DecodeError:
        return None


def _refuse() -> NoReturn:
    raise StateError(
        "A checkpoint of impact.com can't be read.",
        hint="It was not written by this program; read the range again with `syncengine resync`.",
        code="checkpoint",
    )
