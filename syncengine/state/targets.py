"""Targets: what each key should be, what was delivered, and the sum that says that no revision is lost."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from mappings.fold import Consent, Desired, Draft, LiveDraft, fold, renew
from syncengine.contracts import Outcome
from syncengine.errors import StateError
from syncengine.state.bulk import as_list, execute_many, fetch
from syncengine.state.delivered import NOTHING_DELIVERED, Delivered, decode_delivered, keep_delivered, still_asked
from syncengine.state.models import iso

AFTER_RETRY = dt.timedelta(minutes=1)
LONGEST_RETRY = dt.timedelta(hours=6)
"""A target that may be tried again waits a minute, then twice as long each time, at most six hours."""

_draft = msgspec.json.Decoder(Draft)
_desired = msgspec.json.Decoder(Desired)
TARGET_COLUMNS = "key, desired, desired_rev, delivered, tries"
FORGET_REJECT = "DELETE FROM reject WHERE destination=? AND key=? AND record IS NULL AND code<>'in_doubt'"
"""A doubt is about what was sent, and stays whatever is wanted since."""


class Membership(NamedTuple):
    title: str
    state: str


class Target(NamedTuple):
    """A target with its memberships by group identity."""

    key: str
    desired: Desired
    revision: int
    delivered: Delivered
    members: Mapping[str, Membership]
    tries: int


def refold(
    connection: Connection,
    destination: str,
    keys: Collection[str],
    now: dt.datetime,
    renewed: Mapping[str, Sequence[Consent]] = MappingProxyType({}),
) -> int:
    """Fold the live drafts of these keys anew; a different result is a new revision. Returns how many there were.

    A key that drafts only renew (`Draft.renews`) has no target: they make nobody. `renewed`: keys to which nothing but
    new drafts of that kind came, with their consents; their other drafts, of which there may be many, are not read.
    """
    if not keys and not renewed:
        return 0
    at = iso(now)
    drafts = _live_drafts(connection, destination, keys)
    stored = {
        row[0]: row[1:]
        for row in fetch(
            connection,
            "SELECT key, desired, desired_rev, state FROM target WHERE destination=?"
            " AND key IN (SELECT value FROM json_each(?))",
            (destination, as_list({*keys, *renewed})),
        )
    }
    fresh: list[tuple[str, ...]] = []
    moved: list[tuple[str, ...]] = []
    ended: dict[str, int] = defaultdict(int)
    for key in sorted({*keys, *renewed}):  # in the order of the file: each of its pages is changed once
        live = drafts.get(key, ())
        before = stored.get(key)
        if before is None and all(each.draft.renews for each in live):
            continue
        wanted = fold(live) if before is None or key in keys else renew(_desired.decode(before[0]), renewed[key])
        desired = msgspec.json.encode(wanted).decode()
        if before is None:
            fresh.append((destination, key, desired, at))
        elif before[0] != desired:
            moved.append((desired, at, destination, key))
            ended["superseded" if before[2] == "pending" else before[2]] += 1
    execute_many(
        connection,
        "INSERT INTO target(destination, key, desired, desired_rev, delivered, delivered_rev, state, tries, changed_at)"
        f" VALUES(?,?,?,1,'{NOTHING_DELIVERED}',0,'pending',0,?)",
        fresh,
    )
    execute_many(
        connection,
        "UPDATE target SET desired=?, changed_at=?, desired_rev=desired_rev+1, state='pending', due_at=NULL, tries=0,"
        " code=NULL WHERE destination=? AND key=?",
        moved,
    )
    execute_many(connection, FORGET_REJECT, [(destination, row[3]) for row in moved])
    count(connection, destination, {**ended, "revisions": len(fresh) + len(moved)})
    return len(fresh) + len(moved)


def _live_drafts(connection: Connection, destination: str, keys: Collection[str]) -> dict[str, list[LiveDraft]]:
    drafts: dict[str, list[LiveDraft]] = defaultdict(list)
    once: dict[str, frozenset[str]] = {}
    for mapping, record, moment, key, body, names in fetch(
        connection,
        "SELECT mapping, id, moment, key, body, once FROM record WHERE destination=? AND state='live'"
        " AND key IN (SELECT value FROM json_each(?))",
        (destination, as_list(keys)),
    ):
        if names not in once:
            once[names] = frozenset(msgspec.json.decode(names)) if names else frozenset()
        at = dt.datetime.fromisoformat(moment)
        drafts[key].append(LiveDraft(mapping, record, at, _draft.decode(body), once[names]))
    return drafts


def pending(connection: Connection, destination: str, after: str, limit: int, now: dt.datetime) -> list[Target]:
    """The next targets to deliver, by key: those due, and in no request whose end is unknown."""
    rows = fetch(
        connection,
        f"SELECT {TARGET_COLUMNS} FROM target t"  # noqa: S608 - a constant of this module
        " WHERE destination=? AND state='pending' AND key>? AND (due_at IS NULL OR due_at<=?) AND NOT EXISTS"
        " (SELECT 1 FROM attemptpart p WHERE p.destination=t.destination AND p.key=t.key AND p.state='open')"
        " ORDER BY key LIMIT ?",
        (destination, after, iso(now), limit),
    )
    return read_targets(connection, destination, rows)


def read_targets(connection: Connection, destination: str, rows: Sequence[Any]) -> list[Target]:
    """Targets with their memberships, of rows of `TARGET_COLUMNS`."""
    members = memberships(connection, destination, [row[0] for row in rows])
    return [
        Target(row[0], _desired.decode(row[1]), row[2], decode_delivered(row[3]), members.get(row[0], {}), row[4])
        for row in rows
    ]


def memberships(connection: Connection, destination: str, keys: Collection[str]) -> dict[str, dict[str, Membership]]:
    """Whatever is known of the groups of these keys, by identity."""
    found: dict[str, dict[str, Membership]] = defaultdict(dict)
    for key, identity, title, state in fetch(
        connection,
        "SELECT key, identity, title, state FROM membership WHERE destination=?"
        " AND key IN (SELECT value FROM json_each(?))",
        (destination, as_list(keys)),
    ):
        found[key][identity] = Membership(title, state)
    return found


def stopped(connection: Connection, destination: str, keys: Collection[str]) -> frozenset[str]:
    """Those of these keys that are to be unsubscribed or erased."""
    rows = fetch(
        connection,
        "SELECT key FROM target WHERE destination=? AND key IN (SELECT value FROM json_each(?))"
        " AND json_extract(desired, '$.stop') IS NOT NULL",
        (destination, as_list(keys)),
    )
    return frozenset(row[0] for row in rows)


def forget_settled(connection: Connection, destination: str, slice_: Sequence[Target]) -> list[Target]:
    """Forget what was done about groups and that no record asks for any more, and give all back as they are then."""
    fresh = [target._replace(delivered=still_asked(target.delivered, target.desired)) for target in slice_]
    changed = {new.key: new.delivered for new, old in zip(fresh, slice_, strict=True) if new.delivered != old.delivered}
    keep_delivered(connection, destination, changed)
    return fresh


class Ending(NamedTuple):
    """How one revision of a target ended; an outcome, or `there` where nothing had to be sent.

    `after`: when to look again at one that is to be tried again; None: later with every try.
    """

    outcome: Outcome
    revision: int
    tries: int = 0
    there: bool = False
    after: dt.timedelta | None = None


def conclude(connection: Connection, destination: str, endings: Iterable[Ending], now: dt.datetime) -> None:
    """Write down how revisions ended. An older revision than the present one only moves what was delivered."""
    at = iso(now)
    moves: list[tuple[object, ...]] = []
    rejects: list[tuple[object, ...]] = []
    for outcome, revision, tries, there, after in endings:
        state: str = "there" if there else outcome.status
        due = None
        if state == "retry":
            due = iso(now + (after or min(AFTER_RETRY * 2**tries, LONGEST_RETRY)))
        if state in {"retry", "in_doubt"}:  # an open attempt keeps what is in doubt; once it is settled nothing waits
            state = "pending"
        reached = revision if state in {"delivered", "there"} else None
        if state == "rejected":
            message = outcome.message or outcome.code
            rejects.append((outcome.code, outcome.field, message, iso(now), destination, outcome.key, revision))
        tried = tries + 1 if due else 0
        moves.append((reached, state, due, tried, outcome.code or None, at, destination, outcome.key, revision))
    present = execute_many(
        connection,
        "UPDATE target SET delivered_rev=ifnull(?, delivered_rev), state=?, due_at=?, tries=?, code=?, changed_at=?"
        " WHERE destination=? AND key=? AND desired_rev=?",
        moves,
    )
    if present < len(moves):  # some got another revision meanwhile
        execute_many(
            connection,
            "UPDATE target SET delivered_rev=? WHERE destination=? AND key=? AND desired_rev<>?",
            [(row[0], *row[6:]) for row in moves if row[0] is not None],
        )
    execute_many(connection, FORGET_REJECT, [row[4:6] for row in rejects])
    execute_many(
        connection,
        "INSERT INTO reject(destination, key, code, field, message, at) SELECT destination, key, ?, ?, ?, ?"
        " FROM target WHERE destination=? AND key=? AND desired_rev=?",
        rejects,
    )


def begin_revisions(connection: Connection, destination: str, keys: Collection[str], now: dt.datetime) -> None:
    """What should be stays the same, and is looked at once more; a revision that is pending already does for that."""
    ended = fetch(
        connection,
        "SELECT key, state FROM target WHERE destination=? AND state<>'pending'"
        " AND key IN (SELECT value FROM json_each(?))",
        (destination, as_list(keys)),
    )
    execute_many(
        connection,
        "UPDATE target SET desired_rev=desired_rev+1, state='pending', due_at=NULL, tries=0, code=NULL, changed_at=?"
        " WHERE destination=? AND key=?",
        [(iso(now), destination, key) for key, _ in ended],
    )
    execute_many(connection, FORGET_REJECT, [(destination, key) for key, _ in ended])
    states = [state for _, state in ended]
    count(connection, destination, {"revisions": len(ended), **{state: states.count(state) for state in set(states)}})


def count(connection: Connection, destination: str, ended: Mapping[str, int]) -> None:
    """Add to the tally of revisions that are over."""
    execute_many(
        connection,
        "INSERT INTO tally(destination, outcome, number) VALUES(?,?,?)"
        " ON CONFLICT(destination, outcome) DO UPDATE SET number = number + excluded.number",
        [(destination, outcome, number) for outcome, number in ended.items() if number],
    )


def revisions(connection: Connection, destination: str) -> dict[str, int]:
    """Promise 1, over all time: how many revisions there were (`revisions`), and where each of them is."""
    sums: dict[str, int] = defaultdict(int)
    for outcome, number in connection.exec_driver_sql(
        "SELECT outcome, number FROM tally WHERE destination=?", (destination,)
    ):
        sums[outcome] += number
    for state, number in connection.exec_driver_sql(
        "SELECT state, count(*) FROM target WHERE destination=? GROUP BY state", (destination,)
    ):
        sums[state] += number
    in_doubt = connection.exec_driver_sql(
        "SELECT count(*) FROM attemptpart p JOIN target t ON t.destination=p.destination AND t.key=p.key"
        " WHERE p.destination=? AND p.state='open' AND t.state='pending'",
        (destination,),
    ).scalar_one()
    sums["pending"] -= in_doubt
    sums["in_doubt"] += in_doubt
    return dict(sums)


def put_off(connection: Connection, destination: str) -> int:
    """How many could not be written and are tried again later; whoever was asked by mail is not among them."""
    statement = "SELECT count(*) FROM target WHERE destination=? AND state='pending' AND due_at IS NOT NULL"
    rows = fetch(connection, f"{statement} AND ifnull(code, '')<>'unanswered'", (destination,))
    return int(rows[0][0])


def check_revisions(connection: Connection, destination: str) -> None:
    """Raise StateError (and so undo the transaction) when a revision went missing or was counted twice."""
    sums = revisions(connection, destination)
    total = sums.pop("revisions", 0)
    if total != sum(sums.values()):
        raise StateError(
            f"{destination}: {total} revisions, but {sum(sums.values())} accounted for.",
            hint="This is a defect; nothing of this step was kept. Please report it with what `status --json` prints.",
            code="not_conserved",
        )


def groups_of(targets: Sequence[Target]) -> frozenset[str]:
    """All groups that these targets should be in, or out of."""
    return frozenset(title for target in targets for title in (*target.desired.groups, *target.desired.leave))
