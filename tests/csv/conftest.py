"""Real files and a movable clock for the tests of connectors/csv."""

import datetime as dt
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from connectors.csv import CsvConnector
from syncengine.contracts import Connection, Context

CUSTOMERS = "customer_id,email,First name\n007,jo@example.com,Jo\nA8,ann@example.com,\n"


class MovableClock:
    """The real time, which files are dated by, and whatever the test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.slept: list[float] = []
        self.while_asleep: Callable[[], None] = lambda: None

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ahead += seconds
        self.while_asleep()


class FolderMemory:
    """Only the cache folder: nothing else is remembered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def get(self, key: str) -> str | None:
        raise NotImplementedError(key)

    async def put(self, key: str, value: str) -> None:
        raise NotImplementedError(key + value)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "shop"


@pytest.fixture
def context(clock: MovableClock, cache: Path) -> Context:
    return Context(cast(Any, None), FolderMemory(cache), clock, ZoneInfo("America/Toronto"))


@pytest.fixture
def connect(context: Context, tmp_path: Path) -> Callable[..., Connection]:
    """A connection with settings as they stand in the file."""

    def build(**values: Any) -> Connection:
        values = {"path": "customers.csv", "lookups": {"customers": {"key": "customer_id"}}, **values}
        settings = CsvConnector.Settings.model_validate(values, context={"base": tmp_path})
        return CsvConnector().connect(settings, context)

    return build


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file that was last changed an hour ago, unless told when (seconds ago)."""
    hour = 3600.0

    def save(content: str | bytes = CUSTOMERS, name: str = "customers.csv", *, ago: float = hour) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        moment = time.time() - ago
        os.utime(path, (moment, moment))
        return path

    return save
