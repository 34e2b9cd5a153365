"""Errors named by what the caller can do about them.

Every error carries a bounded `code` for programs, a sentence for people, and a hint at the next step. None ever carries
a response body, a secret, an e-mail address or a phone number: a sentence names keys of the configuration and counts.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass


class SyncError(Exception):
    """The root. `code` is a short, stable word; `hint` says what to do next."""

    default_code = "failed"

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of the configuration: where it stands (a dotted key), what is wrong, and what to do."""

    key: str
    message: str
    hint: str = ""


class ConfigError(SyncError):
    """Fix the file. Carries every problem at once, so that nobody has to run `check` five times."""

    default_code = "config"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.key}: {first.message}{more}", hint=first.hint)
        self.problems = tuple(problems)
        self.number = len(problems)
        """How many there are, where not all of them are carried."""
        self.where = "in the configuration"


class AuthError(SyncError):
    """The provider refuses these credentials: pause this connection and tell somebody. Never retried."""

    default_code = "unauthorised"


class Transient(SyncError):
    """May work later without anybody doing anything. `retry_after` is in seconds, None where nobody said."""

    default_code = "transient"

    def __init__(
        self, message: str, *, hint: str = "", code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.retry_after = retry_after


class RateLimited(Transient):
    """The provider's quota is used up until `until` (aware UTC): the run is deferred, not failed."""

    default_code = "rate_limited"

    def __init__(self, message: str, *, until: dt.datetime, hint: str = "", code: str | None = None) -> None:
        super().__init__(message, hint=hint, code=code)
        self.until = until


class Rejected(SyncError):
    """This one item can't go through as it is; everything else can. `field` names what is wrong with it.

    The message must not quote the value: it may be personal data.
    """

    default_code = "rejected"

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint, code=code)
        self.field = field


class InDoubt(SyncError):
    """A request with effect left and no answer came: it may or may not have taken effect."""

    default_code = "in_doubt"


class ProviderError(SyncError):
    """The provider answered in a way that its documents don't allow, or that would lose data if believed.

    Stopping with this message is better than going on: no checkpoint moves past it.
    """

    default_code = "provider"


class Unconfirmed(SyncError):
    """So much would be taken away at once that a person has to say yes first; until then it is left as it is."""

    default_code = "unconfirmed"


class StateError(SyncError):
    """The state file can't be used: newer than the program, read-only, disk full, damaged."""

    default_code = "state"


class Busy(SyncError):
    """Somebody else holds the lock; the message names who."""

    default_code = "busy"
