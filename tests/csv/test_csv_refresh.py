"""When a CSV file is read again, and that nothing but a complete one ever replaces what was known."""

import asyncio
import multiprocessing
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.csv import index as index_module
from connectors.csv import lookup as lookup_module
from connectors.csv.index import Fingerprint, Index
from connectors.csv.settings import Layout
from connectors.csv.table import Table
from syncengine.errors import ProviderError, StateError, Transient

Connect = Callable[..., Any]
Write = Callable[..., Path]
NEWER = "customer_id,email\n7,new@example.com\n"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that were read into an index."""
    read: list[Path] = []

    class CountedTable(Table):
        def __init__(self, file: Any, layout: Layout) -> None:
            read.append(layout.path)
            super().__init__(file, layout)

    monkeypatch.setattr(lookup_module, "Table", CountedTable)
    return read


async def known(connection: Any) -> set[str]:
    return set((await connection.lookups["customers"].find(["007", "A8", "7"])).rows)


async def test_a_file_is_read_once(connect: Connect, write: Write, built: list[Path], cache: Path) -> None:
    write()
    for _ in range(3):
        assert await known(connect()) == {"007", "A8"}
    assert len(built) == 1
    assert stat.S_IMODE((cache / "customers.index").stat().st_mode) == 0o600


async def test_a_file_that_changed_and_settled_is_read_again(connect: Connect, write: Write, built: list[Path]) -> None:
    connection = connect()
    write()
    await known(connection)
    write(NEWER, ago=60)
    assert await known(connection) == {"7"}
    assert len(built) == 2


@pytest.mark.parametrize(
    "change", [{"key": "email"}, {"delimiter": ","}, {"encoding": "latin-1"}, {"path": "other.csv"}]
)
async def test_other_settings_make_another_index(
    change: dict[str, str], connect: Connect, write: Write, built: list[Path]
) -> None:
    write()
    write(name="other.csv")
    await known(connect())
    await known(connect(lookups={"customers": {"key": "customer_id", **change}}))
    assert len(built) == 2


async def test_while_a_file_is_written_its_last_state_answers(
    connect: Connect, write: Write, clock: Any, built: list[Path]
) -> None:
    connection = connect()
    write()
    await known(connection)
    write("customer_id,email\n7,new@ex", ago=1)
    assert await known(connection) == {"007", "A8"}
    findings = await connection.check()
    assert [finding.level for finding in findings] == ["ok", "warning"]
    assert "is being written" in findings[1].message
    assert len(built) == 1
    assert clock.slept == []
    clock.ahead += 2
    assert await known(connection) == {"7"}


async def test_a_file_that_was_just_written_is_waited_for_once(connect: Connect, write: Write, clock: Any) -> None:
    write(ago=0.5)
    assert await known(connect()) == {"007", "A8"}
    assert len(clock.slept) == 1
    assert clock.slept[0] < 2


async def test_a_file_that_is_written_and_was_never_read_may_be_tried_later(
    connect: Connect, write: Write, clock: Any, cache: Path
) -> None:
    write(ago=0.5)
    clock.while_asleep = lambda: write(NEWER, ago=-clock.ahead)
    with pytest.raises(Transient, match="is being written, and was never read before") as caught:
        await known(connect())
    assert caught.value.retry_after == 2
    assert not list(cache.glob("*.index"))


async def test_a_file_dated_in_the_future_is_read_after_it_was_watched(
    connect: Connect, write: Write, clock: Any
) -> None:
    write(ago=-1e6)
    assert await known(connect()) == {"007", "A8"}
    assert clock.slept == [pytest.approx(2.05)]


@pytest.mark.parametrize("emptied", ["", "\n", "customer_id,email,First name\n"])
async def test_a_file_that_lost_its_rows_is_an_error_and_nobody_becomes_unknown(
    emptied: str, connect: Connect, write: Write, cache: Path
) -> None:
    connection = connect()
    write()
    await known(connection)
    write(emptied, ago=60)
    with pytest.raises(ProviderError, match="has no rows any more; it had 2") as caught:
        await known(connection)
    assert caught.value.code == "emptied"
    write(ago=30)
    assert await known(connection) == {"007", "A8"}


async def test_a_file_that_is_meant_to_be_empty_is_taken_after_removing_the_index(
    connect: Connect, write: Write, cache: Path
) -> None:
    write()
    await known(connect())
    write("customer_id,email\n", ago=60)
    (cache / "customers.index").unlink()
    assert await known(connect()) == set()
    findings = await connect().check()
    assert "has a header and no rows" in findings[1].message


async def test_a_faulty_file_is_an_error_and_the_index_stays(connect: Connect, write: Write, cache: Path) -> None:
    write()
    await known(connect())
    before = (cache / "customers.index").read_bytes()
    write("customer_id,email\n7\n", ago=60)
    with pytest.raises(ProviderError, match="line 2"):
        await known(connect())
    assert (cache / "customers.index").read_bytes() == before


async def test_a_file_that_vanished_after_it_was_read_may_come_back(connect: Connect, write: Write) -> None:
    path = write()
    await known(connect())
    path.unlink()
    with pytest.raises(Transient, match="is not there any more"):
        await known(connect())
    write()
    assert await known(connect()) == {"007", "A8"}


async def test_a_file_that_changes_while_it_is_read_is_not_believed(
    connect: Connect, write: Write, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    write()
    build = Index.build

    def interrupted(self: Index, table: Table, identity: list[str | None], fingerprint: Fingerprint) -> Any:
        summary = build(self, table, identity, fingerprint)
        write(NEWER, ago=60)
        return summary

    with monkeypatch.context() as patch:
        patch.setattr(Index, "build", interrupted)
        with pytest.raises(Transient, match="is being written"):
            await known(connect())
        assert not list(cache.glob("*.index"))
    assert await known(connect()) == {"7"}
    write(ago=50)
    with monkeypatch.context() as patch:
        patch.setattr(Index, "build", interrupted)
        assert await known(connect()) == {"7"}


async def test_a_file_replaced_by_another_of_the_same_size_and_date_is_read_again(
    connect: Connect, write: Write, tmp_path: Path
) -> None:
    path = write("customer_id,email\n8,new@example.com\n")
    assert await known(connect()) == set()
    date = path.stat().st_mtime_ns
    other = write(NEWER, "export.csv")
    os.utime(other, ns=(date, date))
    other.rename(path)
    assert await known(connect()) == {"7"}


async def test_questions_at_the_same_time_read_the_file_once(connect: Connect, write: Write, built: list[Path]) -> None:
    write()
    connection = connect()
    assert await asyncio.gather(*(known(connection) for _ in range(5))) == [{"007", "A8"}] * 5
    assert len(built) == 1


def build_slowly(path: Path, cache: Path, started: Any) -> None:
    """A process that is killed in the middle of building."""
    layout = Layout("customers", path, "path", "customer_id", None, None)
    memory: Any = SimpleNamespace(folder=cache)
    index = Index(memory, "customers")

    class EndlessTable(Table):
        def rows(self) -> Any:
            for number, line in enumerate(super().rows()):
                yield line
                if number == 0:
                    started.set()
                    time.sleep(60)

    with index.building(), path.open("rb") as file:
        index.build(EndlessTable(file, layout), layout.identity(), Fingerprint.of(path.stat()))


async def test_a_process_killed_while_building_leaves_the_old_index_and_no_lock(
    connect: Connect, write: Write, cache: Path
) -> None:
    path = write()
    await known(connect())
    write(NEWER + "8,x@example.com\n", ago=60)
    processes = multiprocessing.get_context("spawn")
    started = processes.Event()
    builder = processes.Process(target=build_slowly, args=(path, cache, started))
    builder.start()
    try:
        assert await asyncio.to_thread(started.wait, 30)
    finally:
        builder.kill()
        await asyncio.to_thread(builder.join)
        builder.close()
    assert (cache / "customers.building").exists()
    assert await known(connect()) == {"7"}
    assert not (cache / "customers.building").exists()


async def test_an_index_with_damaged_rows_is_built_again_at_the_next_try(
    connect: Connect, write: Write, cache: Path
) -> None:
    numbers = [str(number) for number in range(5000)]
    write("customer_id,email\n" + "".join(f"{number},p@example.com\n" for number in numbers))
    lookup = connect().lookups["customers"]
    await lookup.find(["7"])
    path = cache / "customers.index"
    content = bytearray(path.read_bytes())
    content[8192 : len(content) // 2] = b"\xff" * (len(content) // 2 - 8192)
    path.write_bytes(content)
    with pytest.raises(Transient, match="damaged"):
        await lookup.find(numbers)
    assert len((await lookup.find(numbers)).rows) == 5000


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 8000])
async def test_an_index_that_is_none_is_built_again(
    content: bytes, connect: Connect, write: Write, cache: Path
) -> None:
    write()
    cache.mkdir(parents=True)
    (cache / "customers.index").write_bytes(content)
    assert await known(connect()) == {"007", "A8"}


async def test_an_index_of_another_format_is_built_again(
    connect: Connect, write: Write, built: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write()
    await known(connect())
    monkeypatch.setattr(index_module, "FORMAT", index_module.FORMAT + 1)
    await known(connect())
    assert len(built) == 2


async def test_a_full_disk_is_named(
    connect: Connect, write: Write, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    write("customer_id,email\n" + "".join(f"{number},p@example.com\n" for number in range(5000)))
    open_database = sqlite3.connect

    def open_small(*args: Any, **options: Any) -> sqlite3.Connection:
        database: sqlite3.Connection = open_database(*args, **options)
        database.execute("PRAGMA max_page_count = 10")  # SQLite says the same of this limit as of a full disk
        return database

    monkeypatch.setattr(sqlite3, "connect", open_small)
    with pytest.raises(StateError, match="the disk is full"):
        await known(connect())
    assert [path.name for path in cache.iterdir()] == ["customers.lock"]


async def test_a_folder_that_cannot_be_written_is_named(connect: Connect, write: Write, cache: Path) -> None:
    write()
    cache.parent.write_text("a file where the folder should be")
    with pytest.raises(StateError, match="the folder can't be written"):
        await known(connect())


async def test_check_says_what_the_file_holds(connect: Connect, write: Write) -> None:
    path = write("customer_id;email\n7;jo@example.com\n;lost@example.com\n")
    first, second = await connect().check()
    assert first == (
        "ok",
        f"lookup customers: {path}, 1 rows, written 60 minutes ago, utf-8, delimiter ';', columns customer_id, email",
        "",
    )
    assert second == ("warning", "lookup customers: 1 rows have no customer_id and can't be found", "")
