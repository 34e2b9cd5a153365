"""The connector for databases: what a connection offers, and what `check` says about it."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Self

from connectors.sql.destination import SqlDestination
from connectors.sql.lookup import KEY, SqlLookup
from connectors.sql.settings import SqlSettings
from connectors.sql.sink import Sink
from connectors.sql.source import Source
from connectors.sql.statement import parse
from syncengine.contracts import Context, Destination, Finding, Lookup, Stream
from syncengine.errors import ConfigError, Problem


class SqlConnector:
    """Lookups in the merchant's own database, and tables of it that are written to."""

    name: ClassVar[str] = "sql"
    summary: ClassVar[str] = "lookups and tables in a database: PostgreSQL, MySQL, MariaDB, SQL Server, SQLite …"
    Settings: ClassVar[type[SqlSettings]] = SqlSettings

    def connect(self, settings: SqlSettings, context: Context) -> "SqlConnection":
        """Build the connection without asking the database.

        Raises ConfigError with all that is wrong: the address, a missing driver, queries that can't be right.
        """
        problems: list[Problem] = []
        opened: tuple[Source, Sink] | None = None
        try:
            opened = Source(settings, context.clock.monotonic), Sink(settings, context.clock.monotonic)
        except ConfigError as error:
            problems += error.problems
        statements = {}
        for name, lookup in settings.lookups.items():
            try:
                statements[name] = parse(lookup.query, opened[0].database.key if opened else KEY)
            except ValueError as error:
                problems.append(Problem(f"lookups.{name}.query", str(error)))
        if problems or opened is None:
            raise ConfigError(problems)
        source, sink = opened
        lookups = {name: SqlLookup(name, statement, source) for name, statement in statements.items()}
        destinations = {
            name: SqlDestination(name, destination, sink, context.timezone)
            for name, destination in settings.destinations.items()
        }
        return SqlConnection(source, sink, lookups, destinations)


class SqlConnection:
    """One database. Opens nothing before the first question."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        lookups: Mapping[str, SqlLookup],
        destinations: Mapping[str, SqlDestination],
    ) -> None:
        self._source = source
        self._sink = sink
        self._lookups = lookups
        self._destinations = destinations
        self.lookups: Mapping[str, Lookup] = lookups
        self.streams: Mapping[str, Stream] = {}
        self.destinations: Mapping[str, Destination] = destinations

    async def check(self) -> Sequence[Finding]:
        """Every lookup's query, asked for no key; every destination's table, and whether it can be written to.

        Raises ConfigError with everything that the database refuses, AuthError, Transient.
        """
        problems: list[Problem] = []
        findings: list[Finding] = []
        for look in (*map(_check_lookup, self._lookups.items()), *map(_check_destination, self._destinations.items())):
            try:
                findings += await look
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(list(dict.fromkeys(problems)))
        return [*self._reach(), *findings]

    def _reach(self) -> list[Finding]:
        """How lookups ask."""
        source = self._source
        reach = f"{source.where} answers"
        if not self._lookups:
            return [Finding("ok", f"{reach}, {source.timeout:g} s for a write")]
        if source.database.read_only:
            return [Finding("ok", f"{reach}, read-only, {source.timeout:g} s for a query")]
        return [Finding("warning", f"{reach}; it knows no read-only connections", "Use an account that may only read.")]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._source.close)
        await asyncio.to_thread(self._sink.close)


async def _check_lookup(item: tuple[str, SqlLookup]) -> list[Finding]:
    name, lookup = item
    return [Finding("ok", f"lookup {name}: {', '.join(sorted(await lookup.columns()))}")]


async def _check_destination(item: tuple[str, SqlDestination]) -> list[Finding]:
    name, destination = item
    target = await destination.find()
    columns = [column for column in target.kinds if column != target.key]
    findings = [Finding("ok", f"destination {name}: {target.settings.table} by {target.key}: {', '.join(columns)}")]
    if target.needed:
        needed = ", ".join(target.needed)
        message = f"destination {name}: a new row of {target.settings.table} must have a value in {needed}"
        findings.append(Finding("warning", message, "Rows that are there are changed all the same."))
    return findings
