"""Any history of calls, with trouble in between, and what must be at impact.com in the end.

What a call is worth is computed here from what the sandbox knows of its rows (which of them stand), and never by the
connector's fold, so that the two can disagree.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import httpx
from hypothesis import strategies as st

from connectors.invoca.sandbox import Entry, Row
from syncengine.errors import SyncError
from syncengine.sandbox.kit import Fault
from tests.invoca.journey import Journey, Killed

SETTLE = dt.timedelta(hours=1)
STEPS = (
    "call", "call", "call", "call", "old call", "same start", "leg", "sale", "signal", "correct", "correct", "annotate",
    "wait", "sync", "sync", "settle", "settle", "trouble", "kill reading", "kill report", "cut report", "purge", "zone",
)  # fmt: skip
BESIDES = frozenset({"call", "old call", "wait", "zone"})
"""What may happen before there is any call."""
DISTURBED = frozenset({"trouble", "kill reading", "kill report", "cut report"})
ZONES = ("America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati")
SIGNALS = ("Booked", "Quote", "Sold")
ROUNDS = 4
"""Undisturbed runs at the end: what was held back settles, what was put off is tried again."""
READ_TROUBLE = (
    Fault(kind="status", status=500, times=20),
    Fault(kind="status", status=429, headers={"Retry-After": "3"}),
    Fault(kind="malformed"),
    Fault(kind="status", status=403, body='{"errors": {"class": "UnauthorizedOperation"}}'),
)


class History:
    """One journey, step by step. `draw` chooses; every report is checked when it arrives."""

    def __init__(self, folder: Path, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.journey = Journey(folder)
        switches = self.journey.network.switches
        switches.corrections = draw(st.sampled_from(["chain", "star"]))
        switches.correction_start = draw(st.sampled_from(["keep", "shift"]))
        switches.unknown_cursor = draw(st.sampled_from(["empty", "oldest", "404"]))
        switches.superseded_readable = draw(st.booleans())
        switches.newest_first_in_ties = draw(st.booleans())
        switches.numbers = draw(st.sampled_from(["ints", "text"]))
        switches.role = draw(st.sampled_from(["network", "advertiser"]))
        switches.page_rows = draw(st.sampled_from([2, 3, 50]))
        self.journey.settings |= {"role": switches.role, "page_rows": 50}
        self.calls: list[Row] = []
        self.stood: dict[str, list[dict[str, str] | None]] = {}
        """What each call was worth at the last run that read it, and at those since that may have read it or not."""
        self.began = self.journey.clock.now()
        """When the last run began."""
        self.wrong: list[str] = []
        self.met: Counter[str] = Counter()
        """What came up, by its name: the troubles that really happened, and what they were to be met by."""

    # --- steps ---

    async def run(self, steps: Sequence[str]) -> None:
        for step in steps:
            await self.step(step)
        await self.end()

    async def step(self, step: str) -> None:
        if step in DISTURBED:
            await self._disturb(step)
        elif step == "purge" and self.calls:
            self.met[step] += 1
            await self._purge()
        elif step == "sync":
            await self._sync()
        elif step == "settle":
            self.met[step] += 1
            await self._settle()
        elif step in BESIDES or (self.calls and step != "purge"):
            self.met[step] += 1
            self._happen(step)

    def _happen(self, step: str) -> None:
        """Something happens at Invoca."""
        book, now = self.journey.book, self.journey.clock.now()
        match step:
            case "call":
                self._call(None)
            case "old call":
                self._call(now - dt.timedelta(days=self.draw(st.integers(1, 60))))
            case "wait":
                self.journey.clock.move(self.draw(st.sampled_from([60, 1800, 3600, 86_400])))
            case "zone":
                self.journey.network.switches.timezone = self.draw(st.sampled_from(ZONES))
            case "same start":
                self._call(self._some().start)
            case "leg":
                talked = self.draw(st.integers(0, 300))
                book.leg(self._some().call, connect_duration=talked, duration=talked + 10)
            case "sale":
                call = self._some().call
                for cents in self.draw(st.lists(st.integers(1, 99_999), min_size=1, max_size=2)):
                    book.sale(call, sale_amount=f"{cents / 100:.2f}")
            case "signal":
                book.signal(self._some().call, custom=[self._entry()])
            case "annotate":
                book.annotate(self._some().call, self._entry())
            case "correct":
                row = self.draw(st.sampled_from(book.of_call(self._some().call)))
                book.correct(row.id, city=self.draw(st.sampled_from(["Laval", "Québec"])))

    async def _disturb(self, step: str) -> None:
        """A run in which something goes wrong."""
        match step:
            case "trouble":
                fault = self.draw(st.sampled_from(READ_TROUBLE))
                await self._sync(fault=fault.model_copy(update={"after": self.draw(st.integers(0, 6))}))
            case "kill reading":
                await self._sync(kill=self.draw(st.integers(1, 9)))
            case "kill report":
                self.journey.clock.move(2 * SETTLE.total_seconds())
                await self._sync(report=("kill", self.draw(st.sampled_from(["before", "after"]))))
            case "cut report":
                self.journey.clock.move(2 * SETTLE.total_seconds())
                await self._sync(report=("cut", self.draw(st.sampled_from(["before", "after"]))))

    async def end(self) -> None:
        """Everything settles, and no trouble any more."""
        for _ in range(ROUNDS):
            await self._settle()

    async def _settle(self) -> None:
        """What there is by now is reported: whatever comes later is late."""
        self.journey.clock.move(2 * SETTLE.total_seconds())
        await self._sync()

    def _call(self, at: dt.datetime | None) -> None:
        talked = self.draw(st.sampled_from([0, 1, 45, 280]))
        reportable = self.draw(st.sampled_from([True, True, True, False]))
        self.calls.append(
            self.journey.book.call(
                at=at,
                duration=talked + 32,
                connect_duration=talked,
                hangup_cause=self.draw(st.sampled_from(["Caller: Hang-up", "Destination: No Answer", None])),
                calling_phone_number=self.draw(st.sampled_from(["866-555-0134", "866-555-0135", ""])),
                affiliate_id_from_network="39787" if reportable else None,
            )
        )

    def _entry(self) -> Entry:
        return Entry(self.draw(st.sampled_from(SIGNALS)), self.draw(st.sampled_from([True, False, None])))

    def _some(self) -> Row:
        row: Row = self.draw(st.sampled_from(self.calls))
        return row

    async def _purge(self) -> None:
        """The row at which reading stands goes: one that says nothing, so that the call stays what it is."""
        row = self.journey.book.event(self._some().call)
        await self._sync()
        self.journey.book.purge(row.id)

    async def _sync(
        self,
        *,
        fault: Fault | None = None,
        kill: int | None = None,
        report: tuple[Literal["kill", "cut"], str] | None = None,
    ) -> None:
        """One run, with what is to go wrong in it."""
        sandbox = self.journey.network.sandbox
        if fault is not None:
            sandbox.faults.add(fault)
        left, whole = kill, fault is None and kill is None
        self.began = self.journey.clock.now()

        def watch(when: str, request: httpx.Request) -> None:
            if when == "before":
                self._verify(dict(request.url.params), whole)
            if report is not None and when == report[1]:
                self.met[f"{report[0]} report"] += 1
                raise Killed if report[0] == "kill" else httpx.ReadError("cut", request=request)

        def read(when: str, request: httpx.Request) -> None:
            nonlocal left
            if left is not None and when == "after":
                left -= 1
                if left == 0:
                    self.met["kill reading"] += 1
                    raise Killed

        self.journey.trouble, self.journey.network.trouble = watch, read
        try:
            await self.journey.sync()
        except (Killed, SyncError):
            self.journey.restart()
        self._remember(whole)
        self.met["trouble"] += len(sandbox.faults.injected)
        sandbox.faults.clear()
        self.journey.network.trouble = lambda when, request: None

    # --- what must hold ---

    def expected(self, call: str) -> dict[str, str] | None:
        """What is to be reported of this call as its rows stand now; None where it isn't for impact.com."""
        rows = [row for row in self.journey.book.of_call(call) if not row.superseded]
        legs = [row for row in rows if row.kind == "Call"]
        if not legs:
            return None
        main = max(legs, key=lambda leg: (int(leg.values["connect_duration"]), int(leg.values["duration"])))
        if not main.values["affiliate_id_from_network"] or not main.values["calling_phone_number"]:
            return None
        sales = [round(float(row.values["sale_amount"]) * 100) for row in rows if row.kind == "Reported Conversion"]
        on: dict[str, bool] = {}
        for row in rows:
            on.update({entry.name: entry.value for entry in row.custom if entry.value is not None})
        return {
            "CallSessionId": call,
            "TalkDuration": str(main.values["connect_duration"]),
            "CallDuration": str(main.values["duration"]),
            "City": main.values.get("city") or "",
            "SaleAmount": f"{sum(sales) / 100:.2f}" if sales else "",
            "DispositionName": ", ".join(sorted(name for name, value in on.items() if value)),
            "EventDate": f"{main.start:%Y-%m-%dT%H:%M:%SZ}",
        }

    def _verify(self, sent: dict[str, str], whole: bool) -> None:
        """A report that leaves now says what stands now.

        Where reading broke off, or the call has not settled again, it says what stood when the call was last read: what
        has changed since is listed once it is read.
        """
        call = sent["CallSessionId"]
        now = self.expected(call)
        known = [now] if whole and self._settled(call) else [now, *self.stood.get(call, ())]
        if now is None:
            self.wrong.append("a call was reported that is not for impact.com")
        elif not any(_says(sent, worth) for worth in known):
            wrong = {name: (sent.get(name), value) for name, value in now.items() if sent.get(name, "") != value}
            self.wrong.append(f"a report says what the call never was worth; sent, and now: {wrong}")

    def _settled(self, call: str) -> bool:
        """Whether the call had settled when this run began: later legs and corrections may hold it back again."""
        legs = [row for row in self.journey.book.of_call(call) if row.kind == "Call" and not row.superseded]
        ends = (leg.start + dt.timedelta(seconds=int(leg.values["duration"])) for leg in legs)
        return all(end + SETTLE <= self.began for end in ends)

    def _remember(self, whole: bool) -> None:
        """What is at Invoca at the end of a run; `whole`: the run has read all of it that has settled."""
        for call in {row.call for row in self.calls}:
            before = [] if whole and self._settled(call) else self.stood.get(call, [])
            self.stood[call] = [*before, self.expected(call)]

    def verify(self) -> None:
        """Every reportable call is there exactly once; a call that isn't has a reason."""
        self.met["reported"] += len(self.journey.endpoint.reports)
        self.met["changed"] += list(self.journey.rejects().values()).count("changed_after_delivery")
        assert not self.wrong, self.wrong
        doubt, rejects = self.journey.in_doubt(), self.journey.rejects()
        for call in {row.call for row in self.calls}:
            kinds = [row.kind for row in self.journey.book.of_call(call) if not row.superseded]
            self.met["two sales"] += kinds.count("Reported Conversion") > 1
            key = f"1000/777/{call}"
            times = len(self.journey.endpoint.of_session(call))
            assert times <= 1, f"reported {times} times"
            if key in doubt:
                continue
            if self.expected(call) is not None:
                assert times == 1, "a reportable call never arrived, and nobody says why"
            if times:
                [report] = self.journey.endpoint.of_session(call)
                now = self.expected(call)
                changed = rejects.get(key) == "changed_after_delivery"
                assert _says(report, now) or changed or now is None, "it changed after its report, and nobody says so"


def _says(report: dict[str, str], worth: dict[str, str] | None) -> bool:
    """Whether the report says just this; None is worth no report."""
    return worth is not None and all(report.get(name, "") == value for name, value in worth.items())
