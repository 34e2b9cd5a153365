"""Promise 1, per page: every record that comes in ends in exactly one place."""

from collections.abc import Mapping

from syncengine.errors import StateError

STARTS = ("read", "released")
ENDS = ("repeated", "filtered", "waiting", "rejected", "suppressed", "retracted", "drafted")


def check_records(counts: Mapping[str, int]) -> None:
    """Raise StateError when records went missing between reading and planning."""
    came, went = sum(counts.get(name, 0) for name in STARTS), sum(counts.get(name, 0) for name in ENDS)
    if came != went:
        raise StateError(
            f"{came} records came in, {went} were accounted for.",
            hint="This is a defect; nothing of this page was kept. Please report it with what `status --json` prints.",
            code="not_conserved",
        )
