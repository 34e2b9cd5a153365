"""The process that forks: takes orders from a socket, each a JSON object with four file descriptors, until it closes.

The descriptors are standard input, output and error of the command, and a socket on which its number and, at its end,
its exit code are told.
"""

import ctypes
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
import traceback
from typing import Any

MANY_BYTES = 1 << 20
PACKAGES = ("syncengine.cli", "syncengine.engine", "syncengine.state", "syncengine", "connectors", "mappings")
NOT_LOADED = {"testing", "__main__", "versions"}
CAPABILITIES = 0x20080522
"""The version of the capability calls that has two words per set (Linux, capabilities(7))."""
OVERRIDE_AND_SEARCH = 1 << 1 | 1 << 2
"""The rights by which root may read and write whatever the modes of files say."""


def load() -> None:
    """Import the whole program, so that no child has to."""
    for package in PACKAGES:
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(module.__path__, f"{package}."):
            if not NOT_LOADED.intersection(found.name.split(".")):
                importlib.import_module(found.name)


def be_nobody_special() -> None:
    """Modes of files count for root too, as they do for everybody else."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return
    system = ctypes.CDLL(None, use_errno=True)
    header, sets = (ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    if system.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    for number in (0, 1):  # effective and permitted, first word
        sets[number] &= ~OVERRIDE_AND_SEARCH
    if system.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


def become(order: dict[str, Any]) -> int:
    """Be the command: in its folder, with its environment. Answers its exit code, as the interpreter would."""
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    sys.path[:0] = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part not in sys.path]
    importlib.invalidate_caches()
    if order["rootless"]:
        be_nobody_special()
    sys.argv = ["syncengine", *order["arguments"]]
    try:
        exec(order["code"], {"__name__": "__main__"})  # noqa: S102 - the test's own code
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def start(order: dict[str, Any], streams: list[int]) -> int:
    """Fork the command; answers its number. In the command itself this doesn't return."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - as those of the interpreter
            for number, mode in enumerate("rww")
        )
        os.closerange(3, max(streams) + 2)
        for number_, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            signal.signal(number_, handler)  # whoever started the tests may ignore them
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        code = become(order)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)


def watch(order: dict[str, Any], streams: list[int], status: socket.socket) -> None:
    """Start the command and tell its number, then how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = start(order, streams)
    for stream in streams:
        os.close(stream)
    status.sendall(f"{pid}\n".encode())
    status.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())


def serve(orders: socket.socket) -> None:
    """Until the other end closes."""
    load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the watchers end by themselves
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests' own end closes the socket
    while True:
        text, passed, _, _ = socket.recv_fds(orders, MANY_BYTES, 4)
        if not text:
            return
        while not text.endswith(b"\n"):
            text += orders.recv(MANY_BYTES)
        if os.fork() == 0:
            with socket.socket(fileno=passed[3]) as status:
                orders.close()
                watch(json.loads(text), passed[:3], status)
            os._exit(0)
        for descriptor in passed:
            os.close(descriptor)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
