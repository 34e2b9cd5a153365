"""Opening the state: private from the first byte, and one sentence with a next step where it can't be used."""

import datetime as dt
import errno
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncengine.errors import StateError
from syncengine.state import runs
from syncengine.state.database import Database
from syncengine.state.models import UtcDateTime, iso
from syncengine.state.store import Store
from tests.clock import NOON, FakeClock
from tests.state.conftest import Python

OPEN = """\
import sys
from syncengine.errors import StateError
from syncengine.state.database import Database
try:
    with Database.open("sqlite:///" + sys.argv[1]).write() as connection:
        connection.exec_driver_sql("INSERT INTO counter(name, value) VALUES('seq', 1)")
except StateError as error:
    print(error.code, error, sep="|")
"""


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_every_file_of_the_state_is_the_owners_alone(tmp_path: Path, url: str, clock: FakeClock, umask: int) -> None:
    before = os.umask(umask)
    try:
        with Store.open(url, clock) as store, store.locks.hold("mapping sales"):
            store.write_now(runs.start_run, "sales", "manual", NOON)
            found = modes(tmp_path)
            locks = modes(tmp_path / "state.db.locks")
    finally:
        os.umask(before)
    assert found.pop("state.db.locks") == 0o700
    assert locks == {"mapping-sales": 0o600}
    assert found == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


def test_a_state_in_use_survives_being_opened_again(url: str, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO counter(name, value) VALUES('seq', 7)")
    again = Database.open(url)
    with again.read() as connection:
        assert connection.exec_driver_sql("SELECT value FROM counter").scalar_one() == 7
    again.close()


def test_every_commit_is_on_disk_before_it_returns(database: Database) -> None:
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL


def test_a_state_in_memory_needs_no_file(clock: FakeClock) -> None:
    with Store.open("sqlite://", clock) as store, store.locks.hold("mapping sales"):
        assert store.write_now(runs.start_run, "sales", "manual", NOON) == 1


def test_a_missing_folder_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StateError) as caught:
        Database.open(f"sqlite:///{tmp_path}/nowhere/state.db")
    assert caught.value.code == "no_folder"
    assert "nowhere/state.db: the folder does not exist." in str(caught.value)
    assert "engine.database" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.ENAMETOOLONG])
def test_a_file_that_the_system_does_not_let_be_made_is_said(
    url: str, path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("syncengine.state.database.os.open", refuse)
    with pytest.raises(StateError) as caught:
        Database.open(url)
    assert caught.value.message == f"{path}: the file can't be made: {os.strerror(number).lower()}."
    assert "engine.database" in caught.value.hint
    assert not path.exists()


def test_a_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(StateError, match="not a directory"):
        Database.open(f"sqlite:///{tmp_path}/taken/state.db")


def test_a_folder_in_place_of_the_file_is_said(path: Path, url: str) -> None:
    path.mkdir()
    with pytest.raises(StateError, match="can't be opened"):
        Database.open(url)


def not_a_database(path: Path) -> None:
    path.write_text("customer_id,email\n" * 400)


def somebody_elses(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE customers(customer_id TEXT, email TEXT)")
    other.commit()
    other.close()


@pytest.mark.parametrize("prepare", [not_a_database, somebody_elses])
def test_what_is_no_state_file_is_refused_and_left_as_it_is(
    path: Path, url: str, prepare: Callable[[Path], None]
) -> None:
    prepare(path)
    before = path.read_bytes()
    with pytest.raises(StateError, match="is not a state file") as caught:
        Database.open(url)
    assert "engine.database" in caught.value.hint
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_newer_schema_is_refused_and_left_as_it_is(path: Path, url: str, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num='9999'")
    database.close()
    before = path.read_bytes()
    with pytest.raises(StateError) as caught:
        Database.open(url)
    assert caught.value.code == "newer"
    assert "written by a newer syncengine (schema 9999)" in caught.value.message
    assert "Install the newer version" in caught.value.hint
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_damaged_file_is_said_to_be_damaged(path: Path, url: str, database: Database) -> None:
    database.close()
    page = 4096
    content = bytearray(path.read_bytes())
    content[page:] = b"\xff" * (len(content) - page)
    path.write_bytes(content)
    with pytest.raises(StateError, match="is damaged") as caught:
        Database.open(url)
    assert "backup" in caught.value.hint


def test_a_read_only_folder_is_said_and_nothing_is_made(tmp_path: Path, path: Path, python: Python) -> None:
    tmp_path.chmod(0o500)
    ended = python(OPEN, str(path))
    tmp_path.chmod(0o700)
    assert (ended.code, ended.err) == (0, "")
    assert f"{path}: no permission." in ended.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("file", "folder"), [(0o400, 0o700), (0o600, 0o500), (0o400, 0o500), (0o000, 0o700)])
def test_a_state_that_may_not_be_written_is_said_and_left_as_it_is(
    path: Path, database: Database, python: Python, file: int, folder: int
) -> None:
    database.close()
    before = path.read_bytes()
    path.chmod(file)
    path.parent.chmod(folder)
    ended = python(OPEN, str(path))
    path.parent.chmod(0o700)
    path.chmod(0o600)
    assert (ended.code, ended.err) == (0, "")
    assert str(path) in ended.out
    assert "can't be" in ended.out or "no permission" in ended.out
    assert "access" in ended.out or "may be written to" in ended.out  # what to do
    assert path.read_bytes() == before


def test_a_full_disk_undoes_the_whole_step(path: Path, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO counter(name, value) VALUES('seq', 1)")
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 20}")

    def fill() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE counter SET value=2")
            for number in range(10_000):
                connection.exec_driver_sql("INSERT INTO memory VALUES('shop', ?, ?)", (str(number), "x" * 500))

    with pytest.raises(StateError, match="the disk is full") as caught:
        fill()
    assert "Free some space" in caught.value.hint
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT value FROM counter").scalar_one() == 1
        assert connection.exec_driver_sql("SELECT count(*) FROM memory").scalar_one() == 0
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
    with database.write() as connection:  # and it goes on where there is room again
        connection.exec_driver_sql("PRAGMA max_page_count=100000")
        connection.exec_driver_sql("INSERT INTO memory VALUES('shop', 'a', 'b')")


FILL = """\
import resource, sys
from pathlib import Path
from syncengine.errors import StateError
from syncengine.state.database import Database
path = Path(sys.argv[1])
database = Database.open(f"sqlite:///{path}")
room = path.with_name(path.name + "-wal").stat().st_size + 300_000
resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
for number in range(100):
    try:
        with database.write() as connection:
            rows = [(f"{number}", f"{row}", "x" * 500) for row in range(50)]
            connection.exec_driver_sql("INSERT INTO memory VALUES(?, ?, ?)", rows)
    except StateError as error:
        print(number, error.code, error, sep="|")
        break
    finally:
        if sys.exc_info()[0]:
            raise
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with database.write() as connection:
    connection.exec_driver_sql("INSERT INTO memory VALUES('after', 'a', 'b')")
    print(connection.exec_driver_sql("SELECT count(*) FROM memory").scalar_one())
    print(connection.exec_driver_sql("PRAGMA integrity_check").scalar_one())
"""


def test_a_write_that_the_system_refuses_undoes_the_whole_step(path: Path, python: Python) -> None:
    ended = python(FILL, str(path))
    assert (ended.code, ended.err) == (0, "")
    told, rows, integrity = ended.out.splitlines()
    number, _, sentence = told.split("|")
    assert int(number) > 0
    assert f"{path}: can't be read or written." in sentence
    assert "Check the disk" in sentence
    assert int(rows) == int(number) * 50 + 1
    assert integrity == "ok"


def test_what_raises_inside_a_step_undoes_it(database: Database) -> None:
    def step() -> None:
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO counter(name, value) VALUES('seq', 1)")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        step()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM counter").scalar_one() == 0


def test_an_error_of_the_state_quotes_no_value(database: Database) -> None:
    def twice() -> None:
        with database.write() as connection:
            for _ in range(2):
                connection.exec_driver_sql(
                    "INSERT INTO suppression VALUES('mail', 'jo@example.com', 'bounced', ?, NULL)", (iso(NOON),)
                )

    with pytest.raises(StateError) as caught:
        twice()
    assert "jo@example.com" not in f"{caught.value!s}{caught.value.__cause__!s}"
    assert caught.value.__suppress_context__


def test_times_are_aware_in_and_out(store: Store) -> None:
    toronto = dt.datetime(2026, 7, 14, 8, 0, tzinfo=dt.timezone(dt.timedelta(hours=-4)))
    store.write_now(runs.start_run, "sales", "manual", toronto)
    (run,) = store.read_now(runs.runs, None, 1)
    assert run.started_at == toronto
    assert run.started_at.utcoffset() == dt.timedelta(0)


def test_a_naive_time_is_refused(store: Store) -> None:
    naive = NOON.replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        store.write_now(runs.start_run, "sales", "manual", naive)
    assert store.read_now(runs.runs, None, 1) == []


aware = st.datetimes(
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes))),
    min_value=dt.datetime(2, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    max_value=dt.datetime(9998, 1, 1),  # noqa: DTZ001 - likewise
)


@given(aware, aware)
def test_moments_sort_in_the_file_as_they_do_in_time(one: dt.datetime, other: dt.datetime) -> None:
    assert (iso(one) < iso(other)) == (one < other)
    assert dt.datetime.fromisoformat(iso(one)) == one


def test_the_type_of_time_columns_keeps_the_zone() -> None:
    column = UtcDateTime()
    kept = column.process_bind_param(NOON, None)  # type: ignore[arg-type]  # the dialect plays no part
    assert column.process_result_value(kept, None) == NOON  # type: ignore[arg-type]  # no dialect is looked at
    assert column.process_bind_param(None, None) is None  # type: ignore[arg-type]  # no dialect is looked at
    assert column.process_result_value(None, None) is None  # type: ignore[arg-type]  # no dialect is looked at
