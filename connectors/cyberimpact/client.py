"""Cyberimpact's API, typed: one method per call that we make (cyberimpact.md section 3).

None of them sends mail or mints tokens.
"""

from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import msgspec

from connectors.cyberimpact.consent import WireConsent
from connectors.cyberimpact.rows import CustomField, CustomFields, Entry, Group, GroupsPage, Member, MembersPage, Ping
from connectors.cyberimpact.settings import CyberimpactSettings
from connectors.cyberimpact.token import Token
from connectors.cyberimpact.walk import walk
from syncengine.contracts import Context
from syncengine.errors import AuthError, ProviderError
from syncengine.http import Answer

PAGE_ROWS = 10_000
"""The documented maximum of `limit` (section 2). The default, 20, is a trap."""
DATES = {"dateReturnFormat": "ISO8601"}
"""With every call, so that dates carry an offset."""
MISSING = 404
FORBIDDEN = 403
NOT_FOUND, REFUSED = "not_found", "refused"
"""Codes of errors: what was asked for isn't there (404), or isn't given (another status that is no good)."""

Kind = TypeVar("Kind")


class CyberimpactClient:
    """One account. An async context manager. Every method raises AuthError, Transient, RateLimited and ProviderError.

    What writes (`post_batch`, `patch_member`, …) is sent once and returns the bare answer: whoever calls it has written
    down an attempt, and must do so again before the next try.
    """

    def __init__(self, settings: CyberimpactSettings, context: Context) -> None:
        """Raises ConfigError where the token isn't one."""
        self.token = Token(settings.token)
        self._clock = context.clock
        self.http = context.http.client(
            base_url=str(settings.base_url),
            account=self.token.account,
            headers={"Authorization": self.token.header},
        )

    async def __aenter__(self) -> Self:
        await self.http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.__aexit__(kind, error, trace)

    # --- reading ---

    async def ping(self) -> Ping:
        """Whose account this is; the check of the credentials."""
        return _decode(await self._get("/ping", "ping"), Ping)

    async def custom_fields(self) -> list[CustomField]:
        answer = await self._get("/customfields", "list of custom fields")
        return _decode(answer, CustomFields).custom_fields

    async def groups(self) -> list[Group]:
        return await self._groups("/groups", "list of groups", "group_asc")

    async def count_members(self) -> int | None:
        """How many subscribed contacts there are; None where the answer doesn't say."""
        params: dict[str, str | int] = {"status": "all", "limit": 1, "sort": "email_asc"}
        return _decode(await self._get("/members", "number of contacts", params), MembersPage).total_count

    async def members(self) -> list[Entry]:
        """Everybody who is subscribed, also those in no group."""
        return await self._people("/members", "list of contacts", {"status": "all"})

    async def group_members(self, group: int) -> list[Entry]:
        """Everybody in a group; nobody where the group has gone."""
        return await self._people(f"/groups/{group}/members", "list of a group's contacts", gone=MembersPage([], 0))

    async def unsubscribed(self) -> list[Entry]:
        return await self._people("/members/unsubscribed", "list of the unsubscribed")

    async def bounced(self) -> list[Entry]:
        return await self._people("/members/bounced", "list of the bounced")

    async def member(self, key: str) -> Member | None:
        """One contact by address; None where there is none."""
        answer = await self._ask(f"/members/{_segment(key)}", "contact")
        return None if answer is None else _decode(answer, Member)

    async def member_groups(self, key: str) -> list[Group]:
        """The groups that a contact is in; none where the contact has gone."""
        path = f"/members/{_segment(key)}/groups"
        return await self._groups(path, "groups of a contact", "title_asc", gone=GroupsPage([], 0))

    async def member_consent(self, key: str) -> WireConsent | None:
        answer = await self._ask(f"/members/{_segment(key)}/consent", "consent of a contact")
        return None if answer is None else _decode(answer, WireConsent)

    async def batch(self, receipt: str) -> Mapping[str, Any]:
        """How far a batch is; ProviderError with the code `not_found` where it isn't known (any more)."""
        answer = await self._get(f"/batches/{_segment(receipt)}", "such batch", {"showErrorDetails": "true"})
        return _decode(answer, dict[str, Any])

    # --- writing: each sent once ---

    async def post_batch(self, body: Mapping[str, Any]) -> Answer:
        return await self._write("POST", "/batches", "batch", body)

    async def create_group(self, title: str) -> Answer:
        return await self._write("POST", "/groups", "new group", {"title": title, "isPublic": False})

    async def patch_member(self, key: str, body: Mapping[str, Any]) -> Answer:
        return await self._write("PATCH", f"/members/{_segment(key)}", "change of a contact", body)

    async def join_groups(self, key: str, groups: Collection[int]) -> Answer:
        """Add a contact to groups; here they are a text with commas, in a batch they are numbers (section 4)."""
        body = {"groups": ",".join(str(group) for group in sorted(groups))}
        return await self._write("POST", f"/members/{_segment(key)}/groups", "groups to join", body)

    async def leave_group(self, key: str, group: int) -> Answer:
        return await self._write("DELETE", f"/members/{_segment(key)}/groups/{group}", "group to leave")

    # --- how ---

    async def _people(
        self, path: str, what: str, params: Mapping[str, str] | None = None, gone: MembersPage | None = None
    ) -> list[Entry]:
        """All people of a list. `gone` is what a first page that isn't there means; None: an error."""

        async def turn(page: int) -> MembersPage | None:
            answer = await self._ask(path, what, {**(params or {}), **_page(page, "email_asc")})
            if answer is None:
                return gone if page == 1 else None
            return _decode(answer, MembersPage)

        return await walk(turn, what)

    async def _groups(self, path: str, what: str, sort: str, gone: GroupsPage | None = None) -> list[Group]:
        async def turn(page: int) -> GroupsPage | None:
            answer = await self._ask(path, what, _page(page, sort))
            if answer is None:
                return gone if page == 1 else None
            return _decode(answer, GroupsPage)

        return await walk(turn, what)

    async def _get(self, path: str, what: str, params: Mapping[str, str | int] | None = None) -> Answer:
        answer = await self._ask(path, what, params)
        if answer is None:
            raise ProviderError(
                f"There is no {what} (404).",
                hint="Check base_url: something else may be answering there.",
                code=NOT_FOUND,
            )
        return answer

    async def _ask(self, path: str, what: str, params: Mapping[str, str | int] | None = None) -> Answer | None:
        """A good answer, or None for 404; what that means is the caller's to know."""
        answer = await self._send("GET", path, what, params)
        if answer.status == MISSING:
            return None
        if not answer.good:
            raise ProviderError(f"Cyberimpact refuses to give the {what} (status {answer.status}).", code=REFUSED)
        return answer

    async def _write(self, method: str, path: str, what: str, body: Mapping[str, Any] | None = None) -> Answer:
        return await self._send(method, path, what, None, body, once=True)

    async def _send(
        self,
        method: str,
        path: str,
        what: str,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        once: bool = False,
    ) -> Answer:
        self.token.verify(self._clock.now())
        answer = await self.http.send(
            method, path, what=what, params={**DATES, **(params or {})}, json=body, repeatable=True, once=once
        )
        if answer.status == FORBIDDEN:
            raise AuthError(
                f"Cyberimpact forbids the {what} (403).",
                hint="Check that the API token is not revoked and that the account's plan includes the API.",
                code="forbidden",
            )
        return answer


def _segment(key: str) -> str:
    """A key as one segment of a path: `+`, `/` and `%` would mean something else there."""
    return quote(key, safe="")


def _page(number: int, sort: str) -> dict[str, str | int]:
    return {"page": number, "limit": PAGE_ROWS, "sort": sort}


def _decode(answer: Answer, kind: type[Kind]) -> Kind:
    """The body as what it should be. Numbers may come as text. The body is never quoted."""
    try:
        return msgspec.json.decode(answer.content, type=kind, strict=False)
    except msgspec.DecodeError:
        answer.json()  # says it if it isn't JSON at all
        raise ProviderError(
            f"An answer of Cyberimpact (status {answer.status}) has not the documented shape: no {kind.__name__}.",
            hint="Check base_url: something else may be answering there.",
            code="shape",
        ) from None
