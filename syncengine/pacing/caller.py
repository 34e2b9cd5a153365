"""What whoever makes requests says of them: may they wait for others, when does a wait end, and who counts them.

Kept in context variables: it holds for everything that is done for one run, whatever runs beside it in the process, and
no connector has to pass it on.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TypeVar

__all__ = [
    "BACKGROUND", "STOPPING", "Lend", "count", "count_request", "counting", "lending", "spending", "while_waiting",
]  # fmt: skip

T = TypeVar("T")
Lend = Callable[[float], AbstractAsyncContextManager[None]]
"""Gives back what others may need for a wait of so many seconds, and has it again when it is left without an error."""

BACKGROUND: ContextVar[bool] = ContextVar("background", default=False)
"""Whether what is being done may wait for everything else (a resync): it leaves live work its share of the quota."""
STOPPING: ContextVar[Callable[[], bool] | None] = ContextVar("stopping", default=None)
"""Says whether the program was asked to stop, where it can be: a wait for quota ends then."""
_SPENT: ContextVar[Counter[str] | None] = ContextVar("spent", default=None)
_COUNTED: ContextVar[Counter[str] | None] = ContextVar("counted", default=None)
_LEND: ContextVar[Lend | None] = ContextVar("lend", default=None)


@contextmanager
def spending(spent: Counter[str]) -> Iterator[None]:
    """Have the requests of what is done inside counted by connection, whatever runs beside it in the process."""
    with _bound(_SPENT, spent):
        yield


@contextmanager
def counting(counted: Counter[str]) -> Iterator[None]:
    """The same by kind: `requests` sent, `retried`, `failed_requests`, and refused ones by status (`status_429`)."""
    with _bound(_COUNTED, counted):
        yield


@contextmanager
def lending(lend: Lend) -> Iterator[None]:
    """Have `lend` called around each wait for quota inside."""
    with _bound(_LEND, lend):
        yield


def count_request(label: str) -> None:
    """One more request leaves, of the connection with this label ("connections.impact")."""
    count("requests")
    if (spent := _SPENT.get()) is not None:
        spent[label.removeprefix("connections.")] += 1


def count(kind: str) -> None:
    """One more of this kind."""
    if (counted := _COUNTED.get()) is not None:
        counted[kind] += 1


def while_waiting(delay: float) -> AbstractAsyncContextManager[None]:
    """What a wait of so many seconds happens in."""
    lend = _LEND.get()
    return nullcontext() if lend is None else lend(delay)


@contextmanager
def _bound(variable: ContextVar[T | None], value: T) -> Iterator[None]:
    before = variable.set(value)
    try:
        yield
    finally:
        variable.reset(before)
