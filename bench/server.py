"""The providers, in a process of their own whose time and memory nobody counts.

`python -m bench.server FOLDER ACTIONS NEW`; orders come as lines on standard input, answers leave as lines of JSON.
"""

import datetime as dt
import gc
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from bench.world import EMPTY_CAMPAIGN, Kept, Size, fill_cyberimpact, fill_impact, write_shop
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.impact.sandbox import ImpactSandbox
from syncengine.sandbox.kit import Person, Seen, Server

PLENTY = 1_000_000
"""Requests per hour: what is measured is work, not waiting for a quota."""
SUPPRESSED = frozenset({"unsubscribed", "bounced"})
VARIABLE = re.compile(r"[^/]*@[^/]*|\d+")


class World:
    """Both providers, and what their account was before each run."""

    def __init__(self, folder: Path, size: Size) -> None:
        self._now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        self.impact = ImpactSandbox()
        self.impact.switches.rate_limit = PLENTY
        self._customers: list[Person] = fill_impact(self.impact, size, self._now)
        self.cyberimpact = CyberimpactSandbox()
        self._kept: Mapping[str, Kept] = {}
        self.since = (self._now - dt.timedelta(days=size.days)).date()
        self._began = 0.0
        write_shop(self._customers, folder / "customers.db")
        self.reset()

    def reset(self) -> None:
        """Everything as it was before any run."""
        self.empty()
        self._kept = fill_cyberimpact(self.cyberimpact, self._customers, self._now)
        self._began = time.process_time()

    def empty(self) -> None:
        """Nobody in the account: what a run against it takes is start-up."""
        self.impact.seen.clear()
        self.cyberimpact.reset()
        self.cyberimpact.switches.batch_polls = 0
        self._kept = {}

    def forget(self) -> None:
        """Count requests anew; the account stays."""
        self.impact.seen.clear()
        self.cyberimpact.seen.clear()
        self._began = time.process_time()

    def report(self) -> dict[str, Any]:
        """What was asked and what was done, as the providers saw it, and the seconds of CPU that it took them."""
        seconds = time.process_time() - self._began
        contacts = self.cyberimpact.contacts()
        written = _written(self.cyberimpact.write_requests())
        there = {email: contacts[email] for email in self._kept}
        return {
            "seconds": seconds,
            "requests": {"impact": _shapes(self.impact.seen), "cyberimpact": _shapes(self.cyberimpact.seen)},
            "contacts": sum(bool(known.groups) for known in contacts.values()),
            "wrote_to_suppressed": len(
                {email for email, kept in self._kept.items() if kept.kind in SUPPRESSED} & written
            ),
            "dates_set_back": sum(
                (there[email].consent.date or kept.date) < kept.date for email, kept in self._kept.items()
            ),
            "names_overwritten": sum(
                there[email].fields.get("firstname") != kept.firstname for email, kept in self._kept.items()
            ),
            "left_without_groups": sum(
                kept.kind == "express" and email in written and not there[email].groups
                for email, kept in self._kept.items()
            ),
        }


def _shapes(seen: Iterable[Seen]) -> dict[str, int]:
    """Requests by method and path, with addresses and numbers left out."""
    return dict(Counter(f"{one.method} {VARIABLE.sub('…', one.path)}" for one in seen))


def _written(requests: Iterable[Seen]) -> set[str]:
    """Every address that a batch adds."""
    bodies = [msgspec.json.decode(one.body) for one in requests if one.path.endswith("/batches")]
    return {str(member["email"]).lower() for body in bodies for member in body["members"]}


def main(folder: Path, size: Size) -> None:
    """Serve until standard input ends."""
    world = World(folder, size)
    gc.collect()
    gc.freeze()  # a collection over a million objects in the middle of a run would be noise
    with Server(world.impact.app) as impact, Server(world.cyberimpact.app) as cyberimpact:
        _say(
            {
                "impact": {"url": impact.url, **world.impact.settings()},
                "cyberimpact": {"url": cyberimpact.url, **world.cyberimpact.settings()},
                "since": world.since.isoformat(),
                "empty_campaign": EMPTY_CAMPAIGN[0],
            }
        )
        orders = {"reset": world.reset, "empty": world.empty, "forget": world.forget, "report": world.report}
        for line in sys.stdin:
            _say(orders[line.strip()]() or {})


def _say(answer: Mapping[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Size(int(sys.argv[2]), int(sys.argv[3])))
