"""The tests' end of it: a command under way, with as much of `subprocess.Popen` as tests use."""

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds after which a command that hangs is killed, so that the test ends and says so."""
MAIN = "from syncengine.cli import main; main()"


class Ended(NamedTuple):
    """`code` is negative where a signal ended it, as in `subprocess`."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


class Process:
    """A command under way. A context manager; at its end the command is waited for."""

    def __init__(self, status: socket.socket, ours: Mapping[str, int]) -> None:
        self._status = status
        self._unread = b""
        self.stdin: IO[str] | None = os.fdopen(ours["stdin"], "w", encoding="utf-8") if "stdin" in ours else None
        self.stdout: IO[str] | None = os.fdopen(ours["stdout"], encoding="utf-8") if "stdout" in ours else None
        self.stderr: IO[str] | None = os.fdopen(ours["stderr"], encoding="utf-8") if "stderr" in ours else None
        self.returncode: int | None = None
        self.pid = self._number(PATIENCE)

    def _number(self, patience: float) -> int:
        """The next number that is told about it."""
        while b"\n" not in self._unread:
            if not select.select([self._status], [], [], patience)[0]:
                raise subprocess.TimeoutExpired("syncengine", patience)
            told = self._status.recv(64)
            assert told, "the process that forks has gone"
            self._unread += told
        number, _, self._unread = self._unread.partition(b"\n")
        return int(number)

    def poll(self) -> int | None:
        """Its exit code; None while it goes on."""
        try:
            return self.wait(0.0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float = PATIENCE) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired where it goes on."""
        if self.returncode is None:
            self.returncode = self._number(timeout)
            self._status.close()
        return self.returncode

    def communicate(self, input: str = "", timeout: float = PATIENCE) -> tuple[str, str]:
        """What it said, to its end. A command that hangs is killed."""
        timer = threading.Timer(timeout, self.kill)
        timer.start()
        told: dict[str, str] = {}

        def hear(name: str, stream: IO[str] | None) -> None:
            told[name] = stream.read() if stream else ""

        ears = [threading.Thread(target=hear, args=each) for each in (("out", self.stdout), ("err", self.stderr))]
        for ear in ears:
            ear.start()
        if self.stdin is not None:
            self.stdin.write(input)
            self.stdin.close()
        for ear in ears:
            ear.join()
        self.wait()
        timer.cancel()
        self._close()
        return told["out"], told["err"]

    def ended(self) -> Ended:
        """As `communicate`, with its exit code."""
        with self:
            out, err = self.communicate()
        return Ended(self.wait(), out, err)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _close(self) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        if error is not None:
            self.kill()
        self.wait()


def launch(
    *arguments: str, folder: Path, environ: Mapping[str, str], code: str = MAIN, rootless: bool = False, **streams: Any
) -> Process:
    """Start `syncengine` with these arguments. Its environment is `environ`, and nothing else.

    `code`: Python to run instead, which calls `main` itself. `rootless`: modes of files count, also for root.
    `stdin`, `stdout` and `stderr` as for `subprocess.Popen`; left out: no input, and output that can be read.
    """
    theirs, ours = [], {}
    for name, usual in (("stdin", subprocess.DEVNULL), ("stdout", subprocess.PIPE), ("stderr", subprocess.PIPE)):
        stream = streams.get(name, usual)
        if stream == subprocess.PIPE:
            ends = os.pipe()
            theirs.append(ends[0 if name == "stdin" else 1])
            ours[name] = ends[1 if name == "stdin" else 0]
        elif stream == subprocess.DEVNULL:
            theirs.append(os.open(os.devnull, os.O_RDWR))
        elif stream == subprocess.STDOUT:
            theirs.append(os.dup(theirs[1]))
        else:
            theirs.append(os.dup(stream if isinstance(stream, int) else stream.fileno()))
    status, told = socket.socketpair()
    order = {
        "arguments": arguments,
        "folder": str(folder),
        "environ": dict(environ),
        "code": code,
        "rootless": rootless,
    }
    with told:
        _server().send(json.dumps(order), [*theirs, told.fileno()])
    for descriptor in theirs:
        os.close(descriptor)
    return Process(status, ours)


class _Server:
    """The process that forks, one per process of tests."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair()
        self._alone = threading.Lock()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNCENGINE_")}
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests/forking/server.py"), str(theirs.fileno())],
                env={**kept, "PYTHONPATH": path, "NO_COLOR": "1", "COLUMNS": "200"}, pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        atexit.register(self.close)

    def send(self, order: str, descriptors: list[int]) -> None:
        text = f"{order}\n".encode()
        with self._alone:
            sent = socket.send_fds(self._orders, [text], descriptors)
            self._orders.sendall(text[sent:])

    def close(self) -> None:
        self._orders.close()
        self._process.wait(PATIENCE)


_server = functools.cache(_Server)
