"""/mailings and /templates (sections 3 and 4). Whoever posts a mailing has sent it: there is no draft."""

import datetime as dt
from collections.abc import Collection
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from connectors.cyberimpact.api.calls import Calls, Wire, WirePage, csv, endpoint, page_params
from connectors.cyberimpact.dates import EASTERN
from syncengine.http import Answer

MailingList = Literal["sent", "scheduled", "archived"]
RecipientList = Literal[
    "", "delivered", "stopped", "hard-bounced", "soft-bounced", "unsubscribed", "opened", "clicked"
]  # fmt: skip
"""What became of the messages of a mailing; "" is the list of all recipients."""
RECIPIENTS = "GET /mailings/{id}/recipients"


class NewMailing(msgspec.Struct, rename="camel", kw_only=True, frozen=True):
    """A mailing to be sent, to these groups by number. One body at least; `mail_from` is a validated sender."""

    subject: str
    groups: Collection[int]
    body_html: str | UnsetType = UNSET
    body_text: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    reply_to: str | UnsetType = UNSET
    from_name: str | UnsetType = UNSET
    mail_from: str | UnsetType = UNSET
    google_analytics: bool | UnsetType = UNSET
    google_analytics_campaign: str | UnsetType = UNSET
    mailing_statistics: Literal["detailed", "anonymized"] | UnsetType = UNSET
    update_profile_form: int | UnsetType = UNSET

    def body(self, send_at: dt.datetime | None) -> dict[str, Any]:
        """As the request has it: groups as a text with commas, the time (aware; None: now) without its zone.

        Which zone is meant nobody says: Eastern, as everywhere in this API (cyberimpact.md section 2).
        """
        body: dict[str, Any] = {**msgspec.to_builtins(self), "groups": csv(self.groups)}
        if send_at is not None:
            body["sendAt"] = f"{send_at.astimezone(EASTERN):%Y-%m-%d %H:%M:%S}"
        return body


class MailingCalls(Calls):
    """Mailings, what became of them, and templates to make them from."""

    # --- mailings ---

    @endpoint("GET /mailings/sent", "GET /mailings/scheduled", "GET /mailings/archived")
    async def mailings_page(self, which: MailingList, page: int, group: int | None = None) -> WirePage | None:
        """A page of the mailings that were sent, wait or are archived: a few fields of each, oldest first."""
        params = {**_of_group(group), **page_params(page, "date_asc")}
        return await self._page(f"/mailings/{which}", f"list of {which} mailings", "mailings", params)

    @endpoint("GET /mailings/{id}")
    async def mailing(self, mailing: int) -> Wire | None:
        """One mailing with its statistics; None where there is none."""
        return await self._object(f"/mailings/{mailing}", "mailing")

    @endpoint("POST /mailings")
    async def create_mailing(self, mailing: NewMailing, send_at: dt.datetime | None) -> Answer:
        """Schedule a mailing: it really goes out, at that time or at once. Never repeated by itself."""
        return await self._write("POST", "/mailings", "new mailing", mailing.body(send_at), repeatable=False)

    @endpoint("DELETE /mailings/{id}")
    async def cancel_mailing(self, mailing: int) -> Answer:
        """Cancel a mailing; refused once it has gone out."""
        return await self._write("DELETE", f"/mailings/{mailing}", "cancelling of a mailing")

    @endpoint(
        RECIPIENTS,
        *(
            f"{RECIPIENTS}/{name}"
            for name in ("delivered", "stopped", "hard-bounced", "soft-bounced", "unsubscribed", "opened", "clicked")
        ),
    )
    async def recipients_page(
        self, mailing: int, which: RecipientList, page: int, group: int | None = None
    ) -> WirePage | None:
        """A page of a mailing's recipients; the number of a contact is called `idMember` here, and may be null."""
        path = f"/mailings/{mailing}/recipients" + (f"/{which}" if which else "")
        params = {**_of_group(group), **page_params(page, "email_asc")}
        return await self._page(path, "list of recipients", "recipients", params)

    # --- templates ---

    @endpoint("GET /templates")
    async def templates_page(self, page: int) -> WirePage | None:
        """A page of templates, without their bodies."""
        return await self._page("/templates", "list of templates", "templates", page_params(page, "template_asc"))

    @endpoint("GET /templates/{id}")
    async def template(self, template: int) -> Wire | None:
        """One template with its bodies; None where it has gone."""
        return await self._object(f"/templates/{template}", "template")

    @endpoint("POST /templates")
    async def create_template(self, title: str, html: str = "", text: str = "") -> Answer:
        """A new template. Look for the title before: a second one of the same title is made without a word."""
        return await self._write("POST", "/templates", "new template", _template(title, html, text))

    @endpoint("PUT /templates/{id}")
    async def put_template(self, template: int, title: str, html: str = "", text: str = "") -> Answer:
        """Replace a template: a body that is empty here is empty there."""
        return await self._write(
            "PUT", f"/templates/{template}", "replacement of a template", _template(title, html, text)
        )

    @endpoint("DELETE /templates/{id}")
    async def delete_template(self, template: int) -> Answer:
        return await self._write("DELETE", f"/templates/{template}", "deletion of a template")


def _of_group(group: int | None) -> dict[str, int]:
    return {} if group is None else {"idGroup": group}


def _template(title: str, html: str, text: str) -> dict[str, str]:
    """What is empty is left out: a PUT resets it, a POST has none."""
    bodies = {"bodyHtml": html, "bodyText": text}
    return {"title": title, **{name: body for name, body in bodies.items() if body}}
