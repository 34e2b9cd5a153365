"""How results look: lines and tables for people, JSON for programs. Colours and widths follow the terminal."""

import datetime as dt
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer

__all__ = ["print_json", "print_json_line", "print_table", "style_level", "watched"]

UNLIMITED = 10_000
"""Columns of a table that nobody watches: a line that a program reads must not be broken."""

COLOURS = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "error": typer.colors.RED}


def watched() -> bool:
    """Whether a person looks at the output as it comes."""
    return sys.stdout.isatty()


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_as_text))


def print_json_line(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_as_text) + "\n")


def _as_text(value: Any) -> str:
    """What JSON has no word for: moments and days as ISO 8601 writes them."""
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False, width=None if watched() else UNLIMITED).print(table)


def style_level(level: str, text: str) -> str:
    return typer.style(text, fg=COLOURS[level])
