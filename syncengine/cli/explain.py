"""`explain`: why is this address there, or not? Everything that the state knows about one key."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from syncengine.cli.command import DONE, FAILED, Session, command
from syncengine.cli.phrases import MEMBERSHIPS, describe_consent, describe_moment, describe_reason
from syncengine.cli.screen import print_json

if TYPE_CHECKING:
    from mappings.fold import Consent
    from syncengine.state.rejects import Reject
    from syncengine.state.reports import Explanation, RecordNote, TargetNote

__all__ = ["register"]

TARGET_STATES = {
    "pending": "there is something to deliver; the next sync sends it",
    "delivered": "delivered",
    "there": "it is there as it should be; nothing had to be sent",
    "suppressed": "not written to",
    "rejected": "refused",
    "held": "held back",
}
IN_DOUBT = "in doubt: nobody knows whether the last request took effect; the next sync asks before it sends again"
RECORD_STATES = {
    "live": "in effect",
    "waiting": "waits for a lookup to know it",
    "rejected": "rejected",
    "retracted": "taken back",
    "suppressed": "the shop says no",
    "dropped": "the mapping no longer wants it",
}
PART_STATES = {
    "open": "no answer yet: in doubt",
    "confirmed": "took effect",
    "refuted": "had no effect",
    "lost": "never heard of again; sent anew",
    "dropped": "left out at the last moment",
}


def register(app: typer.Typer) -> None:
    command(app)(explain)


def explain(
    session: Session,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="An address, a record's id, or a customer's or order's id.")
    ],
) -> int:
    """Why is this address there, or not?

    Shows the records that concern it, what they give, what was delivered, and every reason. Asks the state only.
    """
    from syncengine.cli.workplace import open_existing
    from syncengine.state.rejects import rejects
    from syncengine.state.reports import explain as find

    settings = session.load()
    with open_existing(settings) as store:
        found = store.read_now(find, key) if store else None
        every = store.read_now(rejects) + store.read_now(rejects, dismissed=True) if store else []
    concerned = [reject for reject in every if found and _concerns(reject, found)]
    met = found is not None and bool(found.targets or found.records or found.suppressed_only or concerned)
    if session.json:
        print_json(_data(key, found, concerned))
    elif found is None or not met:
        typer.echo(f'"{key.strip()}" was never met: no record, no address and no suppression of that name is stored.')
        typer.echo("Records that the mapping's `where` filters are not stored; syncengine read shows them.")
        typer.echo("Rejected records are found by their id only; syncengine rejects list shows them.")
    else:
        for line in _lines(found, concerned, settings.engine.timezone):
            typer.echo(line)
    return DONE if met else FAILED


def _concerns(reject: "Reject", found: "Explanation") -> bool:
    asked = found.asked.strip()
    if reject.key is not None and reject.key in {asked, asked.lower()}:
        return True
    if reject.record is not None:
        return any((record.mapping, record.id) == (reject.mapping, reject.record) for record in found.records)
    return any((target.destination, target.key) == (reject.destination, reject.key) for target in found.targets)


def _data(key: str, found: "Explanation | None", rejects: "list[Reject]") -> dict[str, Any]:
    import msgspec

    told: dict[str, Any] = {"asked": key, "targets": [], "records": [], "suppressed_only": []}
    if found is not None:
        # Structs and named tuples inside become plain tables.
        told["targets"] = [_plain(target) for target in found.targets]
        told["records"] = [_plain(record) for record in found.records]
        told["suppressed_only"] = [
            {"destination": destination, "reason": reason} for destination, reason in found.suppressed_only
        ]
    told["rejects"] = [_plain(reject) for reject in rejects]
    plain: dict[str, Any] = msgspec.to_builtins(told)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(inner) for name, inner in value._asdict().items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _lines(found: "Explanation", rejects: "list[Reject]", zone: ZoneInfo) -> Iterator[str]:
    for target in found.targets:
        yield from _target_lines(target, zone)
    for destination, reason in found.suppressed_only:
        yield f"{destination}: never written to by us, and must not be: {describe_reason(reason)}"
    if found.records:
        yield typer.style("Records", bold=True)
    for record in found.records:
        yield from _record_lines(record, zone)
    for reject in rejects:
        aside = ", put aside" if reject.dismissed_at else ""
        place = f"{reject.field}: " if reject.field else ""
        yield f"Reject {reject.id} of {describe_moment(reject.at, zone)}{aside}: {place}{reject.message}"


def _target_lines(target: "TargetNote", zone: ZoneInfo) -> Iterator[str]:
    yield typer.style(f"{target.key} in {target.destination}", bold=True)
    why = f": {describe_reason(target.code)}" if target.code and target.state != "pending" else ""
    doubtful = target.state == "pending" and any(attempt.state == "open" for attempt in target.attempts)
    yield f"  now         {IN_DOUBT if doubtful else TARGET_STATES.get(target.state, target.state)}{why}"
    if target.suppression:
        yield (
            f"  suppressed  {describe_reason(target.suppression)}, known since"
            f" {describe_moment(target.suppressed_since, zone)}"
        )
    wanted = ", ".join(f"{name} {value}" for name, value in target.desired.fields.items())
    should = [wanted] if wanted else []
    should += [f"in {', '.join(target.desired.groups)}"] if target.desired.groups else []
    should += [_consent(target.desired.consent)] if target.desired.consent else []
    first, *others = should or ["nothing: none of its records is in effect"]
    yield f"  should be   {first}"
    yield from (f"              {other}" for other in others)
    yield f"  delivered   {_delivered(target)}"
    if target.delivered.consent:
        yield f"              {_consent(target.delivered.consent)}"
    if target.delivered.express:
        yield "              its consent there is express: nothing that we have is better"
    for member in target.memberships:
        yield f"  group       {member.title}: {MEMBERSHIPS.get(member.state, member.state)}"
    for attempt in target.attempts:
        receipt = f", receipt {attempt.receipt}" if attempt.receipt else ""
        state = PART_STATES.get(attempt.state, attempt.state)
        yield f"  sent        {describe_moment(attempt.sent_at, zone)}, request {attempt.attempt}{receipt}: {state}"


def _delivered(target: "TargetNote") -> str:
    fields = ", ".join(f"{name} {value}" for name, value in target.delivered.fields.items())
    if fields:
        return fields
    return "known to be there, nothing set by us" if target.delivered.present else "nothing"


def _consent(consent: "Consent") -> str:
    return f"consent {describe_consent(consent.basis, consent.date, consent.expires)} ({consent.proof or 'no proof'})"


def _record_lines(record: "RecordNote", zone: ZoneInfo) -> Iterator[str]:
    state = RECORD_STATES.get(record.state, record.state)
    note = f", {record.note}" if record.note else ""
    yield f"  {describe_moment(record.moment, zone)}  {record.mapping}, {record.id}: {state}{note}"
    if record.person:
        yield f"    person    {record.person}"
    if record.state == "live" and isinstance(record.body, dict):
        groups = ", ".join(record.body.get("groups", ()))
        yield f"    gives     {record.key}{f', groups {groups}' if groups else ''}"
    yield f"    read      first {describe_moment(record.first_at, zone)}, in {record.partition}"
