"""One configured account at impact.com."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Self

import httpx
from pydantic import BaseModel

from connectors.impact.access import try_lists, try_partners, without_campaigns
from connectors.impact.actions import ActionStream
from connectors.impact.calls import CallReports, CallsNotConfigured
from connectors.impact.campaigns import CampaignStream, read_campaigns
from connectors.impact.client import FORBIDDEN, ImpactClient
from connectors.impact.inquiries import InquiryStream
from connectors.impact.partners import ContactStream, MediaPartnerStream, UnsubscribedStream
from connectors.impact.resolving import InquiryDestination
from connectors.impact.settings import ImpactSettings
from connectors.impact.updates import UpdateStream
from syncengine.contracts import Context, Destination, Finding, Lookup, Stream
from syncengine.errors import AuthError
from syncengine.http import HttpClient, Pace

PACE = Pace(1000, 3600)
"""Default limit of the brand API (impact.md section 7); the rate headers correct it."""
SHOWN = 6
"""Characters of an account SID that are shown: enough to know it again."""


class ImpactConnection:
    """An account at impact.com. Nothing is changed there unless the settings say so: `allow_writes`, `call_data`."""

    def __init__(self, settings: ImpactSettings, context: Context) -> None:
        base_url = httpx.URL(str(settings.base_url))
        self._sid = settings.account_sid
        self._clock = context.clock
        self._http: HttpClient = context.http.client(
            base_url=str(base_url),
            account=_account(base_url.host, settings.account_sid),
            auth=(settings.account_sid, settings.auth_token.get_secret_value()),
            # Both on every request, followed links included (impact.md section 1).
            headers={"Accept": "application/json", "IR-Version": str(settings.api_version)},
            pace=PACE,
        )
        self._client = ImpactClient(self._http, base_url, _root(settings), context.http.label)
        client, clock, label = self._client, context.clock, context.http.label
        self.streams: Mapping[str, Stream] = {
            "actions": ActionStream(client, clock, settings),
            "action_updates": UpdateStream(client, clock, settings),
            "action_inquiries": InquiryStream(client, clock, settings),
            "campaigns": CampaignStream(client, clock),
            "media_partners": MediaPartnerStream(client, clock),
            "partner_contacts": ContactStream(client, clock, context.memory),
            "unsubscribed_contacts": UnsubscribedStream(client, clock),
        }
        self._calls = CallReports(settings.call_data, context) if settings.call_data is not None else None
        self.lookups: Mapping[str, Lookup] = {}
        self.destinations: Mapping[str, Destination] = {
            "action_inquiries": InquiryDestination(client, clock, label, allowed=settings.allow_writes),
            "calls": self._calls or CallsNotConfigured(label),
        }

    async def check(self) -> Sequence[Finding]:
        """Ask for the campaigns, and once for every other list of one of them: each has a scope of its own."""
        account = f"Account {self._sid[:SHOWN]}…"
        try:
            campaigns = await read_campaigns(self._client)
        except AuthError as error:
            if error.code != FORBIDDEN:
                raise
            findings = [without_campaigns(account), *await try_partners(self._client)]
        else:
            if campaigns:
                states = Counter(row.get("State") or "without state" for row in campaigns)
                spread = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
                findings = [Finding("ok", f"{account}: {len(campaigns)} campaigns ({spread}).")]
                findings += await try_lists(self._client, campaigns[0]["Id"], self._clock.now())
            else:
                missing = f"{account}: no campaigns, so nothing to read."
                findings = [Finding("warning", missing, "Is it the brand's account?")]
        if self._calls is not None:
            findings.append(await self._calls.check())
        left = self._http.limiter.remaining()
        if left is not None:
            findings.append(Finding("ok", f"{left} requests left of this hour's quota."))
        return findings

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._calls is not None:
            await self._calls.__aexit__(kind, error, trace)
        await self._http.__aexit__(kind, error, trace)


class ImpactConnector:
    """impact.com, formerly Impact Radius: the brand's side."""

    name: ClassVar[str] = "impact"
    summary: ClassVar[str] = "impact.com, brand account: reads actions, inquiries, partners; takes calls."
    Settings: ClassVar[type[BaseModel]] = ImpactSettings

    def connect(self, settings: ImpactSettings, context: Context) -> ImpactConnection:
        """Build the connection; a wrong token shows at the first call (AuthError)."""
        return ImpactConnection(settings, context)


def _root(settings: ImpactSettings) -> str:
    """The account's part of every path (impact.md section 1)."""
    if settings.advertiser_account is not None:
        return f"Agencies/{settings.account_sid}/Advertisers/{settings.advertiser_account}"
    return f"Advertisers/{settings.account_sid}"


def _account(host: str, sid: str) -> str:
    """What holds the quota, without being half of a credential."""
    return f"impact {host} {hashlib.sha256(sid.encode()).hexdigest()[:12]}"
