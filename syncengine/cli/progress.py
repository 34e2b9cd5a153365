"""Shows a run as it goes to whoever watches; says nothing where standard error is no terminal."""

import datetime as dt
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncengine.cli.phrases import describe_age, number_of

if TYPE_CHECKING:
    from syncengine.engine.report import Progress

__all__ = ["Estimate", "describe_progress", "show_progress"]


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
        task, estimate = line.add_task("starting"), Estimate(time.monotonic)

        def show(progress: "Progress") -> None:
            left = estimate.left(progress.headway.share) if progress.headway else None
            line.update(task, description=describe_progress(progress, left))

        yield show


class Estimate:
    """How long a range still takes, by how fast it went since somebody watches."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._begun: tuple[float, float] | None = None

    def left(self, share: float) -> dt.timedelta | None:
        """The time left when so much (0 to 1) is done; None while nothing can be said."""
        now = self._monotonic()
        if self._begun is None:
            self._begun = (now, share)
        since, before = self._begun
        if share <= before or now <= since:
            return None
        return dt.timedelta(seconds=(now - since) * (1 - share) / (share - before))


def describe_progress(progress: "Progress", left: dt.timedelta | None = None) -> str:
    """What is being read or delivered, how much so far, and the requests that the tightest quota still allows.

    Of a range: how much of its days is done, and the time `left` for the rest.
    """
    counts = progress.counts
    if "seen" in counts:
        done = f"{number_of(counts['seen'], 'contact')} done, {counts['delivered']:,} delivered"
    else:
        done = f"{number_of(counts['read'], 'record')} read"
    if (headway := progress.headway) is not None:
        done += f" · {number_of(headway.windows, 'window')}, about {headway.share:.0%}"
        done += f", {describe_age(left)} to go" if left is not None else ""
    quota = "" if progress.quota is None else f" · {number_of(progress.quota, 'request')} left"
    return f"{progress.mapping}: {progress.scope} · {done}{quota}"
