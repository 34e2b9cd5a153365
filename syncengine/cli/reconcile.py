"""`reconcile`: is what we delivered really there? What people or administrators did there is found and respected."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncengine.cli.command import DONE, Session, command
from syncengine.cli.phrases import join_counts, number_of
from syncengine.cli.screen import print_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from syncengine.engine.reconcile import Findings
    from syncengine.engine.report import MappingReport, RunReport
    from syncengine.session import Session as Open

__all__ = ["register"]

FOUND = {
    "unsubscribed": "unsubscribed",
    "bounced": "bounced",
    "deleted": "deleted by hand",
    "left": "left a group",
    "drifted": "with fields that differ",
    "repaired": "to be corrected",
    "back": "deleted by hand earlier and there again",
}
NOT_FOUND = "Nothing of that address can be lifted: it was not deleted by hand or stopped, or a record still says no."

Destinations = Annotated[list[str] | None, typer.Argument(metavar="[DESTINATION]...", help="Left out: all.")]


def register(app: typer.Typer) -> None:
    command(app)(reconcile)


async def reconcile(
    session: Session,
    destinations: Destinations = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Have fields that differ set again by the next sync.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Believe it also where very many have gone; look first.")] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="Instead: somebody deleted by hand or stopped may be added again."),
    ] = None,
) -> int:
    """Compare all contacts with what was delivered.

    Whoever was deleted by hand gets nothing any more, and a group that somebody left stays left. Nothing is written to
    the provider. The daemon does the same once a day.
    """
    from syncengine.cli.report import exit_code
    from syncengine.cli.sync import hush
    from syncengine.engine.reconcile import auditable
    from syncengine.session import open_session

    settings = session.load()
    hush(session)
    async with open_session(settings) as opened:
        names = auditable(opened.workspace.written, destinations)
        if allow:
            return await _allow(session, opened, names, allow)
        report, findings = await _run(session, opened, names, repair=repair, confirmed=yes)
    if session.json:
        print_json(_data(report, findings))
    else:
        for line in _lines(report, findings, settings.engine.timezone):
            typer.echo(line)
    return exit_code(report)


async def _run(
    session: Session, opened: "Open", names: Sequence[str], *, repair: bool, confirmed: bool
) -> "tuple[RunReport, Mapping[str, Findings]]":
    from syncengine.cli.progress import show_progress
    from syncengine.cli.stopping import heed_signals
    from syncengine.engine.reconcile import Reconciler

    with heed_signals() as stopping, show_progress(session.json) as watch:
        reconciler = Reconciler(
            opened, opened.workspace.written, repair=repair, confirmed=confirmed, watch=watch, stopping=stopping
        )
        return await reconciler.run(names), reconciler.findings


async def _allow(session: Session, opened: "Open", names: Sequence[str], keys: Sequence[str]) -> int:
    """Lift what only a person may lift; a row among the runs says that somebody did."""
    from syncengine.engine.reconcile import Reconciler
    from syncengine.errors import SyncError

    lifted = await Reconciler(opened, opened.workspace.written).allow(names, keys)
    if session.json:
        print_json({"allowed": lifted})
    if not lifted:
        raise SyncError(NOT_FOUND, hint="syncengine explain ADDRESS says how it stands.", code="not_deleted")
    if not session.json:
        typer.echo(f"{number_of(lifted, 'contact')} may be added again by the next run: syncengine sync")
    return DONE


def _lines(report: "RunReport", findings: "Mapping[str, Findings]", zone: "ZoneInfo") -> Iterator[str]:
    from syncengine.cli.report import failure_lines

    if not report.mappings:
        yield "Nothing is written to a destination that can be compared."
    for part in report.mappings:
        found = findings.get(part.mapping)
        yield f"{part.mapping}: {_summary(part) if found else part.state}"
        if found:
            yield from _details(found, repaired=bool(part.counts["repaired"]))
    yield from failure_lines(report, zone)


def _summary(part: "MappingReport") -> str:
    verified = number_of(part.counts["verified"], "contact")
    return f"{verified} verified, {join_counts(part.counts, FOUND) or 'all as delivered'}"


def _details(found: "Findings", *, repaired: bool) -> Iterator[str]:
    from mappings.fold import group_title

    for key in found.deleted:
        yield f"  deleted     {key}: gets nothing any more; --allow {key} lifts that"
    for key, _, title in found.left:
        yield f"  left        {key}: {group_title(title)}; it stays left"
    for drift in found.drifted:
        there = "nothing" if drift.theirs is None else f'"{drift.theirs}"'
        yield f'  differs     {drift.key}: {drift.field} is {there} there, "{drift.ours}" was delivered'
    for key in found.back:
        yield f"  there again {key}: gets nothing until --allow {key}"
    for title in map(group_title, found.missing_groups):
        yield f"  no group    {title}: deleted or renamed; nobody counts as having left it"
    if repaired:
        yield "Next: syncengine sync sets these fields again."
    elif found.drifted:
        yield "What differs was left as it is: somebody may have corrected it. --repair has it set again."


def _data(report: "RunReport", findings: "Mapping[str, Findings]") -> dict[str, Any]:
    from syncengine.cli.report import report_data

    told = report_data(report)
    return {
        "destinations": [
            {
                "destination": part["mapping"],
                **{key: part[key] for key in ("run", "state", "counts", "failures")},
                "found": _found(findings.get(part["mapping"])),
            }
            for part in told["mappings"]
        ],
        "requests": told["requests"],
        "stopped": told["stopped"],
    }


def _found(found: "Findings | None") -> dict[str, Any] | None:
    from mappings.fold import group_title

    if found is None:
        return None
    return {
        "deleted": found.deleted,
        "left": [{"key": key, "group": group_title(title)} for key, _, title in found.left],
        "drifted": [drift._asdict() for drift in found.drifted],
        "back": found.back,
        "missing_groups": list(map(group_title, found.missing_groups)),
        "said_no": [row._asdict() for row in found.said_no],
    }
