"""The suite as an author meets it: one class, waivers with reasons, a report, and a document that is in step."""

import importlib.util
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import ClassVar

import pytest

from syncengine.testing import Broken, ConformanceSuite, NotStaged
from syncengine.testing.case import open_case, run_rule
from syncengine.testing.rules import RULES, rules_for
from syncengine.testing.suite import describe
from tests.hostile.nasty import NastyConnector
from tests.hostile.stages import PeopleStage, RecordsStage
from tests.hostile.wrong import TypedPeople

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DOCUMENT = ROOT / "docs" / "connectors.md"
REASON = "this directory has had numbers in it since 1998"

AUTHORS_FILE = """
from syncengine.testing import ConformanceSuite
from tests.hostile.stages import PeopleStage
from tests.hostile.wrong import WRONG


class TestMine(ConformanceSuite):
    connector = WRONG["row_scalars_are_text"].connector
    sandbox = PeopleStage
    waivers = {"row_scalars_are_text": "%s"}
""".replace("%s", REASON)


class TypedConnector(NastyConnector):
    people = TypedPeople


class Waiving(ConformanceSuite):
    connector = TypedConnector
    sandbox = PeopleStage
    waivers: ClassVar = {"row_scalars_are_text": REASON}


def test_a_waived_rule_may_be_broken_and_is_reported() -> None:
    reported: list[tuple[str, str]] = []
    Waiving().test_rule(RULES["row_scalars_are_text"], lambda name, value: reported.append((name, value)))
    assert reported == [("conformance waiver", f"Waiving: row_scalars_are_text: {REASON}")]


def test_a_waiver_that_is_not_needed_is_an_error() -> None:
    class Healed(Waiving):
        connector = NastyConnector

    with pytest.raises(Broken, match="take its waiver away"):
        Healed().test_rule(RULES["row_scalars_are_text"], lambda name, value: None)


@pytest.mark.parametrize(
    ("waivers", "message"),
    [
        ({"row_scalars_are_texts": REASON}, "no rule of a lookup"),
        ({"moments_are_aware_utc": REASON}, "no rule of a lookup"),
        ({"row_scalars_are_text": "n/a"}, "needs a reason"),
    ],
)
def test_a_waiver_needs_a_rule_and_a_reason(waivers: dict[str, str], message: str) -> None:
    kind = type("Careless", (Waiving,), {"waivers": waivers})
    with pytest.raises(Broken, match=message):
        kind().test_waivers_name_a_rule_and_a_reason()


def test_what_a_stage_does_not_say_is_no_pass() -> None:
    class Half(RecordsStage):
        loop = RecordsStage.__mro__[3].loop  # as if it had not been written

    with pytest.raises(NotStaged, match=r"Half\.loop isn't written"):
        run_rule(RULES["paging_that_never_ends_is_noticed"], NastyConnector, Half)


def test_one_class_is_enough_and_waivers_stand_in_the_report(tmp_path: Path) -> None:
    """An author's file in a process of its own, with no other plugin, and spread over processes too."""
    file = tmp_path / "test_mine.py"
    file.write_text(AUTHORS_FILE)
    command = [sys.executable, "-m", "pytest", "-p", "syncengine.testing.plugin", "-q", "-c", os.devnull, str(file)]
    for more in ([], ["-p", "xdist", "-n", "2"]):
        done = subprocess.run(
            [*command, *more],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{len(rules_for('lookup')) + 1} passed" in done.stdout
        assert f"TestMine: row_scalars_are_text: {REASON}" in done.stdout


def suites() -> Iterator[type[ConformanceSuite]]:
    """Every suite in this folder."""
    for path in sorted(HERE.glob("test_*_conformance.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield from (
            each
            for each in vars(module).values()
            if isinstance(each, type) and issubclass(each, ConformanceSuite) and each is not ConformanceSuite
        )


async def test_every_part_of_every_connector_is_tried() -> None:
    tried: dict[str, set[str]] = defaultdict(set)
    parts: dict[str, set[str]] = defaultdict(set)
    for suite in suites():
        with open_case(suite.connector, suite.sandbox) as case:
            async with case.connect() as connection:
                parts[case.connector.name] |= {*connection.streams, *connection.lookups, *connection.destinations}
        tried[case.connector.name].add(suite.sandbox.part)
    assert parts.keys() == {entry.name for entry in entry_points(group="syncengine.connectors")}
    assert tried == parts


def test_every_rule_has_a_promise_of_its_own() -> None:
    promises = [rule.promise for rule in RULES.values()]
    assert all(promise.endswith(".") for promise in promises)
    assert len(set(promises)) == len(promises)


def test_the_document_lists_the_rules_as_they_are() -> None:
    """Run `python -m syncengine.testing` and put what it writes between the two marks."""
    _, _, rest = DOCUMENT.read_text().partition("<!-- rules -->\n")
    listed, mark, _ = rest.partition("<!-- end of rules -->\n")
    assert mark
    assert listed.strip() == describe().strip()


def test_the_rules_can_be_written_out() -> None:
    done = subprocess.run([sys.executable, "-m", "syncengine.testing"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == describe().strip()
