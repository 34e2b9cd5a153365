"""Templates and mailings as data: what goes out when, to whom, and what each recipient did with it (section 4).

It knows nothing of HTTP. A mailing starts by itself when its time has come: whoever creates one has sent it.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from connectors.cyberimpact.sandbox.account import Account, Contact

Event = Literal["stopped", "hard-bounced", "soft-bounced", "unsubscribed", "opened", "clicked"]
"""What can become of a message, by the name of its list. All others were delivered."""
EVENTS: tuple[str, ...] = get_args(Event)
UNDELIVERED = frozenset({"stopped", "hard-bounced", "soft-bounced"})


@dataclass(slots=True)
class Template:
    """A page to make mailings from."""

    id: int
    title: str
    html: str
    text: str
    created: dt.datetime
    updated: dt.datetime | None = None


@dataclass(slots=True)
class Recipient:
    """One address that a mailing went to. `events`: when each thing happened; one that was stopped was never sent."""

    contact: int
    email: str
    events: dict[str, dt.datetime] = field(default_factory=dict)

    @property
    def delivered(self) -> bool:
        return UNDELIVERED.isdisjoint(self.events)

    def on(self, name: str) -> bool:
        """Whether it stands on the list of that name; "" is the list of all."""
        return not name or (self.delivered if name == "delivered" else name in self.events)


@dataclass(slots=True)
class Mailing:
    """A mailing. `wishes` holds what the request said and nothing here depends on, by its names on the wire."""

    id: int
    subject: str
    groups: frozenset[int]
    scheduled: dt.datetime
    wishes: dict[str, object]
    started: dt.datetime | None = None
    archived: dt.datetime | None = None
    recipients: dict[int, Recipient] = field(default_factory=dict)

    @property
    def list(self) -> Literal["sent", "scheduled", "archived"]:
        """The one list that shows it."""
        if self.archived:
            return "archived"
        return "sent" if self.started else "scheduled"

    def count(self, name: str) -> int:
        return sum(one.on(name) for one in self.recipients.values())


def audience(account: "Account", groups: Iterable[int]) -> list["Contact"]:
    """Who would get a mailing to these groups now: everybody subscribed in one of them, once."""
    found = {contact.id: contact for number in groups if number in account.groups
             for contact in account.members_of(account.groups[number])}  # fmt: skip
    return [found[number] for number in sorted(found)]


def start_due(account: "Account", now: dt.datetime) -> None:
    """Send every mailing whose time has come."""
    for mailing in account.mailings.values():
        if mailing.started is None and mailing.scheduled <= now:
            mailing.started = mailing.scheduled
            for contact in audience(account, mailing.groups):
                contact.received += 1
                mailing.recipients[contact.id] = Recipient(contact.id, contact.email)


def happen(account: "Account", mailing: Mailing, contact: "Contact", event: str, now: dt.datetime) -> None:
    """Somebody does something with a mailing, or it fails. Raises ValueError, LookupError where that can't be."""
    if event not in EVENTS:
        problem = "no such event"
        raise ValueError(problem)
    recipient = mailing.recipients[contact.id]
    new = event not in recipient.events
    recipient.events.setdefault(event, now)
    if event == "clicked" and "opened" not in recipient.events:
        recipient.events["opened"] = now
        contact.opened += 1
    contact.opened += event == "opened" and new
    contact.clicked += event == "clicked" and new
    if event == "hard-bounced":
        contact.bounced = contact.updated = now
    if event == "unsubscribed":
        account.unsubscribe(contact, now)
