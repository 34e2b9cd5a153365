"""`plan`: who would be created, changed, left alone or left out by `sync`, and why. Nothing is written anywhere."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from syncengine.cli.command import DONE, REJECTED, Session, command
from syncengine.cli.phrases import describe_reason, number_of, records_sum
from syncengine.cli.planned import COLUMNS, KINDS, Row, cells, target_row
from syncengine.cli.screen import print_json, print_table

if TYPE_CHECKING:
    from syncengine.config import Settings
    from syncengine.engine.deliver import Prepared
    from syncengine.engine.report import RunReport
    from syncengine.session import Session as Open
    from syncengine.state.records import PageCommit

__all__ = ["RESYNC", "SHOWN", "SYNC", "Plan", "register", "show_plan"]

SHOWN = 50
SENT = ("create", "change", "ask", "unsubscribe", "delete")
"""The kinds of which something would be sent."""


def register(app: typer.Typer) -> None:
    command(app)(plan)


async def plan(
    session: Session,
    mapping: Annotated[str | None, typer.Argument(metavar="[MAPPING]", help="Left out: all.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=0, help=f"Rows of each kind; 0: all [default: {SHOWN}; with --json: all]")
    ] = None,
) -> int:
    """Show what sync would do, and write nothing anywhere.

    Addresses are shown as they are. Providers are read, on a copy of the state that goes away.
    """
    from syncengine.cli.sync import hush
    from syncengine.cli.workplace import choose_mappings
    from syncengine.session import open_session

    settings = session.load()
    names = choose_mappings(settings, [mapping] if mapping else None)
    hush(session)
    if limit is None:
        limit = 0 if session.json else SHOWN
    async with open_session(settings, snapshot=True) as opened:
        return await show_plan(session, opened, names, limit, SYNC)


async def show_plan(
    session: Session, opened: "Open", names: Sequence[str], limit: int, wording: "Wording", **asked: Any
) -> int:
    """Plan on the snapshot that is open, and show what came of it. `asked` goes to `Runner.plan`."""
    from syncengine.cli.progress import show_progress
    from syncengine.cli.report import exit_code
    from syncengine.engine.run import Runner

    found = Plan(limit, wording.called)
    with show_progress(session.json) as watch:
        report = await Runner(opened, watch=watch).plan(names, found.add_target, found.add_page, **asked)
    if session.json:
        print_json(_data(found, report))
    else:
        _print(found, report, opened.workspace.settings, wording)
    if report.failures:
        return exit_code(report)
    return REJECTED if report.unknown else DONE


class Wording(NamedTuple):
    """How a plan speaks of what it is the plan of.

    `called`: what a record is called, by its id. `whole`: what of that command shows every row.
    """

    condition: str
    following: str
    called: Callable[[str], str] = str
    whole: str = "--json"


SYNC = Wording("If sync ran now", "syncengine sync", whole="--limit 0")
RESYNC = Wording("If this were read again now", "the same command without --dry-run")


class Plan:
    """Collects what a run would do: every row counted, the first `limit` of each kind kept (0: all)."""

    def __init__(self, limit: int, called: Callable[[str], str] = str) -> None:
        self._limit = limit
        self._called = called
        self._kept: dict[str, list[Row]] = {kind: [] for kind in KINDS}
        self._records: dict[tuple[str, str], Row] = {}
        self._targets: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        """Why targets are left out, by code."""

    def add_target(self, destination: str, item: "Prepared") -> None:
        """A target and what is to be done about it."""
        if item.verdict.withheld:
            self.reasons[item.verdict.withheld] += 1
        row = target_row(destination, item)
        self._targets[row.what] += 1
        if not self._limit or len(self._kept[row.what]) < self._limit:
            self._kept[row.what].append(row)

    def add_page(self, page: "PageCommit") -> None:
        """The records of a page that come to nothing; the last reading of a record counts."""
        messages = {refusal.record: refusal for refusal in page.refusals}
        for record in page.kept:
            self._records.pop((record.mapping, record.id), None)
            if record.state == "waiting":
                row = Row(self._called(record.id), "wait", record.mapping, why="no lookup knows it yet")
            elif record.state == "suppressed":
                row = Row(
                    record.key or self._called(record.id), "left out", record.mapping, why=describe_reason("refused")
                )
            else:
                continue
            self._records[record.mapping, record.id] = row
        for name, refusal in messages.items():
            place = f"{refusal.field}: " if refusal.field else ""
            why = f"{place}{refusal.message}"
            self._records[page.mapping, name] = Row(self._called(name), "reject", page.mapping, why=why)

    @property
    def totals(self) -> Counter[str]:
        """How many rows there are of each kind, shown or not."""
        return self._targets + Counter(row.what for row in self._record_rows())

    def rows(self) -> Iterator[Row]:
        """The rows to show, kind by kind."""
        for kind, kept in self._kept.items():
            every = [*kept, *(row for row in self._record_rows() if row.what == kind)]
            yield from every[: self._limit or None]

    def _record_rows(self) -> Collection[Row]:
        """A row for each record, but one for each person who is left out, however many their records are."""
        people = {(row.who, "" if row.what == "left out" else row.where): row for row in self._records.values()}
        return people.values()


def _data(found: Plan, report: "RunReport") -> dict[str, Any]:
    from dataclasses import asdict

    from syncengine.cli.report import report_data

    told = report_data(report)
    return {
        "rows": [asdict(row) for row in found.rows()],
        "totals": {kind: found.totals[kind] for kind in KINDS},
        "left_out": dict(found.reasons),
        "mappings": [
            {key: part[key] for key in ("mapping", "counts", "failures", "unknown")} for part in told["mappings"]
        ],
        "destinations": [
            {key: part[key] for key in ("destination", "failure", "unlisted")} for part in told["destinations"]
        ],
        "requests": told["requests"],
    }


def _print(found: Plan, report: "RunReport", settings: "Settings", wording: Wording) -> None:
    from syncengine.cli.report import doubt_lines, failure_lines, failure_places, unknown_line
    from syncengine.errors import Unconfirmed

    rows = list(found.rows())
    if rows:
        _print_rows(rows)
        typer.echo()
    hidden = found.totals.total() - len(rows)
    if hidden:
        typer.echo(f"… and {hidden:,} more; {wording.whole} shows all.\n")
    told = ", ".join(f"{found.totals[kind]:,} {word}" for kind, word in KINDS.items() if found.totals[kind])
    doubts = list(doubt_lines(report))
    unsure = report.failures or doubts or any(delivery.unlisted for delivery in report.deliveries)
    nothing = "nothing is known to do" if unsure else "nothing to do, all is as it should be"
    typer.echo(f"{wording.condition}: {told or nothing}.")
    for part in report.mappings:
        typer.echo(f"{part.mapping}: {records_sum(part.counts)}")
        if left_out := part.counts["list_items_left_out"]:
            typer.echo(f"  {number_of(left_out, 'list item')} left out, in which a value is missing")
        if renewals := part.counts["renewals"]:
            typer.echo(f"  {renewals:,} of those drafted renew a consent where there is one, and create nobody")
        if part.unknown:
            typer.echo(f"  {unknown_line(part.unknown)}")
    for line in (*doubts, *failure_lines(report, settings.engine.timezone)):
        typer.echo(line)
    if any(not isinstance(error, Unconfirmed) for error in report.failures):
        typer.echo(f"This plan is not complete. Missing: {'; '.join(failure_places(report))}.")
    elif any(found.totals[kind] for kind in SENT):
        typer.echo(f"Nothing was written. Next: {wording.following}")


def _print_rows(rows: Sequence[Row]) -> None:
    """The table, without columns in which nothing stands."""
    table = [COLUMNS, *(cells(row) for row in rows)]
    used = [column for column in zip(*table, strict=True) if any(column[1:])]
    columns, *lines = zip(*used, strict=True)
    print_table(columns, lines)
