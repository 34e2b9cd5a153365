"""A look at the query's text before any database sees it: one reading statement, with `:keys` in it.

It spares people a puzzling answer of the database. It is no guard: the transaction is read-only for that.
"""

import re
from typing import NamedTuple

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.types import NullType

TOKEN = re.compile(
    r"""
    (?P<quoted> '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \$(?P<tag>\w*)\$ .*? \$(?P=tag)\$ )
    | --[^\n]* | /\*.*?\*/
    """,
    re.VERBOSE | re.DOTALL,
)
"""Quoted text and names, and comments: nothing in them is code."""
PARAMETER = re.compile(r"(?<![:\w\\]):([A-Za-z_]\w*)")
BRACKETED = re.compile(r"\bIN\s*\(\s*:keys\s*\)", re.IGNORECASE)
KEY_ALIAS = re.compile(r"\b(AS\s+)key\b", re.IGNORECASE)
READING = re.compile(r"[\s(]*(SELECT|WITH)\b", re.IGNORECASE)


class Statement(NamedTuple):
    """A query ready to be executed with a list of keys, and how often it mentions them."""

    clause: TextClause
    mentions: int


def parse(query: str, key: str = "key") -> Statement:
    """Prepare the text of a query. Raises ValueError with a sentence for people, which quotes no literal of it.

    `key` is how the database spells the name `key`: where that is a word of its language, `AS key` is quoted.
    """
    pieces = _pieces(query)
    code = "".join(" ? " if quoted else piece for piece, quoted in pieces)
    _refuse(code)
    # SQLAlchemy looks for parameters in literals too: their colons are escaped. `IN (:keys)` is what many write first.
    parts = [
        piece.replace(":", r"\:") if quoted else BRACKETED.sub("IN :keys", KEY_ALIAS.sub(rf"\1{key}", piece))
        for piece, quoted in pieces
    ]
    # Without a type the database decides from the column: text for a text column, a number for a number's.
    keys = bindparam("keys", expanding=True, type_=NullType())
    return Statement(text("".join(parts).strip().rstrip(";")).bindparams(keys), PARAMETER.findall(code).count("keys"))


def _refuse(code: str) -> None:
    if not code.strip(" \n\t;"):
        raise ValueError("the query is empty")
    if ";" in code.rstrip().rstrip(";"):
        raise ValueError("the query holds several statements: write one")
    if not READING.match(code):
        raise ValueError("the query must read: it begins with SELECT or WITH")
    names = set(PARAMETER.findall(code))
    if "keys" not in names:
        raise ValueError("the query doesn't mention `:keys`: add `WHERE customer_id IN :keys` with your own column")
    if others := sorted(names - {"keys"}):
        raise ValueError(f"`:{others[0]}` is no parameter: there is only `:keys`")


def _pieces(query: str) -> list[tuple[str, bool]]:
    """The text without comments, cut into code and quoted pieces (True)."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    for match in TOKEN.finditer(query):
        pieces.append((query[end : match.start()], False))
        quoted = match.group("quoted")
        pieces.append((quoted, True) if quoted else (" ", False))
        end = match.end()
    pieces.append((query[end:], False))
    return pieces
