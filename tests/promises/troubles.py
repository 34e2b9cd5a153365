"""What may go wrong in one sync, as data: a list of words per place, one for each time that the place is passed.

A list that is used up means that all goes well from there on. Whatever really happened is kept, so that a test can tell
that it tested something.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.engine.world import Killed

FINE = "fine"

KINDS: Mapping[str, tuple[str, ...]] = {
    "page": (
        "transient",  # no answer, before anything of this page
        "quota",  # used up for the day
        "refused",  # the credentials are
        "truncated",  # the page comes, the next ones don't
        "no_checkpoint",  # not a safe place to stop
        "duplicate",  # a row comes twice in one page
        "newest_first",  # rows in another order
        "drift",  # a row of this page changes and moves to the end
    ),
    "find": ("transient",),
    "lists": ("transient", "half"),
    "standing": ("transient",),
    "request": (
        "quota",  # 429: certainly without effect
        "again",  # 429, and allowed a minute later: the same request once more
        "timeout_before",  # no answer, no effect
        "timeout_after",  # no answer, but the effect
        "cut_before",  # the connection is gone before the effect, and nothing more can be sent
        "cut_after",  # the same after the effect: the receipt is lost
        "slow",  # taken; takes effect some time later
        "unread",  # done, but its result can't be read now
        "row_refused",  # one row of it can't go through
        "somebody_leaves",  # somebody unsubscribes just afterwards
        "somebody_leaves_and_time_passes",  # so that the lists are old when the next request leaves
    ),
    "settle": ("transient", "forgotten", "not_yet"),
}
"""Every kind of trouble of a sync, by place."""
WALKING: Mapping[str, tuple[str, ...]] = {
    "settle": KINDS["settle"],
    "walk": ("transient", "quota", "somebody_is_overlooked"),
    "absent": ("transient",),
}
"""The same of a reconciliation."""


class Happened(NamedTuple):
    place: str
    kind: str
    where: str


class Troubles:
    """The troubles of one sync, taken in turn."""

    def __init__(self) -> None:
        self._coming: dict[str, list[str]] = {}
        self.happened: list[Happened] = []
        self.ever: set[tuple[str, str]] = set()

    def arm(self, coming: Mapping[str, Sequence[str]]) -> None:
        self._coming = {place: list(kinds) for place, kinds in coming.items()}
        self.happened = []

    def disarm(self) -> None:
        """From here on all goes well; what happened is still known."""
        self._coming = {}

    def take(self, place: str, where: str = "") -> str:
        coming = self._coming.get(place)
        kind = coming.pop(0) if coming else FINE
        if kind != FINE:
            self.happened.append(Happened(place, kind, where))
            self.ever.add((place, kind))
        return kind


class Life:
    """The process: dies at the n-th boundary that it passes, and does nothing any more once it is dead."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.dead = False
        self.passed = 0

    def boundary(self) -> None:
        """Raises Killed where the process ends, and ever after: what is dead neither writes nor sends."""
        if self.dead:
            raise Killed
        self.passed += 1
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.dead = True
                raise Killed

    def begin(self, left: int | None) -> None:
        """A new process; it lives until it has passed that many boundaries."""
        self.left, self.dead, self.passed = left, False, 0
