"""Compares what is believed to be at a destination with what is really there, and respects what people did.

Everything there is walked in full while nobody delivers, so that whoever is missing was not on their way. Whoever is
missing is asked for once more by key; only then were they deleted by hand, and are suppressed from then on.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final, cast

import structlog

from mappings.fold import group_identity
from syncengine.contracts import Auditable, Destination, Standings, Walk
from syncengine.engine.book import SuppressionLists
from syncengine.engine.deliver import Delivery
from syncengine.engine.findings import Findings, look_at
from syncengine.engine.limits import DELETIONS, DEPARTURES, Limit
from syncengine.engine.report import CONTAINED, MappingReport, Progress, RunReport, kinds_of, requests_to
from syncengine.errors import ConfigError, Problem, ProviderError, RateLimited, Unconfirmed
from syncengine.pacing import BACKGROUND, counting, spending
from syncengine.session import Session
from syncengine.state import reconciling, runs, targets

__all__ = ["Findings", "Reconciler", "auditable"]

AT_ONCE: Final = 5_000
"""Targets compared together."""
LOCK_PATIENCE: Final = 600.0
"""Seconds that it waits for a run to finish delivering to the same destination."""
FEW: Final = 10
"""Where so many or fewer are believed to be there, all of them may have gone."""

ALLOWED: Final = "somebody deleted by hand may be added again"

log = structlog.get_logger(__name__)


def auditable(destinations: Mapping[str, Destination], names: Iterable[str] | None = None) -> list[str]:
    """The destinations that can be walked, of all or of these. Raises ConfigError with those that can't."""
    can = [name for name, destination in destinations.items() if isinstance(destination, Auditable)]
    wrong = [name for name in names or () if name not in can]
    if wrong:
        hint = f"These can be: {', '.join(can) or 'none'}."
        raise ConfigError([Problem(name, "Nothing is written there, or it can't be walked.", hint) for name in wrong])
    return list(dict.fromkeys(names or can))


class Reconciler:
    """Reconciles destinations of one session.

    `repair`: have fields that drifted set again by the next run. `confirmed`: a person has looked, so that nothing is
    too much. `findings` holds what was found, by destination.
    """

    def __init__(
        self,
        session: Session,
        destinations: Mapping[str, Destination],
        *,
        repair: bool = False,
        confirmed: bool = False,
        watch: Callable[[Progress], None] | None = None,
        stopping: Callable[[], bool] | None = None,
    ) -> None:
        self._session = session
        self._store = session.store
        self._destinations = destinations
        self._repair = repair
        self._confirmed = confirmed
        self._watch = watch or (lambda progress: None)
        self._stopping = stopping or (lambda: False)
        self.findings: dict[str, Findings] = {}

    async def run(self, names: Sequence[str]) -> RunReport:
        """One destination after the other; one that fails doesn't stop the others. Raises as `auditable`."""
        report = RunReport()
        background = BACKGROUND.set(True)
        try:
            for name in auditable(self._destinations, names):
                requests: Counter[str] = Counter()
                report.mappings.append(await self._run_one(name, requests))
                report.requests += requests
                if self._stopping():
                    break
        finally:
            BACKGROUND.reset(background)
        report.stopped = self._stopping()
        return report

    async def allow(self, names: Sequence[str], keys: Sequence[str]) -> int:
        """Let these be added again though somebody deleted them; a row among the runs says so. Gives how many it were.

        Raises Busy where somebody delivers to one of the destinations.
        """
        lifted = 0
        for name in names:
            with self._store.locks.hold(f"destination {name}"):
                now = self._store.clock.now()
                asked = sorted({form for key in keys for form in (key.strip(), key.strip().lower())})
                done = [await self._store.write(reconciling.allow, name, key, now) for key in asked]
                if any(done):
                    run = await self._start(name, {"reconcile"})
                    await self._store.write(runs.end_run, run, "done", {"allowed": sum(done)}, ALLOWED, now)
                lifted += sum(done)
        return lifted

    async def _run_one(self, name: str, requests: Counter[str]) -> MappingReport:
        part = MappingReport(name, kind="reconcile")
        with structlog.contextvars.bound_contextvars(mapping=name), counting(requests), spending(part.requests):
            try:
                async with self._store.locks.wait_for(f"destination {name}", LOCK_PATIENCE, self._stopping):
                    part.run = await self._start(name, {"reconcile"})
                    with structlog.contextvars.bound_contextvars(run=part.run):
                        await self._reconcile(name, part)
            except CONTAINED as error:
                part.failures[""] = error
                part.state = "deferred" if isinstance(error, RateLimited) else "failed"
                log.warning("reconciling stopped", destination=name, code=error.code)
            except BaseException as error:
                part.state = "stopped" if isinstance(error, asyncio.CancelledError) else "failed"
                await asyncio.shield(self._close(part))
                raise
            part.counts.update(kinds_of(requests))
            await self._close(part)
        return part

    async def _start(self, name: str, over: Collection[str] = ()) -> int:
        return await self._store.write(runs.start_run, name, "reconcile", self._store.clock.now(), over)

    async def _close(self, part: MappingReport) -> None:
        """The row's end; where the lock was never had, all of the row, which then says of no other that it is over."""
        part.run = part.run or await self._start(part.mapping)
        part.counts.update(requests_to(part.requests))
        message = "; ".join(str(error) for error in part.failures.values()) or None
        await self._store.write(runs.end_run, part.run, part.state, part.counts, message, self._store.clock.now())

    async def _reconcile(self, name: str, part: MappingReport) -> None:
        """Walk, compare, ask again, and only then write anything down: whatever fails or stops leaves all as it was."""
        destination = self._destinations[name]
        real = cast(Auditable, destination)  # `auditable` has looked
        lists = SuppressionLists(self._store, name, destination)
        await Delivery(self._store, name, destination, lists, self._session.timezone, self._stopping).settle()
        if self._stopping():
            part.state = "stopped"
            return
        if not await self._store.read(reconciling.believed_keys, name, "", 1):
            self.findings[name] = Findings()
            return  # nothing was delivered yet
        self._watch(Progress(name, "reading all lists", Counter(), self._session.quota()))
        titles = await self._store.read(reconciling.delivered_groups, name)
        walk = await real.walk(titles, await self._store.read(reconciling.delivered_fields, name))
        findings, missing = await self._compare(name, walk)
        findings.missing_groups = sorted(titles - walk.groups)
        self._guard(name, findings, len(missing))
        if missing:
            findings.deleted = sorted(await real.absent(missing))
        findings.left = await _left_indeed(destination, findings.left)
        if self._stopping():
            part.state = "stopped"
            return
        left = [(key, identity) for key, identity, _ in findings.left]
        now = self._store.clock.now()
        await self._store.write(reconciling.keep_findings, name, findings.said_no, findings.deleted, left, now)
        part.counts.update(findings.counts())
        if self._repair and findings.drifted:
            part.counts["repaired"] = await self._mend(name, findings)
        await self._store.read(targets.check_revisions, name)
        self.findings[name] = findings

    async def _compare(self, name: str, walk: Walk) -> tuple[Findings, list[str]]:
        """Everybody that was met against what is believed of them; and who should be there and was not met."""
        findings, seen = Findings(), set[str]()
        there = {group_identity(title) for title in walk.groups}
        deleted = await self._store.read(reconciling.deleted_keys, name)
        met = iter(walk.keys)
        while chunk := {remote.key: remote for remote in islice(met, AT_ONCE)}:
            found = await self._store.read(reconciling.believed, name, chunk)
            for key, believed in found.items():
                look_at(findings, believed, chunk[key], there)
            seen.update(found)
            findings.subscribed += sum(remote.state == "subscribed" for remote in chunk.values())
            findings.back += sorted(key for key in deleted & chunk.keys() if chunk[key].state == "subscribed")
            self._watch(Progress(name, "comparing", Counter(read=len(seen)), self._session.quota()))
        missing: list[str] = []
        after = ""
        while keys := await self._store.read(reconciling.believed_keys, name, after, AT_ONCE):
            after = keys[-1]
            missing += [key for key in keys if key not in seen]
        findings.verified = len(seen) + len(missing)
        return findings, missing

    def _guard(self, name: str, findings: Findings, missing: int) -> None:
        """Raises where so much is missing that the walk itself is in question."""
        if self._confirmed:
            return
        if findings.subscribed == 0 and findings.verified > FEW:
            raise ProviderError(
                f"{name} says that it has no contacts at all; {findings.verified:,} should be there.",
                hint=f"Look at the account; nothing was changed. If it is right: syncengine reconcile {name} --yes",
                code="empty",
            )
        self._bound(DELETIONS, name, missing, findings.verified, "contacts are not there any more")
        self._bound(DEPARTURES, name, len(findings.left), findings.memberships, "memberships in groups have gone")

    @staticmethod
    def _bound(limit: Limit, name: str, number: int, total: int, what: str) -> None:
        if limit.passed(number, total):
            raise Unconfirmed(
                f"{name}: {number:,} of {total:,} {what}: more than {limit.most} and {limit.share:.0%}, so that"
                " nothing was concluded from it.",
                hint=f"Look at the account. If it is right: syncengine reconcile {name} --yes",
                code="too_many_gone",
            )

    async def _mend(self, name: str, findings: Findings) -> int:
        drifted: dict[str, set[str]] = {}
        for drift in findings.drifted:
            drifted.setdefault(drift.key, set()).add(drift.field)
        await self._store.write(reconciling.repair, name, drifted, self._store.clock.now())
        return len(drifted)


async def _left_indeed(destination: Destination, left: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Those who left a group as the provider says it again: one list that came back short ends no membership."""
    if not left or not isinstance(destination, Standings):
        return left
    stand = await destination.standing({key for key, _, _ in left}, frozenset(title for _, _, title in left))
    return [each for each in left if each[1] not in {group_identity(title) for title in stand[each[0]].groups}]
