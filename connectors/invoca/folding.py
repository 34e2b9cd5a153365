"""What a call is, folded from all rows about it: legs, signals, sales, and the corrections of each.

Pure. Follows invoca.md section 4.3. A correction replaces the row that it names, in a chain (each names the one before)
or a star (all name the first), whether or not the replaced row can still be read.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from connectors.invoca.rows import entries, identity, read_row, started

CALL, SIGNAL, SALE = "Call", "Signal", "Reported Conversion"
"""What rows say under `transaction_type`."""
FLAG = "Signal"
"""The `data_type` of custom data that are yes or no."""
TRUE, FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
"""A flattened signal says 1, a nested one true; how a flattened *false* looks is not known."""
REPORTED = (
    "name", "email_address", "address1", "address2", "order_city", "state_or_province", "zip_code", "country",
    "home_phone_number", "cell_phone_number", "sku_list", "quantity_list", "reason_code", "original_order_id",
)  # fmt: skip
"""Columns of a sale that are about the caller; the newest sale that says one stands."""


class FoldedCall(NamedTuple):
    """One call. `moment` is the start of its first leg, `ended` the end of its last one."""

    id: str
    moment: dt.datetime
    ended: dt.datetime
    values: dict[str, Any]


class _Live(NamedTuple):
    """A row that stands, with the id of the first row that it replaces."""

    raw: Mapping[str, Any]
    row: dict[str, Any]
    original: str
    started: dt.datetime


def fold_call(rows: Sequence[Mapping[str, Any]], *, profile: bool) -> FoldedCall | None:
    """Fold the rows of one call, given in the order of the log. None where no row of type Call stands.

    The values are those of the leg in which most was talked, as it stands, so that they never mix two legs. To them
    come `legs`, `signals` (names), `custom_data`, `sale_amount` and `revenue` (sums), `sales` and what a sale reported.
    Raises ProviderError for a row without id or start.
    """
    live = _standing(rows, profile)
    legs = [each for each in live if each.row.get("transaction_type") == CALL]
    if not legs:
        return None
    main = max(legs, key=lambda leg: (_seconds(leg, "connect_duration"), _seconds(leg, "duration")))
    sales = [each for each in live if each.row.get("transaction_type") == SALE]
    signals = [each for each in live if each.row.get("transaction_type") == SIGNAL]
    custom, flags = _fold_custom(live)
    values = dict(main.row)
    for sale in sales:
        values.update({name: sale.row[name] for name in REPORTED if sale.row.get(name) is not None})
    values |= {
        "original_transaction_id": main.original,
        "legs": str(len(legs)),
        "sales": str(len(sales)),
        "sale_amount": _sum(sale.row.get("sale_amount") for sale in sales),
        "revenue": _sum(each.row.get("revenue") for each in signals) or main.row.get("revenue"),
        "signals": flags,
        "custom_data": custom,
    }
    return FoldedCall(
        identity(main.row, "complete_call_id"),
        min(leg.started for leg in legs),
        max(leg.started + dt.timedelta(seconds=_seconds(leg, "duration")) for leg in legs),
        values,
    )


def standing_signal(rows: Sequence[Mapping[str, Any]], name: str, partner: str) -> dict[str, str]:
    """What stands of one signal of a call: `name`, `value`, `revenue`, `occurred_at`, as far as they are shown.

    Empty where no row shows it: under Rollup a signal has no columns of its own. Raises ProviderError.
    """
    for each in reversed(_standing(rows, profile=False)):
        row = each.row
        if row.get("transaction_type") != SIGNAL or row.get("signal_partner_unique_id") != partner:
            continue
        shown = {row["signal_name"]: "true"} if row.get("signal_name") else {}
        shown |= {known: entry["value"] for known, entry in entries(each.raw).items() if entry["kind"] == FLAG}
        for known, value in shown.items():
            if known.casefold() == name.casefold() and value is not None:
                found = {"revenue": row.get("revenue"), "occurred_at": row.get("signal_occurred_at")}
                on = "false" if value.lower() in FALSE else "true"
                return {"name": known, "value": on, **{field: text for field, text in found.items() if text}}
    return {}


def _standing(rows: Sequence[Mapping[str, Any]], profile: bool) -> list[_Live]:
    """The rows that nothing replaces, in the order of the log: of each original the version that came last."""
    corrects: dict[str, str | None] = {}
    read: dict[str, tuple[Mapping[str, Any], dict[str, Any]]] = {}
    for raw in rows:
        row = read_row(raw, profile=profile)
        id = identity(row, "transaction_id")
        corrects[id] = row.get("corrects_transaction_id")
        read[id] = (raw, row)
    replaced = set(corrects.values())
    versions: dict[str, list[str]] = {}
    for id in read:
        versions.setdefault(_original(id, corrects), []).append(id)
    standing: dict[str, str] = {}
    for original, ids in versions.items():
        # Where they name each other in a circle, the last one stands all the same.
        unreplaced = [id for id in ids if id not in replaced] or ids
        standing[unreplaced[-1]] = original
    return [_Live(raw, row, standing[id], started(row)) for id, (raw, row) in read.items() if id in standing]


def _original(id: str, corrects: Mapping[str, str | None]) -> str:
    """The first row that this one replaces, directly or through others; it may not be readable any more."""
    seen = {id}
    while (before := corrects.get(id)) is not None and before not in seen:
        seen.add(before)
        id = before
    return id if before is None else min(seen)


def _fold_custom(live: Iterable[_Live]) -> tuple[dict[str, Any], list[str]]:
    """Custom data of all rows, the later one standing; and the names of the signals that are on.

    True adds a signal, false takes it away, null says nothing.
    """
    custom: dict[str, Any] = {}
    flags: dict[str, bool] = {}
    for each in live:
        for name, entry in entries(each.raw).items():
            value = entry["value"]
            if value is None:
                continue
            if entry["kind"] != FLAG:
                custom[name] = value
            elif value.lower() in TRUE | FALSE:
                flags[name] = value.lower() in TRUE
                custom[name] = "true" if flags[name] else "false"
        if each.row.get("transaction_type") == SIGNAL and not entries(each.raw):
            # Under Rollup several names stand in one column, with commas.
            for name in (each.row.get("signal_name") or "").split(","):
                if name.strip():
                    flags[name.strip()] = True
    return dict(sorted(custom.items())), sorted(name for name, on in flags.items() if on)


def _seconds(leg: _Live, name: str) -> int:
    text = leg.row.get(name)
    return int(text) if isinstance(text, str) and text.isdigit() else 0


def _sum(amounts: Iterable[str | None]) -> str | None:
    """The sum of money as text; samples write thousands with commas. None where there is none."""
    found: list[Decimal] = []
    for amount in amounts:
        try:
            number = Decimal((amount or "").replace(",", "").strip())
        except InvalidOperation:
            continue
        if number.is_finite():
            found.append(number)
    return str(sum(found, Decimal(0))) if found else None
