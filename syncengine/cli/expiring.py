"""`expiring` and `basis-gone`: whose consent ends soon, and who has nothing left that it rests on."""

import datetime as dt
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from syncengine.cli.command import DONE, Session, command
from syncengine.cli.phrases import describe_consent, describe_moment, number_of
from syncengine.cli.screen import print_json, print_table

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mappings.fold import Consent
    from syncengine.state.consents import Basis, Gone, Slice
    from syncengine.state.store import Store

__all__ = ["register"]

T = TypeVar("T")

COLUMNS = ("address", "consent", "given on", "ends on", "destination", "rests on")
COLUMNS_GONE = ("address", "since", "destination", "taken back last", "consent there")
READ_THERE = "read at the provider"
UNKNOWN = "not known"

Limit = Annotated[int | None, typer.Option(min=1, help="So many [default: all]")]


def register(app: typer.Typer) -> None:
    command(app)(expiring)
    command(app)(basis_gone)


def expiring(
    session: Session,
    within: Annotated[str, typer.Option(metavar="SPAN", help='How far ahead to look, such as "60 days".')] = "30 days",
    limit: Limit = None,
) -> int:
    """Whose implied consent ends soon?

    Lists contacts with the consent that stands, the purchase that it rests on, and those whose consent ended no longer
    ago than that. Express consent never ends. Asks the state only.
    """
    from syncengine.cli.workplace import open_existing
    from syncengine.clock import SystemClock
    from syncengine.own import today_in
    from syncengine.state.consents import ending

    span = _within(within)
    settings = session.load()
    today = today_in(settings.engine.timezone, SystemClock().now())
    with open_existing(settings) as store:
        found = _all(store, partial(ending, since=today - span, until=today + span))
    found.sort(key=lambda basis: (basis.ends or today, basis.key, basis.destination))
    ahead = [basis for basis in found if not basis.consent.expired(today)]
    over = [basis for basis in reversed(found) if basis.consent.expired(today)]
    if session.json:
        print_json({
            "today": today,
            "within_days": span.days,
            "expiring": [_ending(basis) for basis in ahead[:limit]],
            "expiring_total": len(ahead),
            "expired": [_ending(basis) for basis in over[:limit]],
            "expired_total": len(over),
        })  # fmt: skip
        return DONE
    days = number_of(span.days, "day")
    _print(f"Ends within {days}", COLUMNS, [_cells(basis) for basis in ahead], limit)
    if over:
        typer.echo()
        _print(f"Ended in the last {days}: nothing is added for them any more", COLUMNS, list(map(_cells, over)), limit)
    return DONE


def basis_gone(session: Session, limit: Limit = None) -> int:
    """Who is still a contact though every purchase was taken back?

    Lists people to whom something was delivered and of whom no record is in effect any more. Whether there is another
    ground to write to them, only you can know. Asks the state only.
    """
    from syncengine.cli.workplace import open_existing
    from syncengine.state.consents import basis_gone as find

    settings = session.load()
    with open_existing(settings) as store:
        found = _all(store, find)
    found.sort(key=lambda gone: (gone.since, gone.key, gone.destination))
    if session.json:
        print_json({"basis_gone": [_gone(gone) for gone in found[:limit]], "total": len(found)})
        return DONE
    zone = settings.engine.timezone
    _print("Every purchase was taken back", COLUMNS_GONE, [_cells_gone(gone, zone) for gone in found], limit)
    return DONE


def _within(text: str) -> dt.timedelta:
    """The span in whole days. Raises BadParameter."""
    from pydantic import TypeAdapter, ValidationError

    from syncengine.own import Within

    try:
        span = TypeAdapter(Within).validate_python(text)
    except ValidationError as error:
        (fault,) = error.errors()
        why = fault.get("ctx", {}).get("error")
        raise typer.BadParameter(
            f"{getattr(why, 'message', why)} {getattr(why, 'hint', '')}".strip(), param_hint="--within"
        ) from None
    return dt.timedelta(days=span.days)


def _all(store: "Store | None", take: "Callable[..., Slice[T]]") -> list[T]:
    """The whole answer, of one moment."""
    from syncengine.state.consents import walk

    return store.read_now(lambda connection: list(walk(connection, take))) if store else []


def _print(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], limit: int | None) -> None:
    if not rows:
        typer.echo(f"{title}: nobody.")
        return
    typer.echo(typer.style(f"{title} ({len(rows):,})", bold=True))
    print_table(columns, rows[:limit])
    if limit is not None and len(rows) > limit:
        typer.echo(f"… and {len(rows) - limit:,} more")


def _cells(basis: "Basis") -> tuple[str, ...]:
    consent = basis.consent
    rests = READ_THERE if basis.mapping is None else f"{basis.mapping}, {basis.record}"
    return (basis.key, consent.basis, str(consent.date), str(basis.ends), basis.destination, rests)


def _cells_gone(gone: "Gone", zone: "ZoneInfo") -> tuple[str, ...]:
    consent = gone.consent
    there = describe_consent(consent.basis, consent.date, consent.expires) if consent else UNKNOWN
    return (gone.key, describe_moment(gone.since, zone), gone.destination, f"{gone.mapping}, {gone.record}", there)


def _ending(basis: "Basis") -> dict[str, Any]:
    return {
        "address": basis.key,
        "destination": basis.destination,
        **_consent(basis.consent),
        "mapping": basis.mapping,
        "record": basis.record,
    }


def _gone(gone: "Gone") -> dict[str, Any]:
    return {
        "address": gone.key,
        "destination": gone.destination,
        "since": gone.since,
        "mapping": gone.mapping,
        "record": gone.record,
        "consent": _consent(gone.consent) if gone.consent else None,
    }


def _consent(consent: "Consent") -> dict[str, Any]:
    return {"basis": consent.basis, "date": consent.date, "ends_on": consent.expires, "proof": consent.proof}
