"""How far a partition has been read: what stands in its checkpoint."""

import datetime as dt
from typing import Self

import msgspec

from connectors.cyberimpact.api.members import ALWAYS, Days
from connectors.cyberimpact.dates import EASTERN
from syncengine.contracts import Checkpoint, Range
from syncengine.errors import StateError

OVERLAP = dt.timedelta(days=1)
"""Filters count whole days, in a zone that no document states (section 2): one day more on either side."""
OLDEST = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
"""Before any e-mail marketing: a range from here on needs no filter, and days are safe to count back from."""
NEWEST = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that showed itself up to `read` has been handed over, if its moment is in the range asked for.

    `read` None: nothing yet. A reading that follows goes on from a checkpoint alone, so what is still needed of the
    range stands here.
    """

    read: dt.datetime | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    @classmethod
    def of(cls, position: Checkpoint | Range) -> Self:
        """Where to go on. Raises StateError for a checkpoint that is none of ours."""
        if isinstance(position, Range):
            return cls(since=position.since, until=position.until)
        try:
            found = msgspec.json.decode(position, type=cls)
        except msgspec.DecodeError:
            found = None
        if found is None or found.read is None or any(
            each is not None and each.tzinfo is None for each in (found.read, found.since, found.until)
        ):  # fmt: skip
            raise StateError(
                "A checkpoint of Cyberimpact can't be read.",
                hint="It was not written by this program; read the range again with `syncengine resync`.",
                code="checkpoint",
            )
        return found

    def checkpoint(self, begun: dt.datetime, *, keep_range: bool) -> Checkpoint:
        """The position after a reading that began at this moment has ended. It never moves back.

        A range without an end is dropped where changes can be asked for: from then on everything that changes is handed
        over, whatever its date. Where the whole list comes each time it is kept.
        """
        read = begun if self.read is None else max(self.read, begun)
        kept = self if keep_range or self.until else Position()
        return Checkpoint(msgspec.json.encode(msgspec.structs.replace(kept, read=read)).decode())

    def holds(self, moment: dt.datetime) -> bool:
        """Whether a record of this moment is in the range asked for."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)

    def recent(self, moment: dt.datetime, span: dt.timedelta) -> bool:
        """Whether what began at this moment may still change: always before the first reading has ended."""
        return self.read is None or max(self.read, OLDEST + span) - span <= moment

    def changed(self) -> Days:
        """The days from which on something may have changed since the last reading."""
        return ALWAYS if self.read is None else Days(_day(self.read, -OVERLAP))

    def dated(self) -> Days:
        """The days in which the range lies."""
        since = None if self.since is None or self.since <= OLDEST else _day(self.since, -OVERLAP)
        until = None if self.until is None else _day(self.until, OVERLAP)
        return Days(since, until)


def _day(moment: dt.datetime, shift: dt.timedelta) -> dt.date:
    return min(max(moment, OLDEST), NEWEST).astimezone(EASTERN).date() + shift
