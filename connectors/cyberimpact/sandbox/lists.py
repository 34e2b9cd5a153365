"""Lists as the vendor gives them: filtered by whole days, sorted by name, cut into numbered pages (section 2)."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

from connectors.cyberimpact.sandbox.account import Contact, Group
from connectors.cyberimpact.sandbox.call import Answer, Call, Refusal, not_found, unprocessable
from connectors.cyberimpact.sandbox.dates import start_of
from connectors.cyberimpact.sandbox.schema import is_day

DEFAULT_LIMIT = 20
MAXIMUM_LIMIT = 10_000
LONGEST_NUMBER = 18
"""Digits; a longer one is a mistake."""

PAGED = frozenset({"page", "limit", "sort"})
NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)

Item = TypeVar("Item")


class Listing(NamedTuple):
    """What is particular to one list: the key of its rows, its sorts, and how a row looks."""

    key: str
    sorts: Mapping[str, Callable[[Any], Any]]
    render: Callable[[Call, Any], dict[str, Any]]


_BY_EMAIL: dict[str, Callable[[Contact], Any]] = {
    "email": lambda one: one.email.lower(),
    "updated": lambda one: one.updated or NEVER,
}

MEMBER_SORTS: dict[str, Callable[[Contact], Any]] = {
    **_BY_EMAIL,
    "language": lambda one: one.fields.get("language", ""),
    "fullname": lambda one: (one.fields.get("firstname", ""), one.fields.get("lastname", "")),
    "date": lambda one: one.joined,
    "consent_type": lambda one: one.consent.type,
    "consent_date": lambda one: one.consent.date or dt.date.min,
}
BOUNCED_SORTS: dict[str, Callable[[Contact], Any]] = {**_BY_EMAIL, "date": lambda one: one.bounced}
UNSUBSCRIBED_SORTS: dict[str, Callable[[Contact], Any]] = {**_BY_EMAIL, "date": lambda one: one.unsubscribed}
MEMBER_GROUP_SORTS: dict[str, Callable[[Group], Any]] = {
    "title": lambda group: group.title,
    "created": lambda group: group.created,
}


def answer_page(call: Call, rows: Sequence[Item], listing: Listing) -> Answer:
    """The page that the request asks for. Raises Refusal (422) for a bad page, limit or sort."""
    rows = _sorted(call, rows, listing.sorts)
    page = _number(call, "page", 1)
    limit = _number(call, "limit", DEFAULT_LIMIT)
    switches = call.account.switches
    if limit > MAXIMUM_LIMIT and switches.over_limit == "422":
        raise unprocessable("limit too large")
    limit = min(limit, MAXIMUM_LIMIT, switches.most_rows)
    if switches.page_ignored:
        page = 1
    shown = rows[(page - 1) * limit : page * limit]
    if not shown and page > 1 and switches.past_last_page == "404":
        raise not_found("Page")
    return Answer(
        {
            listing.key: [listing.render(call, row) for row in shown],
            "totalCount": len(rows),
            "page": page,
            "limit": limit,
            "sort": call.query.get("sort", ""),
        }
    )


def in_days(call: Call, contacts: Iterable[Contact], moments: Mapping[str, str]) -> list[Contact]:
    """Those whose moments lie in the asked days, both ends included. `moments`: name of the filter to attribute.

    Raises Refusal (422) for a filter that is no day.
    """
    kept = list(contacts)
    for name, attribute in moments.items():
        since, until = _day(call, f"{name}From"), _day(call, f"{name}To")
        if since is None and until is None:
            continue
        start = start_of(since) if since else None
        end = start_of(until + dt.timedelta(days=1)) if until else None
        nulls = name == "updatedOn" and call.account.switches.null_updated_matches
        kept = [one for one in kept if _between(getattr(one, attribute), start, end, nulls=nulls)]
    return kept


def filters(*names: str) -> frozenset[str]:
    """The query parameters of a paged list with these date filters."""
    return PAGED | {f"{name}{end}" for name in names for end in ("From", "To")}


def _between(moment: dt.datetime | None, start: dt.datetime | None, end: dt.datetime | None, *, nulls: bool) -> bool:
    if moment is None:
        return nulls
    return (start is None or start <= moment) and (end is None or moment < end)


def _sorted(call: Call, rows: Sequence[Item], sorts: Mapping[str, Callable[[Any], Any]]) -> list[Item]:
    asked = call.query.get("sort", "")
    if not asked:
        shuffled = list(rows)
        if call.account.switches.unsorted_order == "random":
            call.account.rng.shuffle(shuffled)
        return shuffled
    name, _, direction = asked.rpartition("_")
    if name not in sorts or direction not in ("asc", "desc"):
        raise unprocessable("unknown sort")
    return sorted(rows, key=sorts[name], reverse=direction == "desc")


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER and int(text) > 0):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name} must be a number from 1")
    return int(text)


def _day(call: Call, name: str) -> dt.date | None:
    text = call.query.get(name, "")
    if not text:
        return None
    if not is_day(text):
        raise unprocessable(f"{name} must be yyyy-mm-dd")
    return dt.date.fromisoformat(text)
