"""Gives connections what they may use of the world: the network, time, and a memory, for as long as a command runs."""

from collections.abc import Callable
from pathlib import Path

from syncengine.clock import SystemClock
from syncengine.config import Settings
from syncengine.contracts import Context, Memory
from syncengine.engine_settings import SQLITE
from syncengine.errors import StateError
from syncengine.http import HttpFactory
from syncengine.pacing import Limiter

__all__ = ["PassingMemory", "contexts"]

OWNER_ONLY = 0o700


class PassingMemory:
    """A memory that ends with the command, for those that must not touch the state; its cache folder stays.

    `known`: what is remembered already; it is only read.
    """

    def __init__(self, folder: Path, known: Memory | None = None) -> None:
        self._folder = folder
        self._known = known
        self._values: dict[str, str] = {}

    @property
    def folder(self) -> Path:
        """Made when first asked for. Raises StateError where that is not allowed."""
        try:
            self._folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            hint = "It is beside the state (engine.database); give the user who runs syncengine access to that folder."
            raise StateError(f"{self._folder}: {reason}.", hint=hint) from None
        return self._folder

    async def get(self, key: str) -> str | None:
        if key in self._values or self._known is None:
            return self._values.get(key)
        return await self._known.get(key)

    async def put(self, key: str, value: str) -> None:
        self._values[key] = value


def contexts(settings: Settings, known_for: Callable[[str], Memory] | None = None) -> Callable[[str], Context]:
    """Makes the context of each connection by its name. Quotas are shared by all connections to one account.

    Their memory ends with the command. `known_for`: what a connection remembers already, by its name.
    """
    state = Path(settings.engine.database.removeprefix(SQLITE))
    cache = state.with_name(f"{state.name}.cache")
    clock = SystemClock()
    limiters: dict[str, Limiter] = {}

    def context_for(name: str) -> Context:
        return Context(
            http=HttpFactory(f"connections.{name}", clock, limiters),
            memory=PassingMemory(cache / name, known_for(name) if known_for else None),
            clock=clock,
            timezone=settings.engine.timezone,
        )

    return context_for
