"""A tiny impact.com in the same process, written from the provider page, to test the client's logic against."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import httpx

SID = "IRmadeup0001"
TOKEN = "made-up-token"
DAY = dt.timedelta(days=1)
EMPTY = {
    "ActionUpdates": "ActionUpdates",
    "ActionInquiries": "ActionInquiries",
    "MediaPartners": "Partners",
    "Contacts": "Contacts",
}
"""Lists that are there and have nothing in them, under their names in the answer."""


@dataclass
class Event:
    """One action. `updated` is its "last updated", which is on no wire."""

    id: str
    event: dt.datetime
    created: dt.datetime
    updated: dt.datetime
    campaign: str = "1000"
    others: dict[str, Any] = field(default_factory=dict)


@dataclass
class FakeImpact:
    """Answers as impact.md says. `edit` changes a body before it leaves; `moved` is called after each page."""

    now: Callable[[], dt.datetime]
    events: list[Event] = field(default_factory=list)
    may_list: bool = True
    forbidden: set[str] = field(default_factory=set)
    campaigns: list[dict[str, Any]] = field(default_factory=lambda: [{"Id": "1000", "State": "ACTIVE"}])
    page_size: int = 20_000
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("America/Los_Angeles"))
    ignore_dates: bool = False
    edit: Callable[[dict[str, Any]], Any] = lambda body: body
    moved: Callable[[], None] = lambda: None
    prefix: str = ""
    shows_prefix: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)

    def add(self, id: str, event: dt.datetime, **changes: Any) -> Event:
        """An action that was created, and last updated, at its event, unless said otherwise."""
        made = Event(**{"id": id, "event": event, "created": event, "updated": event, **changes})
        self.events.append(made)
        return made

    @property
    def windows(self) -> list[tuple[str, str]]:
        """StartDate and EndDate of each query for actions, first pages only."""
        asked = [request.url.params for request in self.requests if request.url.path.endswith("/Actions")]
        return [(params["StartDate"], params["EndDate"]) for params in asked if "Page" not in params]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if "authorization" not in request.headers:
            return httpx.Response(401)
        if request.headers.get("accept") != "application/json" or request.headers.get("ir-version") != "14":
            return httpx.Response(200, text="<ImpactRadiusResponse/>")
        path = request.url.path.removeprefix(self.prefix)
        resource = path.rpartition("/")[2]
        if resource == "Campaigns":
            return self._page(request, "Campaigns", self.campaigns) if self.may_list else httpx.Response(403)
        if resource in self.forbidden:
            return httpx.Response(403)
        if resource == "UnsubscribedContacts":
            return httpx.Response(200, json={"Page": 0, "NumPages": 1, "Total": 0, "Results": []})
        if resource in EMPTY:
            return self._page(request, EMPTY[resource], [])
        if resource != "Actions":
            return httpx.Response(404)
        return self._actions(request)

    def _actions(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        if "LockingDateStart" in params:
            return self._page(request, "Actions", [])
        start, end = (dt.datetime.strptime(params[key], "%Y-%m-%dT%H:%M:%S%z") for key in ("StartDate", "EndDate"))
        if end - start > 45 * DAY or self.now() - start > 1095 * DAY or int(params["PageSize"]) > 20_000:
            return httpx.Response(400, json={"Status": "ERROR", "Message": "made up"})
        if self.ignore_dates:
            start, end = self.now() - 7 * DAY, self.now()
        found = [
            event
            for event in self.events
            if event.campaign == params["CampaignId"] and start <= event.updated.replace(microsecond=0) <= end
        ]
        if len(found) > 10 * self.page_size:
            return httpx.Response(402)
        found.sort(key=lambda event: (event.created, event.id), reverse=True)
        return self._page(request, "Actions", [self._row(event) for event in found])

    def _row(self, event: Event) -> dict[str, Any]:
        dates = {"EventDate": event.event, "CreationDate": event.created}
        return {
            "Id": event.id,
            "CampaignId": event.campaign,
            "State": "PENDING",
            "LockingDate": "",
            **{name: moment.astimezone(self.zone).isoformat(timespec="seconds") for name, moment in dates.items()},
            "NewField": "not known to anybody yet",
            **event.others,
        }

    def _page(self, request: httpx.Request, key: str, rows: list[dict[str, Any]]) -> httpx.Response:
        number = int(request.url.params.get("Page", "1"))
        pages = max(1, -(-len(rows) // self.page_size))
        shown = rows[(number - 1) * self.page_size : number * self.page_size]
        path = request.url.path if self.shows_prefix else request.url.path.removeprefix(self.prefix)
        following = request.url.copy_set_param("Page", number + 1).copy_with(path=path)
        body = {
            "@page": str(number),
            "@numpages": str(pages),
            "@pagesize": str(self.page_size),
            "@total": str(len(rows)),
            "@nextpageuri": following.raw_path.decode() if number < pages else "",
            key: shown,
        }
        body = self.edit(body)
        self.moved()
        return httpx.Response(200, content=json.dumps(body).encode(), headers=self.headers)
