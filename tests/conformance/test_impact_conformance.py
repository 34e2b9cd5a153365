"""connectors/impact keeps the rules of streams and destinations, also where nobody knows how impact.com behaves."""

import datetime as dt
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Self
from unittest.mock import patch

import pytest

from connectors.impact import ImpactConnector
from connectors.impact.partners import opt_out_id
from connectors.impact.sandbox import ImpactSandbox
from syncengine.testing import ConformanceSuite, DestinationStage, KitStage, MovableClock, StreamStage

PAGE_SIZE = 5
KEYS = 64
"""Inquiries that are there to be resolved."""
PHONE = "+15145550123"
NOTE = "called by Zoë Made-Up"
OFFSET = re.compile(rb'("(?:EventDate|UpdateDate|CreationDate|CreatedAt)"\s*:\s*"[^"]{19})[^"]*"')
ROW = re.compile(rb'\{("Id"\s*:)')


class Account(KitStage, StreamStage):
    """An account with one campaign and pages of a few rows: their size is the server's to choose (impact.md section 3).

    Nothing is read twice by overlap, so that nothing is saved by it either.
    """

    make: Callable[..., ImpactSandbox] = ImpactSandbox
    sandbox: ImpactSandbox
    page_size = PAGE_SIZE
    history = dt.timedelta(days=100)

    def __init__(self, clock: MovableClock, folder: Any) -> None:
        super().__init__(clock, folder)
        self.sandbox.book.add_campaign("1000", "Summer")
        switches = self.sandbox.switches
        switches.max_page_size = switches.general_page_size = PAGE_SIZE
        switches.small_page_size = "accept"

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

    def send_naive_dates(self) -> None:
        self.edit = lambda body: OFFSET.sub(rb'\1"', body)

    def send_unknown_field(self) -> None:
        self.edit = lambda body: ROW.sub(rb'{"NewField": {"deep": [1, null]}, \1', body)


class Actions(Account):
    part = "actions"

    def put(self, at: dt.datetime) -> str:
        action = self.sandbox.book.create("1000", customer_id="007", event=at, at=at, caller_id=PHONE, note=NOTE)
        return action.id


class Updates(Account):
    part = "action_updates"

    def put(self, at: dt.datetime) -> str:
        action = self.sandbox.book.create("1000", customer_id="007", event=at, at=at)
        return f"{action.id}.1"


class Inquiries(Account):
    part = "action_inquiries"

    def put(self, at: dt.datetime) -> str:
        return self.sandbox.inquiries.inquire("1000", comment=NOTE, at=at).id


class Contacts(Account):
    """Everybody at one company."""

    part = "partner_contacts"

    def __init__(self, clock: MovableClock, folder: Any) -> None:
        super().__init__(clock, folder)
        self.sandbox.partners.add_partner("39787", "Acme Reviews")

    def put(self, at: dt.datetime) -> str:
        return self.sandbox.partners.add_contact("1000", partners=["39787"], title=NOTE, work_phone_number=PHONE).id


class Companies(Account):
    part = "media_partners"

    def put(self, at: dt.datetime) -> str:
        name = str(39787 + len(self.sandbox.partners.accounts))
        return self.sandbox.partners.add_partner(name, "Acme Reviews", at=at, description=NOTE).id


class OptOuts(Account):
    """Pages of these count from 0 and are as large as they are asked for: here, small."""

    part = "unsubscribed_contacts"

    def __enter__(self) -> Self:
        self._small = patch("connectors.impact.client.RESULTS_PAGE_SIZE", PAGE_SIZE)
        self._small.start()
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        self._small.stop()
        super().__exit__(*raised)

    def put(self, at: dt.datetime) -> str:
        number = len(self.sandbox.partners.unsubscribed("1000"))
        self.sandbox.partners.unsubscribe("1000", f"person-{number}@example.test", "39787", at=at)
        return opt_out_id(f"person-{number}@example.test", "39787")


class Campaigns(Account):
    part = "campaigns"

    def __init__(self, clock: MovableClock, folder: Any) -> None:
        super().__init__(clock, folder)
        self.sandbox.book.clear()

    def put(self, at: dt.datetime) -> str:
        return self.sandbox.book.add_campaign(str(1000 + len(self.sandbox.book.campaigns)), NOTE).id


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


class Resolutions(KitStage, DestinationStage):
    """Inquiries that a partner has made; their keys are numbers."""

    make: Callable[..., ImpactSandbox] = ImpactSandbox
    sandbox: ImpactSandbox
    part = "action_inquiries"
    effects = ("PUT", "ActionInquiries")

    def __init__(self, clock: MovableClock, folder: Any) -> None:
        super().__init__(clock, folder)
        self.sandbox.book.add_campaign("1000", "Summer")
        for _ in range(KEYS):
            self.sandbox.inquiries.inquire("1000", comment=NOTE)

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "allow_writes": True}

    def bad_settings(self) -> dict[str, Any]:
        return {**self.settings(), "auth_token": "a-token-that-nobody-gave"}

    def secrets(self) -> Collection[str]:
        return (self.sandbox.settings()["auth_token"], "a-token-that-nobody-gave")

    def people(self) -> Collection[str]:
        return (NOTE,)

    def key(self, number: int) -> str:
        return list(self.sandbox.inquiries.known)[number]

    def spellings(self, key: str) -> Sequence[str]:
        return (f"  {key} ",)

    def fields(self, key: str) -> dict[str, Any]:
        return {
            "Id": key,
            "ResolutionStatus": "VALID",
            "ActionTrackerId": "2240",
            "ResolutionNotes": "Found it.",
            "TransactionAmount": "21.99",
            "FinalPayout": "4.50",
            "TransactionDate": "2026-06-02T10:00:00-07:00",
        }

    def invalid(self) -> Mapping[str, Any]:
        return {
            "Id": "seventeen",
            "ResolutionStatus": "REOPENED",
            "RejectReason": "because of the weather",
            "ActionTrackerId": "the sale",
            "TransactionAmount": "many dollars",
            "FinalPayout": "12345.678",
            "TransactionDate": "yesterday",
        }

    def target(self, key: str) -> Any:
        inquiry = self.sandbox.inquiries.known.get(key)
        if inquiry is None or inquiry.resolution_status == "UNRESOLVED":
            return None
        said = [comment.comment for comment in inquiry.comments]
        return inquiry.resolution_status, inquiry.final_payout, inquiry.transaction_amount, said

    def refuse(self, key: str) -> None:
        """Somebody has answered it otherwise."""
        self.sandbox.inquiries.resolve(key, {"ResolutionStatus": "INCOMPLETE"})


class TestActions(ConformanceSuite):
    connector = ImpactConnector
    sandbox = Actions


@pytest.mark.slow  # one stream of this client is enough for every day
class TestActionsOtherwise(TestActions):
    sandbox = Otherwise


@pytest.mark.slow  # one stream of this client is enough for every day
class TestUpdates(ConformanceSuite):
    connector = ImpactConnector
    sandbox = Updates


@pytest.mark.slow  # one stream of this client is enough for every day
class TestInquiries(ConformanceSuite):
    connector = ImpactConnector
    sandbox = Inquiries


UNDATED = {
    "a_range_is_kept": "it has no date on the wire: the whole list is read each time",
    "dates_without_an_offset_are_refused": "it has no date on the wire",
}


class TestContacts(ConformanceSuite):
    connector = ImpactConnector
    sandbox = Contacts
    waivers: ClassVar = UNDATED


@pytest.mark.slow  # one stream of this client is enough for every day
class TestCompanies(ConformanceSuite):
    connector = ImpactConnector
    sandbox = Companies
    waivers: ClassVar = UNDATED


@pytest.mark.slow  # one stream of this client is enough for every day
class TestOptOuts(ConformanceSuite):
    connector = ImpactConnector
    sandbox = OptOuts


NOBODY = "nobody is written to: an inquiry is no person"


class TestResolutions(ConformanceSuite):
    connector = ImpactConnector
    sandbox = Resolutions
    waivers: ClassVar = {
        "suppression_lists_are_complete": NOBODY,
        "a_short_suppression_list_is_an_error": NOBODY,
        "standings_answer_every_key": NOBODY,
        "a_receipt_tells_what_became_of_it": "impact.com gives none: the inquiry itself is read again",
    }


class TestCampaigns(ConformanceSuite):
    connector = ImpactConnector
    sandbox = Campaigns
    waivers: ClassVar = {
        "a_range_is_kept": "a campaign has no date on the wire: the whole short list is read each time",
        "pages_are_bounded": "the list of campaigns is short, and is read whole to find each campaign once",
        "dates_without_an_offset_are_refused": "a campaign has no date on the wire",
    }
