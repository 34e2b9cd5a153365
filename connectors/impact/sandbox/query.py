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
CAMPAIGN_PAGE_SIZE = 1_000
"""The general default (section 3)."""
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
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


class Refused(Exception):
    """The request breaks a documented rule; `field` is the parameter that does."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


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

    def number(self, name: str) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        if value.isascii() and value.isdigit() and int(value) > 0:
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

    def _bad(self, name: str) -> None:
        if self._strict:
            raise Refused(name)


def parse_action_query(pairs: Sequence[tuple[str, str]], switches: ImpactSwitches, now: dt.datetime) -> ActionQuery:
    """Read and check a list request. Raises Refused."""
    parameters = Parameters(pairs, ACTION_PARAMETERS, switches)
    campaign_id = parameters.text("CampaignId") or ""
    if not campaign_id.isdigit():
        raise Refused("CampaignId")
    return ActionQuery(
        campaign_id=campaign_id,
        ranges=_ranges(parameters, switches, now),
        state=parameters.choice("State", STATES),
        page=parameters.number("Page") or 1,
        size=_page_size(parameters, switches),
    )


def _page_size(parameters: Parameters, switches: ImpactSwitches) -> int:
    size = min(parameters.number("PageSize") or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
    if size < MIN_PAGE_SIZE:
        match switches.small_page_size:
            case "error":
                raise Refused("PageSize")
            case "clamp":
                return MIN_PAGE_SIZE
            case "accept":
                return size
    return size


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
