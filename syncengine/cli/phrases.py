"""What codes, moments and numbers are called on the screen: one place, so that every command says the same."""

import datetime as dt
from collections.abc import Mapping
from zoneinfo import ZoneInfo

__all__ = [
    "MEMBERSHIPS",
    "describe_age",
    "describe_consent",
    "describe_moment",
    "describe_reason",
    "join_counts",
    "number_of",
    "records_sum",
    "revisions_sum",
]

REASONS = {
    "unsubscribed": "unsubscribed",
    "bounced": "mail to it bounces",
    "refused": "the shop or a record says no",
    "earlier_address": "an earlier address of the same person said no",
    "deleted": "deleted by hand",
    "forgotten": "forgotten on request",
    "consent_expired": "the consent has expired",
    "gone": "delivered once, deleted there since",
    "unconfirmed": "too many would be removed at once: waits for sync --yes",
    "unanswered": "asked by mail, and not there yet",
}
"""Why somebody is not written to, by the code in the state."""
MEMBERSHIPS = {
    "ours": "added by us",
    "maybe": "asked for by us, not confirmed",
    "before": "was in it before us: never taken away by us",
    "gone": "left since: not added again",
}
"""Who put somebody into a group, by the state of the membership."""
STARTS = {"read": "read", "released": "tried again"}
ENDS = {
    "repeated": "repeated",
    "filtered": "filtered",
    "waiting": "waiting",
    "rejected": "rejected",
    "suppressed": "suppressed",
    "retracted": "retracted",
    "drafted": "drafted",
}
REVISION_ENDS = {
    "delivered": "delivered",
    "there": "already there",
    "superseded": "superseded",
    "suppressed": "suppressed",
    "rejected": "rejected",
    "held": "held",
    "pending": "pending",
    "in_doubt": "in doubt",
}
"""Both sums of promise 1, in its words and order."""
UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def number_of(number: int, word: str) -> str:
    """ "1 record", "1,234 records"."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def describe_reason(code: str) -> str:
    return REASONS.get(code, code.replace("_", " "))


def describe_moment(moment: dt.datetime | None, zone: ZoneInfo) -> str:
    """A moment on the clock of `engine.timezone`; "never" for None."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else "never"


def describe_age(age: dt.timedelta) -> str:
    """A length of time in its largest unit: "3 days", "12 minutes"; under a second: "no time"."""
    seconds = int(age.total_seconds())
    for size, name in UNITS:
        if seconds >= size:
            return number_of(seconds // size, name)
    return "no time"


def describe_consent(basis: str, date: dt.date, expires: dt.date | None) -> str:
    """ "active-clients of 2026-06-01, until 2028-06-01"."""
    return f"{basis} of {date}" + (f", until {expires}" if expires else "")


def join_counts(counts: Mapping[str, int], names: Mapping[str, str], sign: str = ", ") -> str:
    """The counts that are not zero, under these names: "2 waiting, 3 rejected"."""
    return sign.join(f"{counts[key]:,} {name}" for key, name in names.items() if counts.get(key))


def records_sum(counts: Mapping[str, int]) -> str:
    """Promise 1 of a run: where its records came from = where they ended."""
    came, went = join_counts(counts, STARTS, " + "), join_counts(counts, ENDS, " + ")
    return f"{came} = {went}" if came else "0 read"


def revisions_sum(revisions: Mapping[str, int]) -> str:
    """Promise 1 of a destination, over all time: the revisions of its targets = where each of them is."""
    ends = join_counts(revisions, REVISION_ENDS, " + ")
    return f"{number_of(revisions.get('revisions', 0), 'revision')}{f' = {ends}' if ends else ''}"
