"""The whole conformance suite for one class statement: one test per rule, and a reason for each that is waived."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

from syncengine.contracts import Connector
from syncengine.testing import (  # noqa: F401 - imported for the rules that they add
    about_audits,
    about_connections,
    about_consent,
    about_crashes,
    about_destinations,
    about_explanations,
    about_lookups,
    about_records,
    about_streams,
)
from syncengine.testing.case import run_rule
from syncengine.testing.rules import RULES, Rule, Subject, rules_for
from syncengine.testing.stage import Stage
from syncengine.testing.verdict import Broken, NotStaged

WAIVED = "conformance waiver"
"""The name under which a test reports its waiver."""
WHOSE: Mapping[Subject, str] = {
    "connection": "every connection",
    "destination": "a destination",
    "Auditable": "a destination that is Auditable: it can be walked",
    "Explaining": "a destination that is Explaining: it can be asked why",
    "stream": "a stream",
    "lookup": "a lookup",
}
SHORTEST_REASON = 20
"""Characters. "n/a" is no reason."""


class ConformanceSuite:
    """Subclass it in a test file, with `connector` and `sandbox`, and pytest finds one test per rule.

    `waivers` are rules that can't hold, by name, each with its reason; the report shows them. A waived rule is tried
    all the same, and has to fail: a waiver that isn't needed any more is an error.
    """

    connector: ClassVar[Callable[[], Connector]]
    sandbox: ClassVar[type[Stage]]
    waivers: ClassVar[Mapping[str, str]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test per rule that holds for the stage's role."""
        if "rule" in metafunc.fixturenames:
            metafunc.parametrize("rule", rules_for(self.sandbox.role, self.sandbox.powers), ids=repr)

    def test_rule(self, rule: Rule, record_property: Callable[[str, Any], None]) -> None:
        """The connector keeps the rule, or the rule is waived and can't be kept."""
        kind = type(self)
        reason = kind.waivers.get(rule.name)
        if reason is None:
            run_rule(rule, kind.connector, kind.sandbox)
            return
        record_property(WAIVED, f"{kind.__name__}: {rule.name}: {reason}")
        try:
            run_rule(rule, kind.connector, kind.sandbox)
        except (Broken, NotStaged):
            return
        raise Broken(f"{rule.name} holds: take its waiver away")

    def test_waivers_name_a_rule_and_a_reason(self) -> None:
        """Nobody waives a rule that doesn't exist, or without a reason."""
        known = {rule.name for rule in rules_for(self.sandbox.role, self.sandbox.powers)}
        for name, reason in self.waivers.items():
            if name not in known:
                raise Broken(f"{name} is no rule of a {self.sandbox.role}")
            if len(reason.strip()) < SHORTEST_REASON:
                raise Broken(f"the waiver of {name} needs a reason")


def describe() -> str:
    """All rules as a Markdown table per subject: the part of docs/connectors.md that is written by the suite."""
    lines: list[str] = []
    for subject, whose in WHOSE.items():
        lines += [f"### Rules of {whose}", "", "| rule | what is promised |", "|---|---|"]
        lines += [f"| `{rule.name}` | {rule.promise} |" for rule in RULES.values() if rule.subject == subject]
        lines.append("")
    return "\n".join(lines)
