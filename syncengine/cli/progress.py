"""Shows a run as it goes to whoever watches; says nothing where standard error is no terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncengine.cli.phrases import number_of

if TYPE_CHECKING:
    from syncengine.engine.report import Progress

__all__ = ["describe_progress", "show_progress"]


@contextmanager
def show_progress(quiet: bool) -> "Iterator[Callable[[Progress], None] | None]":
    """One line at the bottom of the screen that follows the run; it goes away at the end."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Line
    from rich.progress import SpinnerColumn, TextColumn
    from rich.table import Column

    console = Console(stderr=True, highlight=False)
    told = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    with Line(SpinnerColumn(), told, console=console, transient=True) as line:
        task = line.add_task("starting")
        yield lambda progress: line.update(task, description=describe_progress(progress))


def describe_progress(progress: "Progress") -> str:
    """What is being read or delivered, how much so far, and the requests that the tightest quota still allows."""
    counts = progress.counts
    if "seen" in counts:
        done = f"{number_of(counts['seen'], 'contact')} done, {counts['delivered']:,} delivered"
    else:
        done = f"{number_of(counts['read'], 'record')} read"
    left = "" if progress.quota is None else f" · {number_of(progress.quota, 'request')} left"
    return f"{progress.mapping}: {progress.scope} · {done}{left}"
