"""`write`: JSON lines to a destination, by the same way as the records of a mapping: state, outbox, suppressions."""

import sys
from collections.abc import Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncengine.cli.command import DONE, REJECTED, Session, command
from syncengine.cli.phrases import number_of
from syncengine.cli.screen import print_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from syncengine.config import Settings
    from syncengine.engine.lines import Lines, RefusedLine
    from syncengine.engine.report import Progress, RunReport
    from syncengine.engine.spool import Spool
    from syncengine.session import Session as Open

__all__ = ["register"]

SHOWN = 20
"""Refused lines that are shown on a screen; JSON has all."""
EXPECTED = (
    'Reading JSON lines, one object each: {"FIELD": "value", …}; `syncengine connectors` lists the fields.'
    " Ctrl-D ends them, Ctrl-C writes nothing."
)
EMPTY = "Nothing came on standard input, and nothing waits to be sent."
NEXT = "the same command without --plan"


def register(app: typer.Typer) -> None:
    command(app)(write)


def write(
    session: Session,
    destination: Annotated[
        str, typer.Argument(metavar="CONNECTION.DESTINATION", help='Where to, such as "cyberimpact.contacts".')
    ],
    retract: Annotated[
        bool, typer.Option("--retract", help="Take back what was written from here for the key of each line.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", "--dry-run", help="Show what it would do, and write nothing anywhere.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Take out of groups, unsubscribe or delete also where they are very many; see --plan first."
        ),
    ] = False,
) -> Coroutine[Any, Any, int]:
    """Write JSON lines from standard input to a destination.

    Each line is an object of the destination's fields; a field left out is left as it is there. The last line for a key
    is what is asked for it, so a group that it doesn't name any more is left again. A file may be written again, and
    nothing is sent twice. Nobody is written to who must not be.
    """
    from syncengine.engine.spool import Spool

    settings = session.load()
    spool = Spool()
    if sys.stdin is not None:  # as where it was closed (`<&-`)
        if sys.stdin.isatty():
            typer.echo(EXPECTED, err=True)
        spool.fill(sys.stdin.buffer)  # before there is a loop, so that Ctrl-C ends it at once
    return _write(session, settings, destination, spool, retract=retract, plan=plan, yes=yes)


async def _write(
    session: Session, settings: "Settings", name: str, spool: "Spool", *, retract: bool, plan: bool, yes: bool
) -> int:
    from syncengine.cli.progress import show_progress
    from syncengine.cli.sync import hush, run_watched
    from syncengine.contracts import Permitted
    from syncengine.engine.lines import Lines
    from syncengine.session import open_session

    hush(session)
    with spool:
        async with open_session(settings, snapshot=plan) as opened:
            destination = _find(opened, name)
            if isinstance(destination, Permitted):
                destination.permit()
            if not spool.number and not await _waits(opened, name):
                return _tell_empty(session)
            lines = Lines(spool, opened.store, name, destination, take_back=retract)
            opened.workspace.add(lines.mapping)
            with show_progress(session.json) as watch:
                await lines.check(_watching(name, watch))
            if plan:
                return await _show(session, opened, lines)
            work = lines.mapping.name
            report = await run_watched(session, opened, lambda runner: runner.sync([work]), confirmed=yes)
            return _tell(session, settings.engine.timezone, report, spool.number, await lines.refused(), retract)


def _find(opened: "Open", name: str) -> Any:
    from syncengine.cli.workplace import choose_connection, choose_offer

    connection_name, _, short = name.partition(".")
    connection = choose_connection(opened.workspace.connections, connection_name)
    return choose_offer(connection.destinations, connection_name, "destination", short)


async def _waits(opened: "Open", name: str) -> bool:
    """Whether something is still to be sent there from before."""
    from syncengine.state.targets import revisions

    sums = await opened.store.read(revisions, name)
    return sums.get("pending", 0) + sums.get("in_doubt", 0) > 0


def _watching(name: str, watch: "Callable[[Progress], None] | None") -> "Callable[[int], None]":
    from collections import Counter

    from syncengine.engine.report import Progress

    def tell(number: int) -> None:
        if watch is not None:
            watch(Progress(name, "looking at the lines", Counter(read=number), None))

    return tell


async def _show(session: Session, opened: "Open", lines: "Lines") -> int:
    from syncengine.cli.plan import SHOWN as ROWS
    from syncengine.cli.plan import Wording, show_plan

    def called(record: str) -> str:
        number = lines.number_of(record)
        return record if number is None else f"line {number}"

    wording = Wording("If these lines were written now", NEXT, called)
    return await show_plan(session, opened, [lines.mapping.name], 0 if session.json else ROWS, wording)


def _tell(
    session: Session,
    zone: "ZoneInfo",
    report: "RunReport",
    number: int,
    refused: "Sequence[RefusedLine]",
    retract: bool,
) -> int:
    """The report; the exit code is that of `sync`, and 3 too where a line is still refused that came again."""
    from syncengine.cli.report import exit_code, report_data, report_lines

    if session.json:
        told = {"lines": number, "refused": [line._asdict() for line in refused]}
        print_json(told | report_data(report))
    else:
        for line in (*report_lines(report, zone), *_notes(report, refused, retract)):
            typer.echo(line)
    code = exit_code(report)
    return REJECTED if code == DONE and refused else code


def _tell_empty(session: Session) -> int:
    from syncengine.cli.report import report_data
    from syncengine.engine.report import RunReport

    if session.json:
        print_json({"lines": 0, "refused": []} | report_data(RunReport()))
    else:
        typer.echo(EMPTY)
    return DONE


def _notes(report: "RunReport", refused: "Sequence[RefusedLine]", retract: bool) -> Iterator[str]:
    from syncengine.errors import Unconfirmed
    from syncengine.state.doubts import IN_DOUBT

    for line in refused[:SHOWN]:
        yield f"line {line.number}: {f'{line.field}: ' if line.field else ''}{line.message}"
    if len(refused) > SHOWN:
        yield f"… and {number_of(len(refused) - SHOWN, 'more line')}: syncengine rejects list"
    if any(line.code != IN_DOUBT for line in refused):
        yield "Write these lines again once they are mended; a good one for the same key clears its reject."
    never = sum(part.counts["filtered"] for part in report.mappings)
    if retract and never:
        yield f"Nothing to take back for {number_of(never, 'key')}: nothing was written from here."
    if any(isinstance(error, Unconfirmed) for error in report.failures):
        yield "To go on: the same command with --yes."
    elif report.failures:
        yield "To go on: the same command with the same lines. What was sent is not sent again."
