"""The connector for Cyberimpact: what a connection offers, and what `check` says about it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Self

from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.contacts import Contacts
from connectors.cyberimpact.destinations import GroupDestination, MailingDestination, TemplateDestination
from connectors.cyberimpact.groups import index_groups
from connectors.cyberimpact.settings import CyberimpactSettings
from connectors.cyberimpact.streams import open_streams
from connectors.cyberimpact.token import RENEWAL
from syncengine.contracts import Context, Destination, Finding, Lookup, Stream

WARN_BEFORE = dt.timedelta(days=60)
LEGACY = "Make an API token in Cyberimpact (Developers, API tokens) and set it as `token` instead of both."


class CyberimpactConnector:
    """Contacts of a Cyberimpact account."""

    name: ClassVar[str] = "cyberimpact"
    summary: ClassVar[str] = "contacts in Cyberimpact with their groups and consent; mailings and templates"
    Settings: ClassVar[type[CyberimpactSettings]] = CyberimpactSettings

    def connect(self, settings: CyberimpactSettings, context: Context) -> "CyberimpactConnection":
        """Build the connection without asking Cyberimpact. Raises ConfigError where the token is none."""
        return CyberimpactConnection(settings, context)


class CyberimpactConnection:
    """One account."""

    def __init__(self, settings: CyberimpactSettings, context: Context) -> None:
        self.client = CyberimpactClient(settings, context)
        self._clock = context.clock
        self.streams: Mapping[str, Stream] = open_streams(self.client, context.clock)
        self.lookups: Mapping[str, Lookup] = {}
        self.destinations: Mapping[str, Destination] = {
            "contacts": Contacts(self.client, settings, context),
            "groups": GroupDestination(self.client, context.clock),
            "templates": TemplateDestination(self.client, context.clock),
            "mailings": MailingDestination(self.client, settings, context),
        }

    async def check(self) -> Sequence[Finding]:
        """Which account it is, how long the token lasts, what is there. Raises AuthError, Transient, ProviderError."""
        ping = await self.client.ping()
        groups = await self.client.groups()
        custom = await self.client.custom_fields()
        findings = [
            Finding("ok", f"account {ping.account or 'without a name'} answers"),
            self._lasting(),
            Finding("ok", f"{len(groups)} groups, {len(custom)} custom fields"),
        ]
        doubles = index_groups(groups).doubles
        if doubles:
            findings.append(
                Finding(
                    "warning",
                    f"several groups have the same title: {', '.join(doubles)}; the oldest of each is used",
                    "Give the others another title in Cyberimpact, or delete them.",
                )
            )
        return findings

    def _lasting(self) -> Finding:
        if self.client.credentials.legacy:
            return Finding(
                "warning", "it signs in with a user's name and password, which Cyberimpact calls legacy", LEGACY
            )
        expires = self.client.credentials.expires
        if expires is None:
            return Finding("ok", "the API token doesn't say when it expires")
        if expires - self._clock.now() < WARN_BEFORE:
            return Finding("warning", f"the API token expires on {expires:%Y-%m-%d}", RENEWAL)
        return Finding("ok", f"the API token is good until {expires:%Y-%m-%d}")

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.__aexit__(kind, error, trace)
