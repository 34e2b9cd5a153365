"""The tests that stand in the configuration beside a mapping: run by `check` and `test`, without any network."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from mappings.functions import text
from mappings.mapping import CompiledMapping, Row
from mappings.spec import Fate, TestSpec

Draft = Callable[[dict[str, Any]], Mapping[str, Any]]
"""Validates and normalises fields as the destination does; flat, field name to value. What it raises for fields that
the destination refuses has an attribute `field`, as FieldError has."""


@dataclass(frozen=True)
class TestResult:
    """What came of one test. `differences` are sentences and quote values: tests hold made-up people."""

    __test__: ClassVar[bool] = False  # not one of pytest's

    index: int
    name: str
    passed: bool
    differences: tuple[str, ...]


class _End(NamedTuple):
    """What became of a record that makes no draft, and why."""

    fate: Fate
    why: str


def run_tests(mapping: CompiledMapping, tests: Sequence[TestSpec], draft: Draft) -> list[TestResult]:
    """Run the tests of one mapping. Anything that `draft` raises without an attribute `field` goes through."""
    results = []
    for index, test in enumerate(tests):
        differences = tuple(_differences(test, _outcome(mapping, test, draft)))
        results.append(TestResult(index, test.name or f"test {index + 1}", not differences, differences))
    return results


def _differences(test: TestSpec, outcome: Mapping[str, Any] | _End) -> list[str]:
    if isinstance(outcome, _End):
        if outcome.fate == test.expect:
            return []
        expected = f'"{test.expect}"' if isinstance(test.expect, str) else "a draft"
        return [f"expected {expected}, but the record is {outcome.fate}: {outcome.why}"]
    if isinstance(test.expect, str):
        return [f'expected "{test.expect}", but it makes a draft']
    return [
        f"{name}: expected {_shown(wanted)}, got {_shown(outcome.get(name))}"
        for name, wanted in test.expect.items()
        if _plain(wanted) != _plain(_as_named(outcome.get(name), wanted))
    ]


def _as_named(made: Any, wanted: Any) -> Any:
    """A list with its tables called as the test calls them: a table by its `title`, unless the test writes it out."""
    if not isinstance(made, list | tuple) or not isinstance(wanted, list):
        return made
    whole = [_plain(item) for item in wanted if isinstance(item, Mapping)]
    titled = [isinstance(item, Mapping) and "title" in item and _plain(item) not in whole for item in made]
    return [item["title"] if by_title else item for item, by_title in zip(made, titled, strict=True)]


def _outcome(mapping: CompiledMapping, test: TestSpec, draft: Draft) -> Mapping[str, Any] | _End:
    values = _row(test.given)
    found = {alias: _row(row) for alias, row in test.lookup.items()}
    try:
        end = _end_without_draft(mapping, values, found)
        if end is not None:
            return end
        made = draft(mapping.fields(values, found)[0])
        return made if mapping.purpose(values, found) == "draft" else _End("renewed", "only `renew` holds")
    except Exception as error:
        if not hasattr(error, "field"):  # a fault of the program, not of the record
            raise
        return _End("rejected", str(error))


def _end_without_draft(mapping: CompiledMapping, values: Row, found: Mapping[str, Row]) -> _End | None:
    """Where a record's way ends before a draft: the same steps in the same order as in a run."""
    if mapping.retracts(values):
        return _End("retracted", "`retract` holds")
    if not (mapping.wants(values) or mapping.may_renew(values)):
        return _End("filtered", "`where` does not hold")
    asked = {rule.alias for rule, key in zip(mapping.lookups, mapping.keys(values), strict=True) if key}
    for alias in mapping.aliases:
        if alias not in asked:
            return _End("rejected", f'the record has no key for the lookup "{alias}"')
        needed = mapping.answer_columns.get(alias, frozenset())
        if alias not in found or (needed and not any(found[alias].get(column) for column in needed)):
            return _End("waiting", f'the lookup "{alias}" does not answer')
    if not mapping.purpose(values, found):
        return _End("filtered", "`where` does not hold")
    if mapping.suppressed(values, found):
        return _End("suppressed", "`suppress` holds")
    return None


def _row(given: Mapping[str, Any]) -> dict[str, Any]:
    """A row as a stream or lookup hands it over: scalars are text, empty ones None."""
    return {name: _as_read(value) for name, value in given.items()}


def _as_read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _row(value)
    if isinstance(value, list):
        return [_as_read(item) for item in value]
    return text(value) or None


def _plain(value: Any) -> Any:
    """A value as it is compared: scalars as text, lists in any order, and nothing is the same as empty."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()} or ""
    if isinstance(value, Collection) and not isinstance(value, str):
        return sorted((_plain(item) for item in value), key=repr) or ""
    return text(value) or ""


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {_shown(part)}' for name, part in value.items())} }}"
    if isinstance(value, Collection) and not isinstance(value, str):
        return f"[{', '.join(sorted(_shown(item) for item in value))}]"
    return f'"{value.isoformat() if isinstance(value, dt.date) else value}"'
