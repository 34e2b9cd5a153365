"""Delivers changes to a destination as the engine does: drafted first, and by a book of attempts."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from syncengine.contracts import Change, Destination, Outcome
from syncengine.testing.book import Book

CONSENTS = {"table": "mail_consents", "key": "email", "columns": ["reason", "since"]}
TABLE = """
    CREATE TABLE mail_consents (
        email varchar(80) PRIMARY KEY, reason text NOT NULL, since datetime, notes text DEFAULT 'none',
        CHECK (reason <> 'forbidden')
    )
"""
JO = {"email": "jo@example.com", "reason": "unsubscribed", "since": "2026-06-01T10:00:00-04:00"}
LEA = {"email": "lea@example.com", "reason": "bounced", "since": "2026-06-02T10:00:00-04:00"}
NOTHING_ON_THE_WIRE = ("", "")


def new_book() -> Book:
    return Book(NOTHING_ON_THE_WIRE)


def change_of(destination: Destination, fields: dict[str, Any], *, create: bool = True) -> Change:
    draft = destination.draft(fields)
    return Change(draft.key, 1, create, draft.fields, frozenset(), frozenset(), None, False)


async def deliver(
    destination: Destination, *wanted: dict[str, Any], create: bool = True, book: Book | None = None
) -> dict[str, Outcome]:
    """The outcomes of these fields, by key; at most one each, and nothing wrong in the book."""
    book = book or new_book()
    changes = [change_of(destination, fields, create=create) for fields in wanted]
    outcomes: dict[str, Outcome] = {}
    async for outcome in destination.apply(changes, book):
        assert outcome.key not in outcomes
        outcomes[outcome.key] = outcome
    assert book.violations == []
    return outcomes


def fates(outcomes: dict[str, Outcome]) -> dict[str, tuple[str, str, str | None]]:
    return {key: (each.status, each.code, each.field) for key, each in outcomes.items()}


DELIVERED = ("delivered", "", None)


def execute(path: Path, statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript(statements)


def rows(path: Path, query: str = "SELECT email, reason, since FROM mail_consents ORDER BY email") -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()
