"""The life of actions: tracked, modified, approved, reversed, restored. Each step says which dates it moves."""

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from hashlib import md5
from zoneinfo import ZoneInfo

from connectors.impact.sandbox.entries import money, payout, set_fields, write_update
from connectors.impact.sandbox.model import Action, ActionUpdate, Campaign, Partner
from connectors.impact.sandbox.shelf import Shelf
from connectors.impact.sandbox.switches import ImpactSwitches

FIRST_NUMBER = 200001
"""Ids look like 1000.4636.200001 (impact.md section 5.1)."""
ID_MIDDLE = "4636"
LOCKING_DAYS = 30
DEFAULT_AMOUNT = "21.99"
DEFAULT_PARTNER = Partner("39787", "Acme Partner")
ZERO = Decimal(0)
BLANK = "IR_BLANK"
"""The Disposition of an update that nobody gave a reason for (section 5.2)."""
CLICKED = dt.timedelta(hours=1)
"""From the winning click to the event."""
Told = Callable[[str, Action], None]
"""Hears of each event that impact.com notifies of: tracked, modified or reversed (section 10)."""


class Book:
    """All campaigns, actions and action updates of the account. Every step happens at the clock, or at `at`."""

    def __init__(self, switches: ImpactSwitches, now: Callable[[], dt.datetime]) -> None:
        self._switches = switches
        self._now = now
        self.campaigns: dict[str, Campaign] = {}
        self.actions: dict[str, Action] = {}
        self.updates: dict[str, ActionUpdate] = {}
        self._action_shelves: dict[str, Shelf[Action]] = {}
        self._update_shelves: dict[str, Shelf[ActionUpdate]] = {}
        self._seq = self._made = 0
        self._context = self._encoding()
        self.tell: Told = _nobody

    def clear(self) -> None:
        """Forget everything."""
        self.campaigns.clear()
        self.actions.clear()
        self.updates.clear()
        self._action_shelves.clear()
        self._update_shelves.clear()
        self._seq = self._made = 0

    # --- reading ---

    def action_shelf(self, campaign_id: str) -> Shelf[Action]:
        """The actions of a campaign; one that doesn't exist has none."""
        self._forget_other_context()
        return self._action_shelves.get(campaign_id) or Shelf(Action)

    def update_shelf(self, campaign_id: str) -> Shelf[ActionUpdate]:
        """The action updates of a campaign."""
        self._forget_other_context()
        return self._update_shelves.get(campaign_id) or Shelf(ActionUpdate)

    def update_state(self, update: ActionUpdate) -> str:
        """An update's State: the one at the update, or the action's present one (a conflict, section 4)."""
        return update.state if self._switches.update_state_frozen else update.action.state

    def _forget_other_context(self) -> None:
        """What was encoded or found under other switches is no longer right."""
        context = self._encoding()
        if context == self._context:
            return
        self._context = context
        for row in self._rows():
            row.encoded = None
        for actions in self._action_shelves.values():
            actions.touch()
        for updates in self._update_shelves.values():
            updates.touch()

    def _encoding(self) -> tuple[str, str, bool]:
        """The switches that decide how a row is written."""
        return self._switches.timezone, self._switches.scalars, self._switches.update_state_frozen

    def _rows(self) -> Iterator[Action | ActionUpdate]:
        yield from self.actions.values()
        yield from self.updates.values()

    # --- the life of an action ---

    def add_campaign(self, campaign_id: str, name: str, state: str = "ACTIVE") -> Campaign:
        """Open a program."""
        campaign = Campaign(id=campaign_id, name=name, state=state, uri=f"Campaigns/{campaign_id}")
        self.campaigns[campaign_id] = campaign
        self._action_shelves[campaign_id] = Shelf(Action)
        self._update_shelves[campaign_id] = Shelf(ActionUpdate)
        return campaign

    def create(
        self,
        campaign_id: str,
        *,
        customer_id: str = "",
        oid: str = "",
        status: str = "NEW",
        partner: Partner = DEFAULT_PARTNER,
        event: dt.datetime | None = None,
        at: dt.datetime | None = None,
        amount: str = DEFAULT_AMOUNT,
        locking_days: int | None = LOCKING_DAYS,
        **others: str,
    ) -> Action:
        """Track a conversion. `event` long before `at` is a late arrival; `locking_days` None: open-ended locking.

        `others` are further fields of Action. Raises KeyError for an unknown campaign.
        """
        self._seq += 1
        created = at or self._now()
        event = event or created
        action_id = f"{campaign_id}.{ID_MIDDLE}.{FIRST_NUMBER + self._made}"
        self._made += 1
        action = Action(
            id=action_id,
            campaign_id=campaign_id,
            campaign_name=self.campaigns[campaign_id].name,
            media_partner_id=partner.id,
            media_partner_name=partner.name,
            **money(Decimal(amount)),
            referring_date=event - CLICKED,
            event_date=event,
            creation_date=created,
            locking_date=None if locking_days is None else self._midnight(event, locking_days),
            ip_address=md5(action_id.encode(), usedforsecurity=False).hexdigest(),
            uri=f"Actions/{action_id}",
            seq=self._seq,
            changed=created,
        )
        set_fields(action, {"customer_id": customer_id, "oid": oid, "customer_status": status, **others})
        self.actions[action.id] = action
        self._action_shelves[campaign_id].add(action)
        self._record(action, action.creation_date, Decimal(action.amount), Decimal(action.payout), BLANK)
        self.tell("tracked", action)
        return action

    def modify(
        self,
        action_id: str,
        *,
        amount: str | None = None,
        status: str | None = None,
        items: int = 1,
        reason: str = "ORDER_UPDATE",
        at: dt.datetime | None = None,
        **others: str,
    ) -> Action:
        """Change an action: moves "last updated", and gives one update per item (section 5.2), with the reason."""
        action = self._changeable(action_id, at)
        set_fields(action, others)
        if status is not None:
            action.customer_status = status
        new = Decimal(amount) if amount is not None else Decimal(action.amount)
        self._change(action, new, at, items, reason)
        self.tell("modified", action)
        return action

    def reverse(self, action_id: str, *, reason: str = "ITEM_RETURNED", at: dt.datetime | None = None) -> Action:
        """Take it back: State and amounts change, "last updated" moves. Not terminal before locking.

        `reason` is the update's Disposition; a test action is one that was reversed with TEST_ACTION (section 5.5).
        """
        action = self._changeable(action_id, at)
        action.state = "REVERSED"
        self._change(action, ZERO, at, 1, reason)
        self.tell("reversed", action)
        return action

    def reset(self, action_id: str, *, at: dt.datetime | None = None) -> Action:
        """Restore a reversed action to PENDING with its intended amount (reason RESET, section 5.1)."""
        action = self._changeable(action_id, at)
        action.state = "PENDING"
        self._change(action, Decimal(action.intended_amount), at, 1, "RESET")
        self.tell("modified", action)
        return action

    def approve(self, action_id: str, *, at: dt.datetime | None = None) -> Action:
        """Approve it: only State changes, "last updated" stays (section 4). An update comes only where switched on.

        Before its LockingDate this is a manual approval; what becomes of that date is a switch. Nobody is notified.
        """
        action = self._open(action_id)
        moment = at or self._now()
        if action.locking_date is None or moment < action.locking_date:
            match self._switches.early_approval_date:
                case "kept":
                    pass
                case "moved":
                    action.locking_date = self._midnight(moment, 0)
                case "empty":
                    action.locking_date = None
        action.state = "APPROVED"
        action.encoded = None
        self._forget_states(action)
        if self._switches.approval_creates_update:
            self._record(action, moment, ZERO, ZERO, BLANK)
        return action

    def approve_due(self, at: dt.datetime | None = None) -> list[Action]:
        """Approve every pending action whose LockingDate has come, as impact.com does by itself."""
        moment = at or self._now()
        due = [
            action
            for action in self.actions.values()
            if action.state == "PENDING" and action.locking_date is not None and action.locking_date <= moment
        ]
        return [self.approve(action.id, at=moment) for action in due]

    def remove(self, action_id: str) -> Action:
        """It is gone, with its updates. No document says that this happens. Raises KeyError."""
        action = self.actions.pop(action_id)
        for update in [update for update in self.updates.values() if update.action is action]:
            del self.updates[update.id]
        self._action_shelves[action.campaign_id].drop(action)
        self._update_shelves[action.campaign_id].drop(action)
        return action

    def intrude(self, top: Action | ActionUpdate) -> Action:
        """A row appears above `top`, in every range that holds `top`: what paging meets when data arrive meanwhile."""
        shown = top if isinstance(top, Action) else top.action
        at = top.creation_date if isinstance(top, Action) else top.update_date
        action = self.create(top.campaign_id, event=shown.event_date, at=at, oid=f"drift-{self._seq}")
        action.locking_date = shown.locking_date
        if isinstance(top, Action):
            action.changed = top.changed
        self._action_shelves[top.campaign_id].touch()
        return action

    # --- how ---

    def _midnight(self, event: dt.datetime, days: int) -> dt.datetime:
        """LockingDate is a local midnight (section 2)."""
        zone = ZoneInfo(self._switches.timezone)
        day = event.astimezone(zone).date() + dt.timedelta(days=days)
        return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)

    def _open(self, action_id: str) -> Action:
        """The action, if it may still change. Raises KeyError (none of that id), ValueError (approved)."""
        action = self.actions[action_id]
        if action.state == "APPROVED":
            problem = "an approved action can't be changed any more"
            raise ValueError(problem)
        return action

    def _changeable(self, action_id: str, at: dt.datetime | None) -> Action:
        """The action, if anything but its approval may still happen. Raises as `_open`, and ValueError (locked)."""
        action = self._open(action_id)
        locked = action.locking_date is not None and action.locking_date <= (at or self._now())
        if locked and self._switches.change_after_locking == "refused":
            problem = "a locked action can't be changed any more"
            raise ValueError(problem)
        return action

    def _change(self, action: Action, amount: Decimal, at: dt.datetime | None, items: int, reason: str) -> None:
        moment = at or self._now()
        paid = payout(amount)
        delta_amount, delta_payout = amount - Decimal(action.amount), paid - Decimal(action.payout)
        action.amount, action.delta_amount = f"{amount:.2f}", f"{delta_amount:.2f}"
        action.payout, action.delta_payout = f"{paid:.2f}", f"{delta_payout:.2f}"
        action.client_cost = f"{paid:.4f}"
        action.changed = moment
        action.encoded = None
        self._forget_states(action)
        for item in range(items):
            # The first row of several carries the money, so that the sum of all deltas stays the action's amount.
            self._record(action, moment, *((ZERO, ZERO) if item else (delta_amount, delta_payout)), reason)

    def _forget_states(self, action: Action) -> None:
        """Rows that show this action's state or lie in a range by it are no longer right."""
        self._action_shelves[action.campaign_id].touch()
        if not self._switches.update_state_frozen:
            self._update_shelves[action.campaign_id].touch()
            for update in self.updates.values():
                if update.action is action:
                    update.encoded = None

    def _record(self, action: Action, moment: dt.datetime, amount: Decimal, paid: Decimal, reason: str) -> ActionUpdate:
        self._seq += 1
        number = 1
        while f"{action.id}.{number}" in self.updates:
            number += 1
        update = write_update(action, number, moment, amount, paid, reason, self._seq)
        self.updates[update.id] = update
        self._update_shelves[action.campaign_id].add(update)
        return update


def _nobody(event: str, action: Action) -> None:
    """No notification is configured."""
