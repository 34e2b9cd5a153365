"""Cyberimpact's API, typed: every endpoint of cyberimpact.md section 3 but the one that mints tokens.

docs/cyberimpact.md has the table; the calls stand in `connectors.cyberimpact.api`, one module per kind of thing.
"""

from connectors.cyberimpact.api.batches import BatchCalls
from connectors.cyberimpact.api.calls import ENDPOINTS, MISSING, NOT_FOUND, PAGE_ROWS, REFUSED
from connectors.cyberimpact.api.groups import GroupCalls
from connectors.cyberimpact.api.mailings import MailingCalls

__all__ = ["ENDPOINTS", "MISSING", "NOT_FOUND", "PAGE_ROWS", "REFUSED", "CyberimpactClient"]


class CyberimpactClient(GroupCalls, MailingCalls, BatchCalls):
    """One account. An async context manager. Every method raises AuthError, Transient, RateLimited and ProviderError.

    What writes (`post_batch`, `patch_member`, …) is sent once and returns the bare answer: whoever calls it has written
    down an attempt, and must do so again before the next try.
    """
