"""A shop with its two accounts for the tests of commands: local providers in this process, commands in their own."""

import csv
import datetime as dt
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from connectors.impact.sandbox import ImpactSandbox
from syncengine.cli.sandbox import start_sandboxes
from syncengine.sandbox.people import COLUMNS as USUAL
from tests.cli.conftest import Ended, Program

CAMPAIGN = "1000"
OTHER_RECIPES = re.compile(r"\n\[mappings\.(?!new-customers\])[^\]]+\]\n(?:[^\[\n].*\n)*")
"""Mappings of other recipes in the configuration that the sandboxes write."""
EARLIER = dt.timedelta(days=2)
"""Two days: another calendar day than `SINCE` gives, also just after midnight."""
SINCE = dt.timedelta(minutes=30)
"""Inside what the next sync reads: behind the margin at its end, before the overlap at its beginning."""
MAIL = 'connector = "cyberimpact"\n'
COLUMNS = (*USUAL, "wants_news")
"""Of the customers file: `wants_news` is read by a mapping of docs/cyberimpact.md."""
SETTLED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""When the directory of customers was written: long ago, so that nobody waits for its writer to end."""


class Shop:
    """Nobody has bought anything yet. `config` uses the recipe new-customers; its commands find it by themselves."""

    def __init__(self, run: Program, config: Path, impact: ImpactSandbox, cyberimpact: CyberimpactSandbox) -> None:
        self.run = run
        self.config = config
        self.impact = impact
        self.cyberimpact = cyberimpact
        self.state = config.with_name("syncengine.db")
        self._customers: dict[str, dict[str, str]] = {}
        self._written = 0
        run.environ["SYNCENGINE_CONFIG"] = str(config)
        self._write()

    def __call__(self, *arguments: str) -> Ended:
        """Run `syncengine` with these arguments. No command may ever show a traceback."""
        ended = self.run(*arguments)
        assert "Traceback" not in ended.err
        return ended

    def knows(self, customer: str, email: str, **others: str) -> None:
        """The shop's directory has a customer."""
        row = dict.fromkeys(COLUMNS, "") | {"customer_id": customer, "email": email, "language": "fr"} | others
        self._customers[customer] = row
        self._write()

    def sells(self, customer: str, *, ago: dt.timedelta = EARLIER, **others: Any) -> str:
        """impact.com tracks a purchase; its id."""
        moment = (dt.datetime.now(dt.UTC) - ago).replace(microsecond=0)
        order = others.pop("oid", f"order-{len(self.impact.book.actions)}")
        return self.impact.book.create(
            CAMPAIGN, customer_id=customer, oid=order, event=moment, at=moment, **others
        ).id  # fmt: skip

    def requests(self) -> int:
        """How many requests both providers have had."""
        return len(self.impact.seen) + len(self.cyberimpact.seen)

    def _write(self) -> None:
        path = self.config.with_name("customers.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            rows = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            rows.writeheader()
            rows.writerows(self._customers.values())
        self._written += 1
        os.utime(path, (SETTLED.timestamp() + self._written,) * 2)


@contextmanager
def open_shop(run: Program) -> Iterator[Shop]:
    with start_sandboxes(run.folder, 1) as running:
        impact, cyberimpact = running.sandboxes["impact"], running.sandboxes["cyberimpact"]
        assert isinstance(impact, ImpactSandbox)
        assert isinstance(cyberimpact, CyberimpactSandbox)
        impact.clear()
        cyberimpact.clear()
        impact.book.add_campaign(CAMPAIGN, "Northern Outfitters")
        keep_new_customers(running.config)
        yield Shop(run, running.config, impact, cyberimpact)


def keep_new_customers(config: Path) -> None:
    """Leave the mapping of the recipe new-customers alone in a configuration of the sandboxes."""
    text = OTHER_RECIPES.sub("", config.read_text(encoding="utf-8"))
    config.write_text(text.replace(MAIL, f'{MAIL}poll_every = "0.02 seconds"\n'), encoding="utf-8")
