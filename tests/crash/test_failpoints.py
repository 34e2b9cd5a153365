"""Failpoints: off unless asked for, refused when misspelt, and as sudden as a kill."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncengine import failpoints
from syncengine.cli.command import DONE, FAILED, MISCONFIGURED, REJECTED
from syncengine.errors import ConfigError
from tests.cli.conftest import Program


class DiedError(Exception):
    """Instead of the end of this process."""


@pytest.fixture(autouse=True)
def _alive(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def end(code: int) -> None:
        raise DiedError(code)

    monkeypatch.setattr(os, "_exit", end)
    yield
    failpoints.arm("")


def step() -> None:
    """A unit of work."""


def _inner_step() -> None:
    """Another one."""


def test_without_an_order_nothing_happens(capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(10):
        failpoints.reach("before", "POST")
        failpoints.reach("after", step)
    assert capfd.readouterr() == ("", "")


def test_it_dies_at_the_place_that_is_passed_for_that_time(capfd: pytest.CaptureFixture[str]) -> None:
    failpoints.arm("after step:2")
    failpoints.reach("after", step)
    failpoints.reach("before", step)
    failpoints.reach("after", "POST")
    with pytest.raises(DiedError, match=str(failpoints.DIED)):
        failpoints.reach("after", step)
    assert capfd.readouterr().err == "after step\n"


def test_any_counts_every_place(capfd: pytest.CaptureFixture[str]) -> None:
    failpoints.arm("any:3")
    failpoints.reach("after", step)
    failpoints.reach("before", "POST")
    with pytest.raises(DiedError):
        failpoints.reach("before", _inner_step)
    assert capfd.readouterr().err == "before inner_step\n"


def test_an_empty_order_switches_it_off() -> None:
    failpoints.arm("any:1")
    failpoints.arm("")
    failpoints.reach("after", step)


@pytest.mark.parametrize("order", ["yes", "any", "any:0", "any:-1", "any:1.5", "step:1", "during step:1", "any:1 "])
def test_a_misspelt_order_is_refused(order: str) -> None:
    with pytest.raises(ConfigError) as caught:
        failpoints.arm(order)
    assert caught.value.problems[0].key == failpoints.VARIABLE


def test_the_program_says_so_and_touches_nothing(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program.configure()
    environ = {**program.environ, failpoints.VARIABLE: "sometimes"}  # looked at once, when the program is loaded
    command = [sys.executable, "-m", "syncengine.cli", "sync"]
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == MISCONFIGURED
    assert failpoints.VARIABLE in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_no_command_ends_as_a_death_does() -> None:
    assert failpoints.DIED not in {DONE, FAILED, MISCONFIGURED, REJECTED, 130, 141}
