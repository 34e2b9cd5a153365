"""connectors/csv keeps the rules of a lookup."""

import csv
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, ClassVar

from connectors.csv import CsvConnector
from syncengine.testing import ConformanceSuite, LookupStage, MovableClock

NO_NETWORK = "a file on the same machine: there is no request that could be answered so"
NO_SECRET = "a path is no secret, and there are no others"


class Customers(LookupStage):
    """A file of customers that was written an hour ago."""

    part = "customers"

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self._rows: list[tuple[str, str, str]] = []
        self._write()

    def settings(self) -> dict[str, Any]:
        return {"path": "customers.csv", "lookups": {"customers": {"key": "customer_id"}}}

    def bad_settings(self) -> dict[str, Any]:
        """There are no credentials: the next thing is a file that isn't there."""
        return {**self.settings(), "path": "elsewhere.csv"}

    def secrets(self) -> Collection[str]:
        return ()

    def people(self) -> Collection[str]:
        return [email for _, email, _ in self._rows]

    def add(self, key: str, rows: int = 1) -> None:
        for _ in range(rows):
            self._rows.append((key, f"person.{len(self._rows)}@example.test", "Zoë"))
        self._write()

    def cut_off(self) -> None:
        self._path.unlink()

    @property
    def _path(self) -> Path:
        return self.folder / "customers.csv"

    def _write(self) -> None:
        with self._path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("customer_id", "email", "First name"), *self._rows])
        written = self.clock.now().timestamp() - 3600
        os.utime(self._path, (written, written))


class TestCsv(ConformanceSuite):
    connector = CsvConnector
    sandbox = Customers
    waivers: ClassVar = {
        "settings_show_no_secret": NO_SECRET,
        "trouble_has_a_name": NO_NETWORK,
        "a_stated_wait_is_kept": NO_NETWORK,
    }
