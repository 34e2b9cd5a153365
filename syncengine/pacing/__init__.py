"""Spends an account's quota well: one limiter per account, shared by everything in the process that talks to it.

`limiter.py` says what may leave when, `headers.py` reads what answers say of it, and `caller.py` holds what is said by
whoever makes the requests.
"""

from syncengine.pacing.caller import (
    BACKGROUND,
    STOPPING,
    Lend,
    count,
    count_request,
    counting,
    lending,
    spending,
    while_waiting,
)
from syncengine.pacing.headers import http_date
from syncengine.pacing.limiter import LIVE_SHARE, LONGEST_SPREAD, PATIENCE, Limiter, Pace, Quota, stated_wait

__all__ = [
    "BACKGROUND", "LIVE_SHARE", "LONGEST_SPREAD", "PATIENCE", "STOPPING", "Lend", "Limiter", "Pace", "Quota", "count",
    "count_request", "counting", "http_date", "lending", "spending", "stated_wait", "while_waiting",
]  # fmt: skip
