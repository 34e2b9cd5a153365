"""`init`: the first configuration, written with comments, so that a person edits instead of starting from nothing."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from zoneinfo import available_timezones

import typer

from syncengine.cli.command import DONE, Session, command
from syncengine.cli.screen import print_json
from syncengine.errors import ConfigError, Problem

__all__ = ["register"]

USUAL = "new-customers"
"""The recipe that most begin with."""
VARIABLE = re.compile(r'^[^#\n]*\{ *env *= *"(\w+)" *\}', re.MULTILINE)


def register(app: typer.Typer) -> None:
    command(app)(init)


def init(
    session: Session,
    recipe: Annotated[str | None, typer.Option(metavar="NAME", help="Write this recipe and ask nothing.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if there is one.")] = False,
) -> int:
    """Write a commented configuration to begin with."""
    from mappings.recipes import RecipeError, recipe_text

    path = session.config_path
    if path.exists() and not force:
        raise ConfigError(
            [Problem(path.name, f"{path} exists already.", "--force overwrites it; --config names another file.")]
        )
    try:
        text = recipe_text(recipe) if recipe is not None else _ask()
    except RecipeError as error:
        raise ConfigError([Problem("--recipe", error.message, error.hint)]) from None
    _write(path, text)
    variables = list(dict.fromkeys(VARIABLE.findall(text)))
    if session.json:
        print_json({"path": str(path), "environment": variables})
    else:
        _print_next_steps(session, path, variables)
    return DONE


def _ask() -> str:
    from mappings.recipes import recipe_names, recipe_purpose, recipe_text

    names = recipe_names()
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise typer.BadParameter(
            f"Nobody is here to be asked: choose one of {', '.join(names)}.", param_hint="--recipe"
        )
    typer.echo("There are these recipes:")
    for name in names:
        typer.echo(f"  {name:{max(map(len, names))}}  {recipe_purpose(name)}")
    text = recipe_text(typer.prompt("Recipe", default=USUAL))
    text = _answer(text, "timezone", "Your time zone", _accept_timezone)
    return _answer(text, "path", "The CSV file with your customers", str.strip)


def _answer(text: str, key: str, question: str, accept: Callable[[str], str]) -> str:
    """The text with the value of `key` replaced by the person's answer; what stands there is the default."""
    line = re.compile(rf'^({key} *= *)"([^"\n]*)"', re.MULTILINE)
    found = line.search(text)
    if found is None:  # this recipe has no such thing to ask about
        return text
    answer = typer.prompt(question, default=found[2], value_proc=accept)
    return line.sub(lambda match: match[1] + json.dumps(answer, ensure_ascii=False), text, count=1)


def _accept_timezone(name: str) -> str:
    from mappings.wording import suggest

    if name.strip() not in available_timezones():
        raise typer.BadParameter(f"There is no such time zone. {suggest(name, available_timezones())}".strip())
    return name.strip()


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        problem = Problem(path.name, f"{path} can't be written: {reason}.", "--config names another file.")
        raise ConfigError([problem]) from None


def _print_next_steps(session: Session, path: Path, variables: list[str]) -> None:
    option = f" --config {session.config}" if session.config else ""
    typer.echo(f"{path} is written. Next:")
    for step, text in enumerate(
        (
            f"Set {', '.join(variables)} in the environment." if variables else "Fill in the file.",
            f"Look through {path}: its comments say what to change.",
            f"syncengine check{option}   asks every connection, changes nothing",
            f"syncengine plan{option}    shows what would be written, changes nothing",
            f"syncengine sync{option}    does it",
        ),
        start=1,
    ):
        typer.echo(f"  {step}. {text}")
