"""A made-up provider with awkward manners: whatever a rule is about happens here, and in an odd order."""

import datetime as dt
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from syncengine.sandbox.kit import Person, Sandbox

TOKEN = "made-up+token/of=the-depot"
PAGE_ROWS = 4
POLLS = 2
LONGEST_KEY = 60
REFUSED = "refuse me"


class Depot(Sandbox):
    """Records, people, contacts and calls. `loops`, `naive` and `newer` are what goes wrong on demand."""

    name: ClassVar[str] = "depot"

    def __init__(self, now: Callable[[], dt.datetime] | None = None) -> None:
        super().__init__(now)
        self.clear()

    def clear(self) -> None:
        self.loops = self.naive = self.newer = False
        self.rows: list[dict[str, Any]] = []
        self.people_rows: list[dict[str, Any]] = []
        self.contacts: dict[str, dict[str, Any]] = {}
        self.blocked: dict[str, str] = {}
        self.calls: list[dict[str, Any]] = []
        self.mails: list[dict[str, Any]] = []
        self.receipts: list[dict[str, Any]] = []
        self._rng = random.Random(7)

    def settings(self) -> dict[str, str]:
        return {"token": TOKEN}

    def populate(self, people: Sequence[Person], seed: int, now: dt.datetime) -> None:
        """Nothing comes by itself."""

    def put(self, at: dt.datetime) -> str:
        """One more record; it is at home in one of two halls."""
        number = len(self.rows)
        row = {"id": f"№ {number}/ä b", "at": at.isoformat(), "amount": number * 1.5, "new": number % 2 == 0,
               "hall": number % 2, "lines": [{"sku": number, "gift": None}], "phone": "+15145550199"}  # fmt: skip
        self.rows.append(row)
        return str(row["id"])

    def provider(self) -> ASGIApp:
        def guarded(handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
            async def answer(request: Request) -> Response:
                if request.headers.get("authorization") != f"Bearer {TOKEN}":
                    return Response(status_code=401)
                return await handle(request)

            return answer

        return Starlette(
            routes=[
                Route("/me", guarded(self._me)),
                Route("/changes", guarded(self._changes)),
                Route("/people", guarded(self._people), methods=["POST"]),
                Route("/contacts", guarded(self._add_contacts), methods=["POST"]),
                Route("/contacts", guarded(self._list_contacts)),
                Route("/mails", guarded(self._list_mails)),
                Route("/contacts/{key}", guarded(self._contact)),
                Route("/receipts/{number}", guarded(self._receipt)),
                Route("/blocked", guarded(self._blocked)),
                Route("/calls", guarded(self._add_call), methods=["POST"]),
            ]
        )

    async def _me(self, request: Request) -> Response:
        return JSONResponse({"account": "Depot"})

    async def _changes(self, request: Request) -> Response:
        """Rows of a hall from a moment on, oldest first, by pages."""
        since = dt.datetime.fromisoformat(request.query_params["since"])
        hall, page = int(request.query_params["hall"]), int(request.query_params["page"])
        found = [row for row in self.rows if row["hall"] == hall and dt.datetime.fromisoformat(row["at"]) >= since]
        found.sort(key=lambda row: str(row["at"]))
        shown = found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
        following = page + 1 if len(found) > page * PAGE_ROWS else None
        rows = [
            {
                **row,
                **({"at": str(row["at"])[:19]} if self.naive else {}),
                **({"newer": {"n": 1}} if self.newer else {}),
            }
            for row in shown
        ]
        return JSONResponse({"rows": rows, "next": page if self.loops else following})

    async def _people(self, request: Request) -> Response:
        """Everybody where no key is asked for; one bad key spoils the whole question."""
        keys = json.loads(await request.body())["keys"]
        if any(not key.strip() or len(key) > LONGEST_KEY or "\0" in key for key in keys):
            return Response(status_code=422)
        found = [row for row in self.people_rows if not keys or row["key"] in keys]
        self._rng.shuffle(found)
        return JSONResponse({"rows": found})

    async def _add_contacts(self, request: Request) -> Response:
        """Taken at once, told later, in any order; what isn't stated stays."""
        results = []
        for contact in json.loads(await request.body())["contacts"]:
            good = contact.get("name") != REFUSED and contact["email"] not in self.blocked
            if good:
                known = self.contacts.setdefault(contact["email"], {"tags": []})
                tags = sorted({*known["tags"], *contact.pop("tags", [])})
                known.update(contact, tags=tags)
            results.append([contact["email"], good])
        self._rng.shuffle(results)
        self.receipts.append({"polls": POLLS, "results": results})
        return JSONResponse({"receipt": len(self.receipts)}, 202)

    async def _receipt(self, request: Request) -> Response:
        number = request.path_params["number"]
        if not number.isdigit() or not 0 < int(number) <= len(self.receipts):
            return Response(status_code=404)
        receipt = self.receipts[int(number) - 1]
        receipt["polls"] -= 1
        return JSONResponse(
            {"done": receipt["polls"] < 0, "results": receipt["results"] if receipt["polls"] < 0 else []}
        )

    async def _contact(self, request: Request) -> Response:
        key = unquote(request.path_params["key"])
        if key in self.blocked:
            return JSONResponse({"state": self.blocked[key], "tags": []})
        found = self.contacts.get(key)
        return Response(status_code=404) if found is None else JSONResponse({"state": "subscribed", **found})

    async def _list_contacts(self, request: Request) -> Response:
        """Who may be written to, in capitals, by pages that shift when somebody goes."""
        page = int(request.query_params["page"])
        found = [
            {**known, "email": email.upper()} for email, known in self.contacts.items() if email not in self.blocked
        ]
        shown = found[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
        return JSONResponse(
            {"rows": shown, "total": len(found), "next": page + 1 if len(found) > page * PAGE_ROWS else None}
        )

    async def _list_mails(self, request: Request) -> Response:
        """All of them, the newest first, with whom they went to."""
        return JSONResponse({"mails": self.mails[::-1]})

    async def _blocked(self, request: Request) -> Response:
        page = int(request.query_params["page"])
        found = [[email.upper(), reason] for email, reason in self.blocked.items()]
        more = len(found) > page * 2
        return JSONResponse({"rows": found[(page - 1) * 2 : page * 2], "next": page + 1 if more else None})

    async def _add_call(self, request: Request) -> Response:
        """Counted each time: there is no key to tell a repeated one by."""
        call = json.loads(await request.body())
        if call.get("name") == REFUSED:
            return Response(status_code=422)
        self.calls.append(call)
        return JSONResponse({}, 201)
