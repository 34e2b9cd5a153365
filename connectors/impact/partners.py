"""Partner companies, the people who work there, and who of them wants no mail (impact.md section 5.5).

They are another audience than customers. None of these lists tells what has changed, so each is read whole every time;
an equal record costs nothing.
"""

import hashlib
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import structlog
from pydantic import BaseModel

from connectors.impact.campaigns import choose_campaigns, pick, read_campaigns
from connectors.impact.client import ImpactClient
from connectors.impact.decoding import read_row, shape, to_moment
from connectors.impact.opt_outs import OptOuts, fold_address
from connectors.impact.position import Position
from connectors.impact.roster import Roster
from connectors.impact.settings import CampaignOptions, NoOptions
from connectors.impact.windows import wire
from syncengine.contracts import Checkpoint, Clock, Memory, Open, Page, Range, Record
from syncengine.errors import ProviderError

log = structlog.get_logger(__name__)

EVERYBODY = "all"
JOINED = "+"
"""Between the campaigns in the name of a partition."""
CONTACT_FIELDS = frozenset({
    "Id", "FirstName", "LastName", "EmailAddress", "Title", "ProfileImage", "WorkPhoneNumberCountry",
    "WorkPhoneNumber", "CellphoneNumberCountry", "CellphoneNumber", "Editable", "Labels", "Accounts", "Uri",
})  # fmt: skip
"""What a campaign contact is on the wire (v14)."""
PARTNER_ID, PARTNER_NAME, PARTNER_SINCE = "PartnerId", "PartnerName", "PartnerSince"
UNSUBSCRIBED = "Unsubscribed"
ADDED_FIELDS = frozenset({PARTNER_ID, PARTNER_NAME, PARTNER_SINCE, UNSUBSCRIBED})
"""What this stream adds: the contact's first company, the day it joined a program first (read from MediaPartners), and
"true" where any address that the contact was ever seen with opted out of Outreach mail in any campaign. The last two
are read only where asked for."""
OPT_OUT_FIELDS = frozenset({"UserEmail", "PartnerId", "CreatedAt", "UpdatedAt"})


class MediaPartnerStream:
    """The partner companies of the account. A record's moment is when it was read."""

    Options: type[BaseModel] = NoOptions
    fields: frozenset[str] | None = None
    moment = "the time of reading"

    def __init__(self, client: ImpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def partitions(self, options: NoOptions) -> Sequence[str]:
        return [EVERYBODY]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """All of them, whatever the position. Raises as `ImpactClient.list`."""
        async with aclosing(_walk_partners(self._client)) as pages:
            async for rows, last in pages:
                now = self._clock.now()
                records = [Record(row["Id"], now, pick(row, fields)) for row in rows]
                yield Page(records, Checkpoint(wire(now)) if last else None, "partners")


class ContactStream:
    """The people at partner companies, each once, whatever campaigns they are contacts of.

    Of those who are none any more the ones who opted out come too, by the id that they had: with nothing but that, and
    the address where it is told. A record's moment is when it was read.
    """

    Options: type[BaseModel] = CampaignOptions
    fields: frozenset[str] | None = CONTACT_FIELDS | ADDED_FIELDS
    moment = "the time of reading"

    def __init__(self, client: ImpactClient, clock: Clock, memory: Memory) -> None:
        self._client = client
        self._clock = clock
        self._opt_outs = OptOuts(memory)
        self._roster = Roster(memory)

    async def partitions(self, options: CampaignOptions) -> Sequence[str]:
        """One: somebody may be a contact of several campaigns. Raises ConfigError for a campaign that isn't there."""
        return [JOINED.join(await choose_campaigns(self._client, options)) if options.campaigns else EVERYBODY]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """All of them, whatever the position. Raises as `ImpactClient.list`."""
        wanted = CONTACT_FIELDS | ADDED_FIELDS if fields is None else fields
        campaigns = partition.split(JOINED)
        opted_out: Mapping[str, str | None] = {}
        if partition == EVERYBODY or UNSUBSCRIBED in wanted:
            everywhere = [row["Id"] for row in await read_campaigns(self._client)]
            campaigns = everywhere if partition == EVERYBODY else campaigns
            opted_out = await self._opted_out(everywhere) if UNSUBSCRIBED in wanted else opted_out
        since = await self._since() if PARTNER_SINCE in wanted else {}
        seen: set[str] = set()
        now = self._clock.now()
        for campaign in campaigns:
            resource = f"Campaigns/{campaign}/Contacts"
            async with aclosing(self._client.list(resource, shape("Contacts", None), {})) as pages:
                async for raws, _ in pages:
                    rows = [_known(read_row(raw), resource) for raw in raws]
                    marks = await self._roster.add(rows) if UNSUBSCRIBED in wanted else {}
                    new = {row["Id"]: row for row in rows if row["Id"] not in seen}
                    seen.update(new)
                    found = [complete(row, opted_out, marks.get(id, ()), since) for id, row in new.items()]
                    records = [Record(row["Id"], now, pick(row, wanted)) for row in found]
                    yield Page(records, None, f"campaign {campaign}, contacts")
        left = [row for row in await self._opted_out_before(opted_out) if row["Id"] not in seen]
        records = [Record(row["Id"], now, pick(row, wanted)) for row in left]
        yield Page(records, Checkpoint(wire(now)), "contacts")

    async def _opted_out(self, campaigns: Sequence[str]) -> Mapping[str, str | None]:
        """The addresses that ever opted out in any campaign, by their marks: a no to one mail of the brand is a no."""
        found: set[str] = set()
        for campaign in campaigns:
            async with aclosing(self._client.results(_opt_outs(campaign))) as pages:
                async for rows in pages:
                    found.update(fold_address(row.get("UserEmail")) for row in rows)
        return await self._opt_outs.add(sorted(found - {""}))

    async def _opted_out_before(self, opted_out: Mapping[str, str | None]) -> list[dict[str, Any]]:
        """Every contact ever seen that opted out: what an opt-out list tells of somebody who may be in no other."""
        if not opted_out:
            return []
        found: list[dict[str, Any]] = []
        for id, marks in (await self._roster.add(())).items():
            if no := [mark for mark in marks if mark in opted_out]:
                told = next((opted_out[mark] for mark in no if opted_out[mark]), None)
                found.append({"Id": id, "EmailAddress": told, UNSUBSCRIBED: "true"})
        return found

    async def _since(self) -> dict[str, str]:
        """Of each partner company the date on which it joined a program first, where that is told.

        A date without an offset is not told: dates are never guessed.
        """
        found: dict[str, str] = {}
        async with aclosing(_walk_partners(self._client)) as pages:
            async for rows, _ in pages:
                for row in rows:
                    programs = [program for program in row.get("Programs") or [] if isinstance(program, dict)]
                    told = [date for program in programs if (date := program.get("JoinDate"))]
                    dates = [date for date in told if _is_dated(date)]
                    if len(dates) < len(told):
                        log.warning("a JoinDate is no date with an offset, so it is not told", record=row["Id"])
                    if dates:
                        found[row["Id"]] = min(dates, key=to_moment)
        return found


class UnsubscribedStream:
    """Addresses that want no Outreach mail of a campaign. An id tells nobody the address. A partition: "1000"."""

    Options: type[BaseModel] = CampaignOptions
    fields: frozenset[str] | None = OPT_OUT_FIELDS
    moment = "CreatedAt"

    def __init__(self, client: ImpactClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def partitions(self, options: CampaignOptions) -> Sequence[str]:
        """The campaigns. Raises ConfigError for one that isn't there."""
        return await choose_campaigns(self._client, options)

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """All that are dated in the range; from a checkpoint on, all. Raises as `ImpactClient.results`."""
        place = Position.of(position)
        names = OPT_OUT_FIELDS if fields is None else fields & OPT_OUT_FIELDS
        now = self._clock.now()
        scope = f"campaign {partition}, unsubscribed contacts"
        async with aclosing(self._client.results(_opt_outs(partition))) as pages:
            async for rows in pages:
                records = [_opt_out(read_row(row), names) for row in rows]
                yield Page([record for record in records if place.holds(record.moment)], None, scope)
        yield Page([], place.moved(now).checkpoint(), scope)


def complete(
    row: dict[str, Any], opted_out: Collection[str], marks: Collection[str], since: Mapping[str, str]
) -> dict[str, Any]:
    """A contact with what this stream adds. `marks` are those of the addresses that it ever had."""
    companies = [account for account in row.get("Accounts") or [] if isinstance(account, dict)]
    first = companies[0] if companies else {}
    joined = [since[account["Id"]] for account in companies if account.get("Id") in since]
    return {
        **row,
        PARTNER_ID: first.get("Id"),
        PARTNER_NAME: first.get("Name"),
        PARTNER_SINCE: min(joined, key=to_moment, default=None),
        UNSUBSCRIBED: "true" if any(mark in opted_out for mark in marks) else "false",
    }


def _is_dated(text: object) -> bool:
    try:
        to_moment(text)
    except ValueError:
        return False
    return True


def _opt_outs(campaign: str) -> str:
    return f"Campaigns/{campaign}/UnsubscribedContacts"


def _opt_out(row: dict[str, Any], names: frozenset[str]) -> Record:
    try:
        moment = to_moment(row.get("CreatedAt"))
    except ValueError:
        raise ProviderError(
            "impact.com: CreatedAt of an unsubscribed contact is no date with an offset.",
            hint="Dates are never guessed; the API has changed.",
            code="bad_date",
        ) from None
    return Record(opt_out_id(row.get("UserEmail"), row.get("PartnerId")), moment, pick(row, names))


def opt_out_id(address: object, partner: object) -> str:
    """What tells two of them apart: they have no id on the wire, and an address must not be one."""
    return hashlib.sha256(f"{fold_address(address)} {partner}".encode()).hexdigest()[:32]


async def _walk_partners(client: ImpactClient) -> AsyncGenerator[tuple[list[dict[str, Any]], bool], None]:
    """The partner companies; their list has another name in v14 than older clients expect."""
    kind = shape("Partners", None, "MediaPartners")
    async with aclosing(client.list("MediaPartners", kind, {})) as pages:
        async for rows, last in pages:
            yield [_known(read_row(raw), "MediaPartners") for raw in rows], last


def _known(row: dict[str, Any], resource: str) -> dict[str, Any]:
    if not row.get("Id"):
        raise ProviderError(f"impact.com: one of the {resource} has no Id.", code="no_id")
    return row
