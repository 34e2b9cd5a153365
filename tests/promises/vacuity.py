"""Are the proofs worth anything? Breaks the engine on purpose, in a copy, and requires them to notice each break.

`python -m tests.promises.vacuity` (or `make vacuity`) does all of it, says what it finds and writes docs/vacuity.md.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.promises.breaks import BREAKS, Break

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "vacuity.md"
COPIED = ("syncengine", "connectors", "mappings", "tests", "pyproject.toml", "docs", "README.md", "config.example.toml")
MACHINE = ("tests/promises/test_promises.py",)
OTHERS = (
    "tests/engine/test_main_job.py",
    "tests/engine/test_reconcile.py",
    "tests/engine/test_stops.py",
    "tests/engine/test_optins.py",
    "tests/engine/test_group_verbs.py",
    "tests/engine/test_renewing.py",
    "tests/cyberimpact/test_cyberimpact_regrouping.py",
    "tests/promises/test_found.py",
    "tests/promises/test_troubles.py",
    "tests/promises/test_chaos.py",
    "tests/mappings/test_fold.py",
    "tests/state/test_difference.py",
    "tests/state/test_state_attempts.py",
    "tests/state/test_state_records.py",
    "tests/state/test_state_suppressions.py",
    "tests/state/test_state_targets.py",
    "tests/impact/test_impact_actions.py",
)
"""A quick part of the tests; the whole suite would take an hour and find no less."""
SECONDS = 600
FAILED = re.compile(r"^FAILED (?:\S*/)?(\w+)\.py::(?:\w+::)?(\w+)", re.MULTILINE)
SHOWN = 2
"""So many names of tests stand in the table."""
HEAD = """\
# Do the proofs notice?

A test that cannot fail proves nothing. So the engine is broken on purpose, in a copy of the tree, once per row, and the
tests have to fail for it. `make vacuity` does it again and writes this page; `make soak` requires every row to be
noticed. Only a quick part of the tests is asked: the state machine, chaos over HTTP and those of the rooms concerned.

The number is the promise that breaks, as on the page [reliability](reliability.md).

| promise | what was broken | where | state machine | other tests that failed |
|---|---|---|---|---|
"""


class Noticed(NamedTuple):
    """Who noticed a break: whether the state machine did, and the names of other tests."""

    broken: Break
    machine: bool
    others: Sequence[str]

    @property
    def at_all(self) -> bool:
        return self.machine or bool(self.others)

    @property
    def row(self) -> str:
        names = ", ".join(f"`{name}`" for name in self.others[:SHOWN])
        more = f" and {len(self.others) - SHOWN} more" if len(self.others) > SHOWN else ""
        found = "found it" if self.machine else "did not"
        return (
            f"| {self.broken.promise} | {self.broken.name} | `{self.broken.file}` | {found} | {names or 'none'}{more} |"
        )


def break_and_look(broken: Break | None) -> Noticed | list[str]:
    """Test a copy that is broken like this. Of one that isn't broken, the tests that fail all the same."""
    with tempfile.TemporaryDirectory(prefix="vacuity-") as folder:
        tree = Path(folder)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, tree / name)
        if broken is None:
            return _failing(tree, (*MACHINE, *OTHERS))
        broken.apply(tree)
        return Noticed(broken, bool(_failing(tree, MACHINE)), _failing(tree, OTHERS))


def _failing(tree: Path, files: Sequence[str]) -> list[str]:
    """The tests that fail there. Raises RuntimeError where they could not be run at all."""
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=no", "-p", "no:cacheprovider", "-m", "not slow", *files],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "HYPOTHESIS_PROFILE": "vacuity", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    failed = list(dict.fromkeys(name for _, name in FAILED.findall(ended.stdout)))
    if ended.returncode not in {0, 1} or bool(failed) != bool(ended.returncode):
        problem = f"the tests did not run: {ended.stdout[-2000:]}{ended.stderr[-2000:]}"
        raise RuntimeError(problem)
    return failed


def look_at(breaks: Sequence[Break], workers: int) -> Iterator[Noticed]:
    """All of these, in order. Raises RuntimeError where the unbroken tree fails already."""
    if failing := break_and_look(None):
        problem = f"these fail without any break: {failing}"
        raise RuntimeError(problem)
    with ThreadPoolExecutor(workers) as pool:
        for noticed in pool.map(break_and_look, breaks):
            assert isinstance(noticed, Noticed)
            yield noticed


def write_page(rows: Mapping[str, str]) -> None:
    """These rows, by the name of the break, in the place of older ones."""
    known = PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else []
    older = {broken.name: line for broken in BREAKS for line in known if f"| {broken.name} |" in line}
    merged = {**older, **rows}
    PAGE.write_text(HEAD + "".join(f"{merged[broken.name]}\n" for broken in BREAKS if broken.name in merged), "utf-8")


def main() -> int:
    """Break everything, print the rows, write the page. 1 where something was not noticed."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", default="", help="breaks whose name holds this; other rows of the page stay")
    asked.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    options = asked.parse_args()
    found = []
    for noticed in look_at([each for each in BREAKS if options.only in each.name], options.workers):
        found.append(noticed)
        sys.stdout.write(f"{noticed.row}\n")
        sys.stdout.flush()
    write_page({noticed.broken.name: noticed.row for noticed in found})
    return 0 if all(noticed.at_all for noticed in found) else 1


if __name__ == "__main__":
    sys.exit(main())
