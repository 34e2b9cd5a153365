"""`plan`: who would be created, changed, left alone or left out by `sync`, and why. Nothing is written anywhere."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from syncengine.cli.command import DONE, REJECTED, Session, command
from syncengine.cli.phrases import describe_reason, number_of, records_sum
from syncengine.cli.screen import print_json, print_table

if TYPE_CHECKING:
    from syncengine.config import Settings
    from syncengine.contracts import Change
    from syncengine.engine.deliver import Prepared
    from syncengine.engine.report import RunReport
    from syncengine.session import Session as Open
    from syncengine.state.records import PageCommit

__all__ = ["RESYNC", "SHOWN", "SYNC", "Plan", "Row", "register", "show_plan"]

SHOWN = 50
KINDS = {
    "create": "created",
    "change": "changed",
    "left out": "left out",
    "reject": "rejected",
    "wait": "waiting",
    "leave alone": "left alone",
}
"""What is to be done → how the total says it; in the order of the table."""
COLUMNS = ("who", "what", "why", "fields", "groups", "consent")


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

    found = Plan(limit)
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
    """How a plan speaks of what it is the plan of."""

    condition: str
    following: str


SYNC = Wording("If sync ran now", "syncengine sync")
RESYNC = Wording("If this were read again now", "the same command without --dry-run")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the plan: a target of a destination, or a record that gives none."""

    who: str
    what: str
    where: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    join: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    consent: str = ""
    why: str = ""


class Plan:
    """Collects what a run would do: every row counted, the first `limit` of each kind kept (0: all)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: dict[str, list[Row]] = {kind: [] for kind in KINDS}
        self._records: dict[tuple[str, str], Row] = {}
        self._targets: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        """Why targets are left out, by code."""

    def add_target(self, destination: str, item: "Prepared") -> None:
        """A target and what is to be done about it."""
        if item.verdict.withheld:
            self.reasons[item.verdict.withheld] += 1
        row = _target_row(destination, item)
        self._targets[row.what] += 1
        if not self._limit or len(self._kept[row.what]) < self._limit:
            self._kept[row.what].append(row)

    def add_page(self, page: "PageCommit") -> None:
        """The records of a page that come to nothing; the last reading of a record counts."""
        messages = {refusal.record: refusal for refusal in page.refusals}
        for record in page.kept:
            self._records.pop((record.mapping, record.id), None)
            if record.state == "waiting":
                row = Row(record.id, "wait", record.mapping, why="no lookup knows it yet")
            elif record.state == "suppressed":
                row = Row(record.key or record.id, "left out", record.mapping, why=describe_reason("refused"))
            else:
                continue
            self._records[record.mapping, record.id] = row
        for name, refusal in messages.items():
            place = f"{refusal.field}: " if refusal.field else ""
            why = f"{place}{refusal.message}"
            self._records[page.mapping, name] = Row(name, "reject", page.mapping, why=why)

    @property
    def totals(self) -> Counter[str]:
        """How many rows there are of each kind, shown or not."""
        return self._targets + Counter(row.what for row in self._records.values())

    def rows(self) -> Iterator[Row]:
        """The rows to show, kind by kind."""
        for kind, kept in self._kept.items():
            every = [*kept, *(row for row in self._records.values() if row.what == kind)]
            yield from every[: self._limit or None]


def _target_row(destination: str, item: "Prepared") -> Row:
    from syncengine.cli.phrases import describe_consent
    from syncengine.engine.difference import UNCONFIRMED, to_leave

    target, (change, withheld) = item
    if change is None and not withheld:
        return Row(target.key, "leave alone", destination, why="it is as it should be")
    if change is None:
        leave = tuple(sorted(to_leave(target))) if withheld == UNCONFIRMED else ()
        return Row(target.key, "left out", destination, leave=leave, why=describe_reason(withheld))
    consent = change.consent if change.renew else None
    return Row(
        who=target.key,
        what="create" if change.create else "change",
        where=destination,
        fields=dict(change.fields),
        join=tuple(sorted(change.join)),
        leave=tuple(sorted(change.leave)),
        consent=describe_consent(consent.basis, consent.date, consent.expires) if consent else "",
        why=f"nothing is added: {describe_reason(withheld)}" if withheld else _why(change, known=target.revision > 1),
    )


def _why(change: "Change", *, known: bool) -> str:
    if change.create:
        return "new"
    if change.leave and not (change.join or change.fields or change.renew):
        return "taken back"
    return "its records say something new" if known else "there already, not by us"


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
            {"destination": part["destination"], "failure": part["failure"]} for part in told["destinations"]
        ],
        "requests": told["requests"],
    }


def _print(found: Plan, report: "RunReport", settings: "Settings", wording: Wording) -> None:
    from syncengine.cli.report import failure_lines, failure_places, unknown_line
    from syncengine.errors import Unconfirmed

    rows = list(found.rows())
    if rows:
        _print_rows(rows)
        typer.echo()
    hidden = found.totals.total() - len(rows)
    if hidden:
        typer.echo(f"… and {hidden:,} more; --limit 0 shows all.\n")
    told = ", ".join(f"{found.totals[kind]:,} {word}" for kind, word in KINDS.items() if found.totals[kind])
    nothing = "nothing is known to do" if report.failures else "nothing to do, all is as it should be"
    typer.echo(f"{wording.condition}: {told or nothing}.")
    for part in report.mappings:
        typer.echo(f"{part.mapping}: {records_sum(part.counts)}")
        if left_out := part.counts["list_items_left_out"]:
            typer.echo(f"  {number_of(left_out, 'list item')} left out, in which a value is missing")
        if part.unknown:
            typer.echo(f"  {unknown_line(part.unknown)}")
    for line in failure_lines(report, settings.engine.timezone):
        typer.echo(line)
    if any(not isinstance(error, Unconfirmed) for error in report.failures):
        typer.echo(f"This plan is not complete. Missing: {'; '.join(failure_places(report))}.")
    elif found.totals["create"] or found.totals["change"]:
        typer.echo(f"Nothing was written. Next: {wording.following}")


def _print_rows(rows: Sequence[Row]) -> None:
    """The table, without columns in which nothing stands."""
    table = [COLUMNS, *(_cells(row) for row in rows)]
    used = [cells for cells in zip(*table, strict=True) if any(cells[1:])]
    columns, *lines = zip(*used, strict=True)
    print_table(columns, lines)


def _cells(row: Row) -> tuple[str, ...]:
    groups = [*(f"+ {title}" for title in row.join), *(f"− {title}" for title in row.leave)]  # noqa: RUF001 - a minus
    return (row.who, row.what, row.why, ", ".join(row.fields), "; ".join(groups), row.consent)
