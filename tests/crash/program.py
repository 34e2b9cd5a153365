"""`syncengine` in a process that dies at a chosen place, or has a full disk."""

import os
import subprocess
from pathlib import Path

from tests.forking import ROOT, Ended, Process, launch

LIMITED = """\
import resource
from syncengine.cli import main
from syncengine.failpoints import arm
room = {room}
if room is not None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
arm({die!r})
main()
"""


def _environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNCENGINE_")}
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, "NO_COLOR": "1", "COLUMNS": "200"}


def run(folder: Path, *arguments: str, die: str = "", room: int | None = None, said: str = "") -> Ended:
    """A command in a folder, to its end. `die`: at which failpoint; `room`: the largest size of any file, in bytes;
    `said`: its standard input.

    No command may ever show a traceback.
    """
    code = LIMITED.format(die=die, room=room)
    process = launch(*arguments, folder=folder, environ=_environ(), code=code, stdin=subprocess.PIPE)
    out, err = process.communicate(said)
    assert "Traceback" not in err, err
    return Ended(process.wait(), out, err)


def daemon(folder: Path, log: Path) -> Process:
    """The daemon at work, its log in a file."""
    with log.open("w") as told:
        return launch("run", folder=folder, environ=_environ(), stdout=told, stderr=told)
