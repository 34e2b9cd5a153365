"""`rejects`: what could not go through, and what to do about it."""

from collections.abc import Collection, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncengine.cli.command import DONE, FAILED, Session, command
from syncengine.cli.failure import explain
from syncengine.cli.phrases import describe_moment, number_of
from syncengine.cli.screen import print_json, print_table
from syncengine.errors import SyncError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from syncengine.config import Settings
    from syncengine.state.rejects import Reject
    from syncengine.state.store import Store

__all__ = ["register"]

COLUMNS = ("id", "since", "mapping", "record or address", "field", "why")
NONE_OPEN = "There are no rejects."
SOME_LINE = "a line"
"""A line written by hand of which nobody knows the number any more."""

Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Their numbers, as list shows them.")]
Every = Annotated[bool, typer.Option("--all", help="All open ones.")]
OfMapping = Annotated[str | None, typer.Option(metavar="MAPPING", help="Only those of this mapping.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What could not go through: list, try again.")
    command(group, "list")(list_rejects)
    command(group)(show)
    command(group)(retry)
    command(group)(dismiss)
    app.add_typer(group, name="rejects")


def list_rejects(
    session: Session,
    mapping: OfMapping = None,
    dismissed: Annotated[bool, typer.Option("--dismissed", help="Those put aside instead.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="So many, the newest [default: all]")] = None,
) -> int:
    """List what could not go through, the newest first."""
    from syncengine.state.rejects import rejects

    with _opened(session, mapping) as (settings, store):
        found = (
            store.read_now(rejects, mapping=mapping, dismissed=dismissed, limit=-1 if limit is None else limit)
            if store
            else []
        )
    if session.json:
        print_json([reject._asdict() for reject in found])
    elif not found:
        typer.echo(NONE_OPEN)
    else:
        print_table(COLUMNS, [_cells(reject, settings.engine.timezone) for reject in found])
        if not dismissed:
            typer.echo("\nsyncengine rejects show ID tells all; retry ID tries it again; dismiss ID puts it aside.")
    return DONE


def show(session: Session, ids: Ids = None) -> int:
    """Show rejects with all that is known of them, also what was read."""
    with _opened(session, None) as (settings, store):
        found, missing = _find(store, ids or [])
    if not ids:
        raise typer.BadParameter("Name at least one; syncengine rejects list shows them.", param_hint="ID")
    if session.json:
        if found:
            print_json([reject._asdict() for reject in found])
    else:
        for reject in found:
            _print(reject, settings.engine.timezone)
    return _tell_missing(session, missing)


def retry(session: Session, ids: Ids = None, every: Every = False, mapping: OfMapping = None) -> int:
    """Let the next run try rejects again, after what was wrong is mended."""
    from syncengine.state.rejects import retry as try_again

    with _opened(session, mapping) as (settings, store):
        chosen, missing = _choose(store, ids, every, mapping)
        lines = [reject for reject in chosen if _line(reject)]
        again = [reject for reject in chosen if reject not in lines]
        done = store.write_now(try_again, [each.id for each in again], store.clock.now()) if store and again else 0
    for reject in lines:
        message = f"Reject {reject.id} is a line written by hand, which can only be written again."
        error = SyncError(message, hint="A good line for its key clears it.", code="written_by_hand")
        explain(error, debug=False, as_json=session.json)
    if lines and not again and not session.json:
        return _tell_missing(session, missing) or FAILED
    code = _tell_done(session, done, missing, f"will be tried again by the next {_next(settings, again)}")
    return FAILED if lines else code


def dismiss(session: Session, ids: Ids = None, every: Every = False, mapping: OfMapping = None) -> int:
    """Put rejects aside: they stay left out, and are not listed any more."""
    from syncengine.state.rejects import dismiss as put_aside

    with _opened(session, mapping) as (_, store):
        chosen, missing = _choose(store, ids, every, mapping)
        done = store.write_now(put_aside, [each.id for each in chosen], store.clock.now()) if store and chosen else 0
    return _tell_done(session, done, missing, "put aside; syncengine rejects list --dismissed shows them")


@contextmanager
def _opened(session: Session, mapping: str | None) -> "Iterator[tuple[Settings, Store | None]]":
    from syncengine.cli.workplace import open_existing, verify_recorded

    settings = session.load()
    with open_existing(settings) as store:
        if mapping:
            verify_recorded(settings, store, mapping)
        yield settings, store


def _choose(
    store: "Store | None", ids: Sequence[int] | None, every: bool, mapping: str | None
) -> "tuple[list[Reject], list[int]]":
    """The rejects meant, and the numbers under which there is none. Raises BadParameter where none is named."""
    from syncengine.state.rejects import rejects

    if bool(ids) == (every or mapping is not None):
        raise typer.BadParameter("Name some, or all of them with --all or --mapping.", param_hint="ID")
    if ids:
        return _find(store, ids)
    return store.read_now(rejects, mapping=mapping) if store else [], []


def _find(store: "Store | None", ids: Sequence[int]) -> "tuple[list[Reject], list[int]]":
    from syncengine.state.rejects import rejects

    found = [reject for number in dict.fromkeys(ids) if store for reject in store.read_now(rejects, id=number)]
    return found, sorted(set(ids) - {reject.id for reject in found})


def _tell_missing(session: Session, missing: Collection[int]) -> int:
    for number in missing:
        error = SyncError(f"There is no reject {number}. It may have gone through since.", code="no_such_reject")
        explain(error, debug=False, as_json=session.json)
    return FAILED if missing else DONE


def _tell_done(session: Session, done: int, missing: Collection[int], what: str) -> int:
    if session.json:
        print_json({"done": done, "missing": sorted(missing)})
    elif done:
        typer.echo(f"{number_of(done, 'reject')} {what}")
    elif not missing:
        typer.echo(NONE_OPEN)
    return _tell_missing(session, missing)


def _cells(reject: "Reject", zone: "ZoneInfo") -> tuple[str, ...]:
    return (
        str(reject.id),
        describe_moment(reject.at, zone),
        reject.mapping or reject.destination,
        _named(reject),
        reject.field or "",
        reject.message,
    )


def _named(reject: "Reject") -> str:
    line = _line(reject)
    if line == SOME_LINE and reject.key:
        return f"{line} for {reject.key}"
    return line or reject.record or reject.key or ""


def _line(reject: "Reject") -> str:
    """What a line written by hand is called; empty where it is a record of a stream, or a target."""
    from syncengine.state.written import NUMBER, destination_of

    if reject.mapping is None or destination_of(reject.mapping) is None:
        return ""
    return f"line {reject.values[NUMBER]}" if reject.values else SOME_LINE


def _values(reject: "Reject") -> dict[str, Any]:
    """A record as it was read; of a line, its fields."""
    from syncengine.state.written import LINE

    values: dict[str, Any] = reject.values or {}
    return values.get(LINE, {}) if _line(reject) else values


def _next(settings: "Settings", again: "Collection[Reject]") -> str:
    """What sends these: a destination without a mapping is written to by hand only."""
    configured = {mapping.spec.destination for mapping in settings.mappings.values()}
    others = sorted({reject.destination for reject in again} - configured)
    return " and ".join(f"syncengine write {name}" for name in others) or "run: syncengine sync"


def _print(reject: "Reject", zone: "ZoneInfo") -> None:
    lines: list[tuple[str, Any]] = [
        ("since", describe_moment(reject.at, zone)),
        ("mapping", reject.mapping),
        ("destination", reject.destination),
        ("line", _line(reject)),
        ("record", reject.record),
        ("address", reject.key),
        ("field", reject.field),
        ("code", reject.code),
        ("why", reject.message),
        ("put aside", describe_moment(reject.dismissed_at, zone) if reject.dismissed_at else None),
    ]
    typer.echo(typer.style(f"Reject {reject.id}", bold=True))
    for name, value in lines:
        if value:
            typer.echo(f"  {name:12} {value}")
    for name, value in _values(reject).items():
        typer.echo(f"  {'as read':12} {name} = {'' if value is None else value}")
