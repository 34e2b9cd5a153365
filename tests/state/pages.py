"""Shorthand for what the engine hands to the state: drafts, pages, parts."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import msgspec

from mappings.fold import Consent, Draft
from syncengine.contracts import Outcome, Part
from syncengine.state import attempts, records, targets
from syncengine.state.delivered import Delivered, delivered_of
from syncengine.state.models import iso
from syncengine.state.records import Kept, PageCommit
from syncengine.state.store import Store
from syncengine.state.targets import Ending, Target
from tests.clock import NOON

MAIL = "mail.contacts"
SALES = "sales"
CONSENT = Consent("client", dt.date(2026, 7, 1), "proof", dt.date(2028, 7, 1))


def kept(id: str = "1", key: str | None = "jo@example.com", state: str = "live", **changes: Any) -> Kept:
    """A record as a planned page keeps it; `name` and `groups` are those of its draft."""
    name, groups = changes.pop("name", "Jo"), changes.pop("groups", ("Customers",))
    draft = Draft(key or "", {"name": name}, tuple(groups), CONSENT)
    body = msgspec.json.encode(draft if state == "live" else {"Id": id}).decode()
    row = Kept(
        SALES, id, MAIL, "one", 1, iso(NOON), "digest", state, None, key, body, None, iso(NOON), None, None, None
    )
    return row._replace(**changes)


def page(*rows: Kept, **changes: Any) -> PageCommit:
    """A planned page of these records; the keys of live ones are touched."""
    touched = {row.key for row in rows if row.key}
    return PageCommit(**{"mapping": SALES, "destination": MAIL, "kept": list(rows), "touched": touched, **changes})


def commit(store: Store, *rows: Kept, **changes: Any) -> int:
    return store.write_now(records.commit_page, page(*rows, **changes), NOON)


def pending(store: Store, now: dt.datetime = NOON) -> dict[str, Target]:
    return {target.key: target for target in store.read_now(targets.pending, MAIL, "", 1000, now)}


def part(key: str = "jo@example.com", **changes: Any) -> Part:
    fields: dict[str, Any] = {"fields": {"name": "Jo"}, "join": ("Customers",), "consent": CONSENT}
    return Part(key, **{**fields, **changes})


def leaving(key: str = "jo@example.com", *titles: str) -> Part:
    return Part(key, leave=titles or ("Customers",))


def begin(store: Store, *parts: Part, revision: int = 1) -> int:
    revisions = {each.key: revision for each in parts}
    attempt, _ = store.write_now(attempts.begin, MAIL, parts, revisions, NOON)
    return attempt


def conclude(store: Store, status: Any = "delivered", *, key: str = "jo@example.com", **changes: Any) -> None:
    ending = {"revision": 1, "tries": 0, "there": False} | {
        name: changes.pop(name) for name in ("revision", "tries", "there") if name in changes
    }
    store.write_now(targets.conclude, MAIL, [Ending(Outcome(key, status, **changes), **ending)], NOON)


def revisions(store: Store) -> dict[str, int]:
    """Where all revisions are, checked; without the places where there are none."""
    store.read_now(targets.check_revisions, MAIL)
    return {name: number for name, number in store.read_now(targets.revisions, MAIL).items() if number}


def rows(store: Store, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in store.read_now(lambda connection: connection.exec_driver_sql(query, values).all())]


def members(store: Store, key: str = "jo@example.com") -> dict[str, str]:
    """Group → state of the membership."""
    return dict(rows(store, "SELECT title, state FROM membership WHERE key=?", key))


def delivered(store: Store, keys: Iterable[str] = ("jo@example.com",)) -> list[Delivered]:
    return list(store.read_now(delivered_of, MAIL, list(keys)).values())
