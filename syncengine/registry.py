"""Finds connectors by their entry points, so that the engine knows no provider by name.

A package that registers a class under `syncengine.connectors` is a connector as good as ours; one under
`syncengine.sandboxes` brings a local server to try it with.
"""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from mappings.wording import suggest
from syncengine.contracts import Connector
from syncengine.errors import ConfigError, Problem

if TYPE_CHECKING:
    from syncengine.sandbox.kit import Sandbox

__all__ = ["connector_names", "load_connector", "load_sandbox", "sandbox_names"]

CONNECTORS = "syncengine.connectors"
SANDBOXES = "syncengine.sandboxes"

PROMISED = ("name", "summary", "Settings", "connect")
"""What `contracts.Connector` asks for."""


def connector_names() -> Sequence[str]:
    """The names that may stand after `connector =`, in order."""
    return sorted(_entries(CONNECTORS))


def load_connector(name: str, key: str = "connector") -> Connector:
    """The connector of that name. Raises ConfigError at `key`: unknown, or its package can't be imported."""
    known = _entries(CONNECTORS)
    if name not in known:
        raise ConfigError([Problem(key, f'There is no connector "{name}".', _choices(name, list(known)))])
    connector = _load(known[name], key)
    lacking = [attribute for attribute in PROMISED if not hasattr(connector, attribute)]
    if lacking:
        message = f'The connector "{name}" is not usable: it has no {", ".join(lacking)}.'
        raise ConfigError([Problem(key, message, "The protocol is syncengine.contracts.Connector.")])
    made: Connector = connector()
    return made


def sandbox_names() -> Sequence[str]:
    """The connectors that bring a sandbox, in order."""
    return sorted(_entries(SANDBOXES))


def load_sandbox(name: str) -> type["Sandbox"]:
    """The sandbox of a connector, one of `sandbox_names`. Raises ConfigError where it can't be imported."""
    loaded: type[Sandbox] = _load(_entries(SANDBOXES)[name], f"sandbox {name}")
    return loaded


@cache
def _entries(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}


def _load(entry: EntryPoint, key: str) -> Any:
    try:
        return entry.load()
    except Exception as error:
        kind = type(error).__name__
        package = entry.dist.name if entry.dist else entry.module
        missing = f' "{error.name}"' if isinstance(error, ModuleNotFoundError) and error.name else ""
        raise ConfigError(
            [
                Problem(
                    key,
                    f'"{entry.name}" can\'t be loaded: {kind}{missing} while importing {entry.module}.',
                    f"Install {package} anew; --debug shows where it fails.",
                )
            ]
        ) from error


def _choices(name: str, known: Sequence[str]) -> str:
    return suggest(name, known) if known else "No connector is installed; install the package anew."
