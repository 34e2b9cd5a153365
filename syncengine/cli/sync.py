"""`sync`: read, plan and deliver now, with a report at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from syncengine.cli.command import Session, command
from syncengine.cli.screen import print_json

if TYPE_CHECKING:
    from syncengine.config import Settings
    from syncengine.engine.report import RunReport
    from syncengine.engine.run import Runner
    from syncengine.session import Session as Open

__all__ = ["hush", "register", "run_and_report", "run_watched"]

STOPPED_AT_ONCE = 130
"""As a shell reports a program that was ended by Ctrl-C."""


def register(app: typer.Typer) -> None:
    command(app)(sync)


async def sync(
    session: Session,
    mappings: Annotated[list[str] | None, typer.Argument(metavar="[MAPPING]...", help="Left out: all.")] = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Take out of groups, unsubscribe or delete also where they are very many; see plan first."
        ),
    ] = False,
) -> int:
    """Read what is new and deliver it, once.

    Ctrl-C finishes the batch in hand; what is left is done by the next run.
    """
    from syncengine.cli.workplace import choose_mappings
    from syncengine.session import open_session

    settings = session.load()
    names = choose_mappings(settings, mappings)
    hush(session)
    async with open_session(settings) as opened:
        return await run_and_report(session, opened, lambda runner: runner.sync(names), confirmed=yes)


def hush(session: Session) -> None:
    """The report says what the log's warnings say, so they would only stand on the screen twice."""
    from syncengine import logs

    if not session.debug:
        logs.configure("error")


async def run_and_report(
    session: Session, opened: "Open", work: "Callable[[Runner], Awaitable[RunReport]]", *, confirmed: bool = False
) -> int:
    """Have the work done as `run_watched`, and show its report; the exit code. Raises Busy."""
    from syncengine.cli.report import exit_code

    report = await run_watched(session, opened, work, confirmed=confirmed)
    _print(session, opened.workspace.settings, report)
    return exit_code(report)


async def run_watched(
    session: Session, opened: "Open", work: "Callable[[Runner], Awaitable[RunReport]]", *, confirmed: bool = False
) -> "RunReport":
    """Have the work done, shown as it goes and ended by signals. Raises Busy, and Exit where it was stopped at once."""
    from syncengine.cli.progress import show_progress
    from syncengine.cli.stopping import heed_signals
    from syncengine.engine.run import Runner

    try:
        with heed_signals() as stopping, show_progress(session.json) as watch:
            return await work(Runner(opened, watch=watch, stopping=stopping, confirmed=confirmed))
    except asyncio.CancelledError:
        typer.echo("Stopped at once. The same command goes on from what was committed.", err=True)
        raise typer.Exit(STOPPED_AT_ONCE) from None


def _print(session: Session, settings: "Settings", report: "RunReport") -> None:
    from syncengine.cli.report import report_data, report_lines

    if session.json:
        print_json(report_data(report))
        return
    for line in report_lines(report, settings.engine.timezone):
        typer.echo(line)
