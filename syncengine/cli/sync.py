"""`sync` and `resync`: read, plan and deliver now, with a report at the end."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from syncengine.cli.command import DONE, Session, command
from syncengine.cli.screen import print_json
from syncengine.errors import Busy

if TYPE_CHECKING:
    from syncengine.config import Settings
    from syncengine.engine.report import RunReport
    from syncengine.engine.run import Kind
    from syncengine.session import Session as Open

__all__ = ["register"]

STOPPED_AT_ONCE = 130
"""As a shell reports a program that was ended by Ctrl-C."""


def register(app: typer.Typer) -> None:
    command(app)(sync)
    command(app)(resync)


async def sync(
    session: Session,
    mappings: Annotated[list[str] | None, typer.Argument(metavar="[MAPPING]...", help="Left out: all.")] = None,
) -> int:
    """Read what is new and deliver it, once.

    Ctrl-C finishes the batch in hand; what is left is done by the next run.
    """
    from syncengine.cli.workplace import choose_mappings
    from syncengine.session import open_session

    settings = session.load()
    names = choose_mappings(settings, mappings)
    _hush(session)
    async with open_session(settings) as opened:
        return await _run(session, opened, names, "manual")


async def resync(
    session: Session,
    mapping: Annotated[str, typer.Argument(metavar="MAPPING", help="The mapping to read for.")],
    since: Annotated[str, typer.Option(metavar="DATE", help='The first day, such as "2026-06-01".')],
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The last day [default: today]")] = None,
    force: Annotated[bool, typer.Option("--force", help="Plan also the records that haven't changed.")] = False,
) -> int:
    """Read a range of days again, beside live work.

    Days are days in engine.timezone, of the record's own date. The live checkpoint is not touched.
    """
    from syncengine.cli.workplace import choose_mappings
    from syncengine.session import open_session
    from syncengine.state.backfills import ask_backfill

    settings = session.load()
    names = choose_mappings(settings, [mapping])
    first, last = _day(since, "--since"), _day(until, "--until") if until else None
    if last is not None and last < first:
        raise typer.BadParameter("It must not be before --since.", param_hint="--until")
    _hush(session)
    async with open_session(settings) as opened:
        now = opened.store.clock.now()
        start = opened.midnight(first)
        end = min(opened.midnight(last + dt.timedelta(days=1)), now) if last is not None else now
        if start >= now:
            raise typer.BadParameter("It must not be in the future.", param_hint="--since")
        await opened.store.write(ask_backfill, names[0], start, end, force, now)
        try:
            return await _run(session, opened, names, "resync")
        except Busy as busy:
            _leave_to_holder(session, busy)
            return DONE


def _day(text: str, option: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter('Write a day, such as "2026-06-01".', param_hint=option) from None


def _hush(session: Session) -> None:
    """The report says what the log's warnings say, so they would only stand on the screen twice."""
    from syncengine import logs

    if not session.debug:
        logs.configure("error")


async def _run(session: Session, opened: "Open", names: Sequence[str], kind: "Kind") -> int:
    from syncengine.cli.progress import show_progress
    from syncengine.cli.report import exit_code
    from syncengine.cli.stopping import heed_signals
    from syncengine.engine.run import Runner

    try:
        with heed_signals() as stopping, show_progress(session.json) as watch:
            report = await Runner(opened, watch=watch, stopping=stopping).sync(names, kind)
    except asyncio.CancelledError:
        typer.echo("Stopped at once. The next sync goes on from what was committed.", err=True)
        return STOPPED_AT_ONCE
    _print(session, opened.workspace.settings, report)
    return exit_code(report)


def _print(session: Session, settings: "Settings", report: "RunReport") -> None:
    from syncengine.cli.report import report_data, report_lines

    if session.json:
        print_json(report_data(report))
        return
    for line in report_lines(report, settings.engine.timezone):
        typer.echo(line)


def _leave_to_holder(session: Session, busy: Busy) -> None:
    told = "The range is noted: that process works it off, or else the next run."
    if session.json:
        print_json({"noted": True, "message": f"{busy.message} {told}"})
    else:
        typer.echo(f"{busy.message} {told}")
