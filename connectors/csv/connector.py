"""The connector for CSV files: what a connection offers, and what `check` says about it."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Self

from connectors.csv.index import Index, remove_others
from connectors.csv.lookup import CsvLookup
from connectors.csv.settings import CsvSettings
from syncengine.contracts import Context, Destination, Finding, Lookup, Memory, Stream
from syncengine.errors import ConfigError, Problem


class CsvConnector:
    """Lookups in CSV files."""

    name: ClassVar[str] = "csv"
    summary: ClassVar[str] = "lookups in CSV files of any size"
    Settings: ClassVar[type[CsvSettings]] = CsvSettings

    def connect(self, settings: CsvSettings, context: Context) -> "CsvConnection":
        """Build the connection without touching a file. Raises ConfigError with every lookup that has none."""
        settle = settings.settle.total_seconds()
        lookups = {
            layout.lookup: CsvLookup(layout, Index(context.memory, layout.lookup), settle, context.clock)
            for layout in settings.layouts()
        }
        return CsvConnection(lookups, context.memory)


class CsvConnection:
    """One or several files. Nothing is read before the first question."""

    def __init__(self, lookups: Mapping[str, CsvLookup], memory: Memory) -> None:
        self._lookups = lookups
        self._memory = memory
        self.lookups: Mapping[str, Lookup] = lookups
        self.streams: Mapping[str, Stream] = {}
        self.destinations: Mapping[str, Destination] = {}

    async def check(self) -> Sequence[Finding]:
        """Every file: path, rows, columns, age. Raises ConfigError with all wrong files, else as `find` does."""
        problems: list[Problem] = []
        findings: list[Finding] = []
        for lookup in self._lookups.values():
            try:
                findings += await lookup.check()
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(list(dict.fromkeys(problems)))
        return findings

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(remove_others, self._memory.folder, self._lookups)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing stays open between two questions."""
