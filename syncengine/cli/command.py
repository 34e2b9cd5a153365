"""What every command has in common: its session, the options that may stand before or after it, and how it fails.

A command is a function that takes a `Session` and its own options and returns its exit code. It may raise: what
becomes of an error is decided here, once.
"""

import gc
import inspect
import os
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from syncengine.cli.failure import DONE, FAILED, MISCONFIGURED, REJECTED, explain

if TYPE_CHECKING:
    from syncengine.config import Settings

__all__ = ["DONE", "FAILED", "MISCONFIGURED", "REJECTED", "Session", "command"]

INTERRUPTED, PIPE_CLOSED = 130, 141
"""As a shell reports a program that SIGINT or SIGPIPE ended."""

CONFIG_HELP = "The configuration [default: $SYNCENGINE_CONFIG, then ./config.toml]"
DEBUG_HELP = "Show every step, and where an error comes from."
JSON_HELP = "Print JSON for programs."

OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""More than a page of records makes that outlive it; some 10 MB of garbage at most, if all of it were cycles."""

CONFIG_VARIABLE = "SYNCENGINE_CONFIG"
DEFAULT_CONFIG = "config.toml"


@dataclass(frozen=True, slots=True)
class Session:
    """What a person said around the command. `config` is None where they named no file."""

    config: Path | None = None
    debug: bool = False
    json: bool = False

    @property
    def config_path(self) -> Path:
        return self.config or Path(os.environ.get(CONFIG_VARIABLE) or DEFAULT_CONFIG)

    def load(self) -> "Settings":
        """The settings, with the logs of this process set up. Raises ConfigError."""
        from syncengine import logs
        from syncengine.config import load_settings

        logs.configure("debug" if self.debug else "warning")
        return load_settings(self.config_path, os.environ)


def command(app: typer.Typer, name: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function a command of `app`. Its first parameter is the session; a coroutine function is run."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(context: typer.Context, config: Path | None, debug: bool, as_json: bool, **own: Any) -> None:
            around: Session = context.obj
            session = replace(
                around, config=config or around.config, debug=debug or around.debug, json=as_json or around.json
            )
            raise typer.Exit(_run(function, session, own))

        run.__doc__ = function.__doc__
        run.__name__ = function.__name__
        run.__signature__ = _signature(function)  # type: ignore[attr-defined]  # inspect and typer look for it here
        run.__annotations__ = {
            parameter.name: parameter.annotation for parameter in _signature(function).parameters.values()
        }
        app.command(name)(run)
        return function

    return register


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """The function's own parameters after the first, and those that every command has."""
    hints = get_type_hints(function, include_extras=True)
    own = list(inspect.signature(function).parameters.values())[1:]
    shared = inspect.signature(_shared).parameters.values()
    return inspect.Signature([*(parameter.replace(annotation=hints[parameter.name]) for parameter in own), *shared])


def _shared(
    *,
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help=CONFIG_HELP)] = None,
    debug: Annotated[bool, typer.Option("--debug", help=DEBUG_HELP)] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Never called: its parameters are those of every command."""


def _run(function: Callable[..., Any], session: Session, own: Mapping[str, Any]) -> int:
    try:
        result = function(session, **own)
        code: int = _await(result) if inspect.iscoroutine(result) else result
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`). Python would complain again when it closes stdout at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except Exception as error:
        return explain(error, debug=session.debug, as_json=session.json)
    return code


def _await(coroutine: Coroutine[Any, Any, int]) -> int:
    import asyncio  # 0.04 s that `--help` need not spend

    with _rare_collections():
        return asyncio.run(coroutine)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let Python's cyclic collector run seldom: it looks through records, drafts and targets by the hundred thousand,
    of which none ever forms a cycle, and was an eighth of the processor time of a large run (docs/benchmark.md).
    """
    before = gc.get_threshold()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
