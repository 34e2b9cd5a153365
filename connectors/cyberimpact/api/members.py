"""/members and what is below it: contacts, lists of those who must not be written to, consent (sections 3, 4 and 6)."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple

from connectors.cyberimpact.api.calls import Calls, Wire, WirePage, csv, decode, endpoint, page_params, segment
from connectors.cyberimpact.api.profile import Profile, single_body
from connectors.cyberimpact.consent import WireConsent
from connectors.cyberimpact.rows import Entry, Group, GroupsPage, Member, MembersPage
from connectors.cyberimpact.walk import walk
from syncengine.http import Answer

Status = Literal["active", "orphans", "all"]
"""Subscribed contacts in a group, in none, or all of them."""


class Days(NamedTuple):
    """Whole days, both included; None: no bound. Cyberimpact counts them in Eastern time, it seems (section 2)."""

    since: dt.date | None = None
    until: dt.date | None = None

    def params(self, name: str) -> dict[str, str]:
        ends = {f"{name}From": self.since, f"{name}To": self.until}
        return {key: day.isoformat() for key, day in ends.items() if day is not None}


ALWAYS = Days()


class MemberCalls(Calls):
    """Contacts, one by one and as lists."""

    # --- lists ---

    @endpoint("GET /members")
    async def count_members(self) -> int | None:
        """How many subscribed contacts there are; None where the answer doesn't say."""
        params: dict[str, str | int] = {"status": "all", "limit": 1, "sort": "email_asc"}
        return decode(await self._get("/members", "number of contacts", params), MembersPage).total_count

    @endpoint("GET /members")
    async def members(self) -> list[Entry]:
        """Everybody who is subscribed, also those in no group."""
        return await self._people("/members", "list of contacts", {"status": "all"})

    @endpoint("GET /members/unsubscribed")
    async def unsubscribed(self) -> list[Entry]:
        return await self._people("/members/unsubscribed", "list of the unsubscribed")

    @endpoint("GET /members/bounced")
    async def bounced(self) -> list[Entry]:
        return await self._people("/members/bounced", "list of the bounced")

    @endpoint("GET /members")
    async def members_page(
        self, page: int, status: Status = "all", joined: Days = ALWAYS, updated: Days = ALWAYS
    ) -> WirePage | None:
        """A page of the subscribed, with all their fields; None past the last one, in some servers."""
        days = {**joined.params("joinedOn"), **updated.params("updatedOn")}
        params = {"status": status, **days, **page_params(page, "email_asc")}
        return await self._page("/members", "list of contacts", "members", params)

    @endpoint("GET /members/unsubscribed")
    async def unsubscribed_page(
        self, page: int, unsubscribed: Days = ALWAYS, updated: Days = ALWAYS
    ) -> WirePage | None:
        """A page of those who said no: rows without a number."""
        days = {**unsubscribed.params("unsubscribedOn"), **updated.params("updatedOn")}
        params = {**days, **page_params(page, "email_asc")}
        return await self._page("/members/unsubscribed", "list of the unsubscribed", "members", params)

    @endpoint("GET /members/bounced")
    async def bounced_page(self, page: int, bounced: Days = ALWAYS, updated: Days = ALWAYS) -> WirePage | None:
        """A page of those whose last mailing bounced hard: rows without a number, some without the date."""
        days = {**bounced.params("bouncedOn"), **updated.params("updatedOn")}
        params = {**days, **page_params(page, "email_asc")}
        return await self._page("/members/bounced", "list of the bounced", "members", params)

    # --- one member ---

    @endpoint("GET /members/{key}")
    async def member(self, key: str) -> Member | None:
        """One contact by address; None where there is none."""
        answer = await self._ask(f"/members/{segment(key)}", "contact")
        return None if answer is None else decode(answer, Member)

    @endpoint("GET /members/{key}")
    async def member_row(self, key: str) -> Wire | None:
        """The same with every field, as it came."""
        return await self._object(f"/members/{segment(key)}", "contact")

    @endpoint("GET /members/unsubscribed/{email}")
    async def unsubscribed_member(self, email: str) -> Wire | None:
        """Somebody who said no, by address only; None where nobody of that address did."""
        return await self._object(f"/members/unsubscribed/{segment(email)}", "unsubscribed contact")

    @endpoint("POST /members")
    async def create_member(self, profile: Profile, groups: Collection[int] | None = None) -> Answer:
        """Add a contact at once, without any confirmation; throttled. Refused where the address is there (409)."""
        return await self._write("POST", "/members", "new contact", single_body(profile, groups))

    @endpoint("PUT /members/{key}")
    async def put_member(self, key: str, profile: Profile, groups: Collection[int] | None = None) -> Answer:
        """Replace a contact: what isn't named is reset; `groups` left out may reset those too (unknown)."""
        return await self._write(
            "PUT", f"/members/{segment(key)}", "replacement of a contact", single_body(profile, groups)
        )

    @endpoint("PATCH /members/{key}")
    async def patch_member(self, key: str, body: Mapping[str, Any] | Profile) -> Answer:
        """Change what is named; "" (None in a profile) empties a field."""
        body = single_body(body) if isinstance(body, Profile) else body
        return await self._write("PATCH", f"/members/{segment(key)}", "change of a contact", body)

    @endpoint("DELETE /members/{key}")
    async def delete_member(self, key: str) -> Answer:
        """Erase a contact, and probably that it said no (section 8)."""
        return await self._write("DELETE", f"/members/{segment(key)}", "deletion of a contact")

    @endpoint("POST /members/unsubscribed/{key}")
    async def unsubscribe_member(self, key: str) -> Answer:
        """Unsubscribe a contact. There is no way back by the API."""
        return await self._write("POST", f"/members/unsubscribed/{segment(key)}", "unsubscription")

    @endpoint("POST /members/optins")
    async def request_optin(
        self,
        profile: Mapping[str, Any] | Profile,
        groups: Collection[int] | None = None,
        confirm_url: str | None = None,
    ) -> Answer:
        """Have Cyberimpact ask somebody by mail whether they want to subscribe; throttled. Sends a mail each time."""
        body = single_body(profile) if isinstance(profile, Profile) else dict(profile)
        if groups is not None:
            body["groups"] = csv(groups)
        if confirm_url is not None:
            body["optinConfirmUrl"] = confirm_url
        return await self._write("POST", "/members/optins", "request for an opt-in", body, repeatable=False)

    # --- groups, mailings and consent of one ---

    @endpoint("GET /members/{key}/groups")
    async def member_groups(self, key: str) -> list[Group]:
        """The groups that a contact is in; none where the contact has gone."""
        path = f"/members/{segment(key)}/groups"
        return await self._groups(path, "groups of a contact", "title_asc", gone=GroupsPage([], 0))

    @endpoint("POST /members/{key}/groups")
    async def join_groups(self, key: str, groups: Collection[int]) -> Answer:
        """Add a contact to groups; the answer names all that it is then in."""
        return await self._write("POST", f"/members/{segment(key)}/groups", "groups to join", {"groups": csv(groups)})

    @endpoint("PUT /members/{key}/groups")
    async def replace_groups(self, key: str, groups: Collection[int]) -> Answer:
        """Have a contact in exactly these groups."""
        return await self._write("PUT", f"/members/{segment(key)}/groups", "groups to be in", {"groups": csv(groups)})

    @endpoint("DELETE /members/{key}/groups/{id}")
    async def leave_group(self, key: str, group: int) -> Answer:
        return await self._write("DELETE", f"/members/{segment(key)}/groups/{group}", "group to leave")

    @endpoint("GET /members/{key}/mailings")
    async def member_mailings_page(self, key: str, page: int) -> WirePage | None:
        """What a contact was sent, oldest first; None where the contact has gone, or past the last page."""
        path = f"/members/{segment(key)}/mailings"
        return await self._page(path, "mailings of a contact", "mailings", page_params(page, "date_sent_asc"))

    @endpoint("GET /members/{key}/consent")
    async def member_consent(self, key: str) -> WireConsent | None:
        answer = await self._ask(f"/members/{segment(key)}/consent", "consent of a contact")
        return None if answer is None else decode(answer, WireConsent)

    @endpoint("PUT /members/{key}/consent")
    async def put_consent(self, key: str, relation_type: str, date: dt.date, proof: str) -> Answer:
        """State a consent; 422 where the one there may not be overridden: that is settled, and no failure."""
        body = {"relationType": relation_type, "consentDate": date.isoformat(), "consentProof": proof}
        return await self._write("PUT", f"/members/{segment(key)}/consent", "consent of a contact", body)

    # --- how ---

    async def _people(
        self, path: str, what: str, params: Mapping[str, str] | None = None, gone: MembersPage | None = None
    ) -> list[Entry]:
        """All people of a list. `gone` is what a first page that isn't there means; None: an error."""

        async def turn(page: int) -> MembersPage | None:
            answer = await self._ask(path, what, {**(params or {}), **page_params(page, "email_asc")})
            if answer is None:
                return gone if page == 1 else None
            return decode(answer, MembersPage)

        return await walk(turn, what)
