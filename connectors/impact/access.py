"""What a token may read: scopes are given per list, and a missing one shows at the first call only (section 1)."""

import datetime as dt
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from connectors.impact.client import FORBIDDEN, ImpactClient
from connectors.impact.decoding import shape
from connectors.impact.kinds import ACTIONS, INQUIRIES, UPDATES, Kind
from connectors.impact.listing import Listing
from connectors.impact.windows import SHORTEST, Window, whole_second
from syncengine.contracts import Finding
from syncengine.errors import AuthError, ProviderError

Rows = AsyncGenerator[Any, None]


class Tried(NamedTuple):
    """A list that isn't needed for actions: its scope, what needs it, and how to ask for a little of it."""

    scope: str
    missed: str
    ask: Callable[[], Rows]


async def try_lists(client: ImpactClient, campaign: str, now: dt.datetime) -> list[Finding]:
    """One request per list, as a run would make it. Raises where actions can't be read; of others it warns."""
    window = Window(whole_second(now - SHORTEST), whole_second(now))

    def dated(kind: Kind) -> Rows:
        return Listing(client, kind.resource, campaign, kind.changed, kind.shape(()), {}).read(window)

    await _first(dated(ACTIONS))
    findings = [Finding("ok", "Actions can be read, and so everything that happens to them.")]
    contacts, opt_outs = f"Campaigns/{campaign}/Contacts", f"Campaigns/{campaign}/UnsubscribedContacts"
    others = [
        Tried("ActionUpdates", "the stream action_updates; actions don't need it", lambda: dated(UPDATES)),
        Tried("ActionInquiries", "the stream action_inquiries", lambda: dated(INQUIRIES)),
        _partners(client),
        Tried(
            "Campaigns/Contacts",
            "the stream partner_contacts",
            lambda: client.list(contacts, shape("Contacts", None), {}),
        ),
        Tried(
            "Campaigns/UnsubscribedContacts",
            "the stream unsubscribed_contacts, and Unsubscribed of partner contacts",
            lambda: client.results(opt_outs),
        ),
    ]
    return findings + await _try(others)


async def try_partners(client: ImpactClient) -> list[Finding]:
    """The only other list that belongs to no campaign; all that can be tried without one."""
    return await _try([_partners(client)])


def without_campaigns(account: str) -> Finding:
    """What it means that the campaigns can't be listed."""
    return Finding(
        "warning",
        f"{account}: Campaigns can't be read ({FORBIDDEN}). Mappings that choose no campaigns in their options fail; "
        "what is read by campaign was not tried here.",
        "Give the API token the scope Campaigns, method GET, or set `campaigns` among the options of each mapping.",
    )


def _partners(client: ImpactClient) -> Tried:
    kind = shape("Partners", None, "MediaPartners")
    return Tried(
        "MediaPartners",
        "the stream media_partners, and PartnerSince of partner contacts",
        lambda: client.list("MediaPartners", kind, {}),
    )


async def _try(lists: Sequence[Tried]) -> list[Finding]:
    """A warning for each that can't be read. Raises AuthError where the token itself is refused."""
    findings: list[Finding] = []
    for tried in lists:
        try:
            await _first(tried.ask())
        except (AuthError, ProviderError) as error:
            if isinstance(error, AuthError) and error.code != FORBIDDEN:
                raise
            findings.append(
                Finding(
                    "warning",
                    f"{tried.scope} can't be read ({error.code}), so this is missed: {tried.missed}.",
                    f"If you need it, give the API token the scope {tried.scope}, method GET.",
                )
            )
    return findings


async def _first(rows: Rows) -> None:
    """Ask for the first page, as far as it comes."""
    async with aclosing(rows) as pages:
        async for _ in pages:
            return
