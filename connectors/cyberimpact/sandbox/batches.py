"""/batches: a request is stored and answered at once, and worked off later, row by row (cyberimpact.md section 5)."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

import msgspec

from connectors.cyberimpact.sandbox.account import Account, Contact, CustomValue
from connectors.cyberimpact.sandbox.call import Answer, Call, Route, not_found, unprocessable
from connectors.cyberimpact.sandbox.consent import Consent
from connectors.cyberimpact.sandbox.dates import day_of
from connectors.cyberimpact.sandbox.schema import (
    EMPTY,
    AddMembers,
    BatchBody,
    MemberRow,
    Unsubscribe,
    check_groups,
    is_email,
    stored,
    wrong_value,
)
from connectors.cyberimpact.sandbox.switches import CyberimpactSwitches

YES = ("true", "1")


@dataclass(slots=True)
class Line:
    """What became of one row: how the request named it, the contact if there is one, and why it failed."""

    named: int | str
    contact: int | None
    problem: str | None = None


@dataclass(slots=True)
class Batch:
    """One stored request. `lines` is None until it has taken effect."""

    id: int
    kind: str
    raw: msgspec.Raw
    body: BatchBody
    created: dt.datetime
    polls: int = 0
    lines: list[Line] | None = field(default=None, repr=False)

    def due(self, switches: CyberimpactSwitches, now: dt.datetime) -> bool:
        """Whether its time has come, by the clock or by how often it was asked for."""
        if switches.batch_seconds is not None:
            return (now - self.created).total_seconds() >= switches.batch_seconds
        return self.polls > switches.batch_polls


# --- routes ---


def post_batch(call: Call) -> Answer:
    """Stored and answered as NEW; a request that breaks the schema is refused whole."""
    account = call.account
    body = call.read(cast("type[BatchBody]", BatchBody))
    rows = body.members if isinstance(body, AddMembers) else body.ids
    maximum = account.switches.batch_maximum
    if maximum is not None and len(rows) > maximum:
        raise unprocessable("Too many members")
    if isinstance(body, AddMembers):
        check_groups(account, body.groups)
        if account.switches.batch_bad_value == "refused" and any(_bad(account, row) for row in body.members):
            raise unprocessable("Invalid member")
    kind = body.__struct_config__.tag
    batch = Batch(account.new_id(), str(kind), msgspec.Raw(call.raw), body, call.now)
    account.batches[batch.id] = batch
    return Answer(_row(call, batch, "NEW", None), HTTPStatus.CREATED)


def get_batch(call: Call) -> Answer:
    """Its progress, and its result once it has one."""
    number = call.path["id"]
    batch = call.account.batches.get(int(number)) if number.isascii() and number.isdigit() else None
    if batch is None:
        raise not_found("Batch")
    batch.polls += 1
    switches = call.account.switches
    if batch.due(switches, call.now):
        work_off(call.account, call.now, up_to=batch)
    if batch.lines is None or switches.batch_progress.startswith("stuck"):
        return Answer(_row(call, batch, _unfinished(switches, batch, call.now), None))
    word = switches.batch_unknown_word if switches.batch_progress == "unknown_word" else "COMPLETED"
    return Answer(_row(call, batch, word, _result(call, batch, batch.lines)))


def work_off(account: Account, now: dt.datetime, *, up_to: Batch | None = None) -> None:
    """Let batches take effect in the order in which they came: up to that one, or all that are due by the clock."""
    if account.switches.batch_progress == "stuck":
        return
    for batch in account.batches.values():
        if batch.lines is None and (up_to is not None or batch.due(account.switches, now)):
            batch.lines = _effect(account, batch.body, now)
        if batch is up_to:
            return


def settle(account: Account, now: dt.datetime) -> None:
    """Let all batches take effect, as time would."""
    if account.batches:
        work_off(account, now, up_to=list(account.batches.values())[-1])


def _row(call: Call, batch: Batch, status: str, result: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": batch.id,
        "batchType": batch.kind,
        "batchJson": batch.raw,
        "createdOn": call.stamp(batch.created),
        "status": status,
        "result": result,
    }


def _unfinished(switches: CyberimpactSwitches, batch: Batch, now: dt.datetime) -> str:
    """NEW in the first half of its waiting, then PROCESSING."""
    if switches.batch_seconds is not None:
        early = (now - batch.created).total_seconds() < switches.batch_seconds / 2
    else:
        early = batch.polls * 2 <= switches.batch_polls
    return "NEW" if early else "PROCESSING"


def _result(call: Call, batch: Batch, lines: list[Line]) -> dict[str, Any]:
    switches = call.account.switches
    shown = switches.error_rows_unasked == "shown" or call.query.get("showErrorDetails") in YES
    shape_error: Callable[[Line], dict[str, Any]] = _plain_error
    shape_success: Callable[[Line], Any] = lambda line: line.named  # noqa: E731 - one of several shapes
    if batch.kind == "addMembers":
        shape_error = _ERROR_SHAPES[switches.error_rows]
        shape_success = _SUCCESS_SHAPES[switches.success_rows]
    errors = [shape_error(line) for line in lines if line.problem]
    successes = [shape_success(line) for line in lines if not line.problem]
    if switches.result_order == "shuffled":
        call.account.rng.shuffle(errors)
        call.account.rng.shuffle(successes)
    return {"errors": errors if shown else [], "successes": successes}


def _plain_error(line: Line) -> dict[str, Any]:
    return {"id": line.named, "description": line.problem}


_ERROR_SHAPES: dict[str, Callable[[Line], dict[str, Any]]] = {
    "id": _plain_error,
    "email": lambda line: {"email": line.named, "description": line.problem},
    "member_id": lambda line: {"id": line.contact or line.named, "description": line.problem},
}
_SUCCESS_SHAPES: dict[str, Callable[[Line], Any]] = {
    "as_sent": lambda line: line.named,
    "member_id": lambda line: line.contact,
    "objects": lambda line: {"id": line.contact, "email": line.named},
}

# --- effects ---


def _effect(account: Account, body: BatchBody, now: dt.datetime) -> list[Line]:
    if isinstance(body, AddMembers):
        return _add_members(account, body, now)
    return [_by_id(account, named, now, unsubscribe=isinstance(body, Unsubscribe)) for named in body.ids]


def _by_id(account: Account, named: int | str, now: dt.datetime, *, unsubscribe: bool) -> Line:
    contact = account.find(str(named))
    if contact is None:
        return Line(named, None, "Contact does not exist")
    if unsubscribe:
        account.unsubscribe(contact, now)
    else:
        account.delete(contact)
    return Line(named, contact.id)


def _add_members(account: Account, body: AddMembers, now: dt.datetime) -> list[Line]:
    seen: set[str] = set()
    lines = []
    for row in body.members:
        key = account.key(row.email)
        repeated = key in seen and account.switches.duplicate_rows == "row_error"
        seen.add(key)
        lines.append(Line(row.email, None, "Duplicate") if repeated else _add_member(account, body, row, now))
    return lines


def _add_member(account: Account, body: AddMembers, row: MemberRow, now: dt.datetime) -> Line:
    """One upsert: listed groups are added, others never removed; a weaker consent never replaces a better one."""
    contact = account.by_email(row.email)
    problem = _problem(account, body, row, contact)
    if problem:
        return Line(row.email, contact.id if contact else None, problem)
    if contact is not None and contact.suppressed:
        if account.switches.add_suppressed == "silent":
            return Line(row.email, contact.id)
        account.revive(contact)
    new = contact is None
    contact = contact or account.create(row.email, now)
    texts, customs = _changes(account, row)
    account.set_fields(contact, texts, now)
    account.set_custom(contact, customs, now)
    account.set_groups(contact, contact.groups.union(body.groups), now)
    consent = _consent(account, body, row, now)
    if consent.express or not contact.consent.express:
        account.set_consent(contact, consent, now)
    if new:
        contact.updated = None
    return Line(row.email, contact.id)


def _problem(account: Account, body: AddMembers, row: MemberRow, contact: Contact | None) -> str | None:
    """Why the row has no effect."""
    switches = account.switches
    if _bad(account, row):
        return "A value is not valid"
    if not account.groups.keys() >= set(body.groups):
        return "A group is gone"
    if contact is None:
        return None
    if contact.suppressed:
        return "Contact does not receive mailings" if switches.add_suppressed == "refused" else None
    weaker = contact.consent.express and not Consent(body.relation_type).express
    return "Consent is weaker" if weaker and switches.weaker_consent == "row_error" else None


def _bad(account: Account, row: MemberRow) -> bool:
    """Whether a value means nothing. What empties a field is no value, in custom fields by a switch."""
    texts = {name: text for name, text in row.texts().items() if text != EMPTY}
    customs = row.customs()
    if EMPTY in customs.values() and account.switches.custom_empty == "refused":
        return True
    customs = {number: _cleared(value) for number, value in customs.items()}
    return not is_email(row.email) or wrong_value(account, texts, customs) is not None


def _changes(account: Account, row: MemberRow) -> tuple[dict[str, str], dict[int, CustomValue]]:
    """What the row really sets: `""` keeps, `__EMPTY__` empties."""
    texts = {name: "" if text == EMPTY else text for name, text in row.texts().items() if text}
    customs = {number: _cleared(value) for number, value in row.customs().items() if value != ""}
    return texts, stored(account, customs)


def _cleared(value: CustomValue) -> CustomValue:
    return "" if value == EMPTY else value


def _consent(account: Account, body: AddMembers, row: MemberRow, now: dt.datetime) -> Consent:
    """The row's own date and proof before those of the batch."""
    date = row.consent_date or body.default_consent_date or None
    if date is None and account.switches.undated_consent == "today":
        date = day_of(now)
    return Consent(body.relation_type, date, row.consent_proof or body.default_consent_proof or "")


ROUTES = (
    Route("POST", "/batches", post_batch),
    Route("GET", "/batches/{id}", get_batch, frozenset({"showErrorDetails"})),
)
