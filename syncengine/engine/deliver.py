"""Step three: send to each target what differs, each sending written down first, each revision ending in one place."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from syncengine.contracts import Change, Destination, Outcome, Resumable, Settled, Standing, Standings, Suppression
from syncengine.engine.book import CONFIRM_AT_ONCE, Book, SuppressionLists
from syncengine.engine.difference import (
    NO_CONSENT,
    UNANSWERED,
    UNCONFIRMED,
    Verdict,
    adds_something,
    difference,
    in_question,
    stops_anew,
)
from syncengine.engine.limits import Limit
from syncengine.engine.regrouping import follow_groups
from syncengine.engine.removing import find_removals
from syncengine.errors import ProviderError, Unconfirmed
from syncengine.state import attempts, doubts, suppressions, targets
from syncengine.state.standings import keep_standings
from syncengine.state.store import Store
from syncengine.state.targets import Ending, Target

SLICE = 20_000
"""Targets prepared and sent together: large enough for full batches, small enough for memory that stays flat."""
KEEP_AT_ONCE, KEEP_WHEN_SLOW = 5_000, 500
"""Outcomes per transaction: large ones touch each page of the file once. After a crash the unwritten outcomes are found
to be there already.
"""
SLOW_SECONDS = 2.0
"""Somebody may be watching, so outcomes that come slower than that are written down by the smaller number."""
DOUBT = dt.timedelta(hours=24)
"""An attempt that nobody can tell anything about for so long is sent again, or is a person's to decide about."""
ANSWERS_LOOKED_FOR = dt.timedelta(hours=6)
"""So often those are looked at whom the provider has asked: most answer within a day, and some never do."""
GONE_MESSAGE = "It was delivered once and is no longer there: somebody deleted it."
NO_CONSENT_MESSAGE = "It is there on no consent that is known, so nothing is added, and who is there is not asked."

Watch = Callable[[int], None]

log = structlog.get_logger(__name__)


class Prepared(NamedTuple):
    """A target and what is to be done about it."""

    target: Target
    verdict: Verdict


class Delivery:
    """The deliveries of one run to one destination. Whoever makes one holds the destination's lock."""

    def __init__(
        self,
        store: Store,
        name: str,
        destination: Destination,
        lists: SuppressionLists,
        timezone: ZoneInfo,
        stopping: Callable[[], bool],
        limit: Limit | None = None,
    ) -> None:
        """`limit`: how many may be removed from something; None: as many as there are (a person has said yes)."""
        self.name = name
        self.unconfirmed: Unconfirmed | None = None
        """Why some targets wait: known once `prepare` has begun."""
        self.counts: Counter[str] = Counter()
        self.told: list[Outcome] = []
        """What the destination has to say of changes that were delivered: to how many a mailing goes."""
        self._store = store
        self._destination = destination
        self._timezone = timezone
        self._stopping = stopping
        self._lists = lists
        self._limit = limit

    async def run(self, watch: Watch) -> None:
        """Settle what is in doubt, then send what is pending. Raises AuthError, RateLimited, Transient … when it can't
        go on; whatever was settled by then is stored.
        """
        await self.settle()
        async with aclosing(self.prepare()) as slices:
            async for prepared in slices:
                await self._send(prepared, watch)
                if self._stopping():
                    return
        if self.unconfirmed is not None:
            raise self.unconfirmed

    async def settle(self) -> None:
        """Find out what became of every request whose end isn't known: after a crash, a lost answer, a slow batch.

        What nobody will ever tell is sent again where that does no harm; else a person is asked to decide.
        """
        open_ = await self._store.read(attempts.unsettled, self.name)
        answers = await asyncio.gather(*(self._ask(attempt) for attempt in open_))
        for attempt, (settled, lost) in zip(open_, answers, strict=True):
            await self._store.write(attempts.settle, self.name, attempt.id, settled)
            left = attempt.keys - settled.confirmed - settled.refuted
            overdue = self._store.clock.now() - attempt.sent_at > DOUBT
            self.counts["settled_later"] += len(attempt.keys) - len(left)
            if not left or not (lost or overdue):
                continue
            if self._destination.repeatable:
                await self._store.write(attempts.lose, self.name, attempt.id)
                left &= attempt.asks
            if left:
                now = self._store.clock.now()
                self.counts["rejected"] += await self._store.write(doubts.tell, self.name, left, now)
        if open_:
            self.counts["left_in_doubt"] = await self._store.read(doubts.left, self.name)

    async def _ask(self, attempt: attempts.OpenAttempt) -> tuple[Settled, bool]:
        """What became of it, and whether nobody will ever tell."""
        if attempt.receipt is None or not isinstance(self._destination, Resumable):
            return Settled(confirmed=await self._over(attempt.asks)), attempt.receipt is None
        try:
            return await self._destination.settle(attempt.receipt, attempt.keys), False
        except ProviderError:  # the provider no longer knows this receipt
            return Settled(confirmed=await self._over(attempt.asks)), True

    async def _over(self, asks: frozenset[str]) -> frozenset[str]:
        """Of those who may have been asked, the ones for whom it doesn't matter any more: they have answered, or a
        record stops them. All others stay in doubt for a person to decide.
        """
        if not asks:
            return asks
        standings = await self._standings(sorted(asks), frozenset())
        answered = {key for key, standing in standings.items() if standing.state != "absent"}
        return frozenset(answered | await self._store.read(targets.stopped, self.name, asks))

    async def prepare(self) -> AsyncGenerator[list[Prepared]]:
        """Slices of pending targets with what is to be done about each. Reads at the provider, writes nothing there."""
        after = ""
        await follow_groups(self._store, self.name, self._destination)
        waiting, self.unconfirmed = await find_removals(self._store, self.name, self._destination, self._limit)
        while slice_ := await self._store.read(targets.pending, self.name, after, SLICE, self._store.clock.now()):
            after = slice_[-1].key
            if waiting:
                yield [Prepared(target, Verdict(None, UNCONFIRMED)) for target in slice_ if target.key in waiting]
                slice_ = [target for target in slice_ if target.key not in waiting]
            if any(target.delivered.left or target.delivered.exact is not None for target in slice_):
                slice_ = await self._store.write(targets.forget_settled, self.name, slice_)
            adding = [target.key for target in slice_ if adds_something(target)]
            if adding or any(target.desired.stop for target in slice_):
                await self._lists.refresh()
            if adding:
                await self._confirm_lifted()
            yield await self._prepare_slice(slice_, adding)

    async def _prepare_slice(self, slice_: Sequence[Target], adding: Sequence[str]) -> list[Prepared]:
        keys = [target.key for target in slice_]
        barred = await self._store.read(suppressions.suppressed, self.name, keys)
        leaving = {target.key: groups for target in slice_ if (groups := in_question(target))}
        asked = [key for key in dict.fromkeys([*adding, *leaving]) if key not in barred]
        asked += [target.key for target in slice_ if stops_anew(target)]
        groups = targets.groups_of(slice_).union(*leaving.values())
        standings = {**await self._listed(slice_), **await self._standings(asked, groups)}
        said_no = [
            Suppression(key, standing.state)
            for key, standing in standings.items()
            if standing.state in {"unsubscribed", "bounced"}
        ]
        if said_no:
            await self._store.write(suppressions.suppress, self.name, said_no, self._store.clock.now())
            barred |= {suppression.key: suppression.reason for suppression in said_no}
        if standings:
            slice_ = await self._store.write(keep_standings, self.name, slice_, standings, leaving)
        today = self._store.clock.now().astimezone(self._timezone).date()
        return [
            Prepared(target, difference(target, standings.get(target.key), barred.get(target.key), today))
            for target in slice_
        ]

    async def _standings(self, keys: Sequence[str], groups: frozenset[str]) -> Mapping[str, Standing]:
        """How they stand at the provider, asked before anything is added to them or taken away."""
        if not keys or not isinstance(self._destination, Standings):
            return {}
        return await self._destination.standing(keys, groups)

    async def _listed(self, slice_: Sequence[Target]) -> Mapping[str, Standing]:
        """How those stand who are to be stopped, as far as the lists tell."""
        stopping = [target.key for target in slice_ if target.desired.stop]
        if not stopping:
            return {}
        listed = await self._store.read(suppressions.listed, self.name, stopping)
        return {each.key: Standing(each.reason) for each in listed}

    async def _confirm_lifted(self) -> None:
        """Ask about addresses that a list kept from us and that are on no list now; only *subscribed* lifts that."""
        if not isinstance(self._destination, Standings):
            return
        keys = await self._store.read(suppressions.to_confirm, self.name, CONFIRM_AT_ONCE)
        if keys:
            standings = await self._destination.standing(keys, frozenset())
            back = [key for key, standing in standings.items() if standing.state == "subscribed"]
            await self._store.write(suppressions.lift, self.name, back)
            self.counts["lifted"] += len(back)

    async def _send(self, prepared: Sequence[Prepared], watch: Watch) -> None:
        """Conclude what needs no request, then apply the changes."""
        await self._conclude([ending for item in prepared if (ending := _without_request(item)) is not None])
        sending = {item.target.key: item for item in prepared if item.verdict.change is not None}
        changes = [item.verdict.change for item in sending.values() if item.verdict.change is not None]
        if not changes or self._stopping():
            return
        revisions = {change.key: change.revision for change in changes}
        book = Book(self._store, self.name, self._lists, revisions, self._stopping)
        try:
            await self._apply(changes, book, sending, watch)
        finally:
            self.counts["attempts"] += book.sent
            await self._conclude(
                [Ending(Outcome(key, "suppressed", code=reason), revisions[key]) for key, reason in book.barred.items()]
            )

    async def _apply(
        self, changes: Sequence[Change], book: Book, sending: Mapping[str, Prepared], watch: Watch
    ) -> None:
        open_ = dict(sending)
        endings: list[Ending] = []
        monotonic = self._store.clock.monotonic
        kept_at = monotonic()
        try:
            async for outcome in self._destination.apply(changes, book):
                item = open_.pop(outcome.key, None)
                if item is None:  # one outcome per change: a second one says nothing that may be counted
                    log.warning("outcome without a change", destination=self.name, code=outcome.status)
                    continue
                endings.append(self._ending(outcome, item))
                if len(endings) >= (KEEP_AT_ONCE if monotonic() - kept_at < SLOW_SECONDS else KEEP_WHEN_SLOW):
                    await self._conclude(endings)
                    watch(len(endings))
                    endings, kept_at = [], monotonic()
        finally:
            await self._conclude(endings)
            watch(len(endings))

    def _ending(self, outcome: Outcome, item: Prepared) -> Ending:
        """How the revision of a target ends of which something was sent."""
        change, reason = item.verdict
        if outcome.status == "delivered" and change is not None:
            self.counts["asked" if change.ask else "created"] += change.create
            self.told += [outcome] if outcome.message else []
            reason = UNANSWERED if change.ask else reason  # what it asks for is there once the person has said yes
            outcome = _withheld(outcome.key, reason) or outcome
        after = ANSWERS_LOOKED_FOR if outcome.code == UNANSWERED else None
        return Ending(outcome, item.target.revision, item.target.tries, after=after)

    async def _conclude(self, endings: Sequence[Ending]) -> None:
        if not endings:
            return
        await self._store.write(targets.conclude, self.name, endings, self._store.clock.now())
        for ending in endings:
            waits = ending.outcome.code == UNANSWERED
            self.counts["there" if ending.there else UNANSWERED if waits else ending.outcome.status] += 1


def _without_request(item: Prepared) -> Ending | None:
    """How a target ends for which there is nothing to send."""
    if item.verdict.change is not None or item.verdict.withheld == UNCONFIRMED:
        return None
    outcome = _withheld(item.target.key, item.verdict.withheld)
    if outcome is not None:
        after = ANSWERS_LOOKED_FOR if outcome.code == UNANSWERED else None
        return Ending(outcome, item.target.revision, after=after)
    return Ending(Outcome(item.target.key, "delivered"), item.target.revision, there=True)


def _withheld(key: str, reason: str) -> Outcome | None:
    """What became of the part that may not be sent."""
    if not reason:
        return None
    if reason == "gone":
        return Outcome(key, "rejected", code=reason, message=GONE_MESSAGE)
    if reason == NO_CONSENT:
        return Outcome(key, "rejected", code=reason, message=NO_CONSENT_MESSAGE)
    if reason == UNANSWERED:
        return Outcome(key, "retry", code=reason)
    return Outcome(key, "suppressed", code=reason)
