"""How far the transaction log has been read: what stands in a checkpoint.

Two cursors that never mix (invoca.md section 4.3): the tail goes by the order of the log, a window by the start of
calls, and its cursor is good only while its days are the same.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.invoca.rows import identity, mark
from syncengine.contracts import Checkpoint
from syncengine.errors import StateError

MOST_FOOTHOLDS = 6
"""Earlier cursors that are kept, in case the last one is gone."""
PADDING = dt.timedelta(days=1)
"""The days of a window are those of the API user, whose zone nobody tells us: one more on either side holds them."""


class Foothold(msgspec.Struct, frozen=True, array_like=True):
    """A row after which reading goes on: its id, and its start as the API user was shown it."""

    id: str
    mark: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Foothold":
        """The place of this row, by position: ids look random."""
        return cls(identity(row, "transaction_id"), mark(row))


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """A range of calls by their start, and the last row of it that was handed over."""

    since: dt.datetime
    until: dt.datetime
    at: Foothold | None = None

    def days(self) -> dict[str, str]:
        """Both days or neither (section 4.1); the last one is included."""
        return {"from": _day(self.since - PADDING), "to": _day(self.until + PADDING)}


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is still to be read: `window` first, then on from the first of `tail` that Invoca still knows.

    `tail` None: a range with an end, there is nothing to go on with. An empty one: the log had no rows. `read_at` is
    when the tail was last read to its end; `since`: earlier calls are left out until then. `held` are calls that were
    too fresh to be handed over, with the moment from which they may be.
    """

    tail: tuple[Foothold, ...] | None = None
    window: Window | None = None
    read_at: dt.datetime | None = None
    since: dt.datetime | None = None
    held: dict[str, dt.datetime] = {}

    def stepped(self, place: Foothold) -> "Position":
        """After a page of the tail that ended with this row."""
        others = [each for each in self.tail or () if each.id != place.id]
        return msgspec.structs.replace(self, tail=(place, *others[: MOST_FOOTHOLDS - 1]))

    def ended(self, now: dt.datetime) -> "Position":
        """After the end of the tail; clocks that were set back don't take it back."""
        return msgspec.structs.replace(self, read_at=max(now, self.read_at or now), since=None)

    def in_window(self, place: Foothold | None) -> "Position":
        """After a page of the window that ended with this row; None: back at its beginning."""
        if self.window is None:
            return self
        return msgspec.structs.replace(self, window=msgspec.structs.replace(self.window, at=place))

    def holds(self, moment: dt.datetime) -> bool:
        """Whether a call of this moment is in the range asked for."""
        if self.tail is None:
            return self.window is None or self.window.since <= moment < self.window.until
        return self.since is None or self.since <= moment

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(msgspec.json.encode(self).decode())


def read_position(checkpoint: Checkpoint) -> Position:
    """The position of a checkpoint. Raises StateError for one that is none of ours."""
    try:
        return msgspec.json.decode(checkpoint, type=Position)
    except msgspec.DecodeError:
        raise StateError(
            "The checkpoint of Invoca's transactions can't be read.",
            hint="It was not written by this program; read the range again with `syncengine resync`.",
            code="checkpoint",
        ) from None


def _day(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).date().isoformat()
