"""How a list misbehaves from page to page: its links, rows that move meanwhile, gateways that give up."""

import datetime as dt
from collections.abc import Sequence

from connectors.impact.sandbox import wire
from connectors.impact.sandbox.book import Book
from connectors.impact.sandbox.model import Action, ActionUpdate
from connectors.impact.sandbox.query import ActionQuery
from connectors.impact.sandbox.routes import JSON_SUFFIX
from connectors.impact.sandbox.shelf import FOREVER
from connectors.impact.sandbox.switches import ImpactSwitches

WIDE = dt.timedelta(days=1)


class Paging:
    """Remembers which links were repeated and which queries have timed out already."""

    def __init__(self, switches: ImpactSwitches, book: Book) -> None:
        self._switches = switches
        self._book = book
        self._repeated: set[str] = set()
        self._timed_out: set[str] = set()

    def clear(self) -> None:
        """Forget both."""
        self._repeated.clear()
        self._timed_out.clear()

    def drift(self, top: Action | ActionUpdate, shown: Sequence[Action | ActionUpdate]) -> None:
        """Let the list move between this page and the next (section 3). Updates never leave a range."""
        if self._switches.page_drift == "insert":
            self._book.intrude(top)
        elif self._switches.page_drift == "leave":
            for row in shown:
                if isinstance(row, Action) and row.state != "APPROVED":
                    self._book.modify(row.id)
                    return
        elif self._switches.page_drift == "create":
            self._book.create(top.campaign_id)

    def times_out(self, asked: str, query: ActionQuery) -> bool:
        """504 on a LockingDate query (seen, section 4); `asked` is its query string."""
        locking = query.ranges.get("locking")
        if locking is None:
            return False
        match self._switches.locking_504:
            case "off":
                return False
            case "always":
                return True
            case "wide":
                return (locking.end or FOREVER) - locking.start > WIDE
            case "once":
                first = asked not in self._timed_out
                self._timed_out.add(asked)
                return first

    def links(self, path: str, query: str, listing: wire.Listing) -> wire.Links:
        """The URIs of one page, the next one as it is switched."""

        def uri(page: int) -> str:
            return wire.page_uri(path, query, page)

        own = f"{path}?{query}" if query else path
        following = uri(listing.page + 1) if listing.page < listing.pages else ""
        match self._switches.next_uri:
            case "clean":
                pass
            case "repeats_once" if following and own not in self._repeated:
                self._repeated.add(own)
                following = own
            case "self_loop":
                following = own
            case "cycle":
                following = following or uri(1)
            case "drops_json":
                following = following.replace(f"{JSON_SUFFIX}?", "?", 1)
        return wire.Links(
            own=own,
            first=uri(1),
            previous=uri(listing.page - 1) if listing.page > 1 else "",
            next=following,
            last=uri(max(1, listing.pages)),
        )
