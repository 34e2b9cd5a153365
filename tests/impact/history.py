"""What may happen to the actions of an account at impact.com, in any order, also between the requests of a reader."""

import datetime as dt
from contextlib import suppress
from typing import Any

import httpx
from hypothesis import strategies as st

from connectors.impact.sandbox import ImpactSandbox
from tests.clock import FakeClock

START = dt.datetime(2026, 1, 20, 18, 0, tzinfo=dt.UTC)
"""The clocks change in March; and in November, if somebody waits long enough."""
CAMPAIGNS = ("1000", "2000", "3000")
MINUTE = 60
DAY = 86_400
PACE = 25
"""Seconds that a request takes: time goes on while a list is read."""
CROWD = 8
"""So many things happen in one second at most: a minute of them must fit in ten pages, and a page holds three."""

moments = st.sampled_from([MINUTE, 7 * MINUTE, 61 * MINUTE, 9 * 3600, DAY, 6 * DAY, 33 * DAY, 70 * DAY])
happenings = st.one_of(
    st.tuples(
        st.just("create"),
        st.sampled_from([*CAMPAIGNS, "1000", "1000"]),
        st.sampled_from([0, 0, 1, 3, 20, 50]),  # days from the event until it is submitted
        st.sampled_from([None, 0, 1, 7, 30, 90]),  # days until it locks; None: open-ended
    ),
    st.tuples(st.sampled_from(["modify", "approve", "reverse", "reset", "reset unseen"]), st.integers(0, 30)),
    st.tuples(st.just("approve due")),
)
between = st.lists(st.tuples(st.integers(1, 12), happenings), max_size=3)
"""What happens behind which request of a sync."""
waits = st.tuples(st.just("wait"), moments)
switches = st.fixed_dictionaries(
    {
        "timezone": st.sampled_from(["America/Los_Angeles", "Europe/Paris", "Australia/Lord_Howe", "Asia/Kolkata"]),
        "approval_creates_update": st.booleans(),
        "early_approval_date": st.sampled_from(["kept", "moved", "empty"]),
        "latency": st.sampled_from([0.0, 0.0, 1800.0]),
        "max_page_size": st.sampled_from([3, 4, 20_000]),
        "page_drift": st.sampled_from(["off", "leave"]),
        "forbidden": st.sampled_from([frozenset(), frozenset({"ActionUpdates"})]),
    }
)
overlaps = st.sampled_from(["0 seconds", "1 hour"])


class History:
    """One account, from its first action on. Who reads it is for others to say: `sync`."""

    def __init__(self, switched: dict[str, Any], overlap: str) -> None:
        self.clock = FakeClock(START)
        self.sandbox = ImpactSandbox(now=self.clock.now)
        for name, value in switched.items():
            setattr(self.sandbox.switches, name, value)
        self.sandbox.switches.small_page_size = "accept"
        for campaign in CAMPAIGNS:
            self.sandbox.book.add_campaign(campaign, f"Campaign {campaign}")
        # Without an overlap nothing may be left to chance, but what shows up late can't be seen either.
        self.settings = {**self.sandbox.settings(), "overlap": "1 hour" if switched["latency"] else overlap}
        self.requests = 0
        self._happened = 0
        self._planned: dict[int, list[tuple[Any, ...]]] = {}

    async def play(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("wait", seconds):
                self.clock.move(seconds)
            case ("sync", ends, between):
                await self.sync(ends, between)
            case _:
                self.happen(step)

    def happen(self, step: tuple[Any, ...]) -> None:
        """One thing happens at impact.com, unless it can't any more."""
        book = self.sandbox.book
        self._happened += 1
        if self._happened % CROWD == 0:
            self.clock.move(MINUTE)
        match step:
            case ("create", campaign, days, locking):
                event = self.clock.now() - dt.timedelta(days=days)
                book.create(campaign, event=event, locking_days=locking, **self.buyer(len(book.actions)))
            case ("approve due",):
                book.approve_due()
            case (verb, number) if book.actions:
                action = list(book.actions.values())[number % len(book.actions)]
                with suppress(ValueError):  # it is approved, and so finished
                    self._change(verb, action)

    def buyer(self, number: int) -> dict[str, str]:
        """Whose action the n-th one is."""
        return {"customer_id": f"C{number}"}

    def _change(self, verb: str, action: Any) -> None:
        book = self.sandbox.book
        locks = action.locking_date or action.event_date + dt.timedelta(days=44)
        final = action.state == "REVERSED" and locks <= self.clock.now()
        if verb == "reset unseen":
            # A reset that isn't "updated": no document says that it is.
            if action.state == "REVERSED" and not final:
                action.state, action.encoded = "PENDING", None
                book.action_shelf(action.campaign_id).touch()
        elif verb == "approve":
            if not final:
                book.approve(action.id)
        elif verb == "reset":
            if action.state == "REVERSED":
                book.reset(action.id)
        elif verb == "modify":
            book.modify(action.id, amount=f"{self.requests + 1}.00")
        else:
            book.reverse(action.id)

    async def sync(self, ends: Any, between: list[tuple[int, tuple[Any, ...]]]) -> None:
        """Read on, and end early as `ends` says; `between`: what happens behind which request."""
        raise NotImplementedError

    def plan_between(self, between: list[tuple[int, tuple[Any, ...]]]) -> None:
        """These things happen behind the requests that follow."""
        self._planned = {}
        for number, happening in between:
            self._planned.setdefault(self.requests + number, []).append(happening)

    def sent(self, _: httpx.Request) -> None:
        """A request was answered."""
        self.requests += 1
        self.clock.move(PACE)
        for happening in self._planned.pop(self.requests, ()):
            self.happen(happening)
