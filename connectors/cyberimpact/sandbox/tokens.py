"""API tokens: HS256 JWTs with personal data in their claims, valid for ten years (cyberimpact.md section 1)."""

import base64
import datetime as dt
from typing import Any

import jwt

from connectors.cyberimpact.sandbox.call import Answer, Call, Route
from connectors.cyberimpact.sandbox.dates import EASTERN

YEARS_VALID = 10
SECRET = "made-up-signing-secret-of-the-sandbox"  # noqa: S105 - signs tokens for made-up data only
USER = {"username": "svc-sync", "email": "ops@example.test", "account": "Maple Bakery Inc."}
PASSWORD = "made-up-password-of-the-sandbox"  # noqa: S105 - opens made-up data only
LEGACY_LOGIN = "Basic " + base64.b64encode(f"{USER['username']}:{PASSWORD}".encode()).decode()
CLAIMS: dict[str, Any] = {
    "accountId": 4711,
    "userId": 815,
    "login": USER["username"],
    "firstName": "Robin",
    "lastName": "Example",
    "email": USER["email"],
}


def mint(expires: dt.datetime) -> str:
    """A token that this sandbox accepts until then."""
    return jwt.encode({**CLAIMS, "exp": int(expires.timestamp())}, SECRET, algorithm="HS256")


def ten_years_after(now: dt.datetime) -> dt.datetime:
    """When a token made now expires; 29 February has its day a day later."""
    try:
        return now.replace(year=now.year + YEARS_VALID)
    except ValueError:
        return now.replace(year=now.year + YEARS_VALID, month=3, day=1)


class Gate:
    """Lets valid tokens in: minted here, not expired by the sandbox's clock, not revoked."""

    def __init__(self) -> None:
        self._revoked: set[str] = set()
        self._expires: dict[str, float] = {}

    def clear(self) -> None:
        self._revoked.clear()
        self._expires.clear()

    def revoke(self, token: str) -> None:
        """As deleting it in the vendor's app does."""
        self._revoked.add(token)

    def admits(self, header: str, now: dt.datetime, *, legacy: bool = False) -> bool:
        """Whether an Authorization header lets its request in. `legacy`: so does the login of the user."""
        if legacy and header == LEGACY_LOGIN:
            return True
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or token in self._revoked:
            return False
        expires = self._expires.get(token)
        if expires is None:
            expires = _expiry(token)
            self._expires[token] = expires
        return now.timestamp() < expires


def _expiry(token: str) -> float:
    """When it ends; long ago for one that was not minted here."""
    try:
        claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "require": ["exp"]})
    except jwt.InvalidTokenError:
        return 0.0
    return float(claims["exp"])


def ping(call: Call) -> Answer:
    return Answer({"ping": "success", **USER})


def create_token(call: Call) -> Answer:
    """A client must never call this; `Account.writes` counts it."""
    expires = ten_years_after(call.now)
    return Answer(
        {
            "tokenUniqueId": f"made-up-{call.account.new_id()}",
            "token": mint(expires),
            "expiration": f"{expires.astimezone(EASTERN):%Y-%m-%d %H:%M:%S}",
        }
    )


ROUTES = (Route("GET", "/ping", ping), Route("POST", "/tokens", create_token))
