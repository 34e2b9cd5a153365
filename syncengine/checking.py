"""Finds out whether a configuration would work, by asking the real providers and running the mappings' own tests.

Every connection is asked even where another fails: one evening of trouble should need one `check`.
"""

import asyncio
import datetime as dt
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mappings.testing import TestResult, run_tests
from syncengine.binding import BoundMapping, Workspace
from syncengine.config import Settings
from syncengine.contracts import Connection, Destination, Lookup, group_key, group_title
from syncengine.engine.columns import missing_columns
from syncengine.errors import ConfigError, StateError, SyncError
from syncengine.state.database import Database, sqlite_path

__all__ = ["CheckFinding", "check_workspace", "test_mapping"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One thing found out. `key` is its place in the configuration; `code` says what kind of error it is."""

    level: Literal["ok", "warning", "error"]
    key: str
    message: str
    hint: str = ""
    code: str = ""


async def check_workspace(workspace: Workspace) -> list[CheckFinding]:
    """Ask every connection, compare what mappings read (columns, partitions) with what is there, and run their tests.

    The workspace is entered. Raises nothing that a connection raised: it becomes a finding.
    """
    findings = [
        CheckFinding("warning", problem.key, problem.message, problem.hint) for problem in workspace.settings.warnings
    ]
    findings += _check_state(workspace.settings)
    asked = await asyncio.gather(*(_check_connection(*item) for item in workspace.connections.items()))
    findings += [finding for group in asked for finding in group]
    broken = {finding.key.split(".")[1] for group in asked for finding in group if finding.level == "error"}
    sources = {
        rule.source: lookup
        for mapping in workspace.mappings.values()
        for rule, lookup in mapping.lookups
        if rule.source.partition(".")[0] not in broken  # it would only say the same again
    }
    columns = dict(zip(sources, await asyncio.gather(*(_columns(*item) for item in sources.items())), strict=True))
    findings += [found for found in columns.values() if isinstance(found, CheckFinding)]
    known = {source: found for source, found in columns.items() if isinstance(found, frozenset)}
    readable = [
        mapping for mapping in workspace.mappings.values() if mapping.source_name.partition(".")[0] not in broken
    ]
    findings += [found for group in await asyncio.gather(*map(_check_partitions, readable)) for found in group]
    for mapping in workspace.mappings.values():
        findings += _check_columns(mapping, known)
        findings += _check_tests(mapping)
    return list(dict.fromkeys(findings))


def test_mapping(mapping: BoundMapping) -> list[TestResult]:
    """Run the tests that stand beside a mapping, through its destination's validation. No network."""
    return run_tests(mapping.rule, mapping.spec.tests, lambda fields: _flat(mapping.destination, fields))


test_mapping.__test__ = False  # type: ignore[attr-defined]  # pytest would take an import of it for a test


def _check_state(settings: Settings) -> list[CheckFinding]:
    """Whether the state can be used: looked at on a copy, so that nothing is made or changed."""
    key, path = "engine.database", sqlite_path(settings.engine.database)
    try:
        Database.copy(settings.engine.database).close()
    except StateError as error:
        return [CheckFinding("error", key, error.message, error.hint, error.code)]
    if path is not None and not os.access(path.parent, os.W_OK):
        hint = "Give the user who runs syncengine write access to it, or change engine.database."
        return [CheckFinding("error", key, f"{path.parent}: the folder can't be written to.", hint, "readonly")]
    return []


async def _check_connection(name: str, connection: Connection) -> list[CheckFinding]:
    key = f"connections.{name}"
    try:
        return [CheckFinding(found.level, key, found.message, found.hint) for found in await connection.check()]
    except Exception as error:
        return _explain(error, key)


async def _columns(source: str, lookup: Lookup) -> frozenset[str] | CheckFinding | None:
    """The real columns; None where the lookup can't say."""
    connection, _, name = source.partition(".")
    try:
        return await lookup.columns()
    except Exception as error:
        return _explain(error, f"connections.{connection}.lookups.{name}")[0]


async def _check_partitions(mapping: BoundMapping) -> list[CheckFinding]:
    """Whether there is what the options ask for: only the provider knows its campaigns."""
    try:
        await mapping.stream.partitions(mapping.options)
    except Exception as error:
        return _explain(error, f"mappings.{mapping.name}")
    return []


def _explain(error: Exception, key: str) -> list[CheckFinding]:
    table = ".".join(key.split(".")[:2])
    if isinstance(error, ConfigError):
        return [
            CheckFinding("error", f"{table}.{fault.key}", fault.message, fault.hint, error.code)
            for fault in error.problems
        ]
    if isinstance(error, SyncError):
        return [CheckFinding("error", key, error.message.removeprefix(f"{table}: "), error.hint, error.code)]
    logger.debug("the check failed", exc_info=error)
    kind = type(error).__name__
    return [
        CheckFinding(
            "error", key, f"The connector failed ({kind}).", "This is a bug of it; --debug shows where.", "bug"
        )
    ]


def _check_columns(mapping: BoundMapping, known: Mapping[str, frozenset[str]]) -> list[CheckFinding]:
    return [
        CheckFinding("error", problem.key, problem.message, problem.hint, "config")
        for problem in missing_columns(mapping, known)
    ]


def _check_tests(mapping: BoundMapping) -> list[CheckFinding]:
    key = f"mappings.{mapping.name}"
    results = test_mapping(mapping)
    failed = [
        CheckFinding(
            "error", f"{key}.tests.{result.index}", f"{result.name}: {'; '.join(result.differences)}", "", "test"
        )
        for result in results
        if not result.passed
    ]
    if failed:
        return failed
    if not results:
        return [
            CheckFinding("warning", key, "It has no tests.", f"[[{key}.tests]] says what should become of a record.")
        ]
    return [CheckFinding("ok", key, f"{len(results)} {'test passes' if len(results) == 1 else 'tests pass'}.")]


def _flat(destination: Destination, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the destination makes of the fields, under the names that the mapping uses.

    The parts of a consent have names that only the destination knows: they are shown as the mapping made them, but for
    an instant, which a consent keeps as a day.
    """
    draft = destination.draft(fields)
    shown = {**fields, **draft.fields, destination.key_field: draft.key}
    if draft.groups:
        shown["groups"] = [_group(reference) for reference in draft.groups]
    if draft.consent is not None:
        for name in fields.keys() - draft.fields.keys():
            if _is_instant(fields[name]):
                shown[name] = draft.consent.date
    return shown


def _group(reference: str) -> str | Mapping[str, str]:
    key, title = group_key(reference), group_title(reference)
    return {"key": key, "title": title} if key else title


def _is_instant(value: object) -> bool:
    try:
        return isinstance(value, str) and dt.datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
