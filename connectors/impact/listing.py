"""Reads a list of a campaign by one of its dates, window by window, so that no row is missed while others move.

A row that is updated while a list is read leaves a range of "last updated", and pulls the rows behind it one place up:
whoever goes from page to page misses one. So a window is made so short that its rows fit on one page, and every answer
is whole by itself. Only what doesn't even fit within a minute is read page by page, and then the stated total must
stay the same (impact.md section 3). What has more pages than a query may have is cut by another date as well.
"""

import datetime as dt
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

import structlog

from connectors.impact.client import MOST_PAGES, PAGE_SIZE, ImpactClient, Unanswerable
from connectors.impact.decoding import Shape, to_moment, to_text
from connectors.impact.windows import SPARE, Window, Windows, wire
from syncengine.errors import ProviderError, RateLimited, Transient
from syncengine.http import Params

log = structlog.get_logger(__name__)

DAY = dt.timedelta(days=1)
GATEWAY_TIMEOUT = "status_504"
TOO_MUCH = frozenset({"too_many", "refused"})
"""What may mean that there are more rows than a list has: the error for it has no known status (section 7)."""
EDGE = dt.timedelta(seconds=1)
"""How far outside a window a date may lie that has no fraction on the wire."""
SKEW = dt.timedelta(minutes=1)
"""How much later than its last update an action may say that it was created: two clocks of one provider."""
LOCAL_PART = len("2026-03-04T10:42:38")
"""Where the offset starts in a date of an answer (impact.md section 2)."""


class Dates(NamedTuple):
    """A pair of filters, and the field of a row that shows whether they were kept.

    `exact`: it is the very date that is filtered by. Else the row can't be older than it: nothing is updated before it
    is created, and "last updated" itself is on no wire. `slow`: a 504 may mean that the window is too long.
    """

    start: str
    end: str
    field: str
    exact: bool = True
    slow: bool = False


class Finer(NamedTuple):
    """Another of the list's dates, and from when to when it is asked for. Both filters hold at once (section 4)."""

    dates: Dates
    start: dt.datetime
    end: dt.datetime


class Answered(NamedTuple):
    """Some rows of a window; `last`: it is complete with them."""

    window: Window
    rows: Sequence[Any]
    last: bool


class Listing(NamedTuple):
    """One list of one campaign, by one of its dates; by `finer` as well where that date can't be cut any more."""

    client: ImpactClient
    resource: str
    campaign: str
    dates: Dates
    shape: Shape
    filters: Params
    finer: Finer | None = None

    async def walk(self, windows: Windows) -> AsyncGenerator[Answered, None]:
        """Everything in these windows, each request when its rows are asked for.

        Raises ProviderError (an ignored filter, a date missing, a window that stays unreadable) besides what the client
        raises; windows that came with `last` before are complete.
        """
        met: dict[Window, str] = {}  # the trouble that a slow list had there
        while (window := windows.following()) is not None:
            count, finer = 0, None
            try:
                async with aclosing(self.read(window, once=self.dates.slow and met.get(window) != "other")) as pages:
                    async for page in pages:
                        count += len(page.rows)
                        yield page
                windows.took(count)
            except Unanswerable as refusal:
                finer = None if window.can_be_cut or refusal.code not in TOO_MUCH else self.finer
                if finer is None:
                    self.cut(windows, window, refusal)
            except Transient as trouble:
                if not self.dates.slow or isinstance(trouble, RateLimited) or met.get(window) == "other":
                    raise
                met[window] = self._slow_trouble(windows, window, trouble, met.get(window))
            if finer is not None:
                async with aclosing(self._walk_finer(window, finer)) as pages:
                    async for page in pages:
                        yield page

    async def _walk_finer(self, window: Window, finer: Finer) -> AsyncGenerator[Answered, None]:
        """One window, cut by another date. Raises as `walk`, and where both dates of too many are the same."""
        log.warning(
            "one moment can't be listed whole; cut by a second date", resource=self.resource, partition=self.campaign
        )
        both = self._replace(dates=finer.dates, filters={**self.filters, **self._bounds(window)}, finer=None)
        async with aclosing(both.walk(Windows(finer.start, finer.end))) as pages:
            async for answered in pages:
                self._verify(answered.rows, window)
                yield Answered(window, answered.rows, last=False)
        yield Answered(window, (), last=True)

    def _slow_trouble(self, windows: Windows, window: Window, trouble: Transient, before: str | None) -> str:
        """A 504 may mean that the window is too long: waiting longer and longer for it would hold up all else."""
        if trouble.code != GATEWAY_TIMEOUT:
            windows.again(window)  # with all patience
            return "other"
        if before is None:
            windows.again(window)
        elif window.can_be_cut:
            windows.cut(window, max(2, -(-(window.end - window.start) // DAY)))
        else:
            raise trouble
        return GATEWAY_TIMEOUT

    async def read(self, window: Window, *, once: bool = False) -> AsyncGenerator[Answered, None]:
        """The rows of one window. Raises Unanswerable where there are more than a page, unless it can't be cut."""
        params: dict[str, str | int] = {
            "CampaignId": self.campaign,
            **self.filters,
            **self._bounds(window),
            "PageSize": PAGE_SIZE,
        }
        most = 1 if window.can_be_cut else MOST_PAGES
        async with aclosing(self.client.list(self.resource, self.shape, params, most_pages=most, once=once)) as pages:
            async for rows, last in pages:
                self._verify(rows, window)
                yield Answered(window, rows, last)

    def cut(self, windows: Windows, window: Window, refusal: Unanswerable) -> None:
        """Have the parts of a window read that could not be read whole. Raises ProviderError where it is too short."""
        if not window.can_be_cut:
            raise ProviderError(
                f"impact.com: campaign {self.campaign} can't be read at {wire(window.start)}. {refusal.message}",
                hint="Nothing was skipped: reading goes on from here when the API answers. Check the campaign's id.",
                code=refusal.code,
            ) from refusal
        pages = -(-refusal.total // refusal.size) if refusal.total and refusal.size else 1
        windows.cut(window, pages + max(1, pages // SPARE), refusal.size)

    def _bounds(self, window: Window) -> dict[str, str]:
        return {self.dates.start: wire(window.start), self.dates.end: wire(window.end)}

    def _verify(self, rows: Sequence[Any], window: Window) -> None:
        """These are the rows that were asked for: a filter that is misunderstood may be ignored (section 4)."""
        if not rows:
            return
        if {to_text(row.CampaignId) for row in rows} != {self.campaign}:
            raise self._ignored(f"CampaignId {self.campaign}")
        earliest, latest = self._extremes(rows)
        if latest > window.end + (EDGE if self.dates.exact else SKEW):
            raise self._ignored(f"{self.dates.end} {wire(window.end)}")
        if self.dates.exact and earliest < window.start - EDGE:
            raise self._ignored(f"{self.dates.start} {wire(window.start)}")

    def _extremes(self, rows: Sequence[Any]) -> tuple[dt.datetime, dt.datetime]:
        """The earliest and latest date. Of one offset they sort as text, so few are parsed, of 20,000 a page."""
        name = self.dates.field
        found: dict[str, list[Any]] = {}
        for row in rows:
            text = getattr(row, name)
            if not isinstance(text, str) or len(text) <= LOCAL_PART:
                raise undated(self.resource, name, row)
            least_and_most = found.setdefault(text[LOCAL_PART:], [row, row])
            if text < getattr(least_and_most[0], name):
                least_and_most[0] = row
            elif text > getattr(least_and_most[1], name):
                least_and_most[1] = row
        moments = [read_date(self.resource, name, row) for pair in found.values() for row in pair]
        return min(moments), max(moments)

    def _ignored(self, asked: str) -> ProviderError:
        return ProviderError(
            f"impact.com answered with {self.resource} outside {asked}: it ignored the filter.",
            hint="Nothing of this window was taken. The API has changed, or base_url is not impact.com.",
            code="ignored_filter",
        )


def read_date(resource: str, field: str, row: Any) -> dt.datetime:
    """A date of a row, aware UTC. Raises ProviderError where it is none."""
    try:
        return to_moment(getattr(row, field)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise undated(resource, field, row) from None


def undated(resource: str, field: str, row: Any) -> ProviderError:
    return ProviderError(
        f"impact.com: {field} of {to_text(row.Id)} ({resource}) is no date with an offset.",
        hint="Dates are never guessed; the API has changed.",
        code="bad_date",
    )
