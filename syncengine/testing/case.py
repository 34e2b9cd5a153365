"""The world of one rule: a provider of its own, a clock that stands still, and a wire that sees everything."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import stamina

from syncengine.contracts import Connection, Connector, Context, Destination, Lookup, Stream
from syncengine.errors import SyncError
from syncengine.http import ATTEMPTS, HttpFactory
from syncengine.testing.clock import MovableClock
from syncengine.testing.leaks import Watch
from syncengine.testing.rules import Rule
from syncengine.testing.stage import DestinationStage, LookupStage, Stage, StreamStage
from syncengine.testing.verdict import Broken, Endless, NotStaged
from syncengine.testing.wire import Sent, Wire

LABEL = "connections.conformance"
TIMEZONE = ZoneInfo("America/Toronto")
LONGEST = 60.0
"""Real seconds that a rule may take; all of them are done in one or two."""

StageT = TypeVar("StageT", bound=Stage)
PartT = TypeVar("PartT")


class MemoryOfCase:
    """`syncengine.contracts.Memory` that lasts as long as the case."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._values: dict[str, str] = {}

    @property
    def folder(self) -> Path:
        return self._folder

    async def get(self, key: str) -> str | None:
        return self._values.get(key)

    async def put(self, key: str, value: str) -> None:
        self._values[key] = value


class Case:
    """One connector before one stage. `connect` as often as a program would be started."""

    def __init__(self, connector: Callable[[], Connector], make: type[Stage], folder: Path) -> None:
        self._make_connector = connector
        self._make_stage = make
        self.folder = folder
        self.clock = MovableClock()
        self.wire = Wire(self.clock)
        self.watch = Watch()
        self.memory = MemoryOfCase(folder / "memory")
        self.connector = connector()
        self.stage = make(self.clock, folder)
        self.wire.edit = lambda: self.stage.edit

    @asynccontextmanager
    async def connect(self, settings: Mapping[str, Any] | None = None) -> AsyncIterator[Connection]:
        """A new connection, as after a restart: nothing is known but what the memory keeps."""
        values = dict(self.stage.settings() if settings is None else settings)
        checked = self.connector.Settings.model_validate(values, context={"base": self.folder})
        http = HttpFactory(LABEL, self.clock, {}, self.wire.transport())
        async with self.connector.connect(checked, Context(http, self.memory, self.clock, TIMEZONE)) as connection:
            yield connection

    @contextmanager
    def another(self) -> Iterator["Case"]:
        """The same connector before a new stage: to compare with, or to begin again."""
        with open_case(self._make_connector, self._make_stage) as other:
            yield other

    def stream(self, connection: Connection) -> Stream:
        return self._part(connection.streams)

    def lookup(self, connection: Connection) -> Lookup:
        return self._part(connection.lookups)

    def destination(self, connection: Connection) -> Destination:
        return self._part(connection.destinations)

    def _part(self, parts: Mapping[str, PartT]) -> PartT:
        if self.stage.part not in parts:
            raise Broken(f"the connection has no {self.stage.role} {self.stage.part!r}")
        return parts[self.stage.part]

    @property
    def streams(self) -> StreamStage:
        return self._stage_as(StreamStage)

    @property
    def lookups(self) -> LookupStage:
        return self._stage_as(LookupStage)

    @property
    def destinations(self) -> DestinationStage:
        return self._stage_as(DestinationStage)

    def _stage_as(self, kind: type[StageT]) -> StageT:
        if not isinstance(self.stage, kind):
            raise NotStaged(f"the stage is no {kind.__name__}")
        return self.stage

    def need_wire(self) -> list[Sent]:
        """The requests so far. Raises NotStaged where none ever came over HTTP: there is nothing to see."""
        if not self.wire.sent:
            raise NotStaged("no request of this connector goes over the HTTP client of its context")
        return self.wire.sent

    def private(self) -> set[str]:
        """What must not be seen anywhere."""
        return {*self.stage.secrets(), *self.stage.people()}


@contextmanager
def open_case(connector: Callable[[], Connector], make: type[Stage]) -> Iterator[Case]:
    """A case in a temporary folder, with its provider running."""
    with TemporaryDirectory(prefix="conformance-") as folder:
        case = Case(connector, make, Path(folder))
        with case.stage:
            yield case


def run_rule(rule: Rule, connector: Callable[[], Connector], make: type[Stage]) -> None:
    """Try a connector by a rule. Raises Broken; NotStaged where the stage lacks what the rule needs."""

    async def run() -> None:
        try:
            async with asyncio.timeout(LONGEST):
                with open_case(connector, make) as case, case.watch.listening():
                    await rule.check(case)
        except SyncError as error:
            raise Broken(f"{type(error).__name__} where all is well: {error}") from error
        except TimeoutError:
            raise Broken(f"not done after {LONGEST:.0f} seconds") from None
        except Endless:
            raise Broken("requests without end") from None

    # As many repeats as in earnest, without their waits.
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        asyncio.run(run())
