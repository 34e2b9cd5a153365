"""Ctrl-C and a supervisor's SIGTERM: the first lets a run finish the batch in hand, the second ends it at once."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from syncengine.pacing import STOPPING

__all__ = ["Stopping", "heed_signals"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENTLY = "Stopping: the batch in hand is finished first. Once more stops at once; nothing is lost either way."


class Stopping:
    """Whether the run should end in peace. Called, it says so."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        return self._asked

    def ask(self, task: "asyncio.Task[object] | None") -> None:
        """A signal came. The second one cancels the task: whatever isn't committed is undone, and done next time."""
        if not self._asked:
            self._asked = True
            typer.echo(PATIENTLY, err=True)
        elif task is not None:
            task.cancel()


@contextmanager
def heed_signals() -> Iterator[Stopping]:
    """While inside, signals don't kill the process. Must be entered by the task that is to be stopped."""
    stopping = Stopping()
    waits = STOPPING.set(stopping)  # a wait for quota ends too
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for number in SIGNALS:
        loop.add_signal_handler(number, stopping.ask, task)
    try:
        yield stopping
    finally:
        STOPPING.reset(waits)
        for number in SIGNALS:
            loop.remove_signal_handler(number)
