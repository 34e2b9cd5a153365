"""Which paths below an account there are, with which methods, and what a scoped token may reach of them."""

from collections.abc import Collection
from typing import NamedTuple

JSON_SUFFIX = ".json"
ANY = "*"
READ = frozenset({"GET"})
ENDPOINTS: dict[str, frozenset[str]] = {
    "CompanyInformation": READ,
    "Campaigns": READ,
    "Campaigns/*": READ,
    "Campaigns/*/Contacts": READ,
    "Campaigns/*/Contacts/*": READ,
    "Campaigns/*/UnsubscribedContacts": READ,
    "Actions": READ,
    "Actions/*": READ,
    "ActionUpdates": READ,
    "ActionUpdates/*": READ,
    "ActionInquiries": READ | {"PUT"},
    "ActionInquiries/*": READ,
    "MediaPartners": READ,
    "MediaPartners/*": READ,
}
"""Paths (section 5), a star for an id, and the methods that this sandbox has for each."""


class Place(NamedTuple):
    """Where a request goes: the account, the endpoint with stars for ids, and these ids."""

    sid: str
    endpoint: str
    ids: tuple[str, ...]

    @property
    def name(self) -> str:
        """The endpoint without its ids, as a scope names it."""
        return "/".join(part for part in self.endpoint.split("/") if part != ANY)


def find_place(path: str) -> Place | None:
    """What /Advertisers/SID/Campaigns/1000/Contacts.json leads to; None where there is nothing."""
    root, *rest = path.removesuffix(JSON_SUFFIX).strip("/").split("/")
    if root != "Advertisers" or not rest:
        return None
    sid, *parts = rest
    endpoint = "/".join(ANY if number % 2 else part for number, part in enumerate(parts))
    return Place(sid, endpoint, tuple(parts[1::2])) if endpoint in ENDPOINTS else None


def forbids(scope: Collection[str], method: str, name: str) -> bool:
    """Whether the scope lacks this endpoint: itself or one above it, for all methods or for this one (section 1)."""
    parts = name.split("/")
    above = {"/".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return any(entry in above or entry.removeprefix(f"{method} ") in above for entry in scope)
