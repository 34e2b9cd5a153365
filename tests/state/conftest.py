"""A state file of each test's own, and the process in which it is cut off, starved or opened by somebody else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from syncengine.state.database import Database
from syncengine.state.store import Store
from tests.clock import FakeClock

ROOT = Path(__file__).parents[2]
WITHOUT_ROOTS_RIGHTS = """\
import ctypes, os, sys
PR_CAPBSET_DROP, OVERRIDE, READ_SEARCH = 24, 1, 2
if sys.platform == "linux" and os.geteuid() == 0:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    for right in (OVERRIDE, READ_SEARCH):
        if prctl(PR_CAPBSET_DROP, right, 0, 0, 0):
            sys.exit("root could not be given up")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Runs Python so that modes of files count for root too, as they do for everybody else."""


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class Python:
    """Runs code in a process of its own, for which the modes of files count."""

    def start(self, code: str, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        command = [sys.executable, "-c", WITHOUT_ROOTS_RIGHTS, "-c", code, *arguments]
        return subprocess.Popen(command, env=environ, text=True, **{**streams, **options})

    def __call__(self, code: str, *arguments: str) -> Ended:
        with self.start(code, *arguments) as process:
            out, err = process.communicate(timeout=60)
        return Ended(process.returncode, out, err)


@pytest.fixture
def python() -> Python:
    return Python()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database.open(url)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(url: str, clock: FakeClock) -> Iterator[Store]:
    with Store.open(url, clock) as opened:
        yield opened
