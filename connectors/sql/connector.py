"""The connector for databases: what a connection offers, and what `check` says about it."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import ClassVar, Self

from connectors.sql.lookup import SqlLookup
from connectors.sql.settings import SqlSettings
from connectors.sql.source import Source
from connectors.sql.statement import parse
from syncengine.contracts import Context, Destination, Finding, Lookup, Stream
from syncengine.errors import ConfigError, Problem


class SqlConnector:
    """Lookups in the merchant's own database."""

    name: ClassVar[str] = "sql"
    summary: ClassVar[str] = "lookups in a database: PostgreSQL, MySQL, MariaDB, SQL Server, SQLite and others"
    Settings: ClassVar[type[SqlSettings]] = SqlSettings

    def connect(self, settings: SqlSettings, context: Context) -> "SqlConnection":
        """Build the connection without asking the database.

        Raises ConfigError with all that is wrong: the address, a missing driver, queries that can't be right.
        """
        problems: list[Problem] = []
        statements = {}
        for name, lookup in settings.lookups.items():
            try:
                statements[name] = parse(lookup.query)
            except ValueError as error:
                problems.append(Problem(f"lookups.{name}.query", str(error)))
        try:
            source = Source(settings, context.clock.monotonic)
        except ConfigError as error:
            raise ConfigError([*error.problems, *problems]) from None
        if problems:
            raise ConfigError(problems)
        lookups = {name: SqlLookup(name, statement, source) for name, statement in statements.items()}
        return SqlConnection(source, lookups)


class SqlConnection:
    """One database. Opens nothing before the first question."""

    def __init__(self, source: Source, lookups: Mapping[str, SqlLookup]) -> None:
        self._source = source
        self._lookups = lookups
        self.lookups: Mapping[str, Lookup] = lookups
        self.streams: Mapping[str, Stream] = {}
        self.destinations: Mapping[str, Destination] = {}

    async def check(self) -> Sequence[Finding]:
        """Every lookup's query, asked for no key. Raises ConfigError with all refused queries, AuthError, Transient."""
        problems: list[Problem] = []
        findings: list[Finding] = []
        for name, lookup in self._lookups.items():
            try:
                columns = await lookup.columns()
            except ConfigError as error:
                problems += error.problems
            else:
                findings.append(Finding("ok", f"lookup {name}: {', '.join(sorted(columns))}"))
        if problems:
            raise ConfigError(list(dict.fromkeys(problems)))
        source = self._source
        reach = f"{source.where} answers"
        if source.database.read_only:
            return [Finding("ok", f"{reach}, read-only, {source.timeout:g} s for a query"), *findings]
        hint = "Use an account that may only read."
        return [Finding("warning", f"{reach}; it knows no read-only connections", hint), *findings]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._source.close)
