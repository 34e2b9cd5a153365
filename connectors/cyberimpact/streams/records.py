"""Rows of the wire as records: every scalar becomes text or None, and the date that counts is found."""

import datetime as dt
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from connectors.cyberimpact.api.calls import Wire, WirePage
from connectors.cyberimpact.dates import parse_moment
from connectors.cyberimpact.walk import WALKS
from syncengine.errors import ProviderError

MEMBER_FIELDS = frozenset({
    "email", "firstname", "lastname", "company", "note", "gender", "language", "postalCode", "country", "birthdate",
    "joinedOn", "updatedOn", "consentType", "customFields",
})  # fmt: skip
"""What the rows of all lists of people have (section 4)."""

Turn = Callable[[int], Awaitable[WirePage | None]]
"""Fetches the page of that number, from 1; None where there is no such page."""


def to_text(value: object) -> Any:
    """A value as a mapping gets it. Cyberimpact writes "" where there is nothing (section 4)."""
    match value:
        case None | "":
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case list():
            return [to_text(item) for item in value]
        case dict():
            return {str(name): to_text(item) for name, item in value.items()}
        case _:
            return str(value)


def cut(row: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """These fields of a row, as text."""
    return {name: to_text(row.get(name)) for name in names}


def wanted(known: frozenset[str], fields: frozenset[str] | None) -> list[str]:
    """The fields to hand over, in one order."""
    return sorted(known if fields is None else known & fields)


def name_custom(row: Wire, titles: Mapping[str, str]) -> None:
    """Give custom fields their names: on the wire they have numbers. One that nobody knows keeps its number."""
    custom = row.get("customFields")
    given = custom.items() if isinstance(custom, dict) else ()  # PHP writes an empty table as []
    row["customFields"] = {titles.get(str(number), str(number)): value for number, value in given}


def address_of(row: Wire) -> str:
    """The key of a person: trimmed, lower-cased. Raises ProviderError where a row has none."""
    email = row.get("email")
    if not isinstance(email, str) or not email.strip():
        raise ProviderError("Cyberimpact: a row of a list of people has no address.", code="no_id")
    return email.strip().lower()


def number_of(row: Wire, what: str) -> int:
    """The number of a thing. Raises ProviderError where a row has none."""
    number = row.get("id")
    if isinstance(number, str) and number.isdecimal():
        return int(number)
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    raise ProviderError(f"Cyberimpact: a {what} has no id.", code="no_id")


def moment_of(row: Mapping[str, Any], names: Sequence[str], what: str) -> dt.datetime:
    """The first of these dates that is given. Raises ProviderError where it is no date, or none is given."""
    for name in names:
        text = row.get(name)
        if text is None or text == "":
            continue
        moment = parse_moment(text) if isinstance(text, str) else None
        if moment is None:
            raise _undated(name, what)
        return moment
    raise _undated(names[0], what)


def _undated(name: str, what: str) -> ProviderError:
    return ProviderError(
        f"Cyberimpact: {name} of a {what} is no date.",
        hint="Dates are never guessed; the API has changed, or base_url is not Cyberimpact.",
        code="bad_date",
    )


async def read_pages(turn: Turn, name: Callable[[Wire], object], what: str) -> AsyncGenerator[list[Wire]]:
    """The pages of a list as they come; a reading that ends without an error has handed over every row.

    Pages are cut by position, so a row that goes away or comes in shifts those behind it. A walk in which that shows is
    taken again from the first page, and its rows come again. Raises ProviderError where the list never stands still or
    leads in a circle.
    """
    for _ in range(WALKS):
        first = await turn(1)
        if first is None:
            raise ProviderError(
                f"There is no {what} (404).",
                hint="Check base_url: something else may be answering there.",
                code="not_found",
            )
        found: set[object] = set()
        number, page = 1, first
        while True:
            before = len(found)
            found.update(name(row) for row in page.rows)
            whole = len(found) == before + len(page.rows)  # else a row moved back, or the page repeats
            if page.rows:
                yield page.rows
            if not whole or not page.rows or len(found) == page.total:
                break
            number += 1
            following = await turn(number)
            if following is None:  # some servers have no page past the end
                break
            whole = following.total == first.total
            if not whole:
                break
            page = following
        if whole and first.total in {None, len(found)} and (number == 1 or await _stands_still(turn, first, name)):
            return
    raise ProviderError(
        f"The {what} changed under each of {WALKS} readings, so none of them is complete.",
        hint="The next run reads it again.",
        code="drift",
    )


async def _stands_still(turn: Turn, first: WirePage, name: Callable[[Wire], object]) -> bool:
    """Whether the first page is still what it was: one row gone and another one new would leave the count alone."""
    again = await turn(1)
    return again is not None and again.total == first.total and [*map(name, again.rows)] == [*map(name, first.rows)]
