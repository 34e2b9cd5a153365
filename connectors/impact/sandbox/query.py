"""The rules that a list request must keep (impact.md sections 3 and 4, in force since 5 August 2024)."""

import datetime as dt
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from connectors.impact.sandbox.shelf import Range
from connectors.impact.sandbox.switches import ImpactSwitches

MAX_PAGE_SIZE = 20_000
MIN_PAGE_SIZE = 2_000
MAX_PAGES = 10
MAX_DAYS = dt.timedelta(days=45)
MAX_YEARS = 3
DEFAULT_DAYS = dt.timedelta(days=7)
STATES = frozenset({"PENDING", "APPROVED", "REVERSED"})

RANGES = {
    "updated": ("StartDate", "EndDate"),
    "event": ("ActionDateStart", "ActionDateEnd"),
    "locking": ("LockingDateStart", "LockingDateEnd"),
}
PAGING = frozenset({"Page", "PageSize", "IrVersion"})
ACTION_PARAMETERS = PAGING | {"CampaignId", "State"} | {name for pair in RANGES.values() for name in pair}
CAMPAIGN_PARAMETERS = PAGING | {"Name", "State"}
INQUIRY_STATUSES = frozenset({"UNRESOLVED", "VALID", "DECLINED", "INCOMPLETE"})
INQUIRY_RANGES = {
    "creation": ("StartDate", "EndDate"),
    "transaction": ("TransactionDateStart", "TransactionDateEnd"),
}
INQUIRY_PARAMETERS = (
    PAGING
    | {"CampaignId", "MediaPartnerId", "OrderId", "ResolutionStatus"}
    | {name for pair in INQUIRY_RANGES.values() for name in pair}
)
PARTNER_PARAMETERS = PAGING | {"Id", "CampaignId", "State", "RelationshipState", "startDate", "endDate"}
"""The two dates in lower case (section 5.4). GroupId and Country aren't made: unknown parameters, as any other."""
CONTACT_PARAMETERS = PAGING | {"AccountId", "Title"}
UNSUBSCRIBED_PARAMETERS = PAGING | {"PartnerId", "UserEmail"}
EVER = dt.datetime.min.replace(tzinfo=dt.UTC)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


class Refused(Exception):
    """The request breaks a documented rule; `field` is the parameter that does."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Missing(Exception):
    """What the path names isn't there."""


class ActionQuery(NamedTuple):
    """A list request of Actions or ActionUpdates that keeps the rules."""

    campaign_id: str
    ranges: dict[str, Range]
    state: str | None
    page: int
    size: int


class Parameters:
    """The query of a request: what is unknown or malformed is ignored, or refused where it is switched so."""

    def __init__(self, pairs: Sequence[tuple[str, str]], known: frozenset[str], switches: ImpactSwitches) -> None:
        self._strict = switches.bad_filter == "error"
        self._values: dict[str, str] = {}
        for name, value in pairs:
            if name in switches.ignored_filters:
                continue
            if name in known:
                self._values.setdefault(name, value)
            elif self._strict:
                raise Refused(name)

    def text(self, name: str) -> str | None:
        return self._values.get(name)

    def number(self, name: str, least: int = 1) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        if value.isascii() and value.isdigit() and int(value) >= least:
            return int(value)
        self._bad(name)
        return None

    def moment(self, name: str) -> dt.datetime | None:
        value = self._values.get(name)
        if value is None:
            return None
        if MOMENT.fullmatch(value):
            with suppress(ValueError):  # the 31st of February
                return dt.datetime.fromisoformat(value).astimezone(dt.UTC)
        self._bad(name)
        return None

    def choice(self, name: str, allowed: frozenset[str]) -> str | None:
        value = self._values.get(name)
        if value is None or value in allowed:
            return value
        self._bad(name)
        return None

    def campaign_id(self) -> str:
        """The campaign, which must be named. Raises Refused."""
        value = self._values.get("CampaignId") or ""
        if not value.isdigit():
            raise Refused("CampaignId")
        return value

    def span(self, start_name: str, end_name: str, *, exclusive: bool) -> Range | None:
        """A range whose ends may each be left out; None without both. For lists that have no rules for windows."""
        start, end = self.moment(start_name), self.moment(end_name)
        if start is None and end is None:
            return None
        return Range(start or EVER, end, exclusive=exclusive)

    def _bad(self, name: str) -> None:
        if self._strict:
            raise Refused(name)


def parse_action_query(
    pairs: Sequence[tuple[str, str]], switches: ImpactSwitches, now: dt.datetime, *, page_rules: bool = True
) -> ActionQuery:
    """Read and check a list request. `page_rules`: whether the 20,000 and 2,000 rows hold. Raises Refused."""
    parameters = Parameters(pairs, ACTION_PARAMETERS, switches)
    return ActionQuery(
        campaign_id=parameters.campaign_id(),
        ranges=_ranges(parameters, switches, now),
        state=parameters.choice("State", STATES),
        page=parameters.number("Page") or 1,
        size=_page_size(parameters, switches) if page_rules else general_page_size(parameters, switches),
    )


def general_page_size(parameters: Parameters, switches: ImpactSwitches) -> int:
    """The rows on a page of a list that has no rule of its own (section 3)."""
    return min(parameters.number("PageSize") or switches.general_page_size, switches.general_page_size)


def _page_size(parameters: Parameters, switches: ImpactSwitches) -> int:
    asked = parameters.number("PageSize") or MAX_PAGE_SIZE
    if asked < MIN_PAGE_SIZE:
        match switches.small_page_size:
            case "error":
                raise Refused("PageSize")
            case "clamp":
                asked = MIN_PAGE_SIZE
            case "accept":
                pass
    return min(asked, MAX_PAGE_SIZE, switches.max_page_size)


def _ranges(parameters: Parameters, switches: ImpactSwitches, now: dt.datetime) -> dict[str, Range]:
    ranges: dict[str, Range] = {}
    for kind, (start_name, end_name) in RANGES.items():
        start, end = parameters.moment(start_name), parameters.moment(end_name)
        if start is None:
            if end is not None:  # each …End needs its start
                raise Refused(end_name)
            continue
        if end is None and kind == "updated":  # StartDate without EndDate
            raise Refused(end_name)
        if kind == "updated" or switches.window_rules_on_other_dates:
            _check_window(start, end or now, start_name, now)
        ranges[kind] = Range(start, end, exclusive=switches.window_ends == "exclusive")
    if "updated" not in ranges and not (ranges and switches.other_dates_replace_default):
        ranges["updated"] = Range(now - DEFAULT_DAYS)
    return ranges


def _check_window(start: dt.datetime, end: dt.datetime, name: str, now: dt.datetime) -> None:
    if end - start > MAX_DAYS or start < years_before(now, MAX_YEARS):
        raise Refused(name)


def years_before(moment: dt.datetime, years: int) -> dt.datetime:
    """The same day that many years ago; the 28th for the 29th of February."""
    try:
        return moment.replace(year=moment.year - years)
    except ValueError:
        return moment.replace(year=moment.year - years, day=28)
