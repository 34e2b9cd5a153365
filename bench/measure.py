"""Runs a program to its end and says what it took.

Import nothing large here: Linux counts what the process that starts another one held at that moment as the other's
peak memory, so the benchmark itself must stay smaller than what it measures.
"""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

KILOBYTES_PER_MEGABYTE = 1024


class Usage(NamedTuple):
    """What a run took: seconds by the clock, seconds of all cores (user and system), peak memory in MB."""

    wall: float
    cpu: float
    memory: float
    output: str


class RunError(Exception):
    """A contestant failed; the message holds what it said last."""


def run(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, *, limit: float, codes: frozenset[int]
) -> Usage:
    """Run it. Raises RunError where it takes longer than `limit` seconds or ends with a code not in `codes`."""
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, cwd=folder, stdout=output, stderr=subprocess.STDOUT, text=True
        )
        alarm = threading.Timer(limit, process.kill)
        alarm.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            alarm.cancel()
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read()
    if process.returncode not in codes:
        raise RunError(f"{Path(command[-1]).name}: exit code {process.returncode}\n{said[-2_000:]}")
    return Usage(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / KILOBYTES_PER_MEGABYTE, said)
