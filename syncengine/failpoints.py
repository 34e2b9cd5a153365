"""Places where a test may end the process: between an effect and the note of it.

Every commit of the state and every request with effect is one, before and after. All is off, at the price of a call,
unless the environment says where to die: `SYNCENGINE_FAILPOINT="any:7"` at the seventh place that is passed,
`"after give_receipt:2"` when that one is passed for the second time. Anything else there is refused, not ignored: a
misspelt one would let a test pass that has tested nothing.

Names are "before" or "after" and what is done there: a unit of work of `syncengine.state`, or an HTTP method. The end
is `os._exit`, as sudden as a kill; its last word on standard error is the name of the place.
"""

import os
import re
from collections.abc import Callable
from typing import Any, Final

from syncengine.errors import ConfigError, Problem

__all__ = ["DIED", "VARIABLE", "arm", "reach"]

VARIABLE: Final = "SYNCENGINE_FAILPOINT"
ANY: Final = "any"
DIED: Final = 86
"""The exit code of a process that ended here; no command ends with it."""

_ORDER = re.compile(r"(any|(?:before|after) \w+):([1-9]\d*)")


class _Trap:
    """One place, and how often it is still passed alive."""

    def __init__(self, name: str, number: int) -> None:
        self._name = name
        self._left = number

    def take(self, name: str) -> None:
        if self._name in {ANY, name}:
            self._left -= 1
            if self._left == 0:
                os.write(2, f"{name}\n".encode())
                os._exit(DIED)


_trap: _Trap | None = None


def arm(order: str) -> None:
    """Die where the order says; an empty one switches everything off. Raises ConfigError for one that is none."""
    global _trap  # noqa: PLW0603 - one process dies once
    if not order:
        _trap = None
        return
    match = _ORDER.fullmatch(order)
    if match is None:
        hint = 'Unset it: only tests want it. They write "any:7", or a place and how often it is passed.'
        raise ConfigError([Problem(VARIABLE, "It names no place to die at.", hint)])
    _trap = _Trap(match[1], int(match[2]))


def reach(side: str, what: str | Callable[..., Any]) -> None:
    """Pass a place: "before" or "after" a unit of work of the state, or a request with this method."""
    if _trap is not None:
        _trap.take(f"{side} {what if isinstance(what, str) else what.__name__.lstrip('_')}")


arm(os.environ.get(VARIABLE, ""))
