"""Starts `syncengine` many times a second: a process that has imported all of it forks for each command.

What runs is the program itself, in a process of its own that may be killed; only the 1.5 s of imports are paid once.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import NamedTuple, Self

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds after which a command that hangs is killed, so that the test ends and says so."""


class Ended(NamedTuple):
    """`code` is negative where a signal ended it, as in `subprocess`."""

    code: int
    out: str
    err: str


class Running:
    """A command under way."""

    def __init__(self, launcher: "Launcher", pid: int, told: Path) -> None:
        self._launcher = launcher
        self._told = told
        self.pid = pid

    def wait(self) -> Ended:
        """Wait for its end."""
        timer = threading.Timer(PATIENCE, os.kill, (self.pid, 9))
        timer.start()
        try:
            code = self._launcher.ask({"wait": self.pid})
        finally:
            timer.cancel()
        out, err = ((self._told / f"{name}.{self.pid}").read_text(encoding="utf-8") for name in ("out", "err"))
        return Ended(code, out, err)

    def end(self, number: int) -> Ended:
        """Send it a signal and wait."""
        os.kill(self.pid, number)
        return self.wait()


class Launcher:
    """The process that forks. A context manager."""

    def __init__(self) -> None:
        self._told = TemporaryDirectory(prefix="told-")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNCENGINE_")}
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/crash/forking.py")],
            env={**kept, "PYTHONPATH": path, "NO_COLOR": "1", "COLUMNS": "200"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=PATIENCE)
        self._told.cleanup()

    def ask(self, order: Mapping[str, object]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(self, folder: Path, *arguments: str, die: str = "", room: int | None = None) -> Running:
        """Start a command in a folder. `die`: at which failpoint; `room`: the largest size of any file, in bytes."""
        told = Path(self._told.name)
        order = {"arguments": arguments, "folder": str(folder), "told": str(told), "die": die, "room": room}
        return Running(self, self.ask(order), told)

    def run(self, folder: Path, *arguments: str, die: str = "", room: int | None = None) -> Ended:
        """As `start`, to its end. No command may ever show a traceback."""
        ended = self.start(folder, *arguments, die=die, room=room).wait()
        assert "Traceback" not in ended.err, ended.err
        return ended
