"""What a run says of itself: to whoever watches, and at its end."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from syncengine.contracts import Outcome, Page
from syncengine.errors import (
    AuthError,
    Busy,
    ConfigError,
    InDoubt,
    ProviderError,
    RateLimited,
    Rejected,
    SyncError,
    Transient,
    Unconfirmed,
)

CONTAINED = (AuthError, Busy, ConfigError, InDoubt, ProviderError, Rejected, Transient, Unconfirmed)
"""What stops one partition, mapping or destination. Not StateError: on a full disk nothing more may be read or sent."""
REQUEST_COUNTS = {
    "requests": "requests",
    "failed_requests": "requests_failed",
    "status_429": "requests_throttled",
}
"""What a run's row calls them. Those of a whole sync stand beside the last destination's counts."""


def kinds_of(requests: Mapping[str, int]) -> Counter[str]:
    """What a run's row keeps of its requests by kind."""
    return Counter({count: requests.get(kind, 0) for kind, count in REQUEST_COUNTS.items()})


def requests_to(requests: Mapping[str, int]) -> Counter[str]:
    """What a run's row calls the requests sent to each connection."""
    return Counter({f"requests_to_{connection}": number for connection, number in requests.items()})


class Headway:
    """How much of a range has been read again, in windows and as a share of its days.

    The share is an estimate: a provider may list the days of a window in any order, so what counts is the newest day
    met when a window ended, and every partition counts alike.
    """

    def __init__(self, since: dt.datetime, until: dt.datetime, partitions: int) -> None:
        self._since = since
        self._span = max(until - since, dt.timedelta(seconds=1))
        self._partitions = max(partitions, 1)
        self._through = 0
        self._newest = since
        self._part = 0.0
        self.windows = 0

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return (self._through + self._part) / self._partitions

    def move(self, page: Page) -> None:
        """A page was committed."""
        self._newest = max([self._newest, *(record.moment for record in page.records)])
        if page.checkpoint is not None:
            self.windows += 1
            self._part = min(1.0, (self._newest - self._since) / self._span)

    def end_partition(self) -> None:
        """A partition is through, now or long ago."""
        self._through += 1
        self._newest, self._part = self._since, 0.0


class Progress(NamedTuple):
    """What a person who watches sees: where the run is, and the counts so far. `headway`: of a range read again."""

    mapping: str
    scope: str
    counts: Counter[str]
    quota: int | None
    headway: Headway | None = None


@dataclass(slots=True)
class MappingReport:
    """What became of one mapping in a run. `failures`: partition → what stopped it.

    `requests`: connection → how many were sent to it before delivering began.
    `unknown`: ids that were asked for and that the provider doesn't know.
    `answered`: ids that were asked for and needn't be asked for again: their records were committed, or are unknown.
    """

    mapping: str
    state: str = "done"
    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, SyncError] = field(default_factory=dict)
    run: int = 0
    kind: str = "manual"
    unknown: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    requests: Counter[str] = field(default_factory=Counter)

    @property
    def deferred(self) -> bool:
        """Whether nothing but a quota stopped it."""
        return bool(self.failures) and all(isinstance(error, RateLimited) for error in self.failures.values())


@dataclass(slots=True)
class DeliveryReport:
    """What became of one destination in a run. `revisions` is promise 1's second sum, over all time.

    `requests`: connection → how many delivering sent to it. `told`: outcomes of which the destination said more.
    `put_off`: how many wait to be tried again.
    `unlisted`: why nobody knows who said no, where nobody was to be added, so that it stopped nothing.
    """

    destination: str
    counts: Counter[str] = field(default_factory=Counter)
    told: list[Outcome] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    revisions: dict[str, int] = field(default_factory=dict)
    put_off: int = 0
    failure: SyncError | None = None
    unlisted: SyncError | None = None

    def unfinished(self) -> SyncError | None:
        """A delivery after which something is open is not done, even where no request failed as a whole."""
        # what is left in doubt is a reject: no later run ends it, so it mustn't fail each of them
        if (doubt := self.revisions.get("in_doubt", 0) - self.counts["left_in_doubt"]) > 0:
            return InDoubt(
                f"{self.destination}: no answer says whether the last request took effect; in doubt: {doubt}.",
                hint="The next run asks, and sends again what had none. What it can't ask about and mustn't send twice"
                " it puts among the rejects.",
            )
        if self.put_off > 0:
            return Transient(
                f"{self.destination}: {self.put_off} could not be written yet.",
                hint="A run in a minute or later tries them again; `syncengine explain KEY` says more.",
                code="put_off",
            )
        return None


@dataclass(slots=True)
class RunReport:
    """A whole `sync`."""

    mappings: list[MappingReport] = field(default_factory=list)
    deliveries: list[DeliveryReport] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    stopped: bool = False

    def add(self, other: "RunReport") -> None:
        """What came after it, as part of the same work."""
        self.mappings += other.mappings
        self.deliveries += other.deliveries
        self.requests += other.requests
        self.stopped |= other.stopped

    @property
    def failures(self) -> list[SyncError]:
        """Everything that stopped something, in order."""
        found = [error for report in self.mappings for error in report.failures.values()]
        return found + [report.failure for report in self.deliveries if report.failure is not None]

    @property
    def unknown(self) -> list[str]:
        """Ids asked for that the provider doesn't know."""
        return [id_ for part in self.mappings for id_ in part.unknown]

    @property
    def rejected(self) -> int:
        counts = [part.counts for part in self.mappings] + [part.counts for part in self.deliveries]
        return sum(count["rejected"] for count in counts)
