"""A state file of each test's own, and the process in which it is cut off, starved or opened by somebody else."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncengine.state.database import Database
from syncengine.state.store import Store
from tests.clock import FakeClock
from tests.forking import ROOT, Ended, Process, launch


class Python:
    """Runs code in a process of its own, for which the modes of files count."""

    def start(self, code: str, *arguments: str) -> Process:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        folder = Path.cwd()
        return launch(*arguments, folder=folder, environ=environ, code=code, rootless=True, stdin=subprocess.PIPE)

    def __call__(self, code: str, *arguments: str) -> Ended:
        return self.start(code, *arguments).ended()


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
