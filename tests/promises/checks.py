"""The promises, looked at from outside: after every step, and once more when everything has come to rest."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mappings.fold import Consent, Desired, Draft, group_identity
from syncengine.engine.conserved import ENDS, STARTS
from syncengine.engine.report import RunReport
from syncengine.errors import StateError
from tests.engine.world import TORONTO, Contact
from tests.promises.mail import Event
from tests.promises.market import PARTITIONS
from tests.promises.model import START, worth
from tests.promises.world import MAIL, World

STOPS_ALL = frozenset({"quota", "refused"})
"""Nothing more of a mapping is read after these: the other partitions would meet the same."""
STOPS_ONE = frozenset({"transient", "truncated"})


def check(
    world: World, before: Mapping[tuple[str, str], int], report: RunReport | None, *, through: bool = True
) -> None:
    """Everything that must hold after a sync, also after one that was killed or went wrong.

    `through`: it read all there was, but for what was hit.
    """
    broken = [*world.outside.guard.broken, *_sums(world), *_records(world), *_targets(world), *_deleted(world)]
    broken += [*_checkpoints(world, before), *_quiet(world, report)]
    if report is not None:
        broken += [f"a defect of ours: {error}" for error in report.failures if isinstance(error, StateError)]
    if report is not None and not report.stopped and through:
        broken += _isolated(world, report)
    assert not broken, "\n".join(broken)


def _sums(world: World) -> Iterator[str]:
    for (text,) in world.rows("SELECT counts FROM run"):
        counts = msgspec.json.decode(text)
        came, went = (sum(counts.get(name, 0) for name in names) for names in (STARTS, ENDS))
        if came != went:
            yield f"conserved: {came} records came in, {went} are accounted for"
    ((revisions,),) = world.rows("SELECT coalesce(sum(desired_rev), 0) FROM target")
    tally = dict(world.rows("SELECT outcome, number FROM tally"))
    states = dict(world.rows("SELECT state, count(*) FROM target GROUP BY state"))
    if revisions != tally.get("revisions", 0):
        yield f"conserved: {revisions} revisions, {tally.get('revisions', 0)} in the tally"
    if revisions != sum(states.values()) + sum(tally.values()) - tally.get("revisions", 0):
        yield f"conserved: {revisions} revisions, but {states} and {tally}"
    for (key,) in world.rows("SELECT key FROM attemptpart WHERE state='open' GROUP BY key HAVING count(*) > 1"):
        yield f"one effect: {key} is in two requests whose end isn't known"
    for (key,) in world.rows(
        "SELECT key FROM reject WHERE code='in_doubt' EXCEPT SELECT key FROM attemptpart WHERE state='open'"
    ):
        yield f"no silent loss: a person is to decide about {key}, of which nothing is in doubt"


def _records(world: World) -> Iterator[str]:
    model = world.outside.model
    stored = {
        (mapping, id): (state, key, body if state == "live" else None, dt.datetime.fromisoformat(first))
        for mapping, id, state, key, body, first in world.rows(
            "SELECT mapping, id, state, key, body, first_at FROM record"
        )
    }
    for name in stored.keys() ^ model.rows.keys():
        yield f"no silent loss: record {name} is {'not ' * (name not in stored)}stored"
    for name in stored.keys() & model.rows.keys():
        row, (state, key, body, first) = model.rows[name], stored[name]
        if (state, key, first) != (row.state, row.key, row.first):
            yield f"no silent loss: record {name} is {(state, key, first)} instead of {(row.state, row.key, row.first)}"
        elif body is not None and row.wish is not None:
            draft = msgspec.json.decode(body, type=Draft)
            found = (draft.fields.get("name"), set(draft.groups), draft.consent, draft.renews)
            if found != (row.wish.name, set(row.wish.groups), row.wish.consent, row.wish.renews):
                yield f"newest wins: the draft of record {name} is {found}, not {row.wish}"
    rejected = {name for name, row in model.rows.items() if row.state == "rejected"}
    reasons = set(world.rows("SELECT mapping, record FROM reject WHERE record IS NOT NULL"))
    for name in rejected - reasons:
        yield f"no silent loss: record {name} was rejected and nobody is told why"
    for mapping, id, state in world.rows(
        "SELECT mapping, id, state FROM record WHERE state='waiting' AND due_at IS NULL"
    ):
        yield f"no silent loss: record {mapping, id} is {state} and never tried again"


def _targets(world: World) -> Iterator[str]:
    model = world.outside.model
    stored = {
        key: msgspec.json.decode(text, type=Desired) for key, text in world.rows("SELECT key, desired FROM target")
    }
    for key, desired in stored.items():
        if desired != model.desired(key):
            yield f"newest wins: {key} should be {model.desired(key)}, not {desired}"
    for row in model.rows.values():
        if row.state == "live" and row.key not in stored and not (row.wish and row.wish.renews):
            yield f"no silent loss: {row.key} is nobody's target"


def _deleted(world: World) -> Iterator[str]:
    """Who is recorded as deleted by hand was deleted by hand: never somebody whom a list left out. All are recorded."""
    kept = {key for (key,) in world.rows("SELECT key FROM suppression")}
    for key in world.outside.guard.deleted - kept:
        yield f"consent: {key} was found to be deleted by hand, and that is not recorded"
    deleted = {event.key for event in world.outside.mail.log if (event.who, event.what) == ("them", "delete")}
    for key, reason in world.rows("SELECT key, reason FROM suppression WHERE reason NOT IN ('unsubscribed','bounced')"):
        if reason == "deleted" and key not in deleted:
            yield f"consent: {key} is recorded as deleted by hand, and nobody deleted it"


def _checkpoints(world: World, before: Mapping[tuple[str, str], int]) -> Iterator[str]:
    model, now = world.outside.model, world.checkpoints()
    for name, tick in before.items():
        if now.get(name, -1) < tick:
            yield f"monotone: the checkpoint of {name} went back from {tick} to {now.get(name)}"
    for (mapping, partition), tick in now.items():
        for sale in world.outside.sales.rows.values():
            behind = sale.partition == partition and sale.tick <= tick and not sale.late
            if behind and sale.record.moment >= START and (mapping, sale.record.id) not in model.handed_over:
                yield f"no silent loss: {mapping} {partition} stands at {tick} without record {sale.record.id}"


def _quiet(world: World, report: RunReport | None) -> Iterator[str]:
    said = [repr(log) for log in world.logs]
    said += [str(failure) for failure in (report.failures if report else [])]
    said += [str(message) for (message,) in world.rows("SELECT message FROM run UNION SELECT error FROM checkpoint")]
    for text in said:
        if "@" in text:
            yield f"quiet secrets: {text}"


def _isolated(world: World, report: RunReport) -> Iterator[str]:
    """What wasn't hit is through: nothing of it is left unread, and nothing says that it failed."""
    outside = world.outside
    hit = {(each.where, each.kind) for each in outside.troubles.happened if each.place == "page"}
    silent = {each.where for each in outside.troubles.happened if each.place == "find"}
    for part in report.mappings:
        name = part.mapping
        kinds = {kind for where, kind in hit if where.startswith(f"{name} ")}
        if outside.model.rules[name].directory in silent or kinds & STOPS_ALL:
            continue
        for due in {each for each in world.due if each[0] == name} - outside.model.tried:
            yield f"no silent loss: record {due} was due and not tried again"
        failed = {partition for partition in PARTITIONS for kind in STOPS_ONE if (f"{name} {partition}", kind) in hit}
        if not part.failures.keys() <= failed:
            yield f"isolated: {name} failed in {set(part.failures)}, but only {failed} was hit"
        for sale in outside.sales.rows.values():
            handed = outside.model.handed_over.get((name, sale.record.id))
            if sale.partition in failed or (handed is None and sale.record.moment < START):
                continue
            if (
                handed is None
                or handed.values.items() - sale.record.values.items()
                or handed.moment != sale.record.moment
            ):
                yield f"no silent loss: {name} is through {sale.partition} without record {sale.record.id} as it is now"


# --- at rest ---


def check_rest(world: World) -> None:
    """Nothing is pending any more: everybody is as they should be, and what isn't there has a reason."""
    doubt = world.rows("SELECT key, json_extract(body, '$.ask') FROM attemptpart WHERE state='open'")
    open_ = {key for key, _ in doubt}
    broken: list[str] = []
    if world.outside.mail.repeatable and (lasting := {key for key, asks in doubt if not asks}):
        broken.append(f"no silent loss: {lasting} is still in doubt")
    if untold := open_ - {key for (key,) in world.rows("SELECT key FROM reject WHERE code='in_doubt'")}:
        broken.append(f"no silent loss: {untold} is in doubt, and nobody is told")
    for key, state, code, changed in world.rows(
        "SELECT key, state, code, changed_at FROM target WHERE destination=?", MAIL
    ):
        if key not in open_:
            day = dt.datetime.fromisoformat(changed).astimezone(TORONTO).date()
            broken += [f"{what} ({key})" for what in _AtRest(world, key).explain(state, code, day)]
    assert not broken, "\n".join(broken)


class _AtRest:
    """One address at the end: what the provider has against what the model wants, explained by what happened."""

    def __init__(self, world: World, key: str) -> None:
        outside = world.outside
        self._world = world
        self._key = key
        self._wanted = outside.model.desired(key)
        self._contact: Contact | None = outside.mail.contacts.get(key)
        self._log = [event for event in outside.mail.log if event.key == key]

    def explain(self, state: str, code: str | None, day: dt.date) -> Iterator[str]:
        if (state, code) == ("pending", "unanswered"):
            if not self._wanted.ask or self._contact is not None:
                yield "no silent loss: it waits for an answer, and is not asked or has answered"
            return
        if self._wanted.stop:
            yield from self._stopped(state, code)
            return
        if (state, code) != ("rejected", "refused"):  # then leaving was refused perhaps, and a person is told
            yield from self._left_behind(state, code)
        if state in {"delivered", "there"}:
            yield from self._all_there()
        elif state == "suppressed":
            if code == "consent_expired":
                shown = [event.detail for event in self._log if (event.who, event.what) == ("shown", "consent")]
                if not any(consent.expired(day) for consent in [*shown[-1:], self._wanted.consent] if consent):
                    yield "consent: it was left out as expired and is not"
            elif not self._barred():
                yield f"no silent loss: it was left out ({code}), and nobody said no"
        elif state == "rejected":
            alone = self._wanted.ask and not self._happened("shown", "consent")
            known = {"gone": self._happened("them", "delete"), "refused": self._refused(), "no_consent": alone}
            if not known.get(code or ""):
                yield f"no silent loss: it was rejected ({code}) without a reason"
        else:
            yield f"no silent loss: it is {state} and nothing moves any more"

    def _stopped(self, state: str, code: str | None) -> Iterator[str]:
        """Whoever is there and subscribed came back after the stop, or a person is told that it was refused."""
        here = self._contact is not None and self._key not in self._world.outside.mail.unsubscribed
        if self._wanted.stop == "delete":
            here = self._contact is not None
        told = (state, code) == ("rejected", "refused") and self._refused()
        if not told and state not in {"delivered", "there"}:
            yield f"no silent loss: it is to be stopped and is {state}"
        if here and not told and not self._happened("us", "stop") and not self._came_late():
            yield "consent: it is to be stopped and is there"

    def _came_late(self) -> bool:
        """Whether somebody else added it once it was looked at."""
        return self._happened("them", "subscribe") or self._happened("them", "join")

    def _settled(self, state: str, code: str | None) -> bool:
        return state in {"delivered", "there"} and code is None

    def _left_behind(self, state: str, code: str | None) -> Iterator[str]:
        wanted = {group_identity(title) for title in self._wanted.groups}
        for identity in (self._contact.groups if self._contact else {}).keys() - wanted:
            last = [event for event in self._log if event.detail == identity and event.what in {"join", "leave"}][-1:]
            if last and last[0].who == "us" and last[0].what == "join":
                yield f"one effect: it was left behind in {identity}"
            said = self._wanted.exact or identity in {group_identity(title) for title in self._wanted.leave}
            about = [(event.who, event.what) for event in self._log if event.detail == identity]
            since = self._log[max((at for at, event in enumerate(self._log) if _moves(event)), default=-1) + 1 :]
            late = any((event.who, event.what, event.detail) == ("them", "join", identity) for event in since)
            handled = late or {("us", "leave"), ("shown", "out")} & set(about)  # late: added again by somebody else
            if said and not handled and not self._barred() and self._settled(state, code):
                yield f"one effect: it is still in {identity}, which a record leaves"

    def _all_there(self) -> Iterator[str]:
        contact, wanted = self._contact, self._wanted
        if wanted == Desired():
            return
        if contact is None:
            if not self._happened("them", "delete"):
                yield "no silent loss: it was delivered and is not there"
            return
        for name, value in wanted.fields.items():
            ours = [event.detail[1] for event in self._log if event.what == "field" and event.detail[0] == name]
            if ours[-1:] != [value] and name not in wanted.once:
                yield f"newest wins: {name} was last set to {ours[-1:]}, not {value}"
        for identity in {group_identity(title) for title in wanted.groups} - contact.groups.keys():
            if not self._taken_out(identity):
                yield f"no silent loss: it is not in {identity}"
        if wanted.consent and not self._consented(contact.consent, wanted.consent):
            yield f"consent: {contact.consent} is there, asked for is {wanted.consent}"

    def _taken_out(self, identity: str) -> bool:
        """Whether it was in the group as far as we knew, and somebody else took it out."""
        about = [event for event in self._log if event.detail == identity or event.what == "delete"]
        known = [at for at, event in enumerate(about) if (event.who, event.what) in {("us", "join"), ("shown", "in")}]
        return bool(known) and any(
            event.who == "them" and event.what in {"leave", "delete"} for event in about[known[0] :]
        )

    def _consented(self, there: Consent | None, wanted: Consent) -> bool:
        """At least as good (any express one is), or one whose date ours would take back; or so it was when we saw it
        last.
        """
        seen = [event.detail for event in self._log if event.what == "consent" and event.who in {"us", "shown"}]
        known = [*seen, *([there] if there else [])]
        if any(consent.express or worth(consent) >= worth(wanted) for consent in known):
            return True
        return any(wanted.date < consent.date for consent in seen)

    def _barred(self) -> bool:
        guard, model = self._world.outside.guard, self._world.outside.model
        said = guard.told | guard.lists | guard.deleted | model.refused
        return self._key in said or bool(model.other_addresses(self._key) & said)

    def _refused(self) -> bool:
        return any(not result.get(self._key, True) for result in self._world.outside.mail.results.values())

    def _happened(self, who: str, what: str) -> bool:
        return any((event.who, event.what) == (who, what) for event in self._log)


def _moves(event: Event) -> bool:
    """Whether we had somebody's groups in hand: a consent or a field sent later doesn't look at them again."""
    return event.who == "us" and event.what in {"create", "join", "leave"}


def picture(world: World) -> dict[str, Any]:
    """What must be the same after a kill as without it."""
    contacts = {
        key: (dict(contact.fields), set(contact.groups), contact.consent)
        for key, contact in world.outside.mail.contacts.items()
    }
    return {
        "contacts": contacts,
        "records": set(world.rows("SELECT mapping, id, state, key, body, moment, digest FROM record")),
        "targets": set(world.rows("SELECT key, desired FROM target")),
        "suppressions": set(world.rows("SELECT key, reason FROM suppression")),
        "checkpoints": world.checkpoints(),
    }
