"""With what a connection signs in: an API token or, from earlier days, a user's name and password (section 1)."""

import base64
import datetime as dt
import hashlib
from typing import Protocol

from connectors.cyberimpact.settings import CyberimpactSettings
from connectors.cyberimpact.token import Token


class Credentials(Protocol):
    """What goes into the header, and what can be known of it without asking anybody.

    `account` names what holds the quota and says nothing about the secret. `legacy`: a user's login.
    """

    header: str
    account: str
    expires: dt.datetime | None
    legacy: bool

    def verify(self, now: dt.datetime) -> None:
        """Raise AuthError where they are no longer good at this moment (aware UTC)."""


class TokenCredentials:
    """An API token, as it should be."""

    legacy = False

    def __init__(self, token: Token) -> None:
        self.header, self.account, self.expires = token.header, token.account, token.expires
        self.verify = token.verify


class Login:
    """A user's name and password: slower, and broken by every change of the password. The vendor calls it legacy."""

    legacy = True
    expires: dt.datetime | None = None

    def __init__(self, username: str, password: str) -> None:
        pair = f"{username}:{password}".encode()
        self.header = f"Basic {base64.b64encode(pair).decode()}"
        self.account = f"cyberimpact:{hashlib.sha256(pair).hexdigest()[:12]}"

    def verify(self, now: dt.datetime) -> None:
        """Nothing of a password says how long it is good."""


def open_credentials(settings: CyberimpactSettings) -> Credentials:
    """The credentials that the settings name. Raises ConfigError where the token isn't one."""
    if settings.token is not None:
        return TokenCredentials(Token(settings.token))
    if settings.username is None or settings.password is None:
        raise AssertionError("the settings let one of them through only")  # pragma: no cover
    return Login(settings.username, settings.password.get_secret_value())
