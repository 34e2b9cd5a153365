"""What a run says of itself: to whoever watches, and at its end."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from syncengine.errors import (
    AuthError,
    Busy,
    ConfigError,
    InDoubt,
    ProviderError,
    Rejected,
    SyncError,
    Transient,
)

CONTAINED = (AuthError, Busy, ConfigError, InDoubt, ProviderError, Rejected, Transient)
"""What stops one partition, mapping or destination. Not StateError: on a full disk nothing more may be read or sent."""
REQUEST_COUNTS = {
    "requests": "requests",
    "failed_requests": "requests_failed",
    "status_429": "requests_throttled",
}
"""What a run's row keeps of the requests of the whole sync, beside the last destination's counts."""


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

    def unfinished(self) -> SyncError | None:
        """A delivery after which something is open is not done, even where no request failed as a whole."""
        if (doubt := self.revisions.get("in_doubt", 0)) > 0:
            return InDoubt(
                f"{self.destination}: of {doubt} contacts nobody knows whether the last request took effect.",
                hint="The next run asks again, and sends again what had none. If it stays so, ask the provider.",
            )
        if (put_off := self.counts["retry"]) > 0:
            return Transient(
                f"{self.destination}: {put_off} contacts could not be written now.",
                hint="They are tried again by themselves; `syncengine explain ADDRESS` says more.",
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

    @property
    def failures(self) -> list[SyncError]:
        """Everything that stopped something, in order."""
        found = [error for report in self.mappings for error in report.failures.values()]
        return found + [report.failure for report in self.deliveries if report.failure is not None]

    @property
    def rejected(self) -> int:
        counts = [part.counts for part in self.mappings] + [part.counts for part in self.deliveries]
        return sum(count["rejected"] for count in counts)
