"""One configured network at Invoca."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Self

from pydantic import BaseModel

from connectors.invoca.client import InvocaClient
from connectors.invoca.echoes import Echoes
from connectors.invoca.log import TransactionLog
from connectors.invoca.objects import Advertisers, AffiliateCampaigns, Affiliates, Campaigns
from connectors.invoca.objects_streams import (
    AdvertiserStream,
    AffiliateCampaignStream,
    AffiliateStream,
    CampaignStream,
    PromoNumberStream,
)
from connectors.invoca.promo_numbers import PromoNumbers
from connectors.invoca.settings import InvocaSettings
from connectors.invoca.signals import Signals
from connectors.invoca.streams import CallStream, TransactionStream
from syncengine.contracts import Clock, Context, Destination, Finding, Lookup, Stream

NEEDED = ("transaction_id", "complete_call_id", "transaction_type", "start_time_utc")
"""Columns without which nothing can be read."""
USEFUL = ("calling_phone_number", "destination_phone_number", "hangup_cause", "custom_data")
"""Columns that some roles and features lack: worth a warning."""


class InvocaConnection:
    """A network, or one advertiser or affiliate of it."""

    def __init__(self, settings: InvocaSettings, context: Context) -> None:
        self._client = InvocaClient(settings, context)
        self._role = settings.role
        log = TransactionLog(self._client, context.clock, settings.page_rows, settings.reread)
        echoes = Echoes(context.memory)
        self.streams: Mapping[str, Stream] = {
            "transactions": TransactionStream(log, echoes, profile=settings.caller_profile),
            "calls": CallStream(
                log, echoes, context.clock, settings.settle, settings.page_rows, profile=settings.caller_profile
            ),
        }
        if settings.role == "network":  # the objects of a network are its own
            clock = context.clock
            self.streams = {
                **self.streams,
                "advertisers": AdvertiserStream(self._client, clock),
                "affiliates": AffiliateStream(self._client, clock),
                "campaigns": CampaignStream(self._client, clock),
                "affiliate_campaigns": AffiliateCampaignStream(self._client, clock),
                "promo_numbers": PromoNumberStream(self._client, clock),
            }
        self.lookups: Mapping[str, Lookup] = {}
        self.destinations: Mapping[str, Destination] = _destinations(self._client, log, settings, context.clock, echoes)

    async def check(self) -> Sequence[Finding]:
        """Ask for one transaction, as a run does, and say which columns this token doesn't get."""
        rows = await self._client.transactions({"limit": 1})
        if not rows:
            return [Finding("ok", f"Role {self._role}: transactions can be read; there are none yet.")]
        findings = [Finding("ok", f"Role {self._role}: transactions can be read.")]
        columns = rows[0].keys()
        if missing := [name for name in NEEDED if name not in columns]:
            findings.append(
                Finding("error", f"Transactions have no {', '.join(missing)}.", "Check versions.transactions.")
            )
        if missing := [name for name in USEFUL if name not in columns]:
            findings.append(
                Finding(
                    "warning",
                    f"Calls come without {', '.join(missing)}.",
                    "The role or a feature of the account decides that; a network's token gets most.",
                )
            )
        return findings

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)


def _destinations(
    client: InvocaClient, log: TransactionLog, settings: InvocaSettings, clock: Clock, echoes: Echoes
) -> dict[str, Destination]:
    """Each refuses to write unless `allow_writes` says so; the objects of a network need a network's token."""
    signals: dict[str, Destination] = {"signals": Signals(client, log, clock, echoes)}
    if settings.role != "network":
        return signals
    deletable = settings.allow_deletes
    return {
        **signals,
        "advertisers": Advertisers(client, clock, settings.replace_lists, deletable),
        "affiliates": Affiliates(client, clock, settings.replace_lists, deletable),
        "campaigns": Campaigns(client, clock),
        "affiliate_campaigns": AffiliateCampaigns(client, clock),
        "promo_numbers": PromoNumbers(client, clock, deletable=deletable),
    }


class InvocaConnector:
    """Invoca, which tracks calls."""

    name: ClassVar[str] = "invoca"
    summary: ClassVar[str] = "Invoca: tracked calls; advertisers, affiliates, campaigns, promo numbers and signals."
    Settings: ClassVar[type[BaseModel]] = InvocaSettings

    def connect(self, settings: InvocaSettings, context: Context) -> InvocaConnection:
        """Build the connection; a wrong token shows at the first call (AuthError)."""
        return InvocaConnection(settings, context)
