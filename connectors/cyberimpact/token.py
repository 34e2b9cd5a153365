"""What can be known of an API token without asking anybody: that it is one, and until when it is good.

The claims hold the name and address of a person (cyberimpact.md section 1). Nothing but the expiry is ever read.
"""

import datetime as dt
import hashlib

import jwt
from pydantic import SecretStr

from syncengine.errors import AuthError, ConfigError, Problem

RENEWAL = "Make a new API token in Cyberimpact (Developers, API tokens) and put it in place of the old one."


class Token:
    """A bearer token. Its signature can't be verified here, and needn't be: the provider does that."""

    def __init__(self, secret: SecretStr) -> None:
        """Raises ConfigError where it isn't a JSON Web Token."""
        text = secret.get_secret_value().strip()
        try:
            claims = jwt.decode(text, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            raise ConfigError(
                [Problem("token", "This is not an API token of Cyberimpact: it can't be read as one.", RENEWAL)]
            ) from None
        self.expires = _moment(claims.get("exp"))
        self.header = f"Bearer {text}"
        self.account = f"cyberimpact:{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        """Names what holds the quota; says nothing about the token."""

    def verify(self, now: dt.datetime) -> None:
        """Raise AuthError where the token is no longer good at this moment (aware UTC)."""
        if self.expires is not None and self.expires <= now:
            raise AuthError(
                f"The Cyberimpact API token expired on {self.expires:%Y-%m-%d}.", hint=RENEWAL, code="expired"
            )


def _moment(seconds: object) -> dt.datetime | None:
    """The `exp` claim (seconds since 1970) as aware UTC; None where there is none that can be read."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None
