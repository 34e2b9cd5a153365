"""One configured account at impact.com."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import ClassVar, Self

import httpx
from pydantic import BaseModel

from connectors.impact.client import ImpactClient
from connectors.impact.settings import ImpactSettings
from connectors.impact.streams import ActionStream, CampaignStream, read_campaigns
from syncengine.contracts import NOTHING_OPEN, Context, Destination, Finding, Lookup, Range, Stream
from syncengine.http import HttpClient, Pace

PACE = Pace(1000, 3600)
"""Default limit of the brand API (impact.md section 7); the rate headers correct it."""
SHOWN = 6
"""Characters of an account SID that are shown: enough to know it again."""


class ImpactConnection:
    """An account at impact.com. Nothing is written there."""

    def __init__(self, settings: ImpactSettings, context: Context) -> None:
        base_url = httpx.URL(str(settings.base_url))
        self._sid = settings.account_sid
        self._clock = context.clock
        self._overlap = settings.overlap
        self._http: HttpClient = context.http.client(
            base_url=str(base_url),
            account=_account(base_url.host, settings.account_sid),
            auth=(settings.account_sid, settings.auth_token.get_secret_value()),
            # Both on every request, followed links included (impact.md section 1).
            headers={"Accept": "application/json", "IR-Version": str(settings.api_version)},
            pace=PACE,
        )
        self._client = ImpactClient(self._http, base_url, _root(settings), context.http.label)
        self._actions = ActionStream(self._client, context.clock, settings.lag, settings.overlap)
        self.streams: Mapping[str, Stream] = {
            "actions": self._actions,
            "campaigns": CampaignStream(self._client, context.clock),
        }
        self.lookups: Mapping[str, Lookup] = {}
        self.destinations: Mapping[str, Destination] = {}

    async def check(self) -> Sequence[Finding]:
        """Ask for the campaigns and for the latest actions of one: a token may be allowed only one of the two."""
        campaigns = await read_campaigns(self._client)
        account = f"Account {self._sid[:SHOWN]}…"
        if not campaigns:
            return [Finding("warning", f"{account}: no campaigns, so nothing to read.", "Is it the brand's account?")]
        states = Counter(row.get("State") or "without state" for row in campaigns)
        spread = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        findings = [Finding("ok", f"{account}: {len(campaigns)} campaigns ({spread}).")]
        await self._try_actions(campaigns[0]["Id"])
        findings.append(Finding("ok", "Actions can be read."))
        left = self._http.limiter.remaining()
        if left is not None:
            findings.append(Finding("ok", f"{left} requests left of this hour's quota."))
        return findings

    async def _try_actions(self, campaign: str) -> None:
        """Read the first page of the last hour, as a run would."""
        partition = f"{campaign}/updated"
        recently = Range(self._clock.now())
        async with aclosing(self._actions.read(partition, recently, fields=frozenset(), open=NOTHING_OPEN)) as pages:
            async for _ in pages:
                return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)


class ImpactConnector:
    """impact.com, formerly Impact Radius: the brand's side."""

    name: ClassVar[str] = "impact"
    summary: ClassVar[str] = "impact.com, brand account: reads actions and campaigns."
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
