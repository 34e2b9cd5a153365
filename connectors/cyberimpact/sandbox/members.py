"""/members and all below it but the groups of one: contacts as single calls (cyberimpact.md sections 3 and 4)."""

import datetime as dt
from collections.abc import Collection
from http import HTTPStatus

from connectors.cyberimpact.sandbox.account import TEXT_FIELDS, Account, Contact
from connectors.cyberimpact.sandbox.call import Answer, Call, Refusal, Route, not_found, unprocessable
from connectors.cyberimpact.sandbox.consent import Consent
from connectors.cyberimpact.sandbox.dates import day_of
from connectors.cyberimpact.sandbox.lists import (
    BOUNCED_SORTS,
    MEMBER_SORTS,
    UNSUBSCRIBED_SORTS,
    Listing,
    answer_page,
    filters,
    in_days,
)
from connectors.cyberimpact.sandbox.rows import bounced_row, consent_row, member_row, unsubscribed_row
from connectors.cyberimpact.sandbox.schema import ConsentBody, MemberBody, check_profile, is_email, read_groups

MEMBERS = Listing("members", MEMBER_SORTS, member_row)
BOUNCED = Listing("members", BOUNCED_SORTS, bounced_row)
UNSUBSCRIBED = Listing("members", UNSUBSCRIBED_SORTS, unsubscribed_row)
MEMBER_MOMENTS = {"joinedOn": "joined", "updatedOn": "updated"}
STATUSES = ("active", "orphans", "all")


def visible(call: Call) -> Contact:
    """The member that the path names. Raises Refusal: 404 also for a suppressed one, by a switch."""
    contact = call.account.find(call.path["key"])
    if contact is None or (contact.suppressed and call.account.switches.read_suppressed == "hidden"):
        raise not_found("Member")
    return contact


def add_groups(account: Account, contact: Contact, groups: Collection[int], now: dt.datetime) -> None:
    """Be in exactly these by a single call. Raises Refusal where that would add to somebody who is suppressed."""
    if contact.suppressed and not contact.groups.issuperset(groups):
        match account.switches.add_suppressed:
            case "refused":
                raise unprocessable("Member can't be added")
            case "silent":
                return
            case "revives":
                account.revive(contact)
    account.set_groups(contact, groups, now)


# --- lists ---


def list_members(call: Call) -> Answer:
    """Subscribed ones: in a group (default), in none, or all."""
    status = call.query.get("status") or STATUSES[0]
    if status not in STATUSES:
        raise unprocessable("unknown status")
    subscribed = (one for one in call.account.contacts.values() if not one.suppressed)
    if status != "all":
        subscribed = (one for one in subscribed if bool(one.groups) == (status == "active"))
    limit = call.query.get("limit") or call.query.get("items_per_page", "")
    renamed = call._replace(query={**call.query, "limit": limit})
    return answer_page(renamed, in_days(call, subscribed, MEMBER_MOMENTS), MEMBERS)


def list_bounced(call: Call) -> Answer:
    """Those whose last mailing bounced hard; some of them may have unsubscribed too."""
    rows = [one for one in call.account.contacts.values() if one.bounced]
    return answer_page(call, in_days(call, rows, {"bouncedOn": "bounced", "updatedOn": "updated"}), BOUNCED)


def list_unsubscribed(call: Call) -> Answer:
    """Those who said no."""
    rows = [one for one in call.account.contacts.values() if one.unsubscribed]
    moments = {"unsubscribedOn": "unsubscribed", "updatedOn": "updated"}
    return answer_page(call, in_days(call, rows, moments), UNSUBSCRIBED)


def get_unsubscribed(call: Call) -> Answer:
    """By e-mail only."""
    contact = call.account.by_email(call.path["email"])
    if contact is None or not contact.unsubscribed:
        raise not_found("Member")
    return Answer(unsubscribed_row(call, contact))


# --- one member ---


def create_member(call: Call) -> Answer:
    """Carries no consent: the vendor makes it an implied one."""
    account = call.account
    body = call.read(MemberBody)
    email = _email(body)
    texts, customs = check_profile(account, body)
    groups = read_groups(account, body.groups or "")
    contact = account.by_email(email)
    new = contact is None
    if contact is None:
        contact = account.create(email, call.now)
    elif not contact.suppressed or account.switches.add_suppressed == "refused":
        raise Refusal(account.switches.create_existing, "Member exists already")
    elif account.switches.add_suppressed == "silent":
        return Answer(member_row(call, contact), HTTPStatus.CREATED)
    else:
        account.revive(contact)
    account.set_fields(contact, texts, call.now)
    account.set_custom(contact, customs, call.now)
    account.set_groups(contact, contact.groups | groups, call.now)
    if new:
        contact.updated = None
    return Answer(member_row(call, contact), HTTPStatus.CREATED)


def get_member(call: Call) -> Answer:
    return Answer(member_row(call, visible(call)))


def put_member(call: Call) -> Answer:
    """All that isn't named is reset; groups by a switch."""
    account, contact = call.account, visible(call)
    body = call.read(MemberBody)
    email = _email(body)
    texts, customs = check_profile(account, body)
    groups = contact.groups
    if isinstance(body.groups, str):
        groups = read_groups(account, body.groups)
    elif account.switches.put_drops_groups:
        groups = set()
    _check_free(account, contact, email)
    add_groups(account, contact, groups, call.now)
    account.readdress(contact, email, call.now)
    account.set_fields(contact, dict.fromkeys(TEXT_FIELDS, "") | texts, call.now)
    account.set_custom(contact, {**dict.fromkeys(contact.custom, ""), **customs}, call.now)
    return Answer(member_row(call, contact))


def patch_member(call: Call) -> Answer:
    """What isn't named stays; `""` wipes."""
    account, contact = call.account, visible(call)
    body = call.read(MemberBody)
    email = _email(body) if isinstance(body.email, str) else contact.email
    texts, customs = check_profile(account, body)
    groups = read_groups(account, body.groups) if isinstance(body.groups, str) else contact.groups
    _check_free(account, contact, email)
    add_groups(account, contact, groups, call.now)
    account.readdress(contact, email, call.now)
    account.set_fields(contact, texts, call.now)
    account.set_custom(contact, customs, call.now)
    return Answer(member_row(call, contact))


def delete_member(call: Call) -> Answer:
    """Suppressed ones too: erasure must be possible."""
    contact = call.account.find(call.path["key"])
    if contact is None:
        raise not_found("Member")
    call.account.delete(contact)
    return Answer({call.path["key"]: "deleted"})


def unsubscribe_member(call: Call) -> Answer:
    """Idempotent; says whether it was new."""
    contact = call.account.find(call.path["key"])
    if contact is None:
        raise not_found("Member")
    new = call.account.unsubscribe(contact, call.now)
    return Answer({**unsubscribed_row(call, contact), "isNewUnsubscription": new})


def request_optin(call: Call) -> Answer:
    """Sends the mail that asks; the contact comes (back) when it is confirmed, or at once by a switch."""
    account = call.account
    body = call.read(MemberBody)
    email = _email(body)
    texts, customs = check_profile(account, body)
    groups = read_groups(account, body.groups or "")
    if account.switches.optin_creates == "at_once" and account.by_email(email) is None:
        contact = account.create(email, call.now)
        contact.fields = {name: text for name, text in texts.items() if text}
        contact.custom = {number: value for number, value in customs.items() if value != ""}
        contact.groups = groups
    request = account.new_id()
    account.optins[request] = (email, frozenset(groups))
    return Answer({str(request): "created"}, HTTPStatus.CREATED)


# --- consent ---


def get_consent(call: Call) -> Answer:
    return Answer(consent_row(call, visible(call).consent))


def put_consent(call: Call) -> Answer:
    """Refused with 422 where the one there may not be overridden: an express one by an implied one."""
    account, contact = call.account, visible(call)
    body = call.read(ConsentBody)
    consent = Consent(body.relation_type, body.consent_date or day_of(call.now), body.consent_proof)
    weaker = contact.consent.express and not consent.express
    moved = not consent.express and contact.consent.date is not None
    if weaker or (moved and account.switches.implied_over_implied == "refused"):
        raise unprocessable("Consent can't be overridden")
    account.set_consent(contact, consent, call.now)
    return Answer(consent_row(call, consent))


def _email(body: MemberBody) -> str:
    if not isinstance(body.email, str) or not is_email(body.email):
        raise unprocessable("email is missing or none")
    return body.email


def _check_free(account: Account, contact: Contact, email: str) -> None:
    """Raises Refusal where somebody else has the address."""
    other = account.by_email(email)
    if other is not None and other is not contact:
        raise Refusal(account.switches.create_existing, "Address exists already")


ROUTES = (
    Route("GET", "/members", list_members, filters("joinedOn", "updatedOn") | {"status", "items_per_page"}),
    Route("POST", "/members", create_member),
    Route("GET", "/members/bounced", list_bounced, filters("bouncedOn", "updatedOn")),
    Route("GET", "/members/unsubscribed", list_unsubscribed, filters("unsubscribedOn", "updatedOn")),
    Route("GET", "/members/unsubscribed/{email}", get_unsubscribed),
    Route("POST", "/members/unsubscribed/{key}", unsubscribe_member),
    Route("POST", "/members/optins", request_optin),
    Route("GET", "/members/{key}", get_member),
    Route("PUT", "/members/{key}", put_member),
    Route("PATCH", "/members/{key}", patch_member),
    Route("DELETE", "/members/{key}", delete_member),
    Route("GET", "/members/{key}/consent", get_consent),
    Route("PUT", "/members/{key}/consent", put_consent),
)
