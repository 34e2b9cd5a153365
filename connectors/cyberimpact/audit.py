"""Who is really at Cyberimpact: all lists of people read in full, for comparing with what is believed (section 7)."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from connectors.cyberimpact.api.calls import Wire, WirePage
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.crowd import each
from connectors.cyberimpact.dates import parse_day
from connectors.cyberimpact.fields import CUSTOM
from connectors.cyberimpact.groups import Groups
from connectors.cyberimpact.rows import Group
from connectors.cyberimpact.streams.records import to_text
from connectors.cyberimpact.walk import walk
from syncengine.contracts import RemoteKey, Scalar, Walk, group_identity
from syncengine.errors import ProviderError

READS_AT_ONCE = 8
"""As many as the census asks for at a time."""
BIRTHDATE = "birthdate"

State = Literal["subscribed", "unsubscribed", "bounced"]


class _Row(NamedTuple):
    """As much of a contact as is asked for: a walk of 200,000 stays small."""

    name: str
    values: tuple[str | None, ...]


class _Page(NamedTuple):
    rows: Sequence[_Row]
    total_count: int | None


class Audit:
    """Walks everybody. Orphans, who are in no group, are contacts as all others (section 7)."""

    def __init__(self, client: CyberimpactClient, groups: Groups) -> None:
        self._client = client
        self._groups = groups

    async def walk(self, references: frozenset[str], fields: frozenset[str]) -> Walk:
        """The lists of who said no before and after all others, so that whoever moves to them or from them is met.

        Raises ProviderError where a list ends before the total that it states, or states none, or where a group is
        deleted meanwhile.
        """
        groups = await self._find(references)
        places = await self._places(fields)
        before = await self._said_no()
        contacts = await self._whole(partial(self._client.members_page, status="all"), places, "list of contacts")
        inside: dict[str, set[str]] = {}
        for number in sorted({group.id for group in groups.values()}):
            turn = partial(self._client.group_members_page, number)
            named = {reference for reference, group in groups.items() if group.id == number}
            for key in await self._whole(turn, {}, "list of a group's contacts"):
                inside.setdefault(key, set()).update(named)
        came_back = before.keys() & contacts.keys()
        said_no = {key: state for key, state in before.items() if key not in came_back} | await self._said_no()
        return Walk(_remote_keys(contacts, list(places), inside, said_no), frozenset(groups))

    async def absent(self, keys: Collection[str]) -> frozenset[str]:
        """Who is neither a contact nor unsubscribed, each asked for by address, nor on the list of the bounced."""

        async def see(key: str) -> str | None:
            there = await self._client.member_row(key) or await self._client.unsubscribed_member(key)
            return key if there is None else None

        absent = frozenset(key for key in await each(keys, see, READS_AT_ONCE) if key is not None)
        if not absent:
            return absent
        # A bounced address may be shown under no path of its own (section 3): only its list tells.
        bounced = await self._whole(self._client.bounced_page, {}, "list of the bounced")
        return absent - bounced.keys()

    async def _said_no(self) -> dict[str, State]:
        """Who is on one of the two lists now; unsubscribed counts before bounced (section 7)."""
        bounced = await self._whole(self._client.bounced_page, {}, "list of the bounced")
        unsubscribed = await self._whole(self._client.unsubscribed_page, {}, "list of the unsubscribed")
        return {**dict.fromkeys(bounced, "bounced"), **dict.fromkeys(unsubscribed, "unsubscribed")}

    async def _find(self, references: frozenset[str]) -> Mapping[str, Group]:
        """Those of these groups that are static; a dynamic one is filled by Cyberimpact, whatever we delivered."""
        index = await self._groups.read(references) if references else None
        found = {reference: index.find(reference) for reference in sorted(references)} if index else {}
        return {reference: group for reference, group in found.items() if group is not None and not group.is_dynamic}

    async def _places(self, fields: frozenset[str]) -> Mapping[str, str | None]:
        """Where fields stand in a row: under their own name, or by number among the custom ones.

        A custom field that isn't there any more is left out.
        """
        custom = await self._client.custom_fields() if any(name.startswith(CUSTOM) for name in fields) else []
        numbers = {group_identity(field.name): str(field.id) for field in sorted(custom, key=lambda field: -field.id)}
        places: dict[str, str | None] = {}
        for name in sorted(fields):
            if not name.startswith(CUSTOM):
                places[name] = None
            elif number := numbers.get(group_identity(name.removeprefix(CUSTOM))):
                places[name] = number
        return places

    async def _whole(
        self, page: Callable[[int], Awaitable[WirePage | None]], places: Mapping[str, str | None], what: str
    ) -> dict[str, tuple[str | None, ...]]:
        """Everybody on a list, with the values in these places."""

        async def turn(number: int) -> _Page | None:
            found = await page(number)
            if found is None:
                return None
            if found.total is None:
                raise ProviderError(
                    f"Cyberimpact doesn't say how many rows the {what} has, so nobody can tell that it is whole.",
                    hint="Check base_url: something else may be answering there.",
                    code="no_total",
                )
            return _Page([_row(row, places) for row in found.rows], found.total)

        return {row.name.strip().lower(): row.values for row in await walk(turn, what)}


def _remote_keys(
    contacts: Mapping[str, tuple[str | None, ...]],
    names: Sequence[str],
    inside: Mapping[str, set[str]],
    said_no: Mapping[str, State],
) -> Iterator[RemoteKey]:
    """Each address once; a no counts before all (section 7)."""
    for key, state in said_no.items():
        yield RemoteKey(key, state)
    for key, values in contacts.items():
        if key not in said_no:
            fields: dict[str, Scalar | None] = dict(zip(names, values, strict=True))
            yield RemoteKey(key, "subscribed", fields, frozenset(inside.get(key, ())))


def _row(row: Wire, places: Mapping[str, str | None]) -> _Row:
    given: Any = row.get("customFields")
    custom = given if isinstance(given, dict) else {}  # PHP writes an empty table as []
    values = (_value(name, row.get(name) if number is None else custom.get(number)) for name, number in places.items())
    email = row.get("email")
    return _Row(email if isinstance(email, str) else "", tuple(values))


def _value(name: str, value: object) -> str | None:
    text = to_text(value)
    day = parse_day(text) if name == BIRTHDATE and isinstance(text, str) else None
    return day.isoformat() if day else (text if isinstance(text, str) else None)
