"""What a run says of itself: to whoever watches, and at its end."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from syncengine.errors import SyncError


class Progress(NamedTuple):
    """What a person who watches sees: where the run is, and the counts so far."""

    mapping: str
    scope: str
    counts: Counter[str]
    quota: int | None


@dataclass(slots=True)
class MappingReport:
    """What became of one mapping in a run. `failures`: partition → what stopped it."""

    mapping: str
    state: str = "done"
    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, SyncError] = field(default_factory=dict)
    run: int = 0


@dataclass(slots=True)
class DeliveryReport:
    """What became of one destination in a run. `revisions` is promise 1's second sum, over all time."""

    destination: str
    counts: Counter[str] = field(default_factory=Counter)
    revisions: dict[str, int] = field(default_factory=dict)
    failure: SyncError | None = None


@dataclass(slots=True)
class RunReport:
    """A whole `sync`."""

    mappings: list[MappingReport] = field(default_factory=list)
    deliveries: list[DeliveryReport] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    stopped: bool = False

    @property
    def failures(self) -> list[SyncError]:
        """Everything that stopped something, in order."""
        found = [error for report in self.mappings for error in report.failures.values()]
        return found + [report.failure for report in self.deliveries if report.failure is not None]

    @property
    def rejected(self) -> int:
        counts = [part.counts for part in self.mappings] + [part.counts for part in self.deliveries]
        return sum(count["rejected"] for count in counts)
