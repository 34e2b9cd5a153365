"""connectors/impact keeps the rules of a stream: actions and campaigns, also where nobody knows how it behaves."""

import datetime as dt
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from connectors.impact import ImpactConnector
from connectors.impact.sandbox import Action, ActionUpdate, ImpactSandbox
from connectors.impact.sandbox.query import ActionQuery
from syncengine.testing import ConformanceSuite, KitStage, MovableClock, StreamStage

PAGE_SIZE = 5
PHONE = "+15145550123"
NOTE = "called by Zoë Made-Up"
OFFSET = re.compile(rb'("EventDate"\s*:\s*"[^"]{19})[^"]*"')
ROW = re.compile(rb'\{("Id"\s*:)')


class SmallPages(ImpactSandbox):
    """impact.com with pages of a few rows: the size of a page is the server's to choose (impact.md section 3)."""

    def _page(
        self, request: Request, resource: str, query: ActionQuery, found: Sequence[Action | ActionUpdate]
    ) -> Response:
        return super()._page(request, resource, query._replace(size=PAGE_SIZE), found)


class Account(KitStage, StreamStage):
    """An account with one campaign. Nothing is read twice by overlap, so that nothing is saved by it either."""

    make: Callable[..., ImpactSandbox] = SmallPages
    sandbox: ImpactSandbox
    page_size = PAGE_SIZE
    history = dt.timedelta(days=100)

    def __init__(self, clock: MovableClock, folder: Any) -> None:
        super().__init__(clock, folder)
        self.sandbox.book.add_campaign("1000", "Summer")

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "overlap": "0 seconds"}

    def bad_settings(self) -> dict[str, Any]:
        return {**self.settings(), "auth_token": "a-token-that-nobody-gave"}

    def secrets(self) -> Collection[str]:
        return (self.sandbox.settings()["auth_token"], "a-token-that-nobody-gave")

    def people(self) -> Collection[str]:
        return (PHONE, NOTE)

    def loop(self) -> None:
        self.sandbox.switches.next_uri = "self_loop"

    def send_unknown_field(self) -> None:
        self.edit = lambda body: ROW.sub(rb'{"NewField": {"deep": [1, null]}, \1', body)


class Actions(Account):
    part = "actions"

    def put(self, at: dt.datetime) -> str:
        action = self.sandbox.book.create("1000", customer_id="007", event=at, at=at, caller_id=PHONE, note=NOTE)
        return action.id

    def send_naive_dates(self) -> None:
        self.edit = lambda body: OFFSET.sub(rb'\1"', body)


class Campaigns(Account):
    part = "campaigns"

    def __init__(self, clock: MovableClock, folder: Any) -> None:
        super().__init__(clock, folder)
        self.sandbox.book.clear()

    def put(self, at: dt.datetime) -> str:
        return self.sandbox.book.add_campaign(str(1000 + len(self.sandbox.book.campaigns)), NOTE).id


class Cycling(Actions):
    """The last page leads to the first."""

    def loop(self) -> None:
        self.sandbox.switches.next_uri = "cycle"


class Otherwise(Actions):
    """Every unknown that a working account may have, the other way round (impact.md section 11)."""

    page_size = PAGE_SIZE + 1  # the last row of a page comes again as the first one of the next

    def __init__(self, clock: MovableClock, folder: Any) -> None:
        super().__init__(clock, folder)
        switches = self.sandbox.switches
        switches.scalars = "schema"
        switches.empty_list = "null"
        switches.next_uri = "repeats_once"
        switches.edge_rows_twice = True
        switches.error_body = "xml"
        switches.rule_status = 402
        switches.rate_headers = "both"
        switches.rate_reset = "epoch"
        switches.bad_filter = "error"
        switches.timezone = "Asia/Kolkata"


class TestActions(ConformanceSuite):
    connector = ImpactConnector
    sandbox = Actions


class TestActionsCycling(TestActions):
    sandbox = Cycling


class TestActionsOtherwise(TestActions):
    sandbox = Otherwise


class TestCampaigns(ConformanceSuite):
    connector = ImpactConnector
    sandbox = Campaigns
    waivers: ClassVar = {
        "a_range_is_kept": "a campaign has no date on the wire: the whole short list is read each time",
        "pages_are_bounded": "the list of campaigns is short, and is read whole to find each campaign once",
        "dates_without_an_offset_are_refused": "a campaign has no date on the wire",
    }
