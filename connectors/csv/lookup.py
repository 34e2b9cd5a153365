"""When a CSV file is read: once, and again when it has changed and settled. In between the index answers."""

import asyncio
import datetime as dt
import os
import stat
from collections.abc import Collection
from typing import NamedTuple

from connectors.csv.index import Fingerprint, Index, Summary
from connectors.csv.settings import Layout
from connectors.csv.table import Table
from syncengine.contracts import Clock, Finding, Found
from syncengine.errors import ConfigError, Problem, ProviderError, Transient

MARGIN = 0.05
"""Seconds waited longer than needed: clocks of files and of programs differ by a tick."""


class Sight(NamedTuple):
    """A state of the file, and when it was first seen, in monotonic seconds."""

    fingerprint: Fingerprint
    since: float


class CsvLookup:
    """Rows of one CSV file by key, as text. Keys are compared exactly, blanks around those in the file apart."""

    def __init__(self, layout: Layout, index: Index, settle: float, clock: Clock) -> None:
        self._layout = layout
        self._index = index
        self._settle = settle
        self._clock = clock
        self._sight: Sight | None = None

    async def columns(self) -> frozenset[str]:
        """The names its rows have: those of the file's header, as expressions spell them. Raises as `find` does."""
        return frozenset((await self._refresh()).columns)

    async def find(self, keys: Collection[str]) -> Found:
        """The rows of these keys.

        Raises ConfigError (no such file or column), ProviderError (a fault in the file), Transient (it is being written
        and was never read before), StateError (no room for the index).
        """
        if not keys:
            return Found({})
        await self._refresh()
        return Found(await asyncio.to_thread(self._index.find, keys))

    async def check(self) -> list[Finding]:
        """What the file holds and how old it is. Raises as `find` does."""
        summary = await self._refresh()
        name = self._layout.lookup
        modified = dt.datetime.fromtimestamp(summary.fingerprint.modified_ns / 1e9, dt.UTC)
        facts = (
            f"lookup {name}: {self._layout.path}",
            f"{summary.rows:,} rows",
            f"written {_age(self._clock.now() - modified)}",
            summary.encoding,
            f"delimiter {summary.delimiter!r}",
            f"columns {', '.join(summary.columns)}",
        )
        findings = [Finding("ok", ", ".join(facts))]
        if not summary.rows:
            findings.append(Finding("warning", f"lookup {name}: {self._layout.path} has a header and no rows"))
        if summary.keyless:
            message = f"lookup {name}: {summary.keyless:,} rows have no {self._layout.key} and can't be found"
            findings.append(Finding("warning", message))
        if summary.fingerprint != await asyncio.to_thread(self._look):
            message = f"lookup {name}: {self._layout.path} is being written; its last complete state is used"
            findings.append(Finding("warning", message))
        return findings

    async def _refresh(self) -> Summary:
        """Make sure that there is an index: of the file as it is, or, while it is being written, as it last was."""
        summary, ready = await asyncio.to_thread(self._inspect)
        if not ready and summary is None:
            # Nothing to answer with: a file that was just written is worth a moment.
            await self._clock.sleep(self._wait())
            summary, ready = await asyncio.to_thread(self._inspect)
        if ready:
            summary = await asyncio.to_thread(self._build)
        if summary is None:
            message = f"{self._layout.path} is being written, and was never read before."
            raise Transient(message, hint="It is tried again later.", code="unsettled", retry_after=self._settle)
        return summary

    def _inspect(self) -> tuple[Summary | None, bool]:
        """The index that can be used, and whether the file has changed and settled since it was made."""
        summary = self._index.summary(self._layout.identity())
        fingerprint = self._look(known=summary is not None)
        return summary, (summary is None or summary.fingerprint != fingerprint) and self._settled(fingerprint)

    def _look(self, *, known: bool = True) -> Fingerprint:
        """The present state of the file. `known`: it was read before, so its absence may pass."""
        path, place = self._layout.path, self._layout.place
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            if known:
                hint = "If it is being replaced, it is tried again later; else put it back."
                raise Transient(f"{path} is not there any more.", hint=hint, code="missing") from None
            hint = "Correct the path; a relative one is relative to the configuration file."
            raise ConfigError([Problem(place, f"there is no file {path}", hint)]) from None
        except OSError as error:
            raise ConfigError([Problem(place, f"{path} can't be read: {error.strerror}")]) from None
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no file"
            raise ConfigError([Problem(place, f"{path} is {what}", "Name the CSV file itself.")])
        fingerprint = Fingerprint.of(status)
        if self._sight is None or self._sight.fingerprint != fingerprint:
            self._sight = Sight(fingerprint, self._clock.monotonic())
        return fingerprint

    def _settled(self, fingerprint: Fingerprint) -> bool:
        """Unchanged for long enough, by its date, or by our own watching where the date lies in the future."""
        watched = self._clock.monotonic() - self._sight.since if self._sight else 0.0
        return max(self._quiet(fingerprint), watched) >= self._settle

    def _quiet(self, fingerprint: Fingerprint) -> float:
        """Seconds since the file's date; negative if that lies in the future."""
        return self._clock.now().timestamp() - fingerprint.modified_ns / 1e9

    def _wait(self) -> float:
        quiet = self._quiet(self._sight.fingerprint) if self._sight else 0.0
        return self._settle - (quiet if 0 <= quiet <= self._settle else 0.0) + MARGIN

    def _build(self) -> Summary | None:
        """Read the file into a new index. A file that changed meanwhile is not believed: the old index stands."""
        layout = self._layout
        with self._index.building():
            old = self._index.summary(layout.identity())
            try:
                file = layout.path.open("rb")
            except OSError as error:
                raise ConfigError([Problem(layout.place, f"{layout.path} can't be read: {error.strerror}")]) from None
            with file:
                fingerprint = Fingerprint.of(os.fstat(file.fileno()))
                if old and old.fingerprint == fingerprint:
                    return old  # somebody else was quicker
                try:
                    table = Table(file, layout)
                    if not table.columns:
                        self._refuse_emptied(old)
                        message = f"{layout.path} is empty"
                        raise ConfigError([Problem(layout.place, message, "Its first line must name the columns.")])
                    new = self._index.build(table, layout.identity(), fingerprint)
                    if self._look() != fingerprint or Fingerprint.of(os.fstat(file.fileno())) != fingerprint:
                        return old
                    if not new.rows:
                        self._refuse_emptied(old)
                    self._index.publish()
                    return new
                finally:
                    self._index.discard()

    def _refuse_emptied(self, old: Summary | None) -> None:
        """An empty file after a full one is an export that failed, until somebody says otherwise."""
        if old and old.rows:
            message = f"{self._layout.path} has no rows any more; it had {old.rows:,}."
            hint = f"Put the customers back. If it is meant to be empty, remove {self._index.path} and try again."
            raise ProviderError(message, hint=hint, code="emptied")


def _age(age: dt.timedelta) -> str:
    """A span in the largest unit that fits, for people."""
    seconds = age.total_seconds()
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} seconds ago"
