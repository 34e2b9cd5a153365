"""The provider that is written to: batches with receipts, lists of who said no, and an administration of its own.

Whatever happens to a contact is kept in `log`, with who did it, so that the end can be explained.
"""

import datetime as dt
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from mappings.fold import Consent, group_identity
from syncengine.contracts import Attempts, Change, Outcome, Part, Settled, Standing, Suppression, Walk
from syncengine.errors import ProviderError, RateLimited, Transient
from tests.clock import FakeClock
from tests.engine.world import Contact, MemoryDestination, parts_of
from tests.promises.guard import Guard, identities
from tests.promises.troubles import Life, Troubles

Status = Literal["delivered", "rejected", "in_doubt"]
LEAVING = 61
"""Seconds that pass where time is to pass: more than the lists may be old."""


class Event(NamedTuple):
    """Something that happened to a contact. `who`: us, them (a person or an administrator), or what was `shown` us."""

    who: str
    what: str
    key: str
    detail: Any = None


class Late(NamedTuple):
    """A batch that was taken and has not taken effect yet."""

    receipt: str
    parts: Sequence[Part]


class Mail(MemoryDestination):
    """Contacts. `batch` is how many rows a request may have."""

    def __init__(self, clock: FakeClock, life: Life, troubles: Troubles, guard: Guard) -> None:
        super().__init__(clock)
        self.life = life
        self.troubles = troubles
        self.guard = guard
        self.batch = 2
        self.log: list[Event] = []
        self.late: list[Late] = []
        self.results: dict[str, dict[str, bool]] = {}
        """Receipt → key → whether it took effect."""

    # --- writing ---

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        adding: list[Part] = []
        for change in changes:
            status: Status | None = "delivered"
            parts = parts_of(change)
            batched = [part for part in parts if part.adds and not part.ask and part.exact is None]
            if batched and change.exact is not None:  # then alone, and the rest after it
                batched = []
            for part in parts:
                if status == "delivered" and part not in batched:
                    status = (await self._send([part], attempts)).get(change.key)
            if status == "delivered" and batched:
                adding += batched
            elif status is not None:
                yield _outcome(change.key, status)
        for at in range(0, len(adding), self.batch):
            for key, ended in (await self._send(adding[at : at + self.batch], attempts)).items():
                yield _outcome(key, ended)

    async def _send(self, parts: Sequence[Part], attempts: Attempts) -> dict[str, Status]:
        """One request. Keys that were not allowed are not in the answer."""
        attempt = await attempts.begin(parts)
        if not attempt.allowed:
            return {}
        self.life.boundary()
        kind = self.troubles.take("request", ",".join(sorted(attempt.allowed)))
        if kind == "quota":
            await attempts.settle(attempt, Settled(refuted=attempt.allowed))
            raise RateLimited("the quota is used up", until=self._clock.now() + dt.timedelta(hours=1))
        if kind == "again":
            await self._clock.sleep(LEAVING)
            attempt = await attempts.renew(attempt)
        going = [part for part in parts if part.key in attempt.allowed]
        for part in going:
            self.requests.append(part)
            self.guard.request(part, self.contacts.get(part.key), part.key in self.unsubscribed)
        doubt: dict[str, Status] = {part.key: "in_doubt" for part in going}
        if kind == "cut_before":
            raise Transient("the connection is gone")
        if kind == "timeout_before" or not going:
            return doubt
        receipt = str(attempt.id)
        if kind == "slow":
            self.late.append(Late(receipt, going))
            await attempts.receipt(attempt, receipt)
            return doubt
        done = self._work_off(receipt, going, refused=going[0].key if kind == "row_refused" else None)
        self.life.boundary()
        if kind == "cut_after":
            raise Transient("the connection is gone")
        if kind == "timeout_after":
            return doubt
        await attempts.receipt(attempt, receipt)
        self.life.boundary()
        if kind == "unread":
            return doubt
        sure = frozenset(key for key, took in done.items() if took)
        await attempts.settle(attempt, Settled(sure, attempt.allowed - sure))
        self._meanwhile(kind)
        return {key: "delivered" if took else "rejected" for key, took in done.items()}

    def _work_off(self, receipt: str, parts: Sequence[Part], refused: str | None = None) -> dict[str, bool]:
        result = self.results[receipt] = {
            part.key: part.key != refused and not (part.adds and self.said_no(part.key)) for part in parts
        }
        for part in parts:
            if result[part.key]:
                self._take_effect(part)
        return result

    def _take_effect(self, part: Part) -> None:
        contact = self.contacts.get(part.key)
        if part.ask:
            self.asked[part.key] = part
            return
        if part.stop:
            self.log.append(Event("us", "stop", part.key, part.stop))
            self.stop(part.key, part.stop)
            return
        if contact is None and part.adds and part.exact is None:
            contact = self.contacts[part.key] = Contact()
            self.log.append(Event("us", "create", part.key))
        if contact is None:
            return
        for name, value in part.fields.items():
            contact.fields[name] = value
            self.log.append(Event("us", "field", part.key, (name, value)))
        for title in part.join:
            if group_identity(title) not in contact.groups:
                self.log.append(Event("us", "join", part.key, group_identity(title)))
            contact.groups[group_identity(title)] = title
            self.no_groups.discard(group_identity(title))
        for title in part.leave:
            self.log.append(Event("us", "leave", part.key, group_identity(title)))
            contact.groups.pop(group_identity(title), None)
        if part.exact is not None:
            self.log += [
                Event("us", "leave", part.key, each) for each in contact.groups.keys() - identities(part.exact)
            ]
            contact.groups = {group_identity(title): title for title in part.exact}
        if part.consent and not (contact.consent and contact.consent.express and not part.consent.express):
            contact.consent = part.consent
            self.log.append(Event("us", "consent", part.key, part.consent))

    def _meanwhile(self, kind: str) -> None:
        if kind.startswith("somebody_leaves"):
            for key in sorted(self.contacts.keys() | self.guard.addresses())[:2]:
                self.unsubscribe(key)
        if kind.endswith("time_passes"):
            self._clock.move(LEAVING)

    # --- what became of earlier requests ---

    async def settle(self, receipt: str, keys: Collection[str]) -> Settled:
        self.life.boundary()
        kind = self.troubles.take("settle", ",".join(sorted(keys)))
        if kind == "transient":
            raise Transient("the batch can't be read now")
        if kind == "not_yet" or any(late.receipt == receipt for late in self.late):
            return Settled()
        if kind == "forgotten":
            raise ProviderError("nobody knows this batch")
        result = self.results[receipt]
        sure = frozenset(key for key in keys if result[key])
        return Settled(sure, frozenset(keys) - sure)

    def work(self) -> None:
        """Time passes at the provider: what was taken takes effect."""
        for late in self.late:
            self._work_off(late.receipt, late.parts)
        self.late.clear()

    # --- what it says of people ---

    def said_no(self, key: str) -> bool:
        return key in self.unsubscribed or key in self.bounced

    async def suppressions(self) -> AsyncIterator[Suppression]:
        self.life.boundary()
        kind = self.troubles.take("lists")
        if kind == "transient":
            raise Transient("the lists can't be read now")
        said = [Suppression(key, "unsubscribed") for key in sorted(self.unsubscribed)]
        said += [Suppression(key, "bounced") for key in sorted(self.bounced)]
        for number, each in enumerate(said):
            if kind == "half" and number >= len(said) // 2:
                raise Transient("the lists broke off", code="truncated")
            yield each
        self.guard.read_lists(frozenset(each.key for each in said))

    async def standing(self, keys: Collection[str], groups: frozenset[str]) -> Mapping[str, Standing]:
        self.life.boundary()
        if self.troubles.take("standing") == "transient":
            raise Transient("nobody says how they stand")
        standings = await super().standing(keys, groups)
        for key, standing in standings.items():
            self.guard.stands(key, standing.state)
            self.log += [Event("shown", "in", key, group_identity(title)) for title in standing.groups]
            out = {group_identity(title) for title in groups} - {group_identity(title) for title in standing.groups}
            self.log += [Event("shown", "out", key, identity) for identity in sorted(out)]
            if standing.consent:
                self.log.append(Event("shown", "consent", key, standing.consent))
        return standings

    async def walk(self, groups: frozenset[str], fields: frozenset[str]) -> Walk:
        self.life.boundary()
        kind = self.troubles.take("walk")
        if kind == "transient":
            raise Transient("a list broke off")
        if kind == "quota":
            raise RateLimited("the quota is used up", until=self._clock.now() + dt.timedelta(hours=1))
        self.hidden = set(self.contacts) if kind == "somebody_is_overlooked" else set()
        return await super().walk(groups, fields)

    async def absent(self, keys: Collection[str]) -> frozenset[str]:
        self.life.boundary()
        if self.troubles.take("absent") == "transient":
            raise Transient("somebody can't be asked about")
        return await super().absent(keys)

    # --- its administration ---

    def unsubscribe(self, key: str) -> None:
        self.unsubscribed.add(key)

    def bounce(self, key: str) -> None:
        self.bounced.add(key)

    def subscribe(self, key: str) -> None:
        """By their own hand, or an administrator's: off all lists, and there."""
        self.unsubscribed.discard(key)
        self.bounced.discard(key)
        self.contacts.setdefault(key, Contact())
        self.log.append(Event("them", "subscribe", key))

    def confirm(self, key: str) -> None:
        """They say yes to the question that they were sent; nobody can who was sent none."""
        if question := self.asked.get(key):
            super().confirm(key)
            self.bounced.discard(key)
            self.log += [Event("them", "join", key, group_identity(title)) for title in question.join]

    def delete(self, key: str) -> None:
        """Nothing is left, also not on a list."""
        self.unsubscribed.discard(key)
        self.bounced.discard(key)
        if self.contacts.pop(key, None):
            self.log.append(Event("them", "delete", key))

    def rename(self, key: str, name: str) -> None:
        if key in self.contacts:
            self.contacts[key].fields["name"] = name

    def join(self, key: str, title: str) -> None:
        self.no_groups.discard(group_identity(title))
        if key in self.contacts:
            self.contacts[key].groups[group_identity(title)] = title
            self.log.append(Event("them", "join", key, group_identity(title)))

    def leave(self, key: str, title: str) -> None:
        if key in self.contacts and self.contacts[key].groups.pop(group_identity(title), None):
            self.log.append(Event("them", "leave", key, group_identity(title)))

    def rename_group(self, title: str, to: str) -> None:
        for key, contact in self.contacts.items():
            if group_identity(title) in contact.groups:
                self.leave(key, title)
                self.join(key, to)
        self.no_groups = (self.no_groups | {group_identity(title)}) - {group_identity(to)}

    def delete_group(self, title: str) -> None:
        for key in self.contacts:
            self.leave(key, title)
        self.no_groups.add(group_identity(title))

    def consent(self, key: str, consent: Consent) -> None:
        if key in self.contacts:
            self.contacts[key].consent = consent
            self.log.append(Event("them", "consent", key, consent))


def _outcome(key: str, status: Status) -> Outcome:
    return Outcome(key, status, code="refused" if status == "rejected" else "")
