"""Where a command finds the state and its mappings: the existing file for those that only report, never a new one."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncengine.errors import ConfigError, Problem

if TYPE_CHECKING:
    from syncengine.config import Settings
    from syncengine.state.runs import Run
    from syncengine.state.store import Store

__all__ = ["NO_RUN_YET", "choose_mappings", "open_existing", "tell_interrupted"]

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
