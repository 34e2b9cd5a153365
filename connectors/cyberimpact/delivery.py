"""One delivery: all changes of a run, in as few batches as possible, each journey to its end."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from itertools import islice

from connectors.cyberimpact.batch import BatchRoad, Load
from connectors.cyberimpact.consent import RELATION_TYPES
from connectors.cyberimpact.crowd import each
from connectors.cyberimpact.groups import GroupIndex
from connectors.cyberimpact.journey import Journey
from connectors.cyberimpact.rides import Line, plan_lines
from connectors.cyberimpact.singles import Singles
from connectors.cyberimpact.stops import StopRoad
from syncengine.contracts import Change, Outcome, group_title
from syncengine.errors import SyncError

SINGLES_AT_ONCE = 4
"""Requests about single contacts at the same time: the vendor asks for batches instead (section 3)."""

Report = Callable[[Outcome], None]


class Delivery:
    """Sends changes off and reports one outcome for each.

    A person is in one request at a time: their second ride waits until the first has arrived, and nobody rides on whose
    first ride was refused. So a line sends a batch when it is full with people who are free, or everybody left is free;
    that never costs a batch more than the plan.
    """

    def __init__(
        self,
        road: BatchRoad,
        stops: StopRoad,
        singles: Singles,
        report: Report,
        in_flight: int,
        express: Collection[str],
    ) -> None:
        """`express`: whose consent is express, so that no batch may state a lesser one; they go by single requests."""
        self._road = road
        self._stops = stops
        self._singles = singles
        self._report = report
        self._in_flight = in_flight
        self._express = express
        self._lines: list[tuple[Line, dict[str, Journey]]] = []
        self._tickets: dict[str, list[dict[str, Journey]]] = {}
        """The lines that somebody is on."""
        self._busy: set[str] = set()
        self._tidying: list[Journey] = []
        self._fault: SyncError | None = None

    async def run(self, journeys: Sequence[Journey]) -> None:
        """Everything. Raises the first error after which nothing more can be sent, once what is under way has ended."""
        riding: dict[str, Journey] = {}
        walking: list[Journey] = []
        stopping = [journey for journey in journeys if journey.change.stop]
        asking: list[Journey] = []
        await self._stop(stopping)
        for journey in journeys:
            if journey.change.stop:
                continue
            if journey.ended or journey.arrived:
                self._settle(journey)
            elif journey.change.ask:
                asking.append(journey)
            elif journey.key not in self._express and _can_ride(journey.change):
                riding[journey.key] = journey
            else:
                walking.append(journey)
        wanted = {
            key: (journey.change.consent.basis if journey.change.consent else "", frozenset(journey.joins))
            for key, journey in riding.items()
        }
        self._lines = [(line, {key: riding[key] for key in line.keys}) for line in plan_lines(wanted, self._road.size)]
        for _, waiting in self._lines:
            for key in waiting:
                self._tickets.setdefault(key, []).append(waiting)
        await self._ride()
        await each(walking, self._walk, SINGLES_AT_ONCE)
        for journey in asking:
            await self._ask(journey)
        await each(self._tidying, self._tidy, SINGLES_AT_ONCE)
        if self._fault is not None:
            raise self._fault

    async def _ride(self) -> None:
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                while self._fault is None and len(running) < self._in_flight and (load := self._next()) is not None:
                    self._busy.update(journey.key for journey in load.journeys)
                    running.add(asyncio.create_task(self._send(load)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _next(self) -> Load | None:
        """The next batch that may leave; with nobody under way there is always one, until all have arrived."""
        size = self._road.size
        for line, waiting in self._lines:
            free = list(islice((journey for key, journey in waiting.items() if key not in self._busy), size))
            if free and len(free) in {size, len(waiting)}:
                for journey in free:
                    del waiting[journey.key]
                return Load(line.basis, line.groups, free)
        return None

    async def _send(self, load: Load) -> None:
        try:
            await self._road.deliver(load)
        except SyncError as fault:
            self._fault = self._fault or fault
        for journey in load.journeys:
            self._busy.discard(journey.key)
            if journey.ended or journey.barred or journey.arrived:  # arrived: perhaps by another road than its lines
                for waiting in self._tickets[journey.key]:
                    waiting.pop(journey.key, None)
            if journey.ended or journey.arrived:
                self._settle(journey)

    async def _walk(self, journey: Journey) -> None:
        """Somebody about whom a batch has no consent to state: it is there already, and isn't touched."""
        if await self._step(self._singles.add, journey) and (journey.ended or journey.arrived):
            self._settle(journey)

    async def _stop(self, journeys: Sequence[Journey]) -> None:
        """Those who are to be unsubscribed or erased, before all others."""
        try:
            await self._stops.deliver(journeys)
        except SyncError as fault:
            self._fault = fault
        for journey in journeys:
            if journey.ended or journey.carried:
                self._report(journey.ended or _delivered(journey))

    async def _ask(self, journey: Journey) -> None:
        """One after the other: each is a mail, and Cyberimpact throttles them (section 3)."""
        if await self._step(self._singles.ask, journey) and not journey.barred:
            self._report(journey.ended or _delivered(journey))

    async def _tidy(self, journey: Journey) -> None:
        before = journey.ended
        if before is None and not await self._step(self._singles.replace, journey):
            return
        if await self._step(self._singles.leave, journey) and not journey.barred:
            self._report(before or journey.ended or _delivered(journey))

    async def _step(self, step: Callable[[Journey], Awaitable[None]], journey: Journey) -> bool:
        """Do something for one contact, unless nothing more can be sent. Gives whether it was done."""
        if self._fault is not None:
            return False
        try:
            await step(journey)
        except SyncError as fault:
            self._fault = self._fault or fault
            return False
        return True

    def _settle(self, journey: Journey) -> None:
        """Report how a journey ended, or send it on to leave groups. Who is in doubt can't be in another request."""
        if journey.tidies and not (journey.ended and journey.ended.status == "in_doubt"):
            self._tidying.append(journey)
        else:
            self._report(journey.ended or _delivered(journey))


def _can_ride(change: Change) -> bool:
    """A batch must state a consent of a kind that it knows."""
    return change.consent is not None and change.consent.basis in RELATION_TYPES


def _delivered(journey: Journey) -> Outcome:
    return Outcome(journey.key, "delivered")


def start_journeys(changes: Iterable[Change], index: GroupIndex, express: Collection[str]) -> list[Journey]:
    """Journeys with their groups found. Those that can't be made have ended already, but for the groups to leave.

    `express`: whose consent there is express, so that none has to be known to us.
    """
    return [_start(change, index, change.key in express) for change in changes]


def _start(change: Change, index: GroupIndex, express: bool) -> Journey:
    journey = Journey(change)
    for title in change.leave:
        group = index.find(title)
        if group is not None and group.is_dynamic:
            _reject_dynamic(journey)
        elif group is not None:  # one that isn't there has been left
            journey.leaves[group.id] = title
    for title in change.join:
        group = index.find(title)
        if group is None and not index.creates:
            journey.reject("no_such_group", f'Create the group "{group_title(title)}" in Cyberimpact.', "groups")
        elif group is None:
            journey.reject("group_refused", "Cyberimpact refuses to create a group of that title.", "groups")
        elif group.is_dynamic:
            _reject_dynamic(journey)
        else:
            journey.joins[group.id] = title
    if change.exact is not None:
        found = {title: index.find(title) for title in change.exact}
        journey.exact = {group.id: title for title, group in found.items() if group and not group.is_dynamic}
    if not change.ask:
        _check_consent(journey, express)
    return journey


def _check_consent(journey: Journey, express: bool) -> None:
    consent = journey.change.consent
    if journey.adds and consent is None and (journey.change.create or not express):
        journey.reject("no_consent", "There is no consent on which the contact could be written to.", "relationType")
    elif journey.change.create and consent is not None and consent.basis not in RELATION_TYPES:
        journey.reject("unknown_relation", "The consent is of no kind that Cyberimpact knows.", "relationType")


def _reject_dynamic(journey: Journey) -> None:
    journey.reject("dynamic_group", "A group of that title is dynamic: only Cyberimpact itself fills it.", "groups")
