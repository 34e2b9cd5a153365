"""Where a command finds the state and its mappings: the existing file for those that only report, never a new one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from syncengine.errors import ConfigError, Problem

if TYPE_CHECKING:
    from syncengine.config import Settings
    from syncengine.state.runs import Run
    from syncengine.state.store import Store

__all__ = [
    "NO_RUN_YET", "choose_connection", "choose_mappings", "choose_offer", "open_existing", "tell_interrupted",
    "verify_recorded",
]  # fmt: skip

T = TypeVar("T")

NO_RUN_YET = "There was no run yet. Next: syncengine plan, then syncengine sync."


def choose_mappings(settings: "Settings", names: Iterable[str] | None) -> Sequence[str]:
    """The mappings asked for, each once; all where none is named. Raises ConfigError for unknown ones."""
    from mappings.wording import suggest

    known = settings.mappings
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ConfigError(
            [Problem(f"mappings.{name}", "There is no such mapping.", suggest(name, known)) for name in unknown]
        )
    if not known:
        hint = "`syncengine init` writes a file with one; `syncengine connectors` lists what can be mapped."
        raise ConfigError([Problem("mappings", "There is no mapping in the configuration.", hint)])
    return list(dict.fromkeys(names or known))


def verify_recorded(settings: "Settings", store: "Store | None", name: str) -> None:
    """Raises ConfigError where that is no mapping of the configuration, nor one of what was written by hand."""
    from mappings.wording import suggest
    from syncengine.state import written

    known = [*settings.mappings, *(store.read_now(written.mappings) if store else ())]
    if name not in known:
        raise ConfigError([Problem(f"mappings.{name}", "There is no such mapping.", suggest(name, known))])


def choose_connection(connections: Mapping[str, T], name: str) -> T:
    """The connection of that name. Raises ConfigError where there is none."""
    from mappings.wording import suggest

    if name not in connections:
        raise ConfigError([Problem(f"connections.{name}", "There is no such connection.", suggest(name, connections))])
    return connections[name]


def choose_offer(offers: Mapping[str, T], connection_name: str, kind: str, name: str) -> T:
    """What a connection offers under that name; `kind` is "stream" or "destination". Raises ConfigError."""
    from mappings.wording import suggest

    if name not in offers:
        hint = suggest(name, offers) or f"It offers no {kind}s."
        raise ConfigError([Problem(f"connections.{connection_name}", f'It has no {kind} "{name}".', hint)])
    return offers[name]


@contextmanager
def open_existing(settings: "Settings") -> "Iterator[Store | None]":
    """The state; None where there is none yet, and none is made. Raises StateError."""
    from syncengine.clock import SystemClock
    from syncengine.state.database import sqlite_path
    from syncengine.state.store import Store

    path = sqlite_path(settings.engine.database)
    if path is not None and not path.exists():
        yield None
        return
    with Store.open(settings.engine.database, SystemClock()) as store:
        yield store


def tell_interrupted(store: "Store", run: "Run") -> "Run":
    """The run; "interrupted" where its row says that it runs and nobody holds its mapping (killed, or a full disk)."""
    from syncengine.state.locks import range_lock

    names = [f"mapping {run.mapping}", *([range_lock(run.mapping)] if run.kind == "resync" else [])]
    if run.kind == "reconcile":  # then it is a destination's
        names = [f"destination {run.mapping}"]
    if run.state == "running" and not any(store.locks.held(name) for name in names):
        return run._replace(state="interrupted")
    return run
