"""/mailings: scheduled by one call, sent by the clock, cancelled until then.

Facts: cyberimpact.md sections 3 and 4.
"""

import datetime as dt
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, UnsetType

from connectors.cyberimpact.sandbox.account import Account
from connectors.cyberimpact.sandbox.call import Answer, Call, Refusal, Route, not_found, unprocessable
from connectors.cyberimpact.sandbox.dates import EASTERN
from connectors.cyberimpact.sandbox.lists import NEVER, PAGED, Listing, answer_page
from connectors.cyberimpact.sandbox.posting import Mailing, audience
from connectors.cyberimpact.sandbox.schema import GroupList, Name, Text, is_email, read_groups

SENDERS = frozenset({"news@example.test", "ops@example.test"})
"""The validated senders of every account here."""
LANGUAGES = ("en_ca", "fr_ca")
STATISTICS = ("detailed", "anonymized")
PERCENT = 100


class MailingBody(msgspec.Struct, rename="camel", kw_only=True):
    """POST of a mailing. Which fields are required is not documented beyond a body; a subject and groups surely."""

    subject: Name
    groups: GroupList
    language: Text | UnsetType = UNSET
    send_at: Text | UnsetType = UNSET
    reply_to: Text | UnsetType = UNSET
    from_name: Text | UnsetType = UNSET
    mail_from: Text | UnsetType = UNSET
    body_html: Annotated[str, Meta(max_length=1_000_000)] | UnsetType = UNSET
    body_text: Annotated[str, Meta(max_length=1_000_000)] | UnsetType = UNSET
    google_analytics: bool | UnsetType = UNSET
    google_analytics_campaign: Text | UnsetType = UNSET
    mailing_statistics: Text | UnsetType = UNSET
    update_profile_form: int | UnsetType = UNSET


DEFAULTS: dict[str, object] = {
    "language": "", "replyTo": "", "fromName": "", "mailFrom": "news@example.test", "bodyHtml": "", "bodyText": "",
    "googleAnalytics": False, "googleAnalyticsCampaign": "", "mailingStatistics": "detailed", "updateProfileForm": None,
}  # fmt: skip
"""What a mailing has where the request says nothing, by its names on the wire."""

MAILING_SORTS: dict[str, Callable[[Mailing], Any]] = {
    "language": lambda one: str(one.wishes["language"]),
    "subject": lambda one: one.subject,
    "recipients": lambda one: len(one.recipients),
    "date": lambda one: one.started or one.scheduled,
}
ARCHIVED_SORTS = {**MAILING_SORTS, "date_sent": lambda one: one.started or NEVER}


def find_mailing(call: Call) -> Mailing:
    """The mailing that the path names. Raises Refusal (404)."""
    number = call.path["id"]
    mailing = call.account.mailings.get(int(number)) if number.isascii() and number.isdigit() else None
    if mailing is None:
        raise not_found("Mailing")
    return mailing


def chosen_group(call: Call) -> int | None:
    text = call.query.get("idGroup", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise unprocessable("idGroup must be a number")
    return int(text)


# --- mailings ---


def list_mailings(call: Call, which: str) -> Answer:
    """One of the three lists; an archived mailing is not among the sent ones."""
    group = chosen_group(call)
    rows = [
        one for one in call.account.mailings.values() if one.list == which and (group is None or group in one.groups)
    ]
    sorts = ARCHIVED_SORTS if which == "archived" else MAILING_SORTS
    return answer_page(call, rows, Listing("mailings", sorts, _bare_row))


def get_mailing(call: Call) -> Answer:
    return Answer(_row(call, find_mailing(call)))


def create_mailing(call: Call) -> Answer:
    """It is scheduled and really goes out. The answer has fewer fields, and a date without a fraction."""
    account, body = call.account, call.read(MailingBody)
    groups = read_groups(account, body.groups, dynamic=True)
    if not groups or not (body.body_html or body.body_text):
        raise unprocessable("Groups or a body are missing")
    _check(account, body)
    given = msgspec.to_builtins(body)
    wishes = {name: given.get(name, default) for name, default in DEFAULTS.items()}
    mailing = Mailing(account.new_id(), body.subject, frozenset(groups), _send_at(call, body.send_at), wishes)
    account.mailings[mailing.id] = mailing
    row = _row(call, mailing)
    row["scheduledOn"] = f"{mailing.scheduled.astimezone(EASTERN):%Y-%m-%d %H:%M:%S}"
    del row["emailsStopped"], row["mailingStatistics"]
    return Answer(row, HTTPStatus.CREATED)


def cancel_mailing(call: Call) -> Answer:
    """Only what has not started; the status of the refusal is unknown."""
    mailing = find_mailing(call)
    if mailing.started:
        raise Refusal(call.account.switches.cancel_sent, "Mailing was sent")
    del call.account.mailings[mailing.id]
    return Answer({call.path["id"]: "deleted"})


def _check(account: Account, body: MailingBody) -> None:
    """Raises Refusal (422) for a value that means nothing here."""
    if body.language and body.language not in LANGUAGES:
        raise unprocessable("Unknown language")
    if body.mailing_statistics and body.mailing_statistics not in STATISTICS:
        raise unprocessable("Unknown mailingStatistics")
    if body.reply_to and not is_email(body.reply_to):
        raise unprocessable("replyTo is no address")
    if body.mail_from and body.mail_from not in SENDERS and account.switches.unknown_sender == "refused":
        raise unprocessable("mailFrom is not a validated sender")


def _send_at(call: Call, text: str | UnsetType) -> dt.datetime:
    """`Y-m-d H:i:s`; its zone is unstated, so a switch. Left out: now, or refused."""
    if not text:
        if call.account.switches.send_at_missing == "refused":
            raise unprocessable("sendAt is missing")
        return call.now
    try:
        naive = dt.datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - the zone comes next
    except ValueError as error:
        raise unprocessable("sendAt must be Y-m-d H:i:s") from error
    zone = EASTERN if call.account.switches.send_at_zone == "eastern" else ZoneInfo("UTC")
    return naive.replace(tzinfo=zone).astimezone(dt.UTC)


# --- rows ---


def _bare_row(call: Call, mailing: Mailing) -> dict[str, Any]:
    """A row of the lists."""
    when = {"scheduledOn" if mailing.started is None else "startedOn": call.stamp(mailing.started or mailing.scheduled)}
    archived = {"archivedOn": call.stamp(mailing.archived)} if mailing.archived else {}
    return {
        "id": mailing.id,
        "subject": mailing.subject,
        "language": mailing.wishes["language"],
        **when,
        "recipientsCount": _planned(call.account, mailing),
        "mailFrom": mailing.wishes["mailFrom"],
        **archived,
    }


def _planned(account: Account, mailing: Mailing) -> int:
    return len(mailing.recipients) if mailing.started else len(audience(account, mailing.groups))


def _row(call: Call, mailing: Mailing) -> dict[str, Any]:
    """A mailing with its statistics."""
    account, sent = call.account, mailing.count("") - mailing.count("stopped")
    delivered, opened, clicked = (mailing.count(name) for name in ("delivered", "opened", "clicked"))
    groups = [account.groups[number] for number in sorted(mailing.groups) if number in account.groups]
    return {
        "id": mailing.id,
        "subject": mailing.subject,
        **mailing.wishes,
        "startedOn": call.stamp(mailing.started),
        "scheduledOn": call.stamp(mailing.scheduled),
        "recipientsCount": _planned(account, mailing),
        "emailsSent": sent,
        "emailsDelivered": delivered,
        "emailsStopped": mailing.count("stopped"),
        "views": opened,
        "clicks": clicked,
        "sentToFriend": 0,
        "incorrectAddresses": mailing.count("hard-bounced"),
        "technicalProblems": mailing.count("soft-bounced"),
        "deliveryRate": _rate(delivered, sent),
        "clickRate": _rate(clicked, delivered),
        "viewRate": _rate(opened, delivered),
        "status": "sent" if mailing.started else "scheduled",
        "links": [{"id": 1, "url": "https://example.test/offer", "clicksUnique": clicked, "clicksTotal": clicked}],
        "recipientGroups": [{"id": group.id, "title": group.title} for group in groups],
        "viewOnlineURL": f"https://example.test/view/{mailing.id}",
    }


def _rate(part: int, whole: int) -> float:
    return round(PERCENT * part / whole, 2) if whole else 0.0


OF_GROUP = PAGED | {"idGroup"}

ROUTES = (
    *(
        Route("GET", f"/mailings/{which}", partial(list_mailings, which=which), OF_GROUP)
        for which in ("sent", "scheduled", "archived")
    ),
    Route("POST", "/mailings", create_mailing),
    Route("GET", "/mailings/{id}", get_mailing),
    Route("DELETE", "/mailings/{id}", cancel_mailing),
)
