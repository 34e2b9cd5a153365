"""What the daemon's log says of a run: how it was read, how it was delivered, and each thing that stopped a part."""

from collections import Counter

import structlog

from syncengine import logs
from syncengine.engine.report import RunReport
from syncengine.errors import RateLimited, SyncError

__all__ = ["complain", "tell"]

log = structlog.get_logger(__name__)


def tell(report: RunReport, seconds: float) -> None:
    """One line for the run and one for its delivery, and one for each thing that stopped a part of it.

    A range that was read again after what is new is a run of its own.
    """
    for part in report.mappings:
        with logs.bound(run=part.run):
            for partition, error in part.failures.items():
                complain(error, **({"partition": partition} if partition else {}))
            log.bind(**_numbers(part.counts)).info("Run finished", state=part.state, seconds=round(seconds, 1))
    with logs.bound(run=report.mappings[0].run):
        for delivery in report.deliveries:
            if delivery.failure is not None:
                complain(delivery.failure, destination=delivery.destination)
            log.bind(**_numbers(delivery.counts)).info("Delivery finished", destination=delivery.destination)


def complain(error: SyncError, **where: str) -> None:
    """The line of something that stopped a run, or a part of it."""
    place = log.bind(code=error.code, error_message=error.message, hint=error.hint, **where)
    if isinstance(error, RateLimited):
        place.warning("Run deferred", until=error.until)
    else:
        place.error("Run failed")


def _numbers(counts: Counter[str]) -> dict[str, int]:
    """Those counts that have a name which the logs let through."""
    named = {"already_there" if name == "there" else name: number for name, number in counts.items()}
    return {name: number for name, number in named.items() if name in logs.COUNTS}
