"""`resync`: days, or single records, are read again beside live work."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import typer

from syncengine.cli.command import DONE, Session, command
from syncengine.cli.phrases import describe_moment, number_of
from syncengine.cli.screen import print_json
from syncengine.errors import Busy

if TYPE_CHECKING:
    from syncengine.engine.report import Progress, RunReport
    from syncengine.engine.run import Runner
    from syncengine.session import Session as Open
    from syncengine.state.backfills import Backfill

__all__ = ["register"]

LOOK_EVERY = 1.0
"""Seconds between two looks at a range that another process reads."""
GOES_ON = "The range isn't through: the next sync, run or resync of it goes on from here."
NOTED = "The range is noted: that process reads it when it is through with what it has, or else the next sync or run."
READ_BY_OTHER = "The range has been read. Next: syncengine runs"


def register(app: typer.Typer) -> None:
    command(app)(resync)


class _Days(NamedTuple):
    """The days asked for; `last` None: up to now."""

    first: dt.date
    last: dt.date | None


async def resync(
    session: Session,
    mapping: Annotated[str, typer.Argument(metavar="MAPPING", help="The mapping to read for.")],
    since: Annotated[str | None, typer.Option(metavar="DATE", help='The first day, such as "2026-06-01".')] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The last day [default: today]")] = None,
    record: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Instead of days: one record; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Plan also the records that haven't changed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would do, and write nothing.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Don't stay where another process reads the range.")
    ] = False,
) -> int:
    """Read a range of days, or single records, again.

    Days are days in engine.timezone, of the record's own date. Live work goes on beside it and comes first; its
    checkpoint is not touched. A range that was cut off goes on where it stood, by the same command or by the next sync.
    """
    from syncengine.cli.sync import hush
    from syncengine.cli.workplace import choose_mappings
    from syncengine.session import open_session

    settings = session.load()
    (name,) = choose_mappings(settings, [mapping])
    days = None if record and not (since or until) else _days(since, until, record, settings.engine.timezone)
    hush(session)
    async with open_session(settings, snapshot=dry_run) as opened:
        if days is None:
            return await _read_records(session, opened, name, record or [], force, dry_run)
        asked = await _ask(opened, name, days, force)
        if dry_run:
            return await _show(session, opened, name, "ranges", force)
        return await _read_range(session, opened, name, asked, no_wait)


def _days(since: str | None, until: str | None, record: Sequence[str] | None, zone: ZoneInfo) -> _Days:
    if record:
        raise typer.BadParameter("Give days or records, not both.", param_hint="--record")
    if since is None:
        raise typer.BadParameter("Give the first day, or single records with --record.", param_hint="--since")
    first, last = _day(since, "--since"), _day(until, "--until") if until else None
    if last is not None and last < first:
        raise typer.BadParameter("It must not be before --since.", param_hint="--until")
    if first > dt.datetime.now(zone).date():
        raise typer.BadParameter("It must not be in the future.", param_hint="--since")
    return _Days(first, last)


def _day(text: str, option: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter('Write a day, such as "2026-06-01".', param_hint=option) from None


# --- single records ---


async def _read_records(
    session: Session, opened: "Open", name: str, ids: Sequence[str], force: bool, dry_run: bool
) -> int:
    from syncengine.cli.sync import run_and_report
    from syncengine.contracts import Fetching

    mapping = opened.workspace.mappings[name]
    if not isinstance(mapping.stream, Fetching):
        message = f"{mapping.source_name} can't be asked for single records; read days again, with --since."
        raise typer.BadParameter(message, param_hint="--record")
    if dry_run:
        return await _show(session, opened, name, ids, force)

    async def work(runner: "Runner") -> "RunReport":
        return await runner.fetch([name], ids, "resync", force=force)

    return await run_and_report(session, opened, work)


async def _show(session: Session, opened: "Open", name: str, only: Any, force: bool) -> int:
    from syncengine.cli.plan import RESYNC, SHOWN, show_plan

    return await show_plan(session, opened, [name], 0 if session.json else SHOWN, RESYNC, only=only, force=force)


# --- a range ---


async def _ask(opened: "Open", name: str, days: _Days, force: bool) -> "Backfill":
    """Write the range down, or find it where it was asked for before and isn't through."""
    from syncengine.state.backfills import ask_backfill, unfinished_backfill

    now = opened.store.clock.now()
    start = opened.midnight(days.first)
    end = opened.midnight(days.last + dt.timedelta(days=1)) if days.last else None
    end = end if end is not None and end < now else None
    found = await opened.store.read(unfinished_backfill, name, start, end, force)
    if found is None:
        await opened.store.write(ask_backfill, name, start, end or now, force, now)
        found = await opened.store.read(unfinished_backfill, name, start, end, force)
        assert found is not None  # noqa: S101 - tells mypy; it was written just now
        return found
    zone = opened.timezone
    typer.echo(
        f"Going on with the range from {describe_moment(found.since, zone)} to {describe_moment(found.until, zone)}:"
        f" {_through(found)}.",
        err=True,
    )
    return found


def _through(backfill: "Backfill") -> str:
    return f"{number_of(len(backfill.done), 'partition')} through, {len(backfill.positions):,} begun"


async def _read_range(session: Session, opened: "Open", name: str, asked: "Backfill", no_wait: bool) -> int:
    from syncengine.cli.sync import run_and_report
    from syncengine.state.backfills import is_done

    while True:
        try:
            code = await run_and_report(session, opened, lambda runner: runner.resync(name))
        except Busy as busy:
            if no_wait:
                _tell(session, f"{busy.message} {NOTED}")
                return DONE
            typer.echo(f"{busy.message} {NOTED}", err=True)
            if await _follow(session, opened, name, asked.id):
                return DONE
        else:
            if not session.json and not await opened.store.read(is_done, asked.id):
                typer.echo(GOES_ON)
            return code


def _tell(session: Session, message: str) -> None:
    if session.json:
        print_json({"noted": True, "message": message})
    else:
        typer.echo(message)


async def _follow(session: Session, opened: "Open", name: str, backfill: int) -> bool:
    """Watch another process read the range. False where that process is gone and the range isn't through."""
    from syncengine.cli.progress import show_progress
    from syncengine.cli.stopping import heed_signals
    from syncengine.state.backfills import is_done
    from syncengine.state.locks import range_lock

    with heed_signals() as stopping, show_progress(session.json) as watch:
        while not await opened.store.read(is_done, backfill):
            if stopping():
                _tell(session, NOTED)
                return True
            if not opened.store.locks.held(range_lock(name)):
                return False
            if watch is not None:
                await _look(opened, name, backfill, watch)
            await opened.store.clock.sleep(LOOK_EVERY)
    _tell(session, READ_BY_OTHER)
    return True


async def _look(opened: "Open", name: str, backfill: int, watch: "Callable[[Progress], None]") -> None:
    """Show how far the other process is: its run's counts, and the partitions that are through."""
    from collections import Counter

    from syncengine.engine.report import Progress
    from syncengine.state.backfills import open_backfills
    from syncengine.state.runs import runs

    ranges = await opened.store.read(open_backfills, name)
    found = next((each for each in ranges if each.id == backfill), None)
    going = [run for run in await opened.store.read(runs, name, 5) if (run.kind, run.state) == ("resync", "running")]
    counts = Counter(going[0].counts) if going else Counter[str]()
    watch(Progress(name, f"read by another process, {_through(found)}" if found else "delivered", counts, None))
