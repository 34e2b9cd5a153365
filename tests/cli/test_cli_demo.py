"""`demo`: the whole story with the real commands, which ends by itself and fails loudly."""

import json
import tempfile
from pathlib import Path

import pytest

from syncengine.cli import demo
from syncengine.cli.command import Session
from syncengine.errors import SyncError
from tests.cli.conftest import Program

STORY = ["check", "plan", "sync", "sync", "sync", "explain", "status"]


def test_the_demo_tells_the_whole_story_and_leaves_nothing(run: Program, tmp_path: Path) -> None:
    run.environ["TMPDIR"] = str(tmp_path)
    ended = run("demo")
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[2] for line in ended.out.splitlines() if line.startswith("$ syncengine")] == STORY
    rest = ended.out
    for text in ("All is well", "If sync ran now", "(exit code 3)", "nothing to deliver", "1 suppressed", "last run"):
        assert text in rest
        rest = rest.partition(text)[2]
    assert "syncengine sandbox" in rest
    assert not list(tmp_path.iterdir())


@pytest.mark.slow  # the same story again
def test_programs_get_every_step_as_json(run: Program) -> None:
    ended = run("demo", "--json")
    steps = json.loads(ended.out)["steps"]
    assert [step["command"][0] for step in steps] == STORY
    assert [step["exit_code"] for step in steps] == [0, 0, 3, 0, 0, 0, 0]


def test_a_step_that_does_not_behave_fails_the_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 4\n", encoding="utf-8")
    broken.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(broken))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SyncError, match="`check` ended with 4 instead of 0"):
        demo.demo(Session())
