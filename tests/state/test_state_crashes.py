"""What a kill, a second process or a plan may do to the state: nothing."""

import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from syncengine.state import runs
from syncengine.state.store import Store
from tests.clock import NOON, FakeClock
from tests.state.conftest import Python

WRITE = """\
import sys
from syncengine.state.database import Database
database = Database.open("sqlite:///" + sys.argv[1])
number = 0
while True:
    number += 1
    with database.write() as connection:
        for name in ("one", "other"):
            connection.exec_driver_sql(
                "INSERT INTO counter(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value=excluded.value",
                (name, number),
            )
            connection.exec_driver_sql("INSERT INTO memory VALUES('shop', ?, ?)", (f"{number}-{name}", "x" * 2000))
    print(number, flush=True)
"""
"""Two halves of one step, thousands of times: a kill must never be seen between them."""


@pytest.mark.parametrize("steps", [1, 40, 200])
def test_a_killed_writer_leaves_whole_steps_and_every_committed_one(path: Path, python: Python, steps: int) -> None:
    with python.start(WRITE, str(path)) as process:
        assert process.stdout is not None
        for _ in range(steps):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        told = steps + sum(line.endswith("\n") for line in process.stdout)
        process.wait(timeout=60)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (one,), (other,) = connection.execute("SELECT value FROM counter").fetchall()
        assert one == other >= told
        assert connection.execute("SELECT count(*) FROM memory").fetchone() == (2 * one,)


HAMMER = """\
import asyncio, sys
from syncengine.clock import SystemClock
from syncengine.state.store import Store

def look(connection):
    return connection.exec_driver_sql("SELECT number FROM tally").scalar_one()

def add(connection):
    connection.exec_driver_sql("UPDATE tally SET number = ?", (look(connection) + 1,))

async def work():
    with Store.open("sqlite:///" + sys.argv[1], SystemClock()) as store:
        before = 0
        for _ in range(int(sys.argv[2])):
            print(await store.next_seq())
            await store.write(add)
            seen = await store.read(look)
            assert seen > before, "a reader went back in time"
            before = seen

asyncio.run(work())
"""


def test_processes_that_write_at_once_wait_for_each_other_and_never_see_a_lock(path: Path, python: Python) -> None:
    processes, rounds = 4, 60
    with Store.open(f"sqlite:///{path}", FakeClock()) as store:
        with store._database.write() as connection:
            connection.exec_driver_sql("INSERT INTO tally VALUES('mail', 'delivered', 0)")
        started = [python.start(HAMMER, str(path), str(rounds)) for _ in range(processes)]
        ended = [process.communicate(timeout=120) for process in started]
    assert [err for _, err in ended] == [""] * processes
    numbers = Counter(line for out, _ in ended for line in out.split())
    assert set(numbers.values()) == {1}  # nobody got a number twice
    assert len(numbers) == processes * rounds
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT number FROM tally").fetchone() == (processes * rounds,)


def contents(path: Path) -> dict[str, bytes]:
    """The file and its journal; readers leave their marks in the third one, which holds no data."""
    return {each.name: each.read_bytes() for each in path.parent.iterdir() if each.suffix != ".db-shm"}


async def test_what_is_done_to_a_plans_copy_is_written_nowhere(path: Path, url: str, store: Store) -> None:
    store.write_now(runs.start_run, "sales", "manual", NOON)
    before = contents(path)
    snapshot = Store.open_copy(url, store.clock)
    await snapshot.write(runs.start_run, "sales", "manual", NOON)
    await snapshot.next_seq()
    assert len(await snapshot.read(runs.runs, None, 10)) == 2
    snapshot.close()
    assert contents(path) == before
    assert len(store.read_now(runs.runs, None, 10)) == 1


async def test_a_plans_copy_does_not_see_what_is_written_later(url: str, store: Store) -> None:
    snapshot = Store.open_copy(url, store.clock)
    store.write_now(runs.start_run, "sales", "manual", NOON)
    assert await snapshot.read(runs.runs, None, 10) == []
    snapshot.close()


def test_a_copy_of_the_state_is_a_state(path: Path, tmp_path: Path, store: Store) -> None:
    """As docs/state.md says to back it up: by SQLite's own copy, while the daemon runs."""
    store.write_now(runs.start_run, "sales", "manual", NOON)
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    with Store.open(f"sqlite:///{copy}", FakeClock()) as restored:
        assert restored.read_now(runs.runs, None, 10) == store.read_now(runs.runs, None, 10)
