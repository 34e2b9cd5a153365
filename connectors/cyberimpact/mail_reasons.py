"""What Cyberimpact knows of one contact, for whoever asks why they got a mail (cyberimpact.md sections 3, 6 and 7).

Whether a contact that said no is still shown by its address is unknown, so its lists are asked first, and whatever is
not shown any more is left out. When somebody joined a group is told nowhere.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Literal, NamedTuple, TypeVar

from connectors.cyberimpact.api.calls import Wire, WirePage
from connectors.cyberimpact.api.mailings import RecipientList
from connectors.cyberimpact.bindings import Bindings
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.consent import read_consent
from connectors.cyberimpact.dates import parse_moment
from connectors.cyberimpact.streams.records import Turn, address_of, number_of, read_pages
from syncengine.contracts import Dossier, Mail, bind_group

BASES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "express-consent": "you agreed to get mail from us",
        "active-clients": "you bought from us",
        "information-request": "you asked us for information",
        "inactive-clients": "you were a customer of ours",
        "association-members": "you are a member",
        "business-card": "you gave us your address yourself",
        "web-contacts": "your address is published",
        "partners": "you are a partner of ours",
        "employees": "you work with us",
        "mixed-list": "your address is on a list of ours",
        "contest-participants": "you took part in a contest of ours",
        "purchased-list": "your address comes from a list that we were given",
    },
    "fr": {
        "express-consent": "vous avez accepté de recevoir nos courriels",
        "active-clients": "vous avez acheté chez nous",
        "information-request": "vous nous avez demandé des renseignements",
        "inactive-clients": "vous avez été de notre clientèle",
        "association-members": "vous êtes membre",
        "business-card": "vous nous avez donné votre adresse vous-même",
        "web-contacts": "votre adresse est publiée",
        "partners": "vous faites partie de nos partenaires",
        "employees": "vous travaillez avec nous",
        "mixed-list": "votre adresse figure dans une de nos listes",
        "contest-participants": "vous avez participé à un de nos concours",
        "purchased-list": "votre adresse provient d'une liste qui nous a été remise",
    },
}
"""The twelve relation types (section 6), as one says it to the person."""
Name = TypeVar("Name")
State = Literal["subscribed", "unsubscribed", "bounced", "absent"]
SENT = "sent"
"""The `status` of a mailing that has gone out; `startedOn` may be null all the same (section 4)."""


class _Sight(NamedTuple):
    """Where an address stands, and since when."""

    state: State
    since: str | None = None


class MailReasons:
    """Reads one contact, or one mailing, in every detail. A handful of requests; more where lists are long.

    Its methods raise AuthError, Transient, RateLimited and ProviderError.
    """

    def __init__(self, client: CyberimpactClient, bindings: Bindings) -> None:
        self._client = client
        self._bindings = bindings

    async def dossier(self, key: str) -> Dossier:
        """How an address stands, its consent, its groups, and what it was sent."""
        sight = await self._see(key)
        if sight.state == "absent":
            return Dossier("absent")
        wire = await self._client.member_consent(key)
        groups = await self._client.member_groups(key)
        keys = await self._keys()
        rows = await self._rows(self._mailings_of(key), "mailings of a contact", _mailing_number)
        mails = [
            Mail(str(number), str(row.get("subject") or ""), _moment(row, "sentOn", "startedOn"))
            for number, row in rows.items()
        ]
        return Dossier(
            state=sight.state,
            since=parse_moment(sight.since),
            consent=None if wire is None else read_consent(wire),
            groups={_reference(group.id, group.title, keys): None for group in groups},
            mails=tuple(mails),
        )

    async def mail(self, id: str, key: str) -> Mail | None:
        """A mailing with its groups, and whether it was sent to that address; None where there is none."""
        row = await self._client.mailing(int(id)) if id.isascii() and id.isdigit() else None
        if row is None:
            return None
        number, gone_out = _mailing_number(row), bool(row.get("startedOn")) or row.get("status") == SENT
        return Mail(
            str(number),
            str(row.get("subject") or ""),
            _moment(row, "startedOn", "scheduledOn") if gone_out else None,
            received=gone_out and await self._reached(number, key),  # also where the date is missing
            groups=_references(row.get("recipientGroups"), await self._keys()),
        )

    async def _keys(self) -> Mapping[str, str]:
        """The keys of bound groups, by number as text: numbers may come as either."""
        return {str(binding.number): key for key, binding in (await self._bindings.read()).items()}

    async def _see(self, key: str) -> _Sight:
        """Both lists come first: a contact that says no may be shown by its address all the same (section 7)."""
        refused = await self._client.unsubscribed_member(key)
        if refused is not None:
            return _Sight("unsubscribed", refused.get("unsubscribedOn"))
        bounced = (await self._rows(self._client.bounced_page, "list of the bounced", address_of)).get(key)
        if bounced is not None:
            return _Sight("bounced", bounced.get("hardBouncedOn"))
        member = await self._client.member_row(key)
        return _Sight("absent") if member is None else _Sight("subscribed", member.get("joinedOn"))

    def _mailings_of(self, key: str) -> Turn:
        async def turn(page: int) -> WirePage | None:
            found = await self._client.member_mailings_page(key, page)
            return WirePage([], 0) if found is None and page == 1 else found  # not shown any more

        return turn

    async def _reached(self, mailing: int, key: str) -> bool:
        """Whether it was sent to that address: it is among the recipients, and not among those that were stopped."""
        return await self._among(mailing, "", key) and not await self._among(mailing, "stopped", key)

    async def _among(self, mailing: int, which: RecipientList, key: str) -> bool:
        async def turn(page: int) -> WirePage | None:
            found = await self._client.recipients_page(mailing, which, page)
            return WirePage([], 0) if found is None and page == 1 else found  # the mailing has gone meanwhile

        return key in await self._rows(turn, "list of recipients", address_of)

    async def _rows(self, turn: Turn, what: str, name: Callable[[Wire], Name]) -> dict[Name, Wire]:
        """All rows of a list, by their name."""
        async with aclosing(read_pages(turn, name, what)) as pages:
            return {name(row): row async for rows in pages for row in rows}


def _mailing_number(row: Wire) -> int:
    return number_of(row, "mailing")


def _moment(row: Wire, *names: str) -> dt.datetime | None:
    """The first of these dates that is given and is one."""
    texts = (row.get(name) for name in names)
    moments = (parse_moment(text) for text in texts if isinstance(text, str))
    return next((moment for moment in moments if moment is not None), None)


def _references(groups: object, keys: Mapping[str, str]) -> tuple[str, ...]:
    rows = groups if isinstance(groups, list) else []
    named = [row for row in rows if isinstance(row, dict) and row.get("title")]
    return tuple(_reference(row.get("id"), str(row["title"]), keys) for row in named)


def _reference(number: object, title: str, keys: Mapping[str, str]) -> str:
    """The group by its key, where it has one, with the title that it has now."""
    key = keys.get(str(number))
    return title if key is None else bind_group(title, key)
