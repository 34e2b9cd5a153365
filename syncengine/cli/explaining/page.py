"""The answer as a page of its own, to be sent or printed: one file that loads nothing and only its owner can read."""

import os
from collections.abc import Sequence
from pathlib import Path

from syncengine.cli.explaining.letter import Letter
from syncengine.errors import ConfigError, Problem

__all__ = ["write_page"]

TEMPLATE = Path(__file__).with_name("page.html")
OWNER_ONLY = 0o600


def write_page(path: Path, letters: Sequence[Letter]) -> None:
    """Write the page, in place of a file that is there. Raises ConfigError where that is not allowed."""
    text = _render(letters)
    try:
        with open(path, "w", encoding="utf-8", opener=_open_private) as file:
            os.chmod(file.fileno(), OWNER_ONLY)  # a file that was there keeps its mode when it is opened
            file.write(text)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        problem = Problem("--html", f"{path} can't be written: {reason}.", "Name a file in a folder that is there.")
        raise ConfigError([problem]) from None


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, OWNER_ONLY)


def _render(letters: Sequence[Letter]) -> str:
    from jinja2 import Environment, StrictUndefined

    around = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    page = around.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return page.render(letters=letters, language=letters[0].language.value)
