"""How an action and its updates are filled in: the money of one, and what the others repeat of it."""

import datetime as dt
from decimal import Decimal
from typing import Any

from connectors.impact.sandbox.model import OWN, Action, ActionUpdate

PAYOUT_SHARE = Decimal("0.04")
CENT = Decimal("0.01")


def money(amount: Decimal) -> dict[str, Any]:
    """The money of a new action: nothing has been modified yet, so all three of a kind are equal (section 5.1)."""
    paid, total = f"{payout(amount):.2f}", f"{amount:.2f}"
    return {
        "client_cost": f"{payout(amount):.4f}",
        "payout": paid,
        "delta_payout": paid,
        "intended_payout": paid,
        "amount": total,
        "delta_amount": total,
        "intended_amount": total,
    }


def payout(amount: Decimal) -> Decimal:
    """What the partner gets of a sale, in whole cents."""
    return (amount * PAYOUT_SHARE).quantize(CENT)


def set_fields(action: Action, values: dict[str, str]) -> None:
    """Set text fields. Raises ValueError for one that an action hasn't, before any is set."""
    unknown = sorted(set(values) - set(Action.__struct_fields__) | (set(values) & OWN))
    if unknown:
        problem = f"an action has no field {unknown[0]}"
        raise ValueError(problem)
    for name, value in values.items():
        setattr(action, name, value)


def write_update(
    action: Action, number: int, moment: dt.datetime, amount: Decimal, paid: Decimal, reason: str, seq: int
) -> ActionUpdate:
    """The update of that number of an action: what has changed, and why (its Disposition)."""
    return ActionUpdate(
        **_shared(action),
        id=f"{action.id}.{number}",
        state_detail="OPEN",
        disposition=reason,
        delta_payout=f"{paid:.2f}",
        delta_amount=f"{amount:.2f}",
        update_date=moment,
        uri=f"ActionUpdates/{action.id}.{number}",
        seq=seq,
    )


def _shared(action: Action) -> dict[str, Any]:
    """What an update repeats of its action, under its own names (ActionDate is EventDate, section 5.2)."""
    return {
        "action_id": action.id,
        "campaign_id": action.campaign_id,
        "action_tracker_id": action.action_tracker_id,
        "event_type_id": action.action_tracker_id,
        "event_type_name": action.action_tracker_name,
        "event_code": action.event_code,
        "media_partner_id": action.media_partner_id,
        "state": action.state,
        "ad_id": action.ad_id,
        "currency": action.currency,
        "locking_date": action.locking_date,
        "action_date": action.event_date,
        "oid": action.oid,
        "customer_id": action.customer_id,
        "customer_status": action.customer_status,
        "shared_id": action.shared_id,
        "action_uri": action.uri,
        "action": action,
    }
