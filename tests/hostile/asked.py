"""What the nasty connector can be asked about its contacts: who is there, and what somebody was sent."""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from syncengine.contracts import Dossier, Mail, RemoteKey, Walk
from syncengine.errors import ProviderError


class Asked:
    """Tells everything in an odd order, and keys that are in capitals at the depot."""

    client: Any
    bases: ClassVar[Mapping[str, Mapping[str, str]]] = {"en": {}, "fr": {}}

    async def walk(self, groups: frozenset[str], fields: frozenset[str]) -> Walk:
        """Who is blocked is read on both sides of the rest, so that nobody gets past who moves in either direction."""
        before = await self.blocked()
        rows = await self.rows()
        states = {**before, **await self.blocked()}
        found = {key: RemoteKey(key, state) for key, state in states.items()}
        for row in rows:
            key = row["email"].lower()
            named = {name: row.get(name) for name in fields if name in {"name", "note"}}
            found.setdefault(key, RemoteKey(key, "subscribed", named, frozenset(row["tags"]) & groups))
        there = {tag for row in rows for tag in row["tags"]}
        return Walk(reversed(found.values()), groups & there)

    async def rows(self) -> list[dict[str, Any]]:
        """All contacts; raises where their number changes on the way."""
        rows: list[dict[str, Any]] = []
        number, totals = 1, set[int]()
        while number:
            found = await self.client.ask(f"/contacts?page={number}", "rows", "total", "next")
            rows += found["rows"]
            totals.add(found["total"])
            number = found["next"]
        if totals != {len({row["email"] for row in rows})}:
            raise ProviderError("The depot's list moved.", code="drift")
        return rows

    async def blocked(self) -> dict[str, Any]:
        rows: list[Any] = []
        number = 1
        while number:
            found = await self.client.ask(f"/blocked?page={number}", "rows", "next")
            rows += found["rows"]
            number = found["next"]
        return {email.lower(): reason for email, reason in reversed(rows)}

    async def absent(self, keys: Collection[str]) -> frozenset[str]:
        return frozenset({key for key in keys if await self.look(key) is None})

    async def look(self, key: str) -> dict[str, Any] | None:
        """One contact; None where the depot has never heard of it."""
        answer = await self.client.send("GET", f"/contacts/{key}")
        if answer.status == 404:
            return None
        found = answer.json() if answer.good else None
        if not isinstance(found, dict) or "state" not in found:
            raise ProviderError("The depot's answer is none.")
        return found

    async def dossier(self, key: str) -> Dossier:
        mails = [self.told(row, key) for row in reversed(await self.mails()) if key in row["to"]]
        found = await self.look(key)
        if found is None:
            return Dossier("absent")
        return Dossier(found["state"], groups=dict.fromkeys(found["tags"]), mails=tuple(mails))

    async def mail(self, id: str, key: str) -> Mail | None:
        for row in await self.mails():
            if row["id"] == id:
                return self.told(row, key)
        return None

    async def mails(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.client.ask("/mails", "mails"))["mails"]
        return found

    def told(self, row: dict[str, Any], key: str) -> Mail:
        return Mail(row["id"], row["subject"], dt.datetime.fromisoformat(row["at"]), key in row["to"])
