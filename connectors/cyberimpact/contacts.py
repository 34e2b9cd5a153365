"""The destination `contacts`: what a mapping may write to Cyberimpact, and how it gets there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from connectors.cyberimpact.audit import Audit
from connectors.cyberimpact.batch import BatchRoad
from connectors.cyberimpact.bindings import Bindings
from connectors.cyberimpact.census import Census
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.contact_fields import CONSENT, ContactFields
from connectors.cyberimpact.delivery import Delivery, Report, start_journeys
from connectors.cyberimpact.fields import CUSTOM, Calendar, make_draft
from connectors.cyberimpact.groups import Groups
from connectors.cyberimpact.mail_reasons import BASES, MailReasons
from connectors.cyberimpact.polling import Batches
from connectors.cyberimpact.posting import Post
from connectors.cyberimpact.receipts import ASKED, read_receipt
from connectors.cyberimpact.settings import CyberimpactSettings
from connectors.cyberimpact.singles import Singles
from connectors.cyberimpact.stops import StopRoad, judge_stops
from connectors.cyberimpact.wire import CustomIds, read_result, resolve_custom
from connectors.cyberimpact.writer import Writer
from syncengine.contracts import (
    Attempts,
    Change,
    Context,
    Dossier,
    Draft,
    Mail,
    Outcome,
    Settled,
    Standing,
    Suppression,
    Walk,
    group_identity,
)
from syncengine.errors import ConfigError, Problem


class Contacts:
    """Contacts with their fields, groups and consent. Resumable, and knows suppressions and standings."""

    Fields: type[BaseModel] = ContactFields
    key_field: str = "email"
    repeatable: bool = True
    """Adding is an upsert, leaving a group twice is leaving it once (cyberimpact.md section 5)."""
    consent_fields: frozenset[str] = CONSENT
    bases: Mapping[str, Mapping[str, str]] = BASES

    def __init__(self, client: CyberimpactClient, settings: CyberimpactSettings, context: Context) -> None:
        self._client = client
        self._settings = settings
        self._clock = context.clock
        self._label = context.http.label
        self._zone = context.timezone
        bindings = Bindings(context.memory)
        self._groups = Groups(client, context.clock, bindings, creates=settings.create_groups)
        self._census = Census(client, self._groups)
        self._audit = Audit(client, self._groups)
        self._batches = Batches(client, context.clock, settings)
        self._reasons = MailReasons(client, bindings)
        self._express: frozenset[str] = frozenset()
        """Whose consent was express when it was read last: a batch has nothing better to state."""

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        """Validate and normalise. Raises Rejected with field and reason; ConfigError where it asks and may not."""
        draft = make_draft(fields, Calendar(self._zone, self._clock.now().astimezone(self._zone).date()))
        if draft.ask:
            self.permit_fields({"optin"})
        return draft

    def permit_fields(self, names: Collection[str]) -> None:
        """Raises ConfigError where somebody is to be asked by mail, unless the settings allow sending."""
        if "optin" in names and not self._settings.allow_sending:
            message = "This connection may not send mail, and to ask somebody for an opt-in sends one."
            hint = "Set allow_sending = true to let it; ask only people who asked for it."
            raise ConfigError([Problem(f"{self._label}.allow_sending", message, hint)])

    async def suppressions(self) -> AsyncIterator[Suppression]:
        """Both lists, complete before the first is handed over. Unsubscribed wins over bounced."""
        for key, reason in (await self._census.suppressed()).items():
            yield Suppression(key, reason)

    async def standing(self, keys: Collection[str], groups: frozenset[str]) -> Mapping[str, Standing]:
        """How these addresses stand, by whichever way costs less. A consent that is express is not read."""
        standings = await self._census.standing(keys, groups)
        self._express = frozenset(key for key, standing in standings.items() if standing.express)
        return standings

    async def groups_named(self, references: Collection[str]) -> Mapping[str, str]:
        """The number of each of these groups that is there."""
        index = await self._groups.read(references)
        found = {reference: index.find(reference) for reference in references}
        return {reference: str(group.id) for reference, group in found.items() if group is not None}

    async def dossier(self, key: str) -> Dossier:
        """What Cyberimpact knows of an address: how it stands, consent, groups, what it was sent."""
        return await self._reasons.dossier(key)

    async def mail(self, id: str, key: str) -> Mail | None:
        """One mailing, and whether it was sent to that address."""
        return await self._reasons.mail(id, key)

    async def walk(self, groups: frozenset[str], fields: frozenset[str]) -> Walk:
        """Everybody on the three lists, read in full. Raises ProviderError where one is shorter than it says."""
        return await self._audit.walk(groups, fields)

    async def absent(self, keys: Collection[str]) -> frozenset[str]:
        """Who is on none of them, asked for one by one."""
        return await self._audit.absent(keys)

    async def settle(self, receipt: str, keys: Collection[str]) -> Settled:
        """What became of a batch of an earlier run; nothing is settled where it isn't finished yet.

        A contact that isn't there after a finished batch was not added. Others that its result names neither by
        address nor by number are still in doubt. Raises ProviderError where Cyberimpact doesn't know the batch.
        """
        kind, number = read_receipt(receipt)
        if kind == ASKED:
            return Settled(confirmed=frozenset(keys))
        batch = await self._batches.earlier(number)
        if batch is None:
            return Settled()
        result = read_result(batch.get("result"), frozenset(keys))
        if kind:
            return (await judge_stops(self._census, kind, keys, result)).settled
        confirmed = {key for key in keys if result.succeeded(key)}
        refuted = {key for key in keys if result.failed(key)}
        rest = set(keys) - confirmed - refuted
        if rest:
            sights = await self._census.look(rest, await self._census.suppressed())
            confirmed |= {key for key, sight in sights.items() if result.succeeded(sight.number)}
            refuted |= {key for key, sight in sights.items() if sight.state == "absent" or result.failed(sight.number)}
        return Settled(frozenset(confirmed), frozenset(refuted))

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        """Send the changes by batches; one outcome for each that was allowed, as soon as its last request has ended.

        Raises ConfigError before anything is sent where a custom field doesn't exist; AuthError, RateLimited, Transient
        and ProviderError when nothing more can be sent now, once the batches under way have ended.
        """
        outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue()
        delivery = asyncio.create_task(self._deliver(changes, attempts, outcomes.put_nowait))
        delivery.add_done_callback(lambda _: outcomes.put_nowait(None))
        try:
            while (outcome := await outcomes.get()) is not None:
                yield outcome
            await delivery
        finally:
            if not delivery.done():
                delivery.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await delivery

    async def _deliver(self, changes: Sequence[Change], attempts: Attempts, report: Report) -> None:
        if any(change.ask for change in changes):
            self.permit_fields({"optin"})
        custom = await self._resolve_custom(changes)
        titles = {
            group_identity(title): title
            for change in changes
            if change.consent or change.ask or change.key in self._express
            for title in change.join
        }
        others = {title for change in changes for title in (*change.leave, *(change.exact or ()))}
        groups = await self._groups.ensure(sorted(titles.values()), others)
        journeys = start_journeys(changes, groups, self._express)
        writer = Writer(self._client, attempts, self._clock)
        singles = Singles(self._client, writer, custom)
        post = Post(attempts, writer, self._batches)
        size, in_flight = self._settings.batch_size, self._settings.batches_in_flight
        road = BatchRoad(
            client=self._client,
            attempts=attempts,
            post=post,
            census=self._census,
            singles=singles,
            custom=custom,
            size=size,
        )
        stops = StopRoad(self._client, attempts, post, self._census, size, in_flight)
        await Delivery(road, stops, singles, report, in_flight, self._express).run(journeys)

    async def _resolve_custom(self, changes: Sequence[Change]) -> CustomIds:
        names = {name for change in changes for name in change.fields if name.startswith(CUSTOM)}
        return resolve_custom(names, await self._client.custom_fields()) if names else CustomIds({})
