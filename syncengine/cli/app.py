"""Puts the commands together. A new group of commands is a module of its own and one line here."""

from pathlib import Path
from typing import Annotated

import typer

from syncengine import __version__
from syncengine.cli import (
    check,
    connectors,
    demo,
    expiring,
    explain,
    init,
    plan,
    read,
    reconcile,
    rejects,
    resync,
    run,
    runs,
    sandbox,
    status,
    sync,
    write,
)
from syncengine.cli.command import CONFIG_HELP, DEBUG_HELP, JSON_HELP, Session
from syncengine.cli.usage import Commands

__all__ = ["app"]

app = typer.Typer(
    name="syncengine",
    cls=Commands,
    help="Keeps contacts right: new customers in impact.com become Cyberimpact contacts, with their consent.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"syncengine {__version__}")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help=CONFIG_HELP)] = None,
    debug: Annotated[bool, typer.Option("--debug", help=DEBUG_HELP)] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Say which.")
    ] = False,
) -> None:
    """Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 done but something was rejected."""
    context.obj = Session(config, debug, as_json)


for group in (
    init,
    check,
    plan,
    sync,
    resync,
    run,
    status,
    runs,
    rejects,
    explain,
    expiring,
    reconcile,
    read,
    write,
    connectors,
    sandbox,
    demo,
):
    group.register(app)
