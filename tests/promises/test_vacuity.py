"""The proofs notice when the engine is broken; see `vacuity.py`."""

from pathlib import Path

import pytest

from tests.promises.breaks import BREAKS, Break
from tests.promises.vacuity import PAGE, ROOT, break_and_look

PROMISES = set(range(1, 11))


def test_every_promise_is_broken_in_some_way() -> None:
    assert {broken.promise for broken in BREAKS} == PROMISES
    assert len({broken.name for broken in BREAKS}) == len(BREAKS) >= 12


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_a_break_fits_the_tree(broken: Break, tmp_path: Path) -> None:
    target = tmp_path / broken.file
    target.parent.mkdir(parents=True)
    target.write_text((ROOT / broken.file).read_text(encoding="utf-8"), encoding="utf-8")
    broken.apply(tmp_path)
    compile(target.read_text(encoding="utf-8"), broken.file, "exec")


def test_the_page_lists_every_break_and_each_was_noticed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for broken in BREAKS:
        rows = [line for line in page.splitlines() if f"| {broken.name} |" in line]
        assert len(rows) == 1, f"`make vacuity` writes the page anew: {broken.name}"
        assert not rows[0].endswith("| did not | none |")


@pytest.mark.slow
@pytest.mark.parametrize("broken", [None, *BREAKS], ids=lambda broken: broken.name if broken else "nothing")
def test_the_tests_notice(broken: Break | None) -> None:
    noticed = break_and_look(broken)
    if isinstance(noticed, list):
        assert noticed == [], "these fail without any break"
    else:
        assert noticed.at_all, f"nobody noticed: {broken}"
