"""Contacts, groups and consents as they look on the wire (cyberimpact.md section 4)."""

from typing import Any

from connectors.cyberimpact.sandbox.account import TEXT_FIELDS, Contact, Group
from connectors.cyberimpact.sandbox.call import Call
from connectors.cyberimpact.sandbox.consent import Consent
from connectors.cyberimpact.sandbox.dates import start_of


def profile_row(call: Call, contact: Contact) -> dict[str, Any]:
    """What the rows of all lists have: no id and no counters."""
    return {
        "email": contact.email,
        **{name: contact.fields.get(name, "") for name in TEXT_FIELDS},
        "birthdate": contact.fields.get("birthdate"),
        "joinedOn": call.stamp(contact.joined),
        "updatedOn": call.stamp(contact.updated),
        "consentType": contact.consent.type,
        "customFields": {str(number): value for number, value in contact.custom.items()},
    }


def member_row(call: Call, contact: Contact) -> dict[str, Any]:
    """A subscribed member."""
    counters = {
        "mailingsReceived": contact.received,
        "mailingsOpened": contact.opened,
        "mailingsClicked": contact.clicked,
    }
    return {"id": contact.id, **profile_row(call, contact), **counters}


def bounced_row(call: Call, contact: Contact) -> dict[str, Any]:
    """A row of the bounced list."""
    given = call.account.switches.bounce_dates == "given"
    return {**profile_row(call, contact), "hardBouncedOn": call.stamp(contact.bounced if given else None)}


def unsubscribed_row(call: Call, contact: Contact) -> dict[str, Any]:
    """A row of the unsubscribed list."""
    return {**profile_row(call, contact), "unsubscribedOn": call.stamp(contact.unsubscribed)}


def consent_row(call: Call, consent: Consent) -> dict[str, Any]:
    """A consent; days are midnights of the vendor's clock."""
    expires = consent.expires
    return {
        "consentType": consent.type,
        "relationType": consent.relation,
        "consentDate": call.stamp(start_of(consent.date)) if consent.date else None,
        "consentExpiration": call.stamp(start_of(expires)) if expires else None,
        "consentProof": consent.proof,
    }


def bare_group_row(call: Call, group: Group) -> dict[str, Any]:
    """A group among those of a member: without counts."""
    return {
        "id": group.id,
        "title": group.title,
        "isPublic": group.public,
        "createdOn": call.stamp(group.created),
        "isDynamic": group.dynamic,
    }


def group_row(call: Call, group: Group) -> dict[str, Any]:
    """A group with its counts."""
    mailings = sum(group.id in mailing.groups for mailing in call.account.mailings.values())
    counts = {"membersCount": len(call.account.members_of(group)), "mailingsCount": mailings}
    return {**bare_group_row(call, group), **counts}
