"""The other end of `program.py`: reads orders, one JSON object a line, and answers each with a number."""

import importlib
import json
import os
import pkgutil
import resource
import signal
import sys
import traceback
from typing import Any

BUG = 70


def load() -> None:
    """Import the whole program, so that no child has to."""
    for package in ("syncengine.cli", "syncengine.engine", "syncengine.state", "syncengine", "connectors", "mappings"):
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(module.__path__, f"{package}."):
            if not any(part in {"sandbox", "testing", "__main__", "versions"} for part in found.name.split(".")):
                importlib.import_module(found.name)


def become(order: dict[str, Any]) -> int:
    """Be the command: in its folder, its output in files of its own. Answers its exit code."""
    from syncengine.cli import main
    from syncengine.failpoints import arm

    os.chdir(order["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{order['told']}/{name}.{os.getpid()}", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), number)
    arm(order["die"])
    if order["room"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["room"], resource.RLIM_INFINITY))
    sys.argv = ["syncengine", *order["arguments"]]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def fork(order: dict[str, Any]) -> int:
    """The number of a new process that carries out the order."""
    pid = os.fork()
    if pid:
        return pid
    code = BUG
    try:
        code = become(order)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def serve() -> None:
    """Until the orders end. A test that failed may have left commands under way: they end with it."""
    load()
    running: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
            running.discard(order["wait"])
        else:
            answer = fork(order)
            running.add(answer)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for pid in running:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    serve()
