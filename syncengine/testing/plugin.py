"""The pytest plugin: shows at the end of a run which rules were waived, and why."""

from typing import TYPE_CHECKING

from syncengine.testing.suite import WAIVED

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter


def pytest_terminal_summary(terminalreporter: "TerminalReporter") -> None:
    """List the waivers of this run; also where the tests ran in other processes."""
    waivers = {
        str(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == WAIVED
    }
    if waivers:
        terminalreporter.section("waived rules of the conformance suite")
        for waiver in sorted(waivers):
            terminalreporter.write_line(waiver)
