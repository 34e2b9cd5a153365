"""The Invoca API, typed: who asks, in which version, and what an answer that is no success means.

Follows invoca.md sections 1 (addresses), 2 (credentials) and 3.4 (errors).
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import msgspec

from connectors.invoca.refusals import error_of, read_refusal, says_no
from connectors.invoca.settings import InvocaSettings
from syncengine.contracts import Context
from syncengine.errors import ConfigError, Problem, ProviderError
from syncengine.http import Answer, HttpClient

WHOSE = {"network": "networks", "advertiser": "advertisers", "affiliate": "affiliates"}
"""The part of the path of transactions that says whose they are."""
SECRET_NAMES = frozenset({"oauth_refresh_token", "api_key"})
"""Secrets that reads hand out (section 3.3): dropped before anybody sees them."""
Rows = list[dict[str, Any]]
_rows = msgspec.json.Decoder(Rows, float_hook=str)


class InvocaClient:
    """One account. An async context manager. Methods that read raise AuthError, ProviderError and Transient."""

    def __init__(self, settings: InvocaSettings, context: Context) -> None:
        self._settings = settings
        self.label = context.http.label
        token = settings.token.get_secret_value() if settings.token else ""
        password = settings.password.get_secret_value() if settings.password else ""
        self._query = {"oauth_token": token} if settings.auth == "oauth_token" else {}
        whose = sha256(f"{settings.network_id} {token or settings.username}".encode()).hexdigest()[:12]
        self.http: HttpClient = context.http.client(
            base_url=settings.url,
            account=f"invoca {settings.url} {whose}",
            auth=(settings.username or "", password) if settings.auth == "basic" else None,
            # The raw token, without a scheme (section 2).
            headers={"Authorization": token} if settings.auth == "header" else None,
        )

    async def __aenter__(self) -> Self:
        await self.http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.__aexit__(kind, error, trace)

    async def transactions(self, params: Mapping[str, str | int]) -> Rows:
        """Rows of the transaction log. Raises ProviderError where the answer is no bare array of objects."""
        settings = self._settings
        owner = settings.account_id or settings.network_id
        path = f"/api/{settings.versions.transactions}/{WHOSE[settings.role]}/transactions/{quote(owner)}.json"
        # Nested custom data, so that a customer's own fields don't hide standard columns; affiliates have none.
        columns = "$invoca_default_columns" + ("" if settings.role == "affiliate" else ",custom_data")
        what = "list of transactions"
        answer = await self.http.send(
            "GET", path, what=what, params={**params, "include_columns": columns, **self._query}
        )
        return self._array(answer, what)

    async def objects(self, path: Sequence[str], what: str) -> Rows:
        """A list of network objects: a bare array without paging."""
        return self._array(await self.request("GET", path, what), what)

    async def request(
        self, method: str, path: Sequence[str], what: str, body: Mapping[str, Any] | None = None
    ) -> Answer:
        """One request to the Network Integration API; what changes something is sent once, by whoever wrote it down.

        Returns the answer, whatever its status.
        """
        settings = self._settings
        segments = "/".join(quote(part, safe="") for part in path)
        address = f"/api/{settings.versions.network}/{quote(settings.network_id)}/{segments}.json"
        return await self._send(method, address, what, body)

    async def signal(self, body: Mapping[str, Any], what: str) -> Answer:
        """One request to the Signal API, which may be repeated (section 7); sent once all the same."""
        return await self._send("POST", f"/api/{self._settings.versions.signal}/transactions.json", what, body)

    async def _send(self, method: str, path: str, what: str, body: Mapping[str, Any] | None) -> Answer:
        return await self.http.send(
            method, path, what=what, params=self._query or None, json=body, once=method != "GET"
        )

    def permit(self, what: str) -> None:
        """Raise ConfigError where nothing may be written."""
        if not self._settings.allow_writes:
            raise ConfigError(
                [
                    Problem(
                        f"{self.label}.allow_writes",
                        f"Nothing may be written to Invoca, so no {what} either.",
                        "Set allow_writes = true there; the token has the rights of the user who made it.",
                    )
                ]
            )

    def raise_for(self, answer: Answer, what: str) -> None:
        """Raise what a refused request means; a good answer passes."""
        if says_no(answer):
            raise error_of(read_refusal(answer), answer.status, self.label, what)

    def _array(self, answer: Answer, what: str) -> Rows:
        self.raise_for(answer, what)
        try:
            rows = _rows.decode(answer.content)
        except msgspec.DecodeError:
            answer.json()  # says it if it isn't JSON at all
            raise ProviderError(
                f"{self.label}: the {what} (status {answer.status}) is no array.",
                hint="Check subdomain or base_url; if it is right, the API has changed.",
                code="not_an_array",
            ) from None
        return rows


def without_secrets(value: Any) -> Any:
    """An object as read, without the secrets that it carries."""
    match value:
        case dict():
            return {name: without_secrets(inner) for name, inner in value.items() if name not in SECRET_NAMES}
        case list():
            return [without_secrets(each) for each in value]
        case _:
            return value


def found(answer: Answer) -> bool:
    """Whether the thing asked for is there."""
    return answer.status != HTTPStatus.NOT_FOUND
