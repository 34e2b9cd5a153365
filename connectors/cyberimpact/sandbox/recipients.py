"""The recipients of a mailing, all or those with whom one thing happened; and what one member was sent.

Facts: cyberimpact.md sections 3 and 4.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from connectors.cyberimpact.sandbox.account import Contact
from connectors.cyberimpact.sandbox.call import Answer, Call, Route
from connectors.cyberimpact.sandbox.lists import NEVER, PAGED, Listing, answer_page
from connectors.cyberimpact.sandbox.mailings import OF_GROUP, chosen_group, find_mailing
from connectors.cyberimpact.sandbox.members import visible
from connectors.cyberimpact.sandbox.posting import Mailing, Recipient
from connectors.cyberimpact.sandbox.rows import profile_row

LISTS = ("", "delivered", "stopped", "hard-bounced", "soft-bounced", "unsubscribed", "opened", "clicked")
"""Below /mailings/{id}/recipients; "" is the list of all."""
DATED = {
    "hard-bounced": "hardBouncedOn",
    "soft-bounced": "softBouncedOn",
    "unsubscribed": "unsubscribedOn",
    "opened": "openedOn",
    "clicked": "clickedOn",
}
"""The field that a list has beside those of all."""
MEMBER_MAILING_SORTS: dict[str, Callable[[tuple[Mailing, Recipient]], Any]] = {
    "date_sent": lambda pair: pair[0].started,
    "date_opened": lambda pair: pair[1].events.get("opened", NEVER),
}


def list_recipients(call: Call, which: str) -> Answer:
    """Everybody that the mailing went to, or those with whom one thing happened."""
    mailing, group = find_mailing(call), chosen_group(call)
    contacts = call.account.contacts
    rows = [
        one
        for one in mailing.recipients.values()
        if one.on(which) and (group is None or (one.contact in contacts and group in contacts[one.contact].groups))
    ]
    return answer_page(call, rows, Listing("recipients", _recipient_sorts(contacts), partial(_recipient_row, which)))


def _recipient_sorts(contacts: dict[int, Contact]) -> dict[str, Callable[[Recipient], Any]]:
    def field_of(one: Recipient, name: str) -> str:
        return contacts[one.contact].fields.get(name, "") if one.contact in contacts else ""

    return {
        "email": lambda one: one.email.lower(),
        "language": lambda one: field_of(one, "language"),
        "fullname": lambda one: (field_of(one, "firstname"), field_of(one, "lastname")),
        "date": lambda one: max(one.events.values(), default=NEVER),
        "updated": lambda one: (contacts[one.contact].updated if one.contact in contacts else None) or NEVER,
    }


def _recipient_row(which: str, call: Call, one: Recipient) -> dict[str, Any]:
    """The fields of a member; of one that was deleted meanwhile the address is left, and no number."""
    contact = call.account.contacts.get(one.contact)
    row = profile_row(call, contact or Contact(0, one.email, call.now))
    dated = {DATED[which]: call.stamp(one.events[which])} if which in DATED else {}
    return {"idMember": contact.id if contact else None, **row, **dated}


def list_member_mailings(call: Call) -> Answer:
    """What one member got, and whether it was opened."""
    contact = visible(call)
    pairs = [
        (mailing, mailing.recipients[contact.id])
        for mailing in call.account.mailings.values()
        if contact.id in mailing.recipients
    ]
    return answer_page(call, pairs, Listing("mailings", MEMBER_MAILING_SORTS, _member_mailing_row))


def _member_mailing_row(call: Call, pair: tuple[Mailing, Recipient]) -> dict[str, Any]:
    mailing, recipient = pair
    opened = recipient.events.get("opened")
    return {
        "id": mailing.id,
        "subject": mailing.subject,
        "language": mailing.wishes["language"],
        "startedOn": call.stamp(mailing.started),
        "sentOn": call.stamp(mailing.started),
        "opened": opened is not None,
        "openedOn": call.stamp(opened),
    }


ROUTES = (
    Route("GET", "/members/{key}/mailings", list_member_mailings, PAGED),
    *(
        Route(
            "GET",
            "/mailings/{id}/recipients" + (f"/{which}" if which else ""),
            partial(list_recipients, which=which),
            OF_GROUP,
        )
        for which in LISTS
    ),
)
