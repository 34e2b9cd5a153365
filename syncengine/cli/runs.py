"""`runs`: what ran when, and what came of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from syncengine.cli.command import DONE, Session, command
from syncengine.cli.phrases import describe_age, describe_moment
from syncengine.cli.screen import print_json, print_table

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from syncengine.state.runs import Run

__all__ = ["register"]

SHOWN = 20
COLUMNS = ("run", "mapping", "kind", "state", "started", "took", "read", "drafted", "delivered", "rejected", "message")
COUNTS = ("read", "drafted", "targets_delivered")
REJECTED = ("rejected", "targets_rejected")


def register(app: typer.Typer) -> None:
    command(app)(runs)


def runs(
    session: Session,
    mapping: Annotated[str | None, typer.Argument(metavar="[MAPPING]", help="Left out: all.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many, the newest.")] = SHOWN,
) -> int:
    """List the runs, the newest first."""
    from syncengine.cli.workplace import NO_RUN_YET, open_existing, tell_interrupted, verify_recorded
    from syncengine.state.runs import runs as find_runs

    settings = session.load()
    with open_existing(settings) as store:
        if mapping:
            verify_recorded(settings, store, mapping)
        found = [tell_interrupted(store, run) for run in store.read_now(find_runs, mapping, limit)] if store else []
    if session.json:
        print_json([run._asdict() for run in found])
    elif not found:
        typer.echo(NO_RUN_YET)
    else:
        print_table(COLUMNS, [_cells(run, settings.engine.timezone) for run in found])
    return DONE


def _cells(run: "Run", zone: "ZoneInfo") -> tuple[str, ...]:
    from syncengine.redaction import redact

    return (
        str(run.id),
        run.mapping,
        run.kind,
        run.state,
        describe_moment(run.started_at, zone),
        describe_age(run.ended_at - run.started_at) if run.ended_at else "",
        *(f"{run.counts.get(name, 0):,}" for name in COUNTS),
        f"{sum(run.counts.get(name, 0) for name in REJECTED):,}",
        redact(run.message or ""),
    )
