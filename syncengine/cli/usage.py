"""Wrong usage in the shape that was asked for: as people are used to it, or with --json like every other error."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, Final, cast

import typer
from typer.core import TyperGroup

from syncengine.cli.failure import MISCONFIGURED, WrongUsage, explain

__all__ = ["Commands"]

JSON, END_OF_OPTIONS = "--json", "--"
USAGE_ERRORS: Final = cast(type[Exception], typer.BadParameter.__mro__[1])
"""Also an unknown option or command, or a missing argument. typer names only this one, and has changed where the others
come from.
"""


class Commands(TyperGroup):
    """The commands of the program. What is wrong with their options is known before any of them runs."""

    _as_json = False

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        self._as_json = JSON in takewhile(lambda text: text != END_OF_OPTIONS, args)
        with self._telling():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        with self._telling():
            return super().invoke(ctx)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except USAGE_ERRORS as error:
            if not self._as_json:
                raise
            explain(_wrong_usage(error), debug=False, as_json=True)
            raise typer.Exit(MISCONFIGURED) from None


def _wrong_usage(error: Any) -> WrongUsage:
    command = error.ctx.command_path if error.ctx is not None else "syncengine"
    return WrongUsage(error.format_message(), hint=f"{command} --help says what can be given.")
