"""What kinds of objects there are in a campaign's dated lists, and how a row of one becomes a record."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from connectors.impact.decoding import Shape, read_column, read_row, read_rows, shape, to_text
from connectors.impact.listing import Dates, read_date
from syncengine.contracts import Record
from syncengine.errors import ProviderError

ACTION_FIELDS = frozenset({
    "Id", "CampaignId", "CampaignName", "ActionTrackerId", "ActionTrackerName", "EventCode", "MediaPartnerId",
    "MediaPartnerName", "AdId", "SharedId", "Uri", "State", "ClientCost", "Payout", "DeltaPayout", "IntendedPayout",
    "Amount", "DeltaAmount", "IntendedAmount", "Currency", "ReferringDate", "EventDate", "CreationDate",
    "LockingDate", "ClearedDate", "ReferringType", "ReferringDomain", "PromoCode", "Oid", "CustomerId",
    "CustomerStatus", "CustomerPostCode", "CustomerArea", "CustomerCity", "CustomerRegion", "CustomerCountry",
    "IpAddress", "CallerId", "Note",
})  # fmt: skip
"""The 39 fields of an action (impact.md section 5.1)."""
UPDATE_FIELDS = frozenset({
    "Id", "ActionId", "CampaignId", "ActionTrackerId", "EventTypeId", "EventTypeName", "EventCode", "MediaPartnerId",
    "State", "StateDetail", "StateDetailDescription", "AdId", "Disposition", "DeltaPayout", "DeltaAmount", "Currency",
    "Category", "Sku", "Quantity", "CatalogName", "CatalogCategory", "CatalogDescription", "CatalogManufacturer",
    "CatalogOriginalFormatCategory", "CatalogSubCategory", "PayoutLevel", "DefaultPayoutRate", "ContractId",
    "UpdateDate", "LockingDate", "ClearingDate", "ActionDate", "Oid", "CustomerId", "CustomerStatus", "SharedId",
    "ActionUri", "Uri", "CallerId",
})  # fmt: skip
"""The 38 fields of an action update, and one that only an older page shows (impact.md section 5.2)."""
INQUIRY_FIELDS = frozenset({
    "Id", "CampaignId", "CampaignName", "MediaPartnerId", "MediaPartnerName", "OrderId", "TransactionDate",
    "TransactionAmount", "InquiryType", "ExpectedPayout", "ResolutionDeadlineDate", "Comments", "TrackingLink",
    "ActionId", "ActionUri", "AutoApprovalDate", "ResolutionStatus", "RejectReason", "FinalPayout", "ResolutionDate",
    "CreationDate", "Uri",
})  # fmt: skip
"""The 22 fields of an action inquiry (impact.md section 5.3)."""
REVERSED_STAYS_OPEN = dt.timedelta(days=44)
"""How long after its event a reversed action without a LockingDate may still be reset. Inferred; as long as a window,
so that looking again at them never costs a window of their own."""

Watching = Callable[[Any, dt.datetime], bool]


class Kind(NamedTuple):
    """One kind of object: its list, its name when it comes alone, its fields and dates.

    `created` filters by creation, "last updated" or the like: the spine of reading. `dated` filters by the record's own
    moment. `needed` are decoded whether asked for or not. `is_open`: may this row change unseen? None: never.
    """

    resource: str
    single: str
    fields: frozenset[str]
    moment: str
    changed: Dates
    dated: Dates
    needed: frozenset[str]
    is_open: Watching | None = None

    def names(self, fields: frozenset[str] | None) -> list[str]:
        """What a record holds where these are asked for (None: all)."""
        return sorted(self.fields if fields is None else fields & self.fields)

    def shape(self, names: Sequence[str]) -> Shape:
        return shape(self.resource, self.needed.union(names))

    def records(self, rows: Sequence[Any], names: Sequence[str], now: dt.datetime, watcher: str) -> list[Record]:
        """Decoded rows as records; those that may change unseen are watched by `watcher`. Raises ProviderError."""
        ids = read_column(rows, "Id")
        if None in ids:
            raise ProviderError(f"impact.com: one of the {self.resource} has no Id.", code="no_id")
        moments = [read_date(self.resource, self.moment, row) for row in rows]
        if self.is_open is None:
            watched: Sequence[str | None] = [None] * len(rows)
        else:
            watched = [watcher if self.is_open(row, now) else None for row in rows]
        return list(map(Record, ids, moments, read_rows(rows, names), watched))

    def record(self, row: Mapping[str, Any], names: Sequence[str], now: dt.datetime, watcher: str) -> Record:
        """An object that came alone, as the record that its list would give. Raises ProviderError."""
        values = read_row(row)
        alone = SimpleNamespace(**{name: row.get(name) for name in self.needed})
        if not values.get("Id"):
            raise ProviderError(f"impact.com: one of the {self.resource} has no Id.", code="no_id")
        moment = read_date(self.resource, self.moment, alone)
        watch = watcher if self.is_open is not None and self.is_open(alone, now) else None
        return Record(values["Id"], moment, {name: values.get(name) for name in names}, watch)


def action_is_open(row: Any, now: dt.datetime) -> bool:
    """Whether an action may change without being "updated" (impact.md sections 4 and 5.1).

    One that is pending is approved by a person or by its date; one that is reversed can be reset until it locks; of a
    state that nobody documents the same is supposed. Nothing becomes of an approved one.
    """
    match row.State:
        case "PENDING":
            return True
        case "APPROVED":
            return False
    if to_text(row.LockingDate) is None:
        return read_date("Actions", "EventDate", row) > now - REVERSED_STAYS_OPEN
    return read_date("Actions", "LockingDate", row) > now


def inquiry_is_open(row: Any, now: dt.datetime) -> bool:
    """A resolution shows in no range of dates (impact.md section 5.3)."""
    return bool(row.ResolutionStatus == "UNRESOLVED")


LOCKING = Dates("LockingDateStart", "LockingDateEnd", "LockingDate", slow=True)
ACTIONS = Kind(
    "Actions",
    "Action",
    ACTION_FIELDS,
    "EventDate",
    changed=Dates("StartDate", "EndDate", "CreationDate", exact=False),
    dated=Dates("ActionDateStart", "ActionDateEnd", "EventDate"),
    needed=frozenset({"Id", "EventDate", "CreationDate", "LockingDate", "CampaignId", "State"}),
    is_open=action_is_open,
)
UPDATES = Kind(
    "ActionUpdates",
    "ActionUpdate",
    UPDATE_FIELDS,
    "UpdateDate",
    changed=Dates("StartDate", "EndDate", "UpdateDate"),
    dated=Dates("StartDate", "EndDate", "UpdateDate"),
    needed=frozenset({"Id", "UpdateDate", "CampaignId"}),
)
INQUIRIES = Kind(
    "ActionInquiries",
    "ActionInquiry",
    INQUIRY_FIELDS,
    "CreationDate",
    changed=Dates("StartDate", "EndDate", "CreationDate"),
    dated=Dates("StartDate", "EndDate", "CreationDate"),
    needed=frozenset({"Id", "CreationDate", "CampaignId", "ResolutionStatus"}),
    is_open=inquiry_is_open,
)
