"""Locks: the second one is told who holds it, and a process that dies gives its locks back."""

import fcntl
import os
import signal
import threading
from pathlib import Path

import pytest

from syncengine.errors import Busy, StateError
from syncengine.state.locks import LOOK_STEP, LOOKS_OUTLIVED, WAIT_STEP, Locks
from syncengine.state.store import Store
from tests.clock import FakeClock
from tests.state.conftest import Python

HOLD = """\
import sys
from pathlib import Path
from syncengine.clock import SystemClock
from syncengine.state.locks import Locks
with Locks(Path(sys.argv[1]), SystemClock()).hold("mapping sales"):
    print("held", flush=True)
    sys.stdin.readline()
"""
TRY = """\
import sys
from pathlib import Path
from syncengine.clock import SystemClock
from syncengine.errors import SyncError
from syncengine.state.locks import Locks
try:
    with Locks(Path(sys.argv[1]), SystemClock()).hold("mapping sales"):
        print("held")
except SyncError as error:
    print(error.code, error, sep="|")
"""


def test_a_second_process_is_told_who_holds_it_and_since_when(path: Path, clock: FakeClock, python: Python) -> None:
    with Locks(path, clock).hold("mapping sales"):
        ended = python(TRY, str(path))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        f"busy|mapping sales is being worked on by process {os.getpid()} since 2026-07-14 12:00:00 UTC. "
        "Wait for it to end, or stop that process; nothing was done here.\n"
    )


def test_a_lock_that_was_given_back_is_free(path: Path, clock: FakeClock, python: Python) -> None:
    with Locks(path, clock).hold("mapping sales"):
        pass
    assert python(TRY, str(path)).out == "held\n"


def test_a_killed_process_gives_its_locks_back(path: Path, clock: FakeClock, python: Python) -> None:
    locks = Locks(path, clock)
    with python.start(HOLD, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=f"process {process.pid} "), locks.hold("mapping sales"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        with locks.hold("mapping sales"):
            pass


def test_two_runs_of_one_process_exclude_each_other_too(path: Path, clock: FakeClock) -> None:
    locks = Locks(path, clock)
    with locks.hold("mapping sales"):
        with pytest.raises(Busy), locks.hold("mapping sales"):
            pass
        with locks.hold("mapping calls"), locks.hold("destination mail.contacts"):
            pass


def test_who_only_looks_is_in_nobodys_way(path: Path, clock: FakeClock) -> None:
    locks = Locks(path, clock)
    with locks.hold("mapping sales"):
        pass
    looked: list[bool] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            looked.append(locks.held("mapping sales"))

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(40):
            with locks.hold("mapping sales"):
                pass
    finally:
        ended.set()
        for looker in lookers:
            looker.join()
    assert looked


def test_who_looks_slowly_is_waited_for_and_who_works_is_not(
    path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = Locks(path, clock)
    slept: list[float] = []
    with locks.hold("mapping sales"):
        (file,) = path.with_name("state.db.locks").iterdir()
    looker = os.open(file, os.O_RDONLY)
    fcntl.flock(looker, fcntl.LOCK_SH)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            fcntl.flock(looker, fcntl.LOCK_UN)

    monkeypatch.setattr("syncengine.state.locks.time.sleep", sleep)
    with locks.hold("mapping sales"):
        assert slept == [LOOK_STEP] * 3
        with pytest.raises(Busy), locks.hold("mapping sales"):
            pass
    assert len(slept) == 3
    fcntl.flock(looker, fcntl.LOCK_SH)
    with pytest.raises(Busy), locks.hold("mapping sales"):
        pass
    assert sum(slept) == pytest.approx(LOOK_STEP * (3 + LOOKS_OUTLIVED))
    os.close(looker)


def test_a_failed_run_gives_its_lock_back(path: Path, clock: FakeClock) -> None:
    locks = Locks(path, clock)
    with pytest.raises(KeyError), locks.hold("mapping sales"):
        raise KeyError
    with locks.hold("mapping sales"):
        pass


def test_a_plan_locks_nobody_out(url: str, clock: FakeClock, store: Store) -> None:
    snapshot = Store.open_copy(url, clock)
    with store.locks.hold("mapping sales"), snapshot.locks.hold("mapping sales"):
        pass
    snapshot.close()


async def test_a_lock_that_is_waited_for_is_got_when_it_is_free(path: Path) -> None:
    held = Locks(path, FakeClock()).hold("destination mail.contacts")
    held.__enter__()

    class Patient(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            if len(self.slept) == 3:
                held.__exit__(None, None, None)

    clock = Patient()
    async with Locks(path, clock).wait_for("destination mail.contacts", 60):
        assert clock.slept == [WAIT_STEP] * 3
        with pytest.raises(Busy), Locks(path, clock).hold("destination mail.contacts"):
            pass
    with Locks(path, clock).hold("destination mail.contacts"):
        pass


async def test_patience_ends_with_the_name_of_the_holder(path: Path, clock: FakeClock) -> None:
    locks = Locks(path, clock)
    with locks.hold("destination mail.contacts"):
        with pytest.raises(Busy, match=f"process {os.getpid()} "):
            async with locks.wait_for("destination mail.contacts", 2.0):
                pass
        assert sum(clock.slept) == pytest.approx(2.0, abs=WAIT_STEP)


def test_a_lock_that_can_not_be_made_is_said_with_its_place(path: Path, clock: FakeClock) -> None:
    path.with_name("state.db.locks").write_text("in the way")
    with pytest.raises(StateError) as caught, Locks(path, clock).hold("mapping sales"):
        pass
    assert "state.db.locks" in caught.value.message
    assert "engine.database" in caught.value.hint


def test_a_folder_that_may_not_be_written_is_said(path: Path, python: Python) -> None:
    path.parent.chmod(0o500)
    ended = python(TRY, str(path))
    path.parent.chmod(0o700)
    assert (ended.code, ended.err) == (0, "")
    assert "state.db.locks" in ended.out
    assert "permission denied" in ended.out
